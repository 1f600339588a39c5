"""A detection on disk: as it was, with the names that were wanted, and nothing that could be executed."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from perceptkit import foley
from perceptkit.errors import InputError
from perceptkit.foley import Detection, Footstep, Pose
from perceptkit.foley.gait import statistics
from perceptkit.video import info
from tiny_networks import write_video
from walker import Walk

WALK = Walk(length=2, start=0, stop=2)
STEPS = (Footstep(0.5, "left", "heel_strike", 0.9, person=2), Footstep(1.25, "left", "toe_off", 0.8, person=2))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Detection:
    video = write_video(tmp_path_factory.mktemp("keeping") / "walk.mp4", [np.zeros((64, 64, 3), np.uint8)] * 50)
    times = np.arange(50) / 25
    bodies = WALK.landmarks(times)
    poses = tuple(
        Pose(float(time), body, np.full(33, 0.5, np.float32), person=2)
        for time, body in zip(times, bodies, strict=True)
    )
    numbers = statistics(STEPS, {2: (0.0, 1.96)})
    return Detection(video, info(video), times, STEPS, poses, numbers, ("it was dark",))


def test_what_is_read_is_what_was_kept(found: Detection, tmp_path: Path) -> None:
    read = foley.read_detection(found.source, foley.keep_detection(found, tmp_path / "kept"))
    assert (read.steps, read.statistics, read.warnings) == (found.steps, found.statistics, found.warnings)
    assert (read.source, read.info) == (found.source, found.info)
    assert read.info.rate == Fraction(25)
    np.testing.assert_array_equal(read.times, found.times)
    for one, other in zip(read.poses, found.poses, strict=True):
        assert (one.time, one.person) == (other.time, other.person)
        np.testing.assert_array_equal(one.keypoints, other.keypoints)
        np.testing.assert_array_equal(one.scores, other.scores)


def test_nobody_is_kept_too(found: Detection, tmp_path: Path) -> None:
    nobody = replace(found, steps=(), poses=(), statistics=statistics((), {}))
    read = foley.read_detection(found.source, foley.keep_detection(nobody, tmp_path))
    assert (read.steps, read.poses) == ((), ())


def test_files_tell_of_the_video_as_they_are_told(found: Detection, tmp_path: Path) -> None:
    foley.keep_detection(found, tmp_path, clip=replace(found.clip, name="Holiday.mp4", path=None))
    texts = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert b'"source": "Holiday.mp4"' in texts["events.json"]
    assert b"Holiday.mp4" in texts["events.edl"]
    told = (str(found.source.parent).encode(), b"walk.mp4")
    assert not [name for name, text in texts.items() if any(each in text for each in told)]


@pytest.mark.parametrize("wrong", ["no poses", "pickled", "cut short", "empty"])
def test_what_is_no_detection_is_refused(found: Detection, tmp_path: Path, wrong: str) -> None:
    poses = foley.keep_detection(found, tmp_path) / "poses.npz"
    if wrong == "no poses":
        poses.unlink()
    elif wrong == "pickled":
        np.savez(poses, times=np.array([{}], object))
    else:
        poses.write_bytes(poses.read_bytes()[: 1000 if wrong == "cut short" else 0])
    with pytest.raises(InputError, match="no detection can be read there; detect again"):
        foley.read_detection(found.source, tmp_path)
