"""People enrolled with short scans are recognised in other photos, and nobody else is, at the usual threshold.

The scans are videos made from one photo each; see benchmarks/recognition.py for the margins of many.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from perceptkit.arrays import Picture
from perceptkit.errors import InputError
from perceptkit.face import Detector, Embedder, Enrolment, Seen, enrol, identify, load_detector, load_embedder
from perceptkit.face.gallery import Gallery, load_gallery
from scans import (
    alternating,
    back_of_head,
    darkened,
    full_turn,
    morph,
    passing,
    scan_video,
    shaken,
    turning_head,
    wall,
    zoomed,
)
from shared_data import faces_file, people_photos

pytestmark = pytest.mark.weights


@dataclass(frozen=True)
class Models:
    detect: Detector
    embed: Embedder

    def enrol(self, name: str, path: Path, gallery: Path) -> Enrolment:
        return enrol(name, path, gallery=gallery, detector=self.detect, embedder=self.embed)

    def identify(self, photos: list[Path], gallery: Gallery) -> list[Seen]:
        found = identify(photos, gallery=gallery, detector=self.detect, embedder=self.embed)
        assert not found.errors
        return list(found.faces)


def person(name: str) -> Path:
    return faces_file(f"people/person{name}.jpg")


def troubled(photo: Path) -> list[Picture]:
    """Nobody, the back of the head, a turning head, blur and dark."""
    short = turning_head(photo, seconds=2)
    return wall(photo, seconds=0.4) + back_of_head(photo, seconds=0.4) + short + shaken(short[:4]) + darkened(short[:4])


SCANS: dict[str, Callable[[], list[Picture]]] = {
    "01": lambda: turning_head(person("01_03"), seconds=2),
    "02": lambda: full_turn(person("02_02"), seconds=2.4),
    "03": lambda: morph([person("03_02"), person("03_01")], seconds=1.6),
    "05": lambda: troubled(person("05_07")),
    "06": lambda: passing(person("06_02"), person("04_01"), seconds=2.4, closer=True),
}
"""Of five of the six people: the sixth is a stranger, who passes by in a scan."""


@pytest.fixture(scope="module")
def models() -> Models:
    return Models(load_detector("yunet", threads=1), load_embedder("mobilefacenet", threads=1))


@pytest.fixture(scope="module")
def known(models: Models, tmp_path_factory: pytest.TempPathFactory) -> tuple[Gallery, dict[str, Enrolment]]:
    """A gallery of the five, and what their enrolments said."""
    folder = tmp_path_factory.mktemp("scans")
    said = {
        name: models.enrol(name, scan_video(folder / f"{name}.mp4", film()), folder / "gallery")
        for name, film in SCANS.items()
    }
    return load_gallery(folder / "gallery"), said


@pytest.fixture(scope="module")
def seen(models: Models, known: tuple[Gallery, dict[str, Enrolment]]) -> list[Seen]:
    """All faces of the 28 photos, and who they were taken for."""
    photos = people_photos()
    assert len(photos) == 28
    return models.identify(photos, known[0])


def main_face(faces: list[Seen], photo: Path) -> Seen:
    """The largest face of a photo; others are in the background."""
    theirs = [each for each in faces if each.source == str(photo)]
    return max(theirs, key=lambda each: float((each.box[2:] - each.box[:2]).prod()))


def owner(photo: Path) -> str:
    return photo.stem.removeprefix("person").partition("_")[0]


def test_everybody_is_named_in_every_photo_and_the_sixth_is_unknown(seen: list[Seen]) -> None:
    named = {photo.stem: main_face(seen, photo).identity.name for photo in people_photos()}
    assert named == {photo.stem: owner(photo) if owner(photo) in SCANS else None for photo in people_photos()}


def test_faces_in_the_background_of_a_photo_are_unknown(seen: list[Seen]) -> None:
    mine = {id(main_face(seen, photo)) for photo in people_photos()}
    assert {each.identity.name for each in seen if id(each) not in mine} <= {None}


def test_the_right_name_leads_clearly(seen: list[Seen], known: tuple[Gallery, dict[str, Enrolment]]) -> None:
    margins = {}
    for photo in people_photos():
        identity = main_face(seen, photo).identity
        if owner(photo) in SCANS:
            assert identity.margin is not None
            margins[photo.stem] = identity.margin
    assert len(margins) == 26
    assert min(margins.values()) > 0.2, margins


def test_strangers_are_unknown(models: Models, known: tuple[Gallery, dict[str, Enrolment]]) -> None:
    edge = sorted(faces_file("edge").iterdir())
    faces = models.identify(edge, known[0])
    assert len(faces) >= 8
    assert {each.identity.name for each in faces} == {None}


@pytest.mark.parametrize("left_out", SCANS)
def test_who_is_not_in_the_gallery_is_unknown(
    models: Models, known: tuple[Gallery, dict[str, Enrolment]], left_out: str
) -> None:
    gallery = known[0]
    others = replace(gallery, people=tuple(each for each in gallery.people if each.name != left_out))
    photos = [photo for photo in people_photos() if owner(photo) == left_out][:4]
    assert {each.identity.name for each in models.identify(photos, others)} == {None}


def test_the_scans_are_reported(known: tuple[Gallery, dict[str, Enrolment]]) -> None:
    said = known[1]
    for name in ("01", "02", "06"):
        low, high = said[name].yaw
        assert low < -20, said[name]
        assert high > 20, said[name]
    assert all(6 <= len(one.kept) <= 10 for one in said.values()), said
    assert all(one.quality > 0.5 for one in said.values()), said
    assert said["02"].seen < said["02"].looked, "a third of the time the back of the head is seen"
    assert all(one.picture.read_bytes()[:4] == b"\x89PNG" for one in said.values())


def test_nobody_else_is_kept_of_a_scan_in_which_somebody_passes(
    models: Models, known: tuple[Gallery, dict[str, Enrolment]]
) -> None:
    passer = main_face(models.identify([person("04_01")], known[0]), person("04_01"))
    assert passer.identity.similarity is not None
    assert passer.identity.similarity < 0.3
    vectors = known[0].person("06").vectors
    assert float((vectors @ vectors.T).min()) > 0.3


def test_two_people_who_take_turns_are_refused(models: Models, tmp_path: Path) -> None:
    path = scan_video(tmp_path / "a.mp4", alternating(person("05_07"), person("06_02"), seconds=3))
    with pytest.raises(InputError, match=r"two people take turns at being the largest face.*a\.mp4 \(\d\.\d to \d\.\d"):
        models.enrol("Anna", path, tmp_path / "gallery")
    assert not (tmp_path / "gallery").exists()


@pytest.mark.parametrize(
    ("pictures", "reason"),
    [
        (lambda: back_of_head(person("01_03"), seconds=0.8), "in 8 of 8 pictures no face was found"),
        (
            lambda: shaken(turning_head(person("01_03"), seconds=0.8)),
            r"in \d of 8 pictures the largest face is blurred",
        ),
        (lambda: darkened(turning_head(person("01_03"), seconds=0.8)), "in 8 of 8 pictures no face was found"),
        (
            lambda: zoomed(turning_head(person("01_03"), seconds=0.8)),
            r"in \d of 8 pictures the largest face is cut off by the border",
        ),
    ],
    ids=["back of the head", "shaken", "dark", "too near"],
)
def test_a_scan_of_no_use_is_refused_with_the_reason(
    models: Models, tmp_path: Path, pictures: Callable[[], list[Picture]], reason: str
) -> None:
    path = scan_video(tmp_path / "a.mp4", pictures())
    with pytest.raises(InputError, match=rf"nothing that could be used was found in .*a\.mp4: .*({reason})"):
        models.enrol("Anna", path, tmp_path / "gallery")
    assert not (tmp_path / "gallery").exists()
