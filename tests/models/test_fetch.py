from __future__ import annotations

import functools
import io
import logging
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from platformdirs import user_cache_path
from weights_server import HTML, LFS_POINTER, WEIGHTS, Answer, model_of, serving, use_folders, weights_file

from perceptkit.errors import InputError, ModelError
from perceptkit.models import FileState, Model, fetch, locate, verify
from perceptkit.models.download import download
from perceptkit.models.places import cache_folder
from systems import posix

SIZE = len(WEIGHTS)
IMPATIENT = functools.partial(download, sleep=lambda seconds: None, timeout=5.0)
WRONG_FILES = [
    (LFS_POINTER, "is a Git LFS pointer, not the file itself; run: git lfs pull"),
    (HTML, "is an HTML page"),
    (b"", "is an empty file"),
    (WEIGHTS[:1000], f"is short: 1000 of {SIZE} bytes"),
    (WEIGHTS[::-1], r"is not the registered file \(sha256 expected [0-9a-f]{12}\.\.\., got [0-9a-f]{12}\.\.\.\)"),
]
WRONG_IDS = ["pointer", "page", "empty", "short", "other"]


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of tiny.onnx in an empty cache, with no models folder."""
    use_folders(monkeypatch, cache=tmp_path / "cache")
    return tmp_path / "cache" / "models" / "tiny.onnx"


def put(path: Path, data: bytes = WEIGHTS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def left_beside(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.parent.iterdir() if entry != path and entry.suffix != ".lock")


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def test_fetch_downloads_once_then_takes_the_cached_file(cached: Path) -> None:
    with serving(tiny=Answer()) as server:
        model = model_of(weights_file(f"{server.url}/tiny"))
        assert locate(model) is None
        assert fetch(model) == (cached,)
        assert cached.read_bytes() == WEIGHTS
        assert left_beside(cached) == []
        assert fetch(model) == locate(model) == (cached,)
    assert server.statuses() == [200]


def test_every_file_of_a_model_is_fetched_in_order(cached: Path) -> None:
    with serving(one=Answer(body=b"\0one"), two=Answer(body=b"\0two")) as server:
        files = [weights_file(f"{server.url}/{name}", name=name, body=b"\0" + name.encode()) for name in ("two", "one")]
        paths = fetch(model_of(*files))
    assert [path.read_bytes() for path in paths] == [b"\0two", b"\0one"]


def test_models_folder_comes_first_and_is_not_written_to(
    tmp_path: Path, cached: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_folders(monkeypatch, cache=tmp_path / "cache", models=tmp_path / "models")
    own = put(tmp_path / "models" / "tiny.onnx")
    put(cached)
    model = model_of(weights_file("http://127.0.0.1:9/never"))
    assert fetch(model) == locate(model) == (own,)
    assert verify(model) == (FileState("tiny.onnx", "ok", own),)
    assert left_beside(own) == []


@pytest.mark.parametrize(
    ("address", "upstream"),
    [
        ("https://example.org/weights/det%20500m.onnx?raw=true", "det 500m.onnx"),
        ("zip:https://example.org/pack.zip#inside/det_500m.onnx", "det_500m.onnx"),
    ],
)
def test_models_folder_may_use_the_upstream_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, upstream: str
) -> None:
    use_folders(monkeypatch, cache=tmp_path / "cache", models=tmp_path / "models")
    own = put(tmp_path / "models" / upstream)
    assert fetch(model_of(weights_file(address))) == (own,)


@pytest.mark.parametrize(("data", "problem"), WRONG_FILES, ids=WRONG_IDS)
def test_wrong_file_in_the_models_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, problem: str
) -> None:
    use_folders(monkeypatch, cache=tmp_path / "cache", models=tmp_path / "models")
    own = put(tmp_path / "models" / "tiny.onnx", data)
    put(tmp_path / "cache" / "models" / "tiny.onnx")
    with serving(tiny=Answer()) as server:
        model = model_of(weights_file(f"{server.url}/tiny"))
        with pytest.raises(ModelError, match=problem) as refused:
            fetch(model)
    assert str(own) in str(refused.value)
    # Only a file that may be weights is worth passing by its path.
    assert (f"--detector {own}" in str(refused.value)) == (data == WEIGHTS[::-1])
    assert own.read_bytes() == data
    assert server.asked == []
    (state,) = verify(model)
    assert (state.state, state.path) == ("wrong", own)


def test_wrong_file_under_an_upstream_name_is_passed_over(
    tmp_path: Path, cached: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    use_folders(monkeypatch, cache=tmp_path / "cache", models=tmp_path / "models")
    other = put(tmp_path / "models" / "upstream.onnx", LFS_POINTER)
    with serving(**{"upstream.onnx": Answer()}) as server:
        assert fetch(model_of(weights_file(f"{server.url}/upstream.onnx"))) == (cached,)
    assert f"{other} is a Git LFS pointer" in caplog.text
    assert other.read_bytes() == LFS_POINTER


@pytest.mark.parametrize(("data", "problem"), WRONG_FILES, ids=WRONG_IDS)
def test_wrong_file_in_the_cache_is_replaced(
    cached: Path, caplog: pytest.LogCaptureFixture, data: bytes, problem: str
) -> None:
    put(cached, data)
    with serving(tiny=Answer()) as server:
        model = model_of(weights_file(f"{server.url}/tiny"))
        (state,) = verify(model)
        assert (state.state, state.path) == ("wrong", cached)
        assert fetch(model) == (cached,)
    assert cached.read_bytes() == WEIGHTS
    (message,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert str(cached) in message


def test_wrong_file_in_the_cache_stays_until_a_right_one_is_there(cached: Path) -> None:
    put(cached, b"\0 older weights")
    with (
        serving(tiny=Answer(body=WEIGHTS[::-1])) as server,
        pytest.raises(ModelError, match="is not the registered file"),
    ):
        fetch(model_of(weights_file(f"{server.url}/tiny")))
    assert cached.read_bytes() == b"\0 older weights"
    assert left_beside(cached) == []


@pytest.mark.parametrize("size_known", [True, False])
@pytest.mark.parametrize(("data", "problem"), WRONG_FILES, ids=WRONG_IDS)
def test_wrong_download_is_named_dropped_and_the_next_address_tried(
    cached: Path, data: bytes, problem: str, size_known: bool
) -> None:
    with serving(bad=Answer(body=data), good=Answer()) as server:
        bad = weights_file(f"{server.url}/bad", size_known=size_known)
        expected = problem if size_known or "short" not in problem else "is not the registered file"
        with pytest.raises(ModelError, match=f"/bad: what it sent {expected}"):
            fetch(model_of(bad))
        assert left_beside(cached) == []
        both = weights_file(f"{server.url}/bad", f"{server.url}/good", size_known=size_known)
        assert fetch(model_of(both)) == (cached,)
    assert cached.read_bytes() == WEIGHTS


def test_address_that_breaks_off_for_good_gives_way_to_the_next(cached: Path) -> None:
    with serving(bad=Answer(breaks=[1000] * 9), good=Answer()) as server:
        model = model_of(weights_file(f"{server.url}/bad", f"{server.url}/good"))
        assert fetch(model, download=IMPATIENT) == (cached,)
    assert [asked.path for asked in server.asked] == ["/bad"] * 5 + ["/good"]
    # What /bad sent is not mixed with what /good sent, and nothing is left of it.
    assert server.asked[-1].range is None
    assert left_beside(cached) == []


def test_interrupted_download_is_continued_by_the_next_fetch(cached: Path) -> None:
    with serving(tiny=Answer(breaks=[400_000] + [0] * 4)) as server:
        model = model_of(weights_file(f"{server.url}/tiny"))
        with pytest.raises(ModelError, match=f"the connection ended after 400000 of {SIZE} bytes"):
            fetch(model, download=IMPATIENT)
        assert not cached.exists()
        server.asked.clear()
        assert fetch(model) == (cached,)
    assert [(asked.range, asked.if_range) for asked in server.asked] == [("bytes=400000-", '"first"')]
    assert cached.read_bytes() == WEIGHTS


def test_part_that_was_spoiled_is_downloaded_afresh(cached: Path) -> None:
    """The server names no version, so only the hash of the whole file can tell that the beginning is another's."""
    with serving(tiny=Answer(body=bytes(SIZE), etag=None, breaks=[400_000] + [0] * 5)) as server:
        model = model_of(weights_file(f"{server.url}/tiny"))
        with pytest.raises(ModelError, match="the connection ended"):
            fetch(model, download=IMPATIENT)
        server.answers["tiny"] = Answer(etag=None)
        assert fetch(model) == (cached,)
    assert server.statuses()[-2:] == [206, 200]
    assert cached.read_bytes() == WEIGHTS


def test_mirror_is_asked_first_and_the_address_of_the_row_after_it(
    tmp_path: Path, cached: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(**{"mirror/tiny%20model.onnx": Answer(), "row": Answer()}) as server:
        use_folders(monkeypatch, cache=tmp_path / "cache", mirror=f"{server.url}/mirror/")
        fetch(model_of(weights_file(f"{server.url}/row", name="tiny model.onnx")))
        fetch(model_of(weights_file(f"{server.url}/row", name="other.onnx")))
    assert [(asked.path, asked.status) for asked in server.asked] == [
        ("/mirror/tiny%20model.onnx", 200),
        ("/mirror/other.onnx", 404),
        ("/row", 200),
    ]


@pytest.mark.parametrize("member", ["det.onnx", "pack/det.onnx"])
def test_member_of_a_zip_is_taken_out_and_the_archive_dropped(cached: Path, member: str) -> None:
    pack = zipped({member: WEIGHTS, "other.onnx": b"\0"})
    with serving(**{"pack.zip": Answer(body=pack)}) as server:
        model = model_of(weights_file(f"zip:{server.url}/pack.zip#det.onnx"))
        assert fetch(model) == (cached,)
    assert cached.read_bytes() == WEIGHTS
    assert left_beside(cached) == []


@pytest.mark.parametrize(
    ("pack", "problem"),
    [
        (HTML, "is an HTML page"),
        (b"\0no zip", "is not a zip archive that can be read"),
        (zipped({"other.onnx": b"\0"}), "is a zip archive without det.onnx"),
        (zipped({"det.onnx": WEIGHTS[::-1]}), "is not the registered file"),
        (zipped({"det.onnx": LFS_POINTER}), "is a Git LFS pointer"),
        (
            zipped({"det.onnx": bytes(SIZE + 1)}),
            f"is a zip archive whose det.onnx has more than {SIZE} bytes",
        ),
    ],
)
def test_wrong_zip_is_named_and_dropped(cached: Path, pack: bytes, problem: str) -> None:
    with serving(**{"pack.zip": Answer(body=pack)}) as server:
        model = model_of(weights_file(f"zip:{server.url}/pack.zip#det.onnx"))
        with pytest.raises(ModelError, match=f"#det.onnx: what it sent {problem}"):
            fetch(model)
    assert left_beside(cached) == []


def test_failure_names_every_way_out(tmp_path: Path, cached: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_folders(monkeypatch, cache=tmp_path / "cache", models=tmp_path / "models")
    yunet = weights_file(name="yunet.onnx")
    put(tmp_path / "models" / "yunet.onnx")
    with serving(busy=Answer(statuses=[503] * 5)) as server:
        file = weights_file(f"{server.url}/gone", f"zip:{server.url}/busy#det.onnx")
        rows = {"scrfd-500m": model_of(file), "scrfd-10g": model_of(file), "yunet": model_of(yunet)}
        with pytest.raises(ModelError) as failed:
            fetch(rows["scrfd-500m"], alternatives=rows, download=IMPATIENT)
    assert str(failed.value).splitlines() == [
        "cannot get the weights tiny.onnx (0.6 MB)",
        f"  {server.url}/gone: HTTP 404 Not Found",
        f"  zip:{server.url}/busy#det.onnx: HTTP 503 Service Unavailable, 5 times in a row",
        "To put it there by hand, get it on another machine and save it as one of",
        f"  {tmp_path}/models/tiny.onnx (in the folder named by PERCEPTKIT_MODELS)",
        f"  {tmp_path}/cache/models/tiny.onnx (in the cache)",
        f"Its sha256 must be {file.sha256}.",
        "To use a mirror, set PERCEPTKIT_MIRROR to an address that serves it as ADDRESS/tiny.onnx.",
        "Presets whose weights are on this machine: permissive "
        "(use --preset permissive or PERCEPTKIT_PRESET=permissive)",
    ]


def test_failure_without_address_or_folder_says_what_to_set(cached: Path) -> None:
    with pytest.raises(ModelError) as failed:
        fetch(model_of(weights_file(size_known=False)), alternatives={})
    lines = str(failed.value).splitlines()
    assert lines[:2] == ["cannot get the weights tiny.onnx", "  no address is known to download it from"]
    assert "  tiny.onnx in a folder of yours, and set PERCEPTKIT_MODELS to that folder" in lines
    assert lines[-1] == "Presets whose weights are on this machine: none"


@pytest.mark.parametrize(
    ("commercial", "level", "terms"),
    [
        (True, logging.INFO, "commercial use is allowed"),
        (False, logging.WARNING, "they may NOT be used commercially"),
        (None, logging.WARNING, "it is unclear whether they may be used commercially"),
    ],
)
def test_licence_is_logged_once_when_weights_arrive(
    cached: Path, caplog: pytest.LogCaptureFixture, commercial: bool | None, level: int, terms: str
) -> None:
    caplog.set_level(logging.INFO, logger="perceptkit")
    with serving(one=Answer(), two=Answer()) as server:
        files = [weights_file(f"{server.url}/{name}", name=name) for name in ("one", "two")]
        for _ in range(2):
            fetch(model_of(*files, commercial=commercial))
    notices = [record for record in caplog.records if "licence" in record.getMessage()]
    assert [(record.name, record.levelno, record.getMessage()) for record in notices] == [
        ("perceptkit", level, f"weights one, two: licence MIT; {terms}; see https://example.org/tiny")
    ]


def test_read_only_cache_that_has_the_file_is_enough(cached: Path) -> None:
    put(cached)
    cached.parent.chmod(0o555)
    try:
        assert fetch(model_of(weights_file())) == (cached,)
        assert list(cached.parent.iterdir()) == [cached]
    finally:
        cached.parent.chmod(0o755)


def test_cache_that_cannot_be_made_is_an_error_that_names_the_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "file")
    use_folders(monkeypatch, cache=tmp_path / "file")
    with pytest.raises(
        ModelError, match=r"cannot keep weights in .*/file/models: .*PERCEPTKIT_CACHE.*PERCEPTKIT_MODELS"
    ):
        fetch(model_of(weights_file("http://127.0.0.1:9/never")))


def test_models_folder_that_is_none_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_folders(monkeypatch, cache=tmp_path, models=tmp_path / "nowhere")
    looks: tuple[Callable[[Model], object], ...] = (fetch, locate, verify)
    for look in looks:
        with pytest.raises(InputError, match=r"PERCEPTKIT_MODELS is '.*nowhere', which is not a folder"):
            look(model_of(weights_file()))


@posix  # Windows makes up a home for any name
def test_missing_home_is_an_error_only_where_the_cache_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = put(tmp_path / "models" / "tiny.onnx")
    use_folders(monkeypatch, cache=Path("~nobody-of-this-name"), models=tmp_path / "models")
    assert fetch(model_of(weights_file())) == (own,)
    with pytest.raises(ModelError, match="there is no home folder to keep weights in; set PERCEPTKIT_CACHE"):
        fetch(model_of(weights_file(name="other.onnx")))


def test_cache_is_the_platforms_own_without_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_folders(monkeypatch, cache=None)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder() == user_cache_path("perceptkit", appauthor=False) / "models"


def test_mirror_that_is_no_web_address_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_folders(monkeypatch, cache=tmp_path, mirror="/srv/weights")
    with pytest.raises(InputError, match="PERCEPTKIT_MIRROR is '/srv/weights'"):
        fetch(model_of(weights_file("http://127.0.0.1:9/never")))


def test_verify_says_missing(cached: Path) -> None:
    assert verify(model_of(weights_file())) == (FileState("tiny.onnx", "missing"),)


def test_locate_passes_over_what_cannot_be_the_file(cached: Path) -> None:
    for data, size_known in [(WEIGHTS[:1000], True), (WEIGHTS + b"\0", True), (LFS_POINTER, False), (HTML, False)]:
        put(cached, data)
        assert locate(model_of(weights_file(size_known=size_known))) is None
    put(cached, WEIGHTS)
    assert locate(model_of(weights_file(size_known=False))) == (cached,)
