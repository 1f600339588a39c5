"""A window that shows who is there, as it happens: here with a video for a camera and a list for a screen."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from painted_films import film, gallery_of
from perceptkit import face, video
from perceptkit.arrays import Picture
from perceptkit.colours import track_colour
from perceptkit.errors import DeviceError, InputError, MediaError
from perceptkit.face import Gallery, load_detector, load_embedder
from perceptkit.face.tracking.showing import TARGET_COLOUR, Shown, draw_names
from systems import linux
from tiny_networks import face_box, write_embedder, write_scrfd

NAMES = {"Zoë Þórsdóttir": 1, "Bert": 2}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("networks")
    detector = load_detector(write_scrfd(folder / "detector.onnx"), device="cpu")
    embedder = load_embedder(write_embedder(folder / "embedder.onnx"), device="cpu")
    gallery = gallery_of(detector, embedder, NAMES)
    return {"detector": detector, "embedder": embedder, "gallery": gallery, "threshold": 0.4}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """One whom the gallery knows, and one whom it does not, who comes a little later."""
    return film(tmp_path / "talk.mp4", [[(64, 32, 1)]] * 2 + [[(64, 32, 1), (352, 32, 3)]] * 4)


def shown_by(source: Path, models: dict[str, Any], **options: Any) -> list[Picture]:
    shown: list[Picture] = []

    def show(picture: Picture) -> bool:
        shown.append(picture)
        return True

    assert face.watch(source, show=show, **models, **options) == len(shown)
    return shown


@pytest.mark.parametrize("target", [None, "Zoë Þórsdóttir", "Bert"])
def test_every_frame_is_shown_with_the_names_in_it(models: dict[str, Any], source: Path, target: str | None) -> None:
    shown = shown_by(source, models, target=target)
    with video.read(source) as frames:
        originals = [frame.image for frame in frames]
    for number, (picture, original) in enumerate(zip(shown, originals, strict=True)):
        box = np.array(face_box(64, 32), np.float32)
        faces = [Shown(box, 1, "Zoë Þórsdóttir", 0, target == "Zoë Þórsdóttir")]
        if number >= 2:
            faces.append(Shown(np.array(face_box(352, 32), np.float32), 2))
        np.testing.assert_array_equal(picture, draw_names(original, faces))
    colour = TARGET_COLOUR if target == "Zoë Þórsdóttir" else track_colour(0)
    assert (shown[-1] == colour).all(axis=2).any()


def test_two_at_once_are_not_the_same_person(models: dict[str, Any], tmp_path: Path) -> None:
    """The one who is more alike gets the name: the other has been painted over a little."""
    source = film(tmp_path / "twins.mp4", [[(64, 32, 2), (352, 32, 2)]] * 3)
    with video.read(source) as frames:
        originals = [frame.image for frame in frames]
    for picture, original in zip(shown_by(source, models), originals, strict=True):
        named = []
        for first, second in (("Bert", None), (None, "Bert")):
            faces = [
                Shown(np.array(face_box(x, 32), np.float32), number, name, None if name is None else 1)
                for number, (x, name) in enumerate(((64, first), (352, second)), 1)
            ]
            named.append(bool((picture == draw_names(original, faces)).all()))
        assert sum(named) == 1


@pytest.mark.parametrize("target", [None, "Bert"])
def test_the_crop_is_a_part_of_it(models: dict[str, Any], source: Path, target: str | None) -> None:
    shown = shown_by(source, models, target=target, crop=True)
    assert [picture.shape for picture in shown] == [(160, 284, 3)] * 6


def test_no_more_is_shown_than_is_wanted(models: dict[str, Any], source: Path) -> None:
    shown: list[tuple[int, ...]] = []

    def show(picture: Picture) -> bool:
        shown.append(picture.shape)
        return len(shown) < 3

    assert face.watch(str(source), show=show, **models) == 3
    assert shown == [(160, 640, 3)] * 3
    assert not [one.name for one in threading.enumerate() if one.name.startswith("perceptkit")]


def test_an_embedder_that_gives_no_numbers_names_nobody(models: dict[str, Any], source: Path, tmp_path: Path) -> None:
    broken = load_embedder(write_embedder(tmp_path / "nan.onnx", nan=True), device="cpu")
    known = models["gallery"]
    gallery = Gallery(broken.name, broken.sha256, known.people)
    shown = shown_by(source, {**models, "embedder": broken, "gallery": gallery})
    assert not any(
        (picture == track_colour(0)).all(axis=2).any() and number > 9 for number, picture in enumerate(shown)
    )
    with video.read(source) as frames:
        first = next(iter(frames)).image
    np.testing.assert_array_equal(shown[0], draw_names(first, [Shown(np.array(face_box(64, 32), np.float32), 1)]))


def test_a_screen_that_fails_ends_it(models: dict[str, Any], source: Path) -> None:
    def show(picture: Picture) -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        face.watch(source, show=show, **models)
    source.unlink()  # on Windows only possible when it is not open any more


@linux
def test_without_a_screen_it_says_what_to_do_instead(
    models: dict[str, Any], source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(DeviceError, match="a window cannot be opened here; without --live the result is written to f"):
        face.watch(source, **models)


def test_what_cannot_be_watched_is_an_error(models: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "note.mp4").write_text("not a video")
    for source, error, message in (
        ("missing.mp4", InputError, "no such file or folder: missing.mp4"),
        (tmp_path / "note.mp4", MediaError, "not a video but a text file"),
    ):
        with pytest.raises(error, match=message):
            face.watch(source, show=lambda picture: True, **models)
    with pytest.raises(InputError, match="nobody in the gallery is called 'Anna'; it knows: Zoë Þórsdóttir, Bert"):
        face.watch(tmp_path / "note.mp4", target="Anna", show=lambda picture: True, **models)
    other = Gallery("other", "0" * 64, models["gallery"].people)
    with pytest.raises(InputError, match=r"the gallery was made with other \(sha256 000000000000\), not with embedder"):
        face.watch(tmp_path / "note.mp4", show=lambda picture: True, **{**models, "gallery": other})


def test_who_takes_the_place_of_somebody_gets_the_own_name(models: dict[str, Any], tmp_path: Path) -> None:
    """What was seen of a place long ago does not count for ever, however good it was."""
    taken = film(tmp_path / "taken.mp4", [[(64, 32, 1)]] * 30 + [[(64, 32, 2)]] * 60)
    last = shown_by(taken, models)[-1]
    with video.read(taken) as frames:
        *_, original = (frame.image for frame in frames)
    bert = Shown(np.array(face_box(64, 32), np.float32), 1, "Bert", 1)
    np.testing.assert_array_equal(last, draw_names(original, [bert]))
