"""Quality falls with everything that makes a face harder to recognise, by the documented formula."""

from __future__ import annotations

import re
from dataclasses import asdict
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import pytest

from perceptkit import face, images
from perceptkit.arrays import Floats, Picture
from perceptkit.face import Face, Quality, quality
from perceptkit.face.align import CROP_SIDE, TEMPLATE, align_faces, template
from perceptkit.face.quality import assess, exposure, frontality, head_yaw, sharpness
from shared_data import model_file, people_photos

_Points = np.ndarray[Any, np.dtype[np.float64]]

BLURS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)  # standard deviations in pixels
SIDES = (200, 112, 80, 56, 40, 28, 20)

# A head in eye distances, seen from the front: x to the image-right, y down, z towards the camera. Eyes, nose tip
# half an eye distance in front of them, mouth corners.
HEAD = np.array([[-0.5, 0, 0], [0.5, 0, 0], [0, 0.572, 0.5], [-0.414, 1.156, 0], [0.414, 1.156, 0]])


def seen(head: _Points = HEAD, *, yaw: float = 0, pitch: float = 0, roll: float = 0, size: float = 60) -> Floats:
    """The landmarks (1, 5, 2) of the head turned by angles in degrees, far from the camera."""
    y, p, r = np.radians([yaw, pitch, roll])
    turn = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    nod = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    lean = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return np.asarray((head @ (lean @ nod @ turn).T)[None, :, :2] * size + 300, np.float32)


def textured(side: int = CROP_SIDE) -> Picture:
    """Something with detail of all sizes and with the contours of eyes and a mouth, of middle brightness."""
    random = np.random.default_rng(3)
    layers = [cv2.resize(random.uniform(-1, 1, (cells, cells)), (side, side)) for cells in (4, 9, 20, 45, side)]
    grey = 128 + 25 * np.sum(layers, axis=0)
    for x, y in ((0.34, 0.46), (0.66, 0.46), (0.42, 0.82), (0.5, 0.82), (0.58, 0.82), (0.5, 0.62)):
        cv2.circle(grey, (round(x * side), round(y * side)), side // 14, 20, -1)
    return np.repeat(np.clip(grey, 20, 235).astype(np.uint8)[:, :, None], 3, axis=2)


def blurred(image: Picture, radius: float) -> Picture:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), radius) if radius else image, np.uint8)


def lit(image: Picture, factor: float) -> Picture:
    """Darker below 1; above 1 brighter, as a too long exposure is."""
    return np.asarray(np.clip(image * float(factor), 0, 255), np.uint8)


def face_of(landmarks: Floats, side: float) -> Face:
    x, y = landmarks.mean(axis=0) - side / 2
    return Face(np.array([x, y, x + side, y + side], np.float32), 0.9, landmarks)


def judged(image: Picture, landmarks: Floats, side: float) -> Quality:
    (found,) = assess(
        [face_of(landmarks, side)],
        align_faces(image, landmarks[None]),
        width=image.shape[1],
        height=image.shape[0],
    )
    return found


def shrunk(image: Picture, landmarks: Floats, factor: float) -> tuple[Picture, Floats]:
    small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8), np.asarray((landmarks + 0.5) * factor - 0.5, np.float32)


def falls(values: list[float], *, slack: float = 0.0) -> bool:
    """Never rises by more than `slack`, and falls from begin to end."""
    return all(one + slack >= other for one, other in pairwise(values)) and values[0] > values[-1]


def test_sharpness_falls_with_blur_from_near_one_to_zero() -> None:
    values = [sharpness(blurred(textured(), radius)) for radius in BLURS]
    assert falls(values)
    assert values[0] > 0.95
    assert values[-1] == 0


def test_a_face_that_is_shaken_is_not_sharp_whatever_the_direction() -> None:
    for angle in (0, 30, 45, 90, 160):
        turn = cv2.getRotationMatrix2D((10, 10), angle, 1)
        streak = cv2.warpAffine(
            np.float32(np.arange(21)[:, None] == 10) * np.ones((21, 21), np.float32), turn, (21, 21)
        )
        shaken = cv2.filter2D(textured(), -1, streak / streak.sum())
        assert sharpness(np.asarray(shaken, np.uint8)) < 0.1


@pytest.mark.parametrize(("amplitude", "period"), [(15, 6), (12, 12), (30, 12), (50, 16)])
def test_sharpness_is_the_logarithm_of_the_variance_of_the_laplacian(amplitude: float, period: float) -> None:
    # Of two crossing waves, which the Gaussian lets through in part; a derivative multiplies by 2 cos(w) - 2. It is
    # least halfway between the two, where each counts for a half: half the variance of one, of which 8/3 are taken.
    turn = 2 * np.pi / period
    wave = amplitude * np.cos(turn * np.arange(CROP_SIDE))
    grid = np.rint(128 + wave[:, None, None] + wave[None, :, None]).repeat(3, axis=2).astype(np.uint8)
    of_one = (amplitude * np.exp(-((1.5 * turn) ** 2) / 2) * (2 - 2 * np.cos(turn))) ** 2 / 2
    expected = np.log(8 / 3 * of_one / 2) / np.log(30)
    assert 0.1 < expected < 1
    assert sharpness(grid) == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("rows", [0, 42, 43, 44, 48])
def test_next_to_nothing_of_a_face_is_not_sharp(rows: int) -> None:
    """The face begins with one pixel of row 36, and what is within 6 pixels of the border is not looked at."""
    inside = np.arange(CROP_SIDE)[:, None].repeat(CROP_SIDE, axis=1) < rows
    assert sharpness(textured(), inside=inside) == 0
    assert sharpness(textured(), inside=np.roll(inside, 50, axis=0) | ~inside) > 0.9


def test_an_even_grey_is_not_sharp_whatever_lies_around_the_face() -> None:
    crop = np.full((CROP_SIDE, CROP_SIDE, 3), 90, np.uint8)
    assert sharpness(crop) == 0
    crop[:28], crop[:, :20], crop[:, -20:] = 255, 0, 0
    assert sharpness(crop) == 0


def test_noise_is_hardly_sharp() -> None:
    noise = np.random.default_rng(1).normal(128, 10, (CROP_SIDE, CROP_SIDE, 1))
    assert sharpness(np.repeat(noise.astype(np.uint8), 3, axis=2)) < 0.15


def test_the_edge_of_the_image_is_not_sharp() -> None:
    image = np.full((300, 300, 3), 200, np.uint8)
    for shift in ((-56, 100), (100, -56), (244, 100), (-56, -56)):
        half = judged(image, TEMPLATE + np.array(shift, np.float32), 112)
        assert half.sharpness == 0
    assert judged(textured(300), TEMPLATE + np.array((400, 0), np.float32), 112).sharpness == 0, "nothing is inside"


def test_exposure_falls_towards_dark_and_towards_bright() -> None:
    darker = [exposure(lit(textured(), factor)) for factor in (1.0, 0.4, 0.2, 0.1, 0.05, 0.0)]
    brighter = [exposure(lit(textured(), factor)) for factor in (1.0, 1.6, 2.0, 3.0, 6.0, 30.0)]
    assert falls(darker)
    assert falls(brighter)
    assert darker[0] == 1
    assert darker[-1] == brighter[-1] == 0


@pytest.mark.parametrize(("grey", "expected"), [(60, 1), (128, 1), (195, 1), (30, 0.5), (225, 0.5), (7, 0), (248, 0)])
def test_exposure_of_an_even_grey(grey: int, expected: float) -> None:
    assert exposure(np.full((CROP_SIDE, CROP_SIDE, 3), grey, np.uint8)) == pytest.approx(expected)


def test_exposure_counts_the_pixels_of_the_face_that_are_lost() -> None:
    half = np.full((CROP_SIDE, CROP_SIDE, 3), 120, np.uint8)
    half[:, :42], half[:, 70:] = 0, 255  # the middle half of an ellipse is 0.609 of it
    assert exposure(half) == pytest.approx(0.609, abs=0.01)
    around = np.full((CROP_SIDE, CROP_SIDE, 3), 255, np.uint8)
    around[30:, 26:87] = 120
    assert exposure(around) == 1, "a white wall behind a face is none of its light"


def test_frontality_of_the_template_is_one() -> None:
    np.testing.assert_allclose(frontality(np.stack([TEMPLATE, template(640, margin=0.3)])), 1, atol=1e-3)
    np.testing.assert_allclose(frontality(seen()), 1, atol=0.01)


def test_frontality_falls_linearly_with_the_turn_to_zero_at_ninety_degrees() -> None:
    for yaw in range(-75, 76, 5):
        (value,) = frontality(seen(yaw=yaw))
        assert value == pytest.approx(1 - abs(yaw) / 90, abs=0.03), yaw


def test_frontality_is_the_same_to_the_left_and_to_the_right() -> None:
    for pitch in (-20, 0, 20):
        for yaw in (10, 35, 55, 75):
            left, right = (frontality(seen(yaw=sign * yaw, pitch=pitch))[0] for sign in (-1, 1))
            assert left == pytest.approx(right, abs=1e-4)


@pytest.mark.parametrize("sign", [-1, 1])
def test_frontality_falls_with_the_nod(sign: int) -> None:
    values = [float(frontality(seen(pitch=sign * pitch))[0]) for pitch in range(0, 76, 5)]
    assert falls(values)
    assert values[3] < 0.8, "15 degrees are seen"
    assert values[-1] == 0


def test_frontality_does_not_depend_on_roll_or_size() -> None:
    for yaw, pitch in ((0, 0), (25, 10), (-40, -5)):
        upright = frontality(seen(yaw=yaw, pitch=pitch))[0]
        for roll in range(-180, 181, 30):
            for size in (8, 900):
                assert frontality(seen(yaw=yaw, pitch=pitch, roll=roll, size=size))[0] == pytest.approx(
                    upright, abs=1e-4
                )


def test_frontality_of_landmarks_in_one_point_is_a_number() -> None:
    assert np.isfinite(frontality(np.full((1, 5, 2), 40, np.float32))).all()


@pytest.mark.parametrize("yaw", [-60, -45, -30, -10, 0, 10, 30, 45, 60])
@pytest.mark.parametrize("roll", [-40, 0, 90])
def test_head_yaw_is_the_turn_above_zero_to_image_left(yaw: int, roll: int) -> None:
    assert head_yaw(seen(yaw=yaw, roll=roll))[0] == pytest.approx(-yaw, abs=0.2)


@pytest.mark.parametrize("pitch", [-20, 20])
def test_head_yaw_with_a_nod_is_up_to_six_degrees_less(pitch: int) -> None:
    for yaw in range(-45, 46, 5):
        (turn,) = head_yaw(seen(yaw=yaw, pitch=pitch))
        assert np.sign(round(float(turn))) == -np.sign(yaw)
        assert -6 <= abs(turn) - abs(yaw) <= 0.5


@pytest.mark.parametrize(("nose", "of_thirty", "of_forty_five"), [(0.4, 23.6, 34.4), (0.5, 30, 45), (0.6, 36.9, 58.1)])
def test_head_yaw_depends_on_the_nose_as_documented(nose: float, of_thirty: float, of_forty_five: float) -> None:
    head = HEAD.copy()
    head[2, 2] = nose
    turns = [-head_yaw(seen(head, yaw=yaw))[0] for yaw in (30, 45)]
    assert turns == pytest.approx([of_thirty, of_forty_five], abs=0.3)


def test_head_yaw_is_ninety_at_most_and_a_number_for_landmarks_in_one_point() -> None:
    beside = TEMPLATE.copy()
    beside[2, 0] = -500
    assert head_yaw(beside[None])[0] == 90
    assert head_yaw(np.full((1, 5, 2), 40, np.float32))[0] == 0
    assert head_yaw(np.empty((0, 5, 2), np.float32)).shape == (0,)


def test_unposed_is_the_mean_without_the_turn() -> None:
    worth = quality.unposed(Quality(0.1, sharpness=0.4, frontality=0.0, size=0.9, exposure=1.0, inside=0.5))
    assert worth == pytest.approx((0.4**0.5 * 0.9**0.1 * 0.5**0.1) ** (1 / 0.8))


def test_size_is_a_tenth_at_twenty_pixels_and_one_from_112() -> None:
    image = textured(400)
    parts = [judged(image, template(112) + 100, side).size for side in (20, 40, 112, 300)]
    assert parts == pytest.approx([0.1, 0.1 + 0.9 * np.log(2) / np.log(5.6), 1, 1])


@pytest.mark.parametrize("across", [(-56, 100), (100, -56), (244, 100), (100, 244)])
def test_a_face_half_out_of_the_image_is_half_inside(across: tuple[int, int]) -> None:
    half = judged(textured(300), TEMPLATE + np.array(across, np.float32), 112)
    assert half.inside == pytest.approx(0.5)


def test_inside_is_a_quarter_in_a_corner_nothing_beyond_and_one_within() -> None:
    image = textured(300)
    corner, beyond, within = (
        judged(image, TEMPLATE + np.array(shift, np.float32), 112).inside for shift in ((-56, -56), (400, 0), (94, 94))
    )
    assert (corner, beyond, within) == pytest.approx((0.25, 0, 1))


def test_the_score_is_the_documented_product() -> None:
    formula = next(line for line in str(quality.__doc__).splitlines() if line.strip().startswith("score = "))
    weights = {name: float(weight) for name, weight in re.findall(r"(\w+)\^([\d.]+)", formula)}
    assert sum(weights.values()) == pytest.approx(1)
    for yaw, pitch in ((0, 0), (20, -5), (-35, 10)):
        landmarks = seen(yaw=yaw, pitch=pitch, size=25)[0] - np.array([290, 200], np.float32)
        parts = asdict(judged(lit(textured(400), 0.3), landmarks, 60))
        score = parts.pop("score")
        assert parts.keys() == weights.keys()
        assert 0.1 < score < 0.9
        assert score == pytest.approx(np.prod([max(parts[name], 0.05) ** weight for name, weight in weights.items()]))


def test_the_score_falls_with_blur_light_and_size() -> None:
    image, landmarks = textured(500), template(200) + 150
    image[150:350, 150:350] = textured(200)
    assert falls([judged(blurred(image, radius), landmarks, 200).score for radius in BLURS])
    assert falls([judged(lit(image, factor), landmarks, 200).score for factor in (1, 0.3, 0.1, 0.02)])
    assert falls([judged(lit(image, factor), landmarks, 200).score for factor in (1, 2, 4, 30)])
    smaller = [judged(*shrunk(image, landmarks, side / 200), side).score for side in SIDES]
    assert falls(smaller)


def test_no_faces_have_no_qualities() -> None:
    assert assess([], np.empty((0, CROP_SIDE, CROP_SIDE, 3), np.uint8), width=10, height=10) == []


@pytest.mark.weights
def test_real_faces_lose_quality_with_blur_light_and_size() -> None:
    detect = face.load_detector(model_file("scrfd-500m.onnx"), device="cpu")
    photos = people_photos()[::4]
    for photo in photos:
        image = images.read(photo)
        largest = max(detect([image])[0], key=lambda found: float(np.prod(found.box[2:] - found.box[:2])))
        side = float((largest.box[2:] - largest.box[:2]).min())
        (crop,) = align_faces(image, largest.landmarks[None])
        assert falls([sharpness(blurred(crop, radius)) for radius in BLURS]), photo.name
        assert falls([exposure(lit(crop, factor)) for factor in (0.6, 0.3, 0.15, 0.08, 0.03)]), photo.name
        assert falls([exposure(lit(crop, factor)) for factor in (1.3, 2, 3, 6, 20)]), photo.name
        smaller = [
            judged(*shrunk(image, largest.landmarks, wanted / side), wanted) for wanted in SIDES if wanted <= side
        ]
        assert falls([each.score for each in smaller], slack=0.01), photo.name
        assert all(0 <= part <= 1 for each in smaller for part in asdict(each).values())
