"""A window that shows where people look, as it happens: here with a video for a camera and a list for a screen."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perceptkit import gaze, video
from perceptkit.arrays import Picture
from perceptkit.errors import DeviceError, InputError, MediaError
from perceptkit.face import load_detector
from perceptkit.gaze import at_camera, draw, load_gaze, read_gaze
from perceptkit.gaze.defaults import LOWEST_SCORE
from systems import linux
from tiny_networks import people, write_gaze, write_scrfd, write_video

MARKERS = [None, (28, 48), (14, 40), (82, 60), (14, 40), None]


@pytest.fixture
def models(tmp_path: Path) -> dict[str, Any]:
    return {
        "detector": write_scrfd(tmp_path / "detector.onnx"),
        "gaze": write_gaze(tmp_path / "gaze.onnx"),
        "device": "cpu",
    }


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_video(tmp_path / "talk.mp4", [people((64, 32, marker), (352, 32, None)) for marker in MARKERS])


def expected(source: Path, models: dict[str, Any], *, smooth: bool, angle: float) -> list[Picture]:
    """The frames as they should be shown."""
    detect = load_detector(models["detector"], device="cpu", min_score=LOWEST_SCORE)
    estimate = load_gaze(models["gaze"], device="cpu")
    with video.read(source) as frames:
        return [
            draw(one.frame.image, one.seen, camera=[at_camera(each, angle=angle) for each in one.seen.gazes])
            for one in read_gaze(list(frames), detect, estimate, smooth=smooth)
        ]


@pytest.mark.parametrize(("smooth", "angle"), [(True, 12.0), (False, 12.0), (False, 30.0)])
def test_every_frame_is_shown_with_its_faces_marked(
    models: dict[str, Any], source: Path, smooth: bool, angle: float
) -> None:
    shown: list[Picture] = []

    def show(picture: Picture) -> bool:
        shown.append(picture)
        return True

    assert gaze.watch(source, show=show, smooth=smooth, camera_angle=angle, **models) == len(MARKERS)
    for one, other in zip(shown, expected(source, models, smooth=smooth, angle=angle), strict=True):
        np.testing.assert_array_equal(one, other)


def test_no_more_is_shown_than_is_wanted(models: dict[str, Any], source: Path) -> None:
    shown: list[tuple[int, ...]] = []

    def show(picture: Picture) -> bool:
        shown.append(picture.shape)
        return len(shown) < 3

    assert gaze.watch(str(source), show=show, **models) == 3
    assert shown == [(160, 640, 3)] * 3
    assert not [one.name for one in threading.enumerate() if one.name.startswith("perceptkit")]


def test_a_screen_that_fails_ends_it(models: dict[str, Any], source: Path) -> None:
    def show(picture: Picture) -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gaze.watch(source, show=show, **models)
    source.unlink()  # on Windows only possible when it is not open any more


@linux
def test_without_a_screen_it_says_what_to_do_instead(
    models: dict[str, Any], source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(DeviceError, match="a window cannot be opened here; without --live the result is written to f"):
        gaze.watch(source, **models)


def test_what_cannot_be_watched_is_an_error(models: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "note.mp4").write_text("not a video")
    for source, error, message in (
        ("missing.mp4", InputError, "no such file or folder: missing.mp4"),
        (tmp_path / "note.mp4", MediaError, "not a video but a text file"),
    ):
        with pytest.raises(error, match=message):
            gaze.watch(source, show=lambda picture: True, **models)
    with pytest.raises(DeviceError, match="precision 'bf16' needs device 'openvino'"):
        gaze.watch(tmp_path / "note.mp4", precision="bf16", **models)
