"""What lies in an output folder from before: foreign files stay, leftovers go, and run.json tells the truth."""

from __future__ import annotations

import errno
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from perceptkit import face
from perceptkit.errors import InputError
from perceptkit.face.extracting.journal import Journal
from systems import unprivileged
from tiny_networks import write_embedder, write_photo, write_scrfd


@pytest.fixture
def models(tmp_path: Path) -> dict[str, Any]:
    detector, embedder = write_scrfd(tmp_path / "detector.onnx"), write_embedder(tmp_path / "embedder.onnx")
    return {"detector": detector, "embedder": embedder, "device": "cpu"}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    write_photo(tmp_path / "photos" / "a.png", (96, 64, 1))
    write_photo(tmp_path / "photos" / "b.png", (32, 32, 2))
    return tmp_path / "photos"


def test_foreign_files_among_the_headshots_stay_and_old_headshots_go(
    tmp_path: Path, models: dict[str, Any], photos: Path
) -> None:
    out = tmp_path / "out"
    face.extract(photos, out, **models)
    old = {path.name for path in (out / "headshots").iterdir()}
    (out / "headshots" / "notes.txt").write_text("keep")
    (out / "headshots" / "mine").mkdir()
    (photos / "b.png").unlink()
    face.extract(photos, out, **models)
    left = {path.name for path in (out / "headshots").iterdir()}
    assert len(old) == 2
    assert {"notes.txt", "mine"} < left
    assert len(left & old) == 1


def test_parts_of_files_that_a_kill_left_are_removed(tmp_path: Path, models: dict[str, Any], photos: Path) -> None:
    out = tmp_path / "out"
    face.extract(photos, out, **models)
    for folder in (out, out / "headshots"):
        (folder / f".{'0123456789abcdef' * 2}.part").write_bytes(b"half")
    face.extract(photos, out, **models)
    assert not [path for path in out.rglob("*.part") if path.is_file()]


def test_a_run_that_fails_while_writing_leaves_no_run_json_that_says_it_is_whole(
    tmp_path: Path, models: dict[str, Any], photos: Path
) -> None:
    out = tmp_path / "out"
    face.extract(photos, out, **models)
    assert json.loads((out / "run.json").read_text())["photos"] == 2
    (out / "faces.jsonl").unlink()
    (out / "faces.jsonl").mkdir()  # cannot be replaced by a file
    with pytest.raises(InputError, match="cannot write"):
        face.extract(photos, out, **models)
    assert not (out / "run.json").exists()


def test_an_unfinished_run_with_other_settings_starts_over_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for settings in ({"device": "cpu"}, {"device": "cpu"}, {"device": "cuda"}):
        with caplog.at_level(logging.WARNING, "perceptkit"), Journal(tmp_path / "out" / ".partial", settings, 8):
            pass
    assert caplog.messages == [f"{tmp_path / 'out'} was begun with other models or settings; starting over"]


def test_two_runs_do_not_write_to_one_folder(tmp_path: Path) -> None:
    with Journal(tmp_path / "out" / ".partial", {}, 8), pytest.raises(InputError, match="another run is writing to"):
        Journal(tmp_path / "out" / ".partial", {}, 8)


def test_a_file_system_without_locks_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    from perceptkit.locks import take

    def no_locks(descriptor: int) -> bool:
        raise OSError(errno.ENOLCK, "No locks available")

    with (tmp_path / "journal").open("ab") as file, caplog.at_level(logging.WARNING, "perceptkit"):
        assert take(tmp_path / "journal", file.fileno(), try_lock=no_locks)
    assert "no locks on this file system" in caplog.text


def test_a_list_with_a_photo_that_has_gone_does_not_stop_the_others(
    tmp_path: Path, models: dict[str, Any], photos: Path
) -> None:
    listing = tmp_path / "list.txt"
    listing.write_text(f"{photos / 'gone.png'}\n{photos / 'a.png'}\n")
    result = face.extract(f"@{listing}", tmp_path / "out", **models)
    assert len(result.sightings) == 1
    assert [error.source for error in result.errors] == [str(photos / "gone.png")]
    assert "No such file" in result.errors[0].message


def test_no_photos_says_why_what_was_there_was_skipped(tmp_path: Path, models: dict[str, Any]) -> None:
    (tmp_path / "link.jpg").symlink_to(tmp_path / "nowhere.jpg")
    with pytest.raises(InputError, match=r"no photos in .*\n  skipped .*link\.jpg: "):
        face.extract(tmp_path / "link.jpg", tmp_path / "out", **models)


def test_a_file_named_like_a_row_is_not_taken_for_it(tmp_path: Path, photos: Path) -> None:
    detector = write_scrfd(tmp_path / "scrfd-500m.onnx")
    embedder = write_embedder(tmp_path / "arcface-r50.onnx")
    result = face.extract(photos, tmp_path / "out", detector=detector, embedder=embedder, device="cpu")
    assert result.settings["detector"]["name"] == "scrfd-500m.onnx"
    assert result.settings["embedder"]["name"] == "arcface-r50.onnx"
    assert "of the file given by path: unknown" in (tmp_path / "out" / "people.html").read_text(encoding="utf-8")
    with pytest.raises(InputError, match=r"arcface-r50\.onnx, a file given by its path: give it again"):
        face.search(tmp_path / "out", photos / "a.png")


def test_one_path_may_be_given_for_find_faces(tmp_path: Path, models: dict[str, Any], photos: Path) -> None:
    detect, embed = (
        face.load_detector(models["detector"], device="cpu"),
        face.load_embedder(models["embedder"], device="cpu"),
    )
    (sightings,) = face.find_faces(photos / "a.png", detect=detect, embed=embed)
    assert [sighting.source for sighting in sightings] == [str(photos / "a.png")]


def test_headshots_of_an_earlier_result_among_the_photos_are_not_photos(
    tmp_path: Path, models: dict[str, Any], photos: Path
) -> None:
    face.extract(photos, photos / "first", **models)
    again = face.extract(photos, photos / "second", **models)
    assert again.photos == 2


def test_a_result_whose_headshots_have_gone_still_shows_itself(
    tmp_path: Path, models: dict[str, Any], photos: Path
) -> None:
    result = face.extract(photos, tmp_path / "out", **models)
    assert "<img" in result._repr_html_()
    for path in (tmp_path / "out" / "headshots").iterdir():
        path.unlink()
    assert "2 photos, 2 faces" in result._repr_html_()


@pytest.mark.parametrize(("path", "message"), [("", "an empty path"), ("@list.txt", "not a text file in UTF-8")])
def test_what_is_no_path_is_one_clear_error(
    tmp_path: Path, models: dict[str, Any], monkeypatch: pytest.MonkeyPatch, path: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("list.txt").write_text("a.png", encoding="utf-16")
    with pytest.raises(InputError, match=message):
        face.extract([path], tmp_path / "out", **models)


@pytest.mark.parametrize("image", [None, 7, Image.new("RGB", (64, 64))])
def test_what_is_no_array_is_an_input_error_that_says_what_is_wanted(models: dict[str, Any], image: Any) -> None:
    detect = face.load_detector(models["detector"], device="cpu")
    with pytest.raises(InputError, match=r"must be an array, RGB uint8 .* not (NoneType|int|Image)"):
        detect([image])


@unprivileged
def test_a_folder_that_cannot_be_read_is_an_error_and_the_others_go_on(
    tmp_path: Path, models: dict[str, Any], photos: Path
) -> None:
    (photos / "closed").mkdir(mode=0)
    result = face.extract(photos, tmp_path / "out", **models)
    assert (result.photos, result.skipped) == (2, ())
    assert [error.message for error in result.errors] == [
        f"{photos / 'closed'}: folder cannot be read: Permission denied"
    ]
