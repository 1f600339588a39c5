"""A folder that grows: what was found before is taken over, ends as a run from the beginning would, and people keep
their numbers."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from perceptkit import face
from perceptkit.errors import InputError
from perceptkit.face import Extraction, load_embeddings
from perceptkit.face.extracting.earlier import take_over
from perceptkit.face.extracting.journal import Journal
from perceptkit.face.extracting.people import NOBODY, KnownPeople, people_of
from perceptkit.face.types import Face, Quality, Sighting
from perceptkit.video import Limits
from shared_data import model_file, people_photos
from systems import posix
from tiny_networks import blank, paint, write_embedder, write_photo, write_scrfd, write_video

Models = dict[str, Any]


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("networks")
    write_scrfd(folder / "detector.onnx")
    write_scrfd(folder / "other.onnx", batch=None)
    write_embedder(folder / "embedder.onnx")
    return folder


@pytest.fixture(scope="module")
def models(networks: Path) -> Models:
    """A detector and an embedder, loaded once."""
    return {
        "detector": face.load_detector(networks / "detector.onnx", device="cpu"),
        "embedder": face.load_embedder(networks / "embedder.onnx", device="cpu"),
    }


@pytest.fixture(scope="module")
def made(models: Models, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the tests begin with, made once: photos, more of them, and a result. They name each other from where they
    are, so that copies of them fit together too."""
    folder = tmp_path_factory.mktemp("made")
    photos, more = folder / "photos", folder / "more"
    photos.mkdir()
    more.mkdir()
    write_photo(photos / "d.png", (96, 64, 1), (320, 256, 2))
    write_photo(photos / "e.png")
    for number in range(4):
        write_photo(photos / f"f{number}.png", (64 * number, 96, 1 + number % 3), noise=10 + number)
    for number, name in enumerate("abcd"):
        write_photo(more / f"{name}1.png", (32 * number, 64, 4 + number), noise=20 + number)
        write_photo(more / f"{'xyzw'[number]}1.png", (32 * number, 64, 1 + number), noise=30 + number)
    with contextlib.chdir(folder):
        assert face.extract("photos", "out", **models).known == 0
    return folder


@pytest.fixture
def photos(tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six photos of people 1, 2 and 3, one of nobody."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(made / "photos", "photos"))


@pytest.fixture
def out(photos: Path, made: Path) -> Path:
    """A finished result of the six photos."""
    return Path(shutil.copytree(made / "out", "out"))


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def numbers(out: Path) -> dict[str, int]:
    """Of each face the number of its person."""
    return {row["face_id"]: row["person"] for row in lines(out / "faces.jsonl")}


def contents(out: Path) -> dict[str, object]:
    """All of a result but the numbers of the people, which are in order of first appearance, and the times."""
    rows = lines(out / "faces.jsonl")
    order = list(dict.fromkeys(row["person"] for row in rows))
    stored = load_embeddings(out)
    return {
        "faces": [row | {"person": order.index(row["person"])} for row in rows],
        "sources": (out / "sources.jsonl").read_bytes(),
        "errors": (out / "errors.jsonl").read_bytes(),
        "vectors": (stored.face_ids, stored.sources, stored.vectors.tobytes(), stored.quality.tobytes()),
        "tracks": None if stored.tracks is None else stored.tracks.tolist(),
    } | {path.name: path.read_bytes() for path in (out / "headshots").iterdir()}


def again(models: Models, photos: Path, out: Path, *, known: int, **options: Any) -> Extraction:
    """Run again: so many files are taken over."""
    seen: list[int] = []
    result = face.extract(photos, out, progress=lambda done, total: seen.append(done), **models, **options)
    assert result.known == json.loads((out / "run.json").read_text())["known"] == known
    assert seen[0] >= known
    assert not (out / ".partial").exists()
    return result


def grow(models: Models, photos: Path, out: Path, *, known: int, **options: Any) -> Extraction:
    """Run again, as `again` does, and the result is that of a run from the beginning."""
    result = again(models, photos, out, known=known, **options)
    whole = out.with_name("whole")
    shutil.rmtree(whole, ignore_errors=True)
    face.extract(photos, whole, **models, **options)
    assert contents(out) == contents(whole)
    return result


# ---- What is taken over


def test_new_photos_are_added_to_what_is_there(models: Models, photos: Path, out: Path) -> None:
    before = numbers(out)
    write_photo(photos / "g.png", (32, 32, 4), (320, 64, 1), noise=5)
    result = grow(models, photos, out, known=6)
    after = numbers(out)
    assert {identity: after[identity] for identity in before} == before
    assert [person.id for person in result.people] == [0, 1, 2, 3]
    # What comes after all that was there is numbered as in a run from the beginning: the very same files.
    for name in ("faces.jsonl", "people.html"):
        assert (out / name).read_bytes() == (out.with_name("whole") / name).read_bytes()


def test_people_who_come_first_in_order_do_not_take_the_numbers_of_those_who_were_there(
    models: Models, photos: Path, out: Path
) -> None:
    before = numbers(out)
    write_photo(photos / "a.png", (32, 32, 4), (320, 64, 5))
    result = grow(models, photos, out, known=6)
    after = numbers(out)
    assert {identity: after[identity] for identity in before} == before
    assert [row["person"] for row in lines(out / "faces.jsonl")[:2]] == [3, 4]
    assert [person.id for person in result.people] == [0, 1, 2, 3, 4]
    assert result.next_person == 5


def test_nothing_new_is_read_at_all(models: Models, photos: Path, out: Path) -> None:
    """Known files are known by size and time: one that is rubbish now, and says it is as it was, is not looked at."""
    before = contents(out)
    for path in photos.iterdir():
        status = path.stat()
        path.write_bytes(bytes(status.st_size))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert face.extract(photos, out, **models).known == 6
    assert contents(out) == before


def test_step_by_step_is_all_at_once(models: Models, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    for known in (0, 2, 4):
        for path in sorted(photos.iterdir())[1::-1]:
            path.rename(tmp_path / "more" / path.name)
        (grow if known == 4 else again)(models, tmp_path / "more", tmp_path / "out", known=known)


def test_a_photo_that_went_is_gone_and_one_that_changed_is_read_again(models: Models, photos: Path, out: Path) -> None:
    (photos / "f0.png").unlink()
    write_photo(photos / "f1.png", (416, 128, 3))
    os.utime(photos / "f1.png", (1, 1))
    result = grow(models, photos, out, known=4)
    assert "f0.png" not in {Path(one.source).name for one in result.sightings}


def test_a_photo_of_another_time_with_the_same_picture_keeps_its_people(
    models: Models, photos: Path, out: Path
) -> None:
    before = numbers(out)
    os.utime(photos / "d.png", (1, 1))
    write_photo(photos / "a.png", (32, 32, 4))
    grow(models, photos, out, known=5)
    after = numbers(out)
    assert {identity: after[identity] for identity in before} == before


def test_a_photo_that_was_broken_is_tried_again(models: Models, photos: Path, out: Path) -> None:
    good = (photos / "f2.png").read_bytes()
    (photos / "f2.png").write_bytes(bytes(len(good)))
    os.utime(photos / "f2.png", (1, 1))
    assert len(again(models, photos, out, known=5).errors) == 1
    (photos / "f2.png").write_bytes(good)
    os.utime(photos / "f2.png", (1, 1))
    assert grow(models, photos, out, known=5).errors == ()


def test_remarks_on_a_photo_are_taken_over(models: Models, photos: Path, tmp_path: Path) -> None:
    first = face.extract(photos, tmp_path / "out", max_faces=1, **models)
    second = grow(models, photos, tmp_path / "out", known=6, max_faces=1)
    assert second.notes == first.notes
    assert "1 face was left out" in second.notes[0][1]


def test_a_video_is_added_and_then_known(models: Models, photos: Path, out: Path) -> None:
    frames = [paint(blank(), 32 * (number // 2), 64, person=1, noise=number + 1) for number in range(6)]
    write_video(photos / "a.mp4", frames, times=[number / 4 for number in range(6)])
    again(models, photos, out, known=6)
    write_photo(photos / "z.png", (32, 32, 4))
    result = grow(models, photos, out, known=7)
    assert {one.face.track for one in result.sightings if one.source.endswith("mp4")} == {1}


def test_copies_of_a_photo_are_known_each(models: Models, photos: Path, out: Path) -> None:
    shutil.copy(photos / "f1.png", photos / "a.png")
    again(models, photos, out, known=6)
    shutil.copy(photos / "f1.png", photos / "z.png")
    result = grow(models, photos, out, known=7)
    (one,) = (person for person in result.people if len(person.sightings) == 4 and person.id == 1)
    assert sorted(sighting.id.partition("-")[2] for sighting in one.sightings) == ["", "", "2", "3"]


def test_the_format_of_the_embeddings_may_change(models: Models, photos: Path, out: Path) -> None:
    for known, form in ((6, "parquet"), (7, "npz")):
        write_photo(photos / f"g{known}.png", (32, 32, known - 2))
        grow(models, photos, out, known=known, embeddings=form)


@pytest.mark.parametrize("form", ["npz", "parquet"])
def test_a_result_of_nobody_is_taken_over_too(models: Models, photos: Path, tmp_path: Path, form: str) -> None:
    face.extract(photos / "e.png", tmp_path / "out", embeddings=form, **models)
    grow(models, photos, tmp_path / "out", known=1, embeddings=form)


@posix
@pytest.mark.parametrize("form", ["npz", "parquet"])
def test_names_of_all_kinds_are_known_again(models: Models, tmp_path: Path, form: str) -> None:
    (tmp_path / "photos").mkdir()
    for number, name in enumerate(
        ["Zoë & 合影 👩", "line\nbreak", *(["caf\udce9"] if sys.platform == "linux" else [])]
    ):
        path = write_photo(tmp_path / "photo.png", (32 * number, 96, 1))
        path.rename(tmp_path / "photos" / f"{name}.png")
    first = face.extract(tmp_path / "photos", tmp_path / "out", embeddings=form, **models)
    grow(models, tmp_path / "photos", tmp_path / "out", known=first.photos, embeddings=form)


def test_a_result_among_the_photos_is_no_photo(models: Models, photos: Path) -> None:
    face.extract(photos, photos / "out", **models)
    write_photo(photos / "g.png", (32, 32, 4))
    assert face.extract(photos, photos / "out", **models).known == 6
    assert face.extract(photos, photos / "out", **models).photos == 7


def test_headshots_that_somebody_removed_are_made_again(models: Models, photos: Path, out: Path) -> None:
    name = lines(out / "faces.jsonl")[0]["headshot"]
    (out / name).unlink()
    again(models, photos, out, known=5)
    shutil.rmtree(out / "headshots")
    grow(models, photos, out, known=1)


# ---- The numbers of people


def between(path: Path, one: int, other: int) -> None:
    """A photo of somebody who looks half like one, half like another person."""
    first, second = (paint(blank(), 96, 64, person=person).astype(int) for person in (one, other))
    assert cv2.imwrite(str(path), cv2.cvtColor(((first + second) // 2).astype(np.uint8), cv2.COLOR_RGB2BGR))


def test_two_people_who_turn_out_to_be_one_keep_the_number_of_more_faces(
    models: Models, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    (photos / "d.png").unlink()
    (photos / "f3.png").unlink()
    shutil.copy(photos / "f1.png", photos / "f1b.png")
    first = face.extract(photos, out, threshold=0.3, **models)
    assert [len(person.sightings) for person in first.people] == [1, 2, 1]
    between(photos / "z.png", 1, 2)
    merged = again(models, photos, out, known=5, threshold=0.3)
    assert [(person.id, len(person.sightings)) for person in merged.people] == [(1, 4), (2, 1)]
    (photos / "z.png").unlink()
    parted = grow(models, photos, out, known=5, threshold=0.3)
    # Person 0 had gone: nobody else has been given that number, and it is not found again.
    assert {person.id: len(person.sightings) for person in parted.people} == {1: 2, 2: 1, 3: 1}


def test_the_number_of_somebody_who_left_is_not_given_to_another(models: Models, photos: Path, out: Path) -> None:
    write_photo(photos / "z.png", (32, 32, 4))
    assert again(models, photos, out, known=6).next_person == 4
    (photos / "z.png").unlink()
    assert again(models, photos, out, known=6).next_person == 4
    write_photo(photos / "z.png", (32, 32, 5))
    assert [person.id for person in grow(models, photos, out, known=6).people] == [0, 1, 2, 4]


@pytest.mark.parametrize("options", [{"threshold": 0.99}, {"mode": "first"}])
def test_with_another_threshold_or_mode_people_are_numbered_anew(
    models: Models, photos: Path, out: Path, options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    write_photo(photos / "a.png", (32, 32, 4))
    with caplog.at_level(logging.WARNING, "perceptkit"):
        grow(models, photos, out, known=6, **options)
    assert numbers(out) == numbers(out.with_name("whole"))
    assert caplog.messages == [f"{out} was grouped with another threshold or mode: people are numbered anew"]


def crowd(*groups: Sequence[str]) -> tuple[list[Sighting], NDArray[np.float32]]:
    """A person a group of face ids, no two alike, and their embeddings."""
    nowhere = Face(np.zeros(4, np.float32), 0.9, np.zeros((5, 2), np.float32))
    vectors = np.eye(len(groups), dtype=np.float32)
    sightings = [
        Sighting(identity, "a.png", None, nowhere, vectors[number], Quality(0.9, 1, 1, 1, 1, 1), "embedder")
        for number, group in enumerate(groups)
        for identity in group
    ]
    return sightings, np.stack([sighting.embedding for sighting in sightings])


@pytest.mark.parametrize(
    ("groups", "given"),
    [
        (["ab", "c"], [0, 1]),  # as before
        (["c", "ab"], [1, 0]),
        (["xc", "y", "ab"], [1, 2, 0]),  # somebody new between them
        (["abc"], [0]),  # two are one: more faces
        (["ac", "b"], [0, 2]),  # a tie for two numbers: the lower
        (["a", "b", "c"], [0, 2, 1]),  # one is two: of equal parts the first
        (["x", "y"], [2, 3]),  # all have gone
        (["bc", "a"], [0, 2]),
        (["bcde", "a"], [2, 0]),  # c, d and e are persons of their own number 2
    ],
)
def test_numbers_go_to_who_has_most_of_the_faces(groups: list[str], given: list[int]) -> None:
    known = KnownPeople({"a": 0, "b": 0, "c": 1}, 2)
    if "bcde" in groups:
        known = KnownPeople({"a": 0, "b": 0, "c": 2, "d": 2, "e": 2}, 3)
    sightings, vectors = crowd(*groups)
    people = people_of(sightings, vectors, 0.5, "people", known=known)
    assert {person.id: "".join(one.id for one in person.sightings) for person in people} == dict(
        zip(given, groups, strict=True)
    )
    assert [person.id for person in people] == sorted(given)


# ---- Results that cannot be added to


def test_under_other_settings_everything_is_read_anew(
    networks: Path, models: Models, photos: Path, out: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_photo(photos / "a.png", (32, 32, 4))
    other = face.load_detector(networks / "other.onnx", device="cpu")
    with caplog.at_level(logging.WARNING, "perceptkit"):
        grow(models | {"detector": other}, photos, out, known=0)
        assert numbers(out) == numbers(out.with_name("whole"))
        again(models | {"detector": other}, photos, out, known=7, min_face=20)
        again(models | {"detector": other}, photos, out, known=0, min_face=30)
    assert caplog.messages == [f"the result in {out} was made with other models or settings; starting over"] * 2


def test_headshots_of_a_stopped_run_with_other_settings_are_not_taken_for_those_of_the_result(
    models: Models, photos: Path, out: Path
) -> None:
    """The result is still there, and its headshots have names that do not say how large they are."""
    before = numbers(out)
    with pytest.raises(KeyboardInterrupt):
        face.extract(photos, out, headshot_side=64, progress=stop_at(4), **models)
    write_photo(photos / "a.png", (32, 32, 4))
    grow(models, photos, out, known=0)
    after = numbers(out)
    assert {identity: after[identity] for identity in before} == before


@pytest.mark.parametrize(
    ("options", "pictures"),
    [({"min_face": 40}, 4), ({"headshot_side": 64}, 0), ({"detector": "other.onnx"}, 4)],
    ids=["min_face", "headshot_side", "detector"],
)
def test_a_mistaken_run_that_is_stopped_costs_nothing_of_the_earlier_one(
    networks: Path, models: Models, photos: Path, out: Path, options: dict[str, Any], pictures: int
) -> None:
    """Only what writes over headshots of the result does, and that begins with the first of them."""
    mistaken = options | {name: networks / options[name] for name in options if name == "detector"}
    with pytest.raises(KeyboardInterrupt):
        face.extract(photos, out, progress=stop_at(pictures), **models | mistaken)
    grow(models, photos, out, known=6)


def test_other_limits_are_other_settings(models: Models, photos: Path, out: Path) -> None:
    again(models, photos, out, known=6, limits=Limits())
    result = again(models, photos, out, known=0, limits=Limits(frames=5, duration=math.inf))
    assert result.settings["limits"] == {
        "pixels": Limits().pixels,
        "duration": None,
        "frames": 5,
        "rate": Limits().rate,
    }


def edited(change: Callable[[dict[str, Any]], object], *, line: int = 0) -> Callable[[bytes], bytes]:
    """What changes a line of JSON."""

    def edit(data: bytes) -> bytes:
        whole = data.splitlines() if line >= 0 else [data]
        row = json.loads(whole[line])
        change(row)
        whole[line] = json.dumps(row).encode()
        return b"\n".join(whole) + b"\n"

    return edit


DAMAGES: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "cut": ("faces.jsonl", lambda data: data[:-40]),
    "a line less": ("faces.jsonl", lambda data: data[: data[:-1].rindex(b"\n") + 1]),
    "a line more": ("faces.jsonl", lambda data: data + data.splitlines(keepends=True)[0]),
    "empty": ("faces.jsonl", lambda data: b""),
    "rubbish": ("faces.jsonl", lambda data: bytes(range(256)) * 9),
    "a list": ("faces.jsonl", lambda data: b"[]\n" * data.count(b"\n")),
    "nested": ("faces.jsonl", lambda data: b"[" * 100_000 + b"\n"),
    "other order": ("faces.jsonl", lambda data: b"".join(data.splitlines(keepends=True)[::-1])),
    "a path for an id": ("faces.jsonl", edited(lambda row: row.update(face_id="../../x"))),
    "no box": ("faces.jsonl", edited(lambda row: row.pop("box"))),
    "a box of three": ("faces.jsonl", edited(lambda row: row["box"].pop())),
    "a box of NaN": ("faces.jsonl", edited(lambda row: row.update(box=[float("nan")] * 4))),
    "a huge box": ("faces.jsonl", edited(lambda row: row.update(box=[1e300] * 4))),
    "a huge number": ("faces.jsonl", edited(lambda row: row["box"].append(10**400) or row["box"].pop(0))),
    "words for landmarks": ("faces.jsonl", edited(lambda row: row.update(landmarks="here"))),
    "no score": ("faces.jsonl", edited(lambda row: row.update(score=None))),
    "another quality": ("faces.jsonl", edited(lambda row: row.update(quality=0.1234))),
    "another part": ("faces.jsonl", edited(lambda row: row["quality_parts"].update(beauty=1))),
    "a track": ("faces.jsonl", edited(lambda row: row.update(track=1, time=0.5))),
    "a person below 0": ("faces.jsonl", edited(lambda row: row.update(person=-1))),
    "a person beyond": ("faces.jsonl", edited(lambda row: row.update(person=3))),
    "no person": ("faces.jsonl", edited(lambda row: row.update(person="Ann"))),
    "another source": ("faces.jsonl", edited(lambda row: row.update(source="x.png"))),
    "a source in between": ("faces.jsonl", edited(lambda row: row.update(source="x.png"), line=4)),
    "a strange source": ("faces.jsonl", edited(lambda row: row.update(source=[]))),
    "sources cut": ("sources.jsonl", lambda data: data[:-9]),
    "other counts": ("sources.jsonl", edited(lambda row: row.update(faces=7))),
    "strange remarks": ("sources.jsonl", edited(lambda row: row.update(notes=[1]))),
    "strange errors": ("sources.jsonl", edited(lambda row: row.update(errors="none"))),
    "embeddings cut": ("embeddings.npz", lambda data: data[:300]),
    "no embeddings": ("embeddings.npz", lambda data: b""),
    "no settings": ("run.json", lambda data: b"{}"),
    "run.json cut": ("run.json", lambda data: data[:-9]),
    "no next person": ("run.json", edited(lambda row: row.pop("next_person"), line=-1)),
    "strange settings": ("run.json", edited(lambda row: row.update(settings=[]), line=-1)),
}


SAID = {
    "cut": "it is not JSON",
    "rubbish": "it is not JSON",
    "nested": "it is not JSON",
    "a line less": "not of the same number of faces",
    "a line more": "not of the same number of faces",
    "no box": "'box' is missing",
    "a list": "something in it is of another kind than it was written",
    "words for landmarks": "'here' is not an array of (5, 2)",
    "a strange source": "something in it is of another kind than it was written",
}


@pytest.fixture(scope="module")
def finished(models: Models, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished result of three photos of two people, and beside it the settings of its journal."""
    folder = tmp_path_factory.mktemp("finished")
    write_photo(folder / "a.png", (96, 64, 1), (320, 256, 2))
    write_photo(folder / "b.png")
    write_photo(folder / "c.png", (32, 32, 1), (320, 64, 2), (32, 320, 3), noise=1)
    with pytest.raises(KeyboardInterrupt):
        face.extract(folder, folder / "out", progress=stop_at(3), **models)
    shutil.copy(folder / "out" / ".partial" / "settings.json", folder)
    face.extract(folder, folder / "out", **models)
    return folder


def taken_over(finished: Path, out: Path) -> tuple[list[str], KnownPeople]:
    """What is taken over from a copy of a result: the names of the sources, and the people."""
    wanted = {str(finished / f"{name}.png") for name in "abc"}
    settings = json.loads((finished / "settings.json").read_text())
    threshold = json.loads((finished / "out" / "run.json").read_text())["settings"]["threshold"]
    with Journal(out / ".partial", settings, 8) as journal:
        known = take_over(out, journal, settings=settings, wanted=wanted, threshold=threshold, mode="people")
        return [Path(source).name for source in journal.records], known


def test_a_result_as_it_was_is_believed(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "out", tmp_path / "out")
    names, known = taken_over(finished, tmp_path / "out")
    assert names == ["a.png", "b.png", "c.png"]
    assert known == KnownPeople(numbers(finished / "out"), 3)
    assert sorted(known.numbers.values()) == [0, 0, 1, 1, 2]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_result_that_was_changed_is_not_believed(
    finished: Path, tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "out"
    shutil.copytree(finished / "out", out)
    name, change = DAMAGES[damage]
    (out / name).write_bytes(change((out / name).read_bytes()))
    with caplog.at_level(logging.WARNING, "perceptkit"):
        assert taken_over(finished, out) == ([], NOBODY)
    (message,) = caplog.messages
    assert message.startswith(f"the result in {out} is damaged (")
    assert message.endswith("); starting over")
    assert SAID.get(damage, "") in message
    if DAMAGES[damage][0] != "embeddings.npz":  # of which `store` speaks
        assert not re.search(r"zip|indices|char |codec|dtype|float|object|argument|\('\w+'\)", message), "not in words"


def test_a_result_that_was_changed_is_made_anew(models: Models, photos: Path, out: Path) -> None:
    (out / "faces.jsonl").write_bytes((out / "faces.jsonl").read_bytes()[:-40])
    grow(models, photos, out, known=0)
    assert numbers(out) == numbers(out.with_name("whole"))


def test_embeddings_of_another_model_are_not_mixed_in(
    models: Models, photos: Path, out: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with np.load(out / "embeddings.npz") as arrays:
        np.savez(out / "embeddings.npz", **{name: arrays[name] for name in arrays} | {"model_sha256": "0" * 64})
    with caplog.at_level(logging.WARNING, "perceptkit"):
        grow(models, photos, out, known=0)
    assert "the embeddings are of another model" in caplog.text


def test_without_the_list_of_sources_all_are_read_again_and_people_stay(
    models: Models, photos: Path, out: Path
) -> None:
    before = numbers(out)
    (out / "sources.jsonl").unlink()
    write_photo(photos / "a.png", (32, 32, 4))
    grow(models, photos, out, known=0)
    after = numbers(out)
    assert {identity: after[identity] for identity in before} == before


# ---- Runs that were stopped


def stop_at(pictures: int) -> Callable[[int, int | None], None]:
    """A progress that presses Ctrl-C when so many are done."""

    def progress(done: int, total: int | None) -> None:
        if done >= pictures:
            raise KeyboardInterrupt

    return progress


@pytest.fixture
def grown(photos: Path, made: Path) -> Path:
    """The photos, and eight more that come before, between and after them."""
    return Path(shutil.copytree(made / "more", photos, dirs_exist_ok=True))


def test_a_growing_run_that_was_interrupted_goes_on(models: Models, out: Path, grown: Path) -> None:
    before = numbers(out)
    with pytest.raises(KeyboardInterrupt):
        face.extract(grown, out, progress=stop_at(9), **models)
    assert numbers(out) == before, "the earlier result is still there, and whole"
    seen: list[int] = []
    result = face.extract(grown, out, progress=lambda done, total: seen.append(done), **models)
    assert seen[0] >= 8
    assert result.known == 6
    face.extract(grown, out.with_name("whole"), **models)
    assert contents(out) == contents(out.with_name("whole"))
    after = numbers(out)
    assert {identity: after[identity] for identity in before} == before


KILLED = """
import os, signal, sys
from perceptkit import face

networks, photos, out = sys.argv[1:]

def progress(done, total):
    if done >= 9:
        os._exit(9)

face.extract(photos, out, detector=networks + "/detector.onnx", embedder=networks + "/embedder.onnx", device="cpu",
             progress=progress)
"""


def test_a_growing_run_that_was_killed_goes_on(networks: Path, models: Models, out: Path, grown: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(networks), str(grown), str(out)], check=False)
    assert done.returncode == 9
    assert (out / ".partial").exists()
    write_photo(grown / "a2.png", (32, 32, 3))
    before = numbers(out)
    grow(models, grown, out, known=6)
    after = numbers(out)
    assert {identity: after[identity] for identity in before} == before


@pytest.mark.parametrize("name", ["faces.jsonl", "people.html"])
def test_people_keep_their_numbers_through_a_run_that_failed_while_writing(
    models: Models, out: Path, grown: Path, name: str
) -> None:
    """The earlier result is half written over then, and run.json says so by being gone."""
    before = numbers(out)
    blocked = out / name
    write = stop_writing(blocked)
    with pytest.raises(InputError, match="cannot write"):
        face.extract(grown, out, progress=write, **models)
    assert not (out / "run.json").exists()
    blocked.rmdir()
    result = grow(models, grown, out, known=6)
    after = numbers(out)
    assert {identity: after[identity] for identity in before} == before
    assert result.next_person == 7


def stop_writing(path: Path) -> Callable[[int, int | None], None]:
    """A progress that puts a folder in the place of a file when all is done, so that it cannot be written."""

    def progress(done: int, total: int | None) -> None:
        if done == total:
            path.unlink()
            path.mkdir()

    return progress


@pytest.mark.parametrize("people", [b"[]", b'{"numbers": {"a": 5}, "next_person": 5}'])
def test_kept_numbers_that_were_changed_are_not_believed(
    models: Models, out: Path, grown: Path, people: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(InputError, match="cannot write"):
        face.extract(grown, out, progress=stop_writing(out / "people.html"), **models)
    (out / "people.html").rmdir()
    (out / ".partial" / "people.json").write_bytes(people)
    with caplog.at_level(logging.WARNING, "perceptkit"):
        face.extract(grown, out, **models)
    assert "people.json is damaged" in caplog.text
    assert len(lines(out / "faces.jsonl")) == 14


# ---- Real photos


@pytest.mark.weights
def test_real_photos_in_two_halves_are_the_same_people_as_all_at_once(tmp_path: Path) -> None:
    models: Models = {
        "detector": face.load_detector(model_file("yunet.onnx"), device="cpu"),
        "embedder": face.load_embedder(model_file("mobilefacenet.onnx"), device="cpu"),
    }
    (tmp_path / "photos").mkdir()
    paths = people_photos()[::2]
    for half in (paths[::2], paths[1::2]):
        for path in half:
            shutil.copy(path, tmp_path / "photos")
        result = face.extract(tmp_path / "photos", tmp_path / "out", **models)
    assert result.known == 7
    face.extract(tmp_path / "photos", tmp_path / "whole", **models)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
