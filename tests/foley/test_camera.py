"""Cuts, and how the camera moves."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from perceptkit.arrays import Picture
from perceptkit.foley.camera import CameraMotion, Shots

NOBODY = np.empty((0, 4), np.float32)


def scene(seed: int = 0, width: int = 1600, height: int = 900) -> Picture:
    """A background with corners to hold on to."""
    random = np.random.default_rng(seed)
    picture = np.full((height, width, 3), random.integers(40, 216, 3), np.uint8)
    for _ in range(150):
        x, y = int(random.integers(0, width)), int(random.integers(0, height))
        colour = [int(value) for value in random.integers(0, 256, 3)]
        cv2.rectangle(
            picture, (x, y), (x + int(random.integers(20, 120)), y + int(random.integers(20, 120))), colour, -1
        )
    return picture


def shown(picture: Picture, x: float, y: float = 100.0, turn: float = 0.0) -> Picture:
    """What a camera of 1280 x 720 at a place sees."""
    matrix = cv2.getRotationMatrix2D((640, 360), turn, 1)
    matrix[:, 2] -= np.array([x, y])
    return np.asarray(cv2.warpAffine(picture, matrix, (1280, 720)), np.uint8)


def test_a_pan_is_measured_in_pixels_of_the_frame() -> None:
    picture, camera = scene(), CameraMotion()
    assert not camera(shown(picture, 100), NOBODY).known, "there is nothing before the first frame"
    motion = camera(shown(picture, 112, 104), NOBODY)
    assert motion.known
    assert not motion.cut
    point = np.array([700, 400, 1], np.float32)
    assert motion.matrix @ point == pytest.approx([688, 396], abs=1.0)


def test_a_turn_is_measured() -> None:
    picture, camera = scene(), CameraMotion()
    camera(shown(picture, 100), NOBODY)
    motion = camera(shown(picture, 100, turn=1.0), NOBODY)
    angle = np.degrees(np.arctan2(motion.matrix[0, 1], motion.matrix[0, 0]))
    assert angle == pytest.approx(1.0, abs=0.1)


def test_people_do_not_move_the_background() -> None:
    background, person = shown(scene(), 100), scene(1)
    camera = CameraMotion()
    for number in range(3):
        frame = background.copy()
        x = 200 + 30 * number
        frame[:, x : x + 600] = person[:720, :600]
        motion = camera(frame, np.array([[x, 0, x + 600, 720]], np.float32))
    assert motion.known
    np.testing.assert_allclose(motion.matrix, np.eye(2, 3), atol=0.5)


def test_nothing_to_hold_on_to_is_said() -> None:
    camera = CameraMotion()
    black = np.zeros((720, 1280, 3), np.uint8)
    camera(black, NOBODY)
    motion = camera(black, NOBODY)
    assert not motion.known
    np.testing.assert_array_equal(motion.matrix, np.eye(2, 3, dtype=np.float32))


def test_a_cut_is_another_picture_and_a_pan_is_none() -> None:
    shots = Shots()
    one, other = scene(0), scene(5)
    frames = [shown(one, x) for x in range(0, 250, 12)]
    assert not any(shots(frame) for frame in frames)
    assert shots(shown(other, 0))
    assert not shots(shown(other, 4))


def test_a_light_that_goes_on_is_no_cut() -> None:
    shots = Shots()
    frame = shown(scene(), 0)
    shots((frame * 0.6).astype(np.uint8))
    assert not shots((frame * 0.75).astype(np.uint8))
