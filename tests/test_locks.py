from __future__ import annotations

import errno
import threading
from pathlib import Path

import pytest

from perceptkit.locks import is_at, locked
from systems import posix


def test_second_holder_waits_for_the_first(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    order: list[str] = []
    waiting = threading.Event()

    def sleep(seconds: float) -> None:
        waiting.set()
        threading.Event().wait(0.001)

    def second() -> None:
        with locked(tmp_path / "tiny.onnx.lock", sleep=sleep):
            order.append("second")

    thread = threading.Thread(target=second)
    with locked(tmp_path / "tiny.onnx.lock"):
        thread.start()
        assert waiting.wait(5)
        order.append("first")
    thread.join(5)
    assert order == ["first", "second"]
    assert caplog.messages == ["another process is working on tiny.onnx; waiting for it"]


def test_lock_is_free_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="inside"), locked(tmp_path / "tiny.onnx.lock"):
        raise ValueError("inside")

    def sleep(seconds: float) -> None:
        pytest.fail("the lock is still held")

    with locked(tmp_path / "tiny.onnx.lock", sleep=sleep):
        pass


@posix
def test_a_file_that_was_removed_is_not_that_of_its_name(tmp_path: Path) -> None:
    path = tmp_path / "tiny.onnx.lock"
    with path.open("ab") as file:
        assert is_at(path, file.fileno())
        path.unlink()
        assert not is_at(path, file.fileno())
        path.touch()
        assert not is_at(path, file.fileno())


def test_file_system_without_locks_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def no_locks(descriptor: int) -> bool:
        raise OSError(errno.ENOLCK, "No locks available")

    with locked(tmp_path / "tiny.onnx.lock", try_lock=no_locks):
        pass
    assert "no locks on this file system (No locks available)" in caplog.text
