from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request

import pytest
from weights_server import WEIGHTS, Answer, serving

from perceptkit.errors import ModelError
from perceptkit.models.download import download

SIZE = len(WEIGHTS)


@pytest.fixture
def part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "tiny.onnx.part"


@pytest.fixture
def pauses() -> list[float]:
    """Pass `pauses.append` as `sleep`: nothing waits, and the pauses are known afterwards."""
    return []


def test_download_reports_progress_up_to_the_whole(part: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    with serving(tiny=Answer()) as server:
        download(f"{server.url}/tiny", part, progress=lambda done, total: seen.append((done, total)))
    assert part.read_bytes() == WEIGHTS
    assert seen[-1] == (SIZE, SIZE)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_connection_that_breaks_is_continued_where_it_broke(part: Path, pauses: list[float]) -> None:
    with serving(tiny=Answer(breaks=[300_000, 100_000])) as server:
        download(f"{server.url}/tiny", part, sleep=pauses.append)
    assert part.read_bytes() == WEIGHTS
    assert [asked.range for asked in server.asked] == [None, "bytes=300000-", "bytes=400000-"]
    assert [asked.if_range for asked in server.asked] == [None, '"first"', '"first"']
    assert server.statuses() == [200, 206, 206]
    assert pauses == [1, 2]


def test_attempts_that_bring_something_count_anew(part: Path, pauses: list[float]) -> None:
    with serving(tiny=Answer(breaks=[300_000, 0, 0, 0, 300_000, 0, 0, 0])) as server:
        download(f"{server.url}/tiny", part, sleep=pauses.append)
    assert part.read_bytes() == WEIGHTS
    assert pauses == [1, 2, 4, 8, 1, 2, 4, 8]


def test_part_of_an_earlier_run_is_continued_without_etag(part: Path) -> None:
    part.write_bytes(WEIGHTS[:1000])
    with serving(tiny=Answer(etag=None)) as server:
        download(f"{server.url}/tiny", part)
    assert part.read_bytes() == WEIGHTS
    assert [(asked.range, asked.if_range) for asked in server.asked] == [("bytes=1000-", None)]


def test_weak_etag_is_no_reason_to_continue(part: Path, pauses: list[float]) -> None:
    with serving(tiny=Answer(etag='W/"first"', breaks=[1000])) as server:
        download(f"{server.url}/tiny", part, sleep=pauses.append)
    assert part.read_bytes() == WEIGHTS
    assert server.asked[1].if_range is None


def test_version_of_an_earlier_run_is_forgotten_when_it_is_over(part: Path, pauses: list[float]) -> None:
    part.write_bytes(WEIGHTS[:1000])
    part.with_name(part.name + ".version").write_text('"zeroth"')
    with serving(tiny=Answer(etag=None, breaks=[2000])) as server:
        download(f"{server.url}/tiny", part, sleep=pauses.append)
    assert part.read_bytes() == WEIGHTS
    assert [(asked.range, asked.if_range) for asked in server.asked] == [
        ("bytes=1000-", '"zeroth"'),
        ("bytes=2000-", None),
    ]


def test_file_that_changed_on_the_server_starts_over(part: Path, pauses: list[float]) -> None:
    changed = bytes(SIZE)
    with serving(tiny=Answer(body=changed, etag='"second"')) as server:
        part.write_bytes(WEIGHTS[:1000])
        part.with_name(part.name + ".version").write_text('"first"')
        download(f"{server.url}/tiny", part, sleep=pauses.append)
    assert part.read_bytes() == changed
    assert server.statuses() == [200]


def test_server_that_ignores_ranges_starts_over(part: Path, pauses: list[float]) -> None:
    with serving(tiny=Answer(ranges=False, breaks=[300_000])) as server:
        download(f"{server.url}/tiny", part, sleep=pauses.append)
    assert part.read_bytes() == WEIGHTS
    assert server.statuses() == [200, 200]


def test_part_that_is_whole_already_needs_no_bytes(part: Path) -> None:
    part.write_bytes(WEIGHTS)
    with serving(tiny=Answer()) as server:
        download(f"{server.url}/tiny", part)
        assert server.statuses() == [416]
        download(f"{server.url}/tiny", part, expected=SIZE)
        assert server.statuses() == [416]
    assert part.read_bytes() == WEIGHTS


def test_part_longer_than_the_file_starts_over(part: Path, pauses: list[float]) -> None:
    part.write_bytes(bytes(SIZE + 1))
    with serving(tiny=Answer()) as server:
        download(f"{server.url}/tiny", part, sleep=pauses.append)
    assert part.read_bytes() == WEIGHTS
    assert server.statuses() == [416, 200]


def test_answer_for_another_range_starts_over(part: Path, pauses: list[float]) -> None:
    part.write_bytes(WEIGHTS[:1000])
    wrong = _response(206, WEIGHTS[:10], {"Content-Range": f"bytes 500-509/{SIZE}"})
    whole = _response(200, WEIGHTS, {"Content-Length": str(SIZE)})
    answers = iter([wrong, whole])
    download("http://tiny", part, opener=lambda request, timeout: next(answers), sleep=pauses.append)
    assert part.read_bytes() == WEIGHTS


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_busy_server_is_asked_again_after_growing_pauses(part: Path, pauses: list[float], status: int) -> None:
    with serving(tiny=Answer(statuses=[status] * 3)) as server:
        download(f"{server.url}/tiny", part, sleep=pauses.append)
    assert part.read_bytes() == WEIGHTS
    assert server.statuses() == [status] * 3 + [200]
    assert pauses == [1, 2, 4]


def test_server_that_stays_busy_is_given_up(part: Path, pauses: list[float]) -> None:
    with (
        serving(tiny=Answer(statuses=[503] * 9)) as server,
        pytest.raises(ModelError, match=r"^HTTP 503 Service Unavailable, 5 times in a row$"),
    ):
        download(f"{server.url}/tiny", part, sleep=pauses.append)
    assert pauses == [1, 2, 4, 8]


@pytest.mark.parametrize(("status", "reason"), [(404, "Not Found"), (403, "Forbidden"), (501, "Not Implemented")])
def test_refusal_is_final(part: Path, pauses: list[float], status: int, reason: str) -> None:
    with (
        serving(tiny=Answer(statuses=[status])) as server,
        pytest.raises(ModelError, match=f"^HTTP {status} {reason}$"),
    ):
        download(f"{server.url}/tiny", part, sleep=pauses.append)
    assert pauses == []
    assert not part.exists()


def test_redirect_keeps_the_range(part: Path) -> None:
    part.write_bytes(WEIGHTS[:1000])
    with serving(tiny=Answer(redirect="/moved"), moved=Answer()) as server:
        download(f"{server.url}/tiny", part)
    assert part.read_bytes() == WEIGHTS
    assert server.asked[-1].range == "bytes=1000-"


def test_content_length_above_the_truth_is_given_up_with_both_numbers(part: Path, pauses: list[float]) -> None:
    with (
        serving(tiny=Answer(declared=SIZE + 7, ranges=False)) as server,
        pytest.raises(ModelError, match=f"the connection ended after {SIZE} of {SIZE + 7} bytes"),
    ):
        download(f"{server.url}/tiny", part, sleep=pauses.append)


def test_content_length_above_the_truth_does_no_harm_where_the_size_is_known(part: Path) -> None:
    with serving(tiny=Answer(declared=SIZE + 7)) as server:
        download(f"{server.url}/tiny", part, expected=SIZE)
    assert part.read_bytes() == WEIGHTS


def test_no_more_than_the_registered_size_is_read(part: Path) -> None:
    with serving(tiny=Answer(body=WEIGHTS * 3)) as server:
        download(f"{server.url}/tiny", part, expected=SIZE)
    assert part.read_bytes() == WEIGHTS


def test_chunked_answer_is_read_and_a_broken_one_tried_again(part: Path, pauses: list[float]) -> None:
    with serving(tiny=Answer(chunked=True, breaks=[300_000])) as server:
        download(f"{server.url}/tiny", part, sleep=pauses.append)
    assert part.read_bytes() == WEIGHTS
    assert len(server.asked) == 2


def test_silent_server_does_not_hang(part: Path, pauses: list[float]) -> None:
    with (
        serving(tiny=Answer(pause=0.5)) as server,
        pytest.raises(ModelError, match=r"the server was silent for 0\.05 s, 5 times in a row"),
    ):
        download(f"{server.url}/tiny", part, sleep=pauses.append, timeout=0.05)


def test_trickling_server_does_not_hang(part: Path, pauses: list[float]) -> None:
    with (
        serving(tiny=Answer(pause=0.01, piece=1)) as server,
        pytest.raises(ModelError, match="the server sends less than 1024 bytes a second, 5 times in a row"),
    ):
        download(f"{server.url}/tiny", part, sleep=pauses.append, timeout=0.1)
    # Nothing that came was lost.
    assert part.read_bytes() == WEIGHTS[: part.stat().st_size] != b""


def test_slow_server_that_keeps_sending_is_waited_for(part: Path) -> None:
    with serving(tiny=Answer(pause=0.03)) as server:
        download(f"{server.url}/tiny", part, timeout=0.2)
    assert part.read_bytes() == WEIGHTS
    assert server.statuses() == [200]


def test_host_that_cannot_be_reached_is_given_up_at_once(part: Path, pauses: list[float]) -> None:
    def no_network(request: Request, timeout: float) -> HTTPResponse:
        raise URLError(socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"))

    with pytest.raises(ModelError, match=r"cannot be resolved \(is there a network\?\)"):
        download("http://tiny", part, opener=no_network, sleep=pauses.append)
    with serving() as server:
        gone = server.url
    with pytest.raises(ModelError, match=r"the connection failed .*refused"):
        download(f"{gone}/tiny", part, sleep=pauses.append)
    assert pauses == []


def test_network_that_goes_away_for_a_moment_is_waited_for(part: Path, pauses: list[float]) -> None:
    """Between two attempts the host cannot even be resolved."""
    half = _response(200, WEIGHTS[:400_000], {"Content-Length": str(SIZE), "ETag": '"first"'})
    rest = _response(206, WEIGHTS[400_000:], {"Content-Range": f"bytes 400000-{SIZE - 1}/{SIZE}"})
    answers: Iterator[HTTPResponse | OSError] = iter(
        [half, URLError(socket.gaierror()), ConnectionResetError("reset by peer"), rest]
    )

    def opener(request: Request, timeout: float) -> HTTPResponse:
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    download("http://tiny", part, opener=opener, sleep=pauses.append)
    assert part.read_bytes() == WEIGHTS
    assert pauses == [1, 2, 4]


def test_interrupt_leaves_a_part_to_continue(part: Path) -> None:
    def interrupt(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with serving(tiny=Answer(piece=1000)) as server:
        with pytest.raises(KeyboardInterrupt):
            download(f"{server.url}/tiny", part, progress=interrupt)
        held = part.stat().st_size
        assert 0 < held < SIZE
        download(f"{server.url}/tiny", part)
    assert part.read_bytes() == WEIGHTS
    assert server.asked[-1].range == f"bytes={held}-"


def _response(status: int, body: bytes, headers: dict[str, str]) -> HTTPResponse:
    """An answer as `http.client` reads it from a socket."""

    class Socket:
        def makefile(self, mode: str) -> io.BytesIO:
            head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            return io.BytesIO(f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + body)

    response = HTTPResponse(Socket())  # type: ignore[arg-type]
    response.begin()
    return response


@pytest.mark.parametrize("address", ["http://foo..bar/tiny", "http://[::1/tiny", "no address at all"])
def test_address_that_is_none_is_a_model_error(part: Path, pauses: list[float], address: str) -> None:
    with pytest.raises(ModelError):
        download(address, part, sleep=pauses.append)
