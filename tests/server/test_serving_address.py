"""Where a server cannot listen, and what is told about it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from perceptkit.errors import DeviceError
from perceptkit.server import read_settings
from perceptkit.server.serving import _listen


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "a" * 70])
def test_a_host_that_is_not_of_this_machine(host: str, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=rf"^cannot listen at {host}, port 0: .*; choose another --host$"):
        _listen(read_settings({}, data=tmp_path, host=host, port=0))


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(DeviceError, match=rf"^cannot listen at 127.0.0.1, port {port}: .*; choose another --port$"):
            _listen(read_settings({}, data=tmp_path, port=port))
