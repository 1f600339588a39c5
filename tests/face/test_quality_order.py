"""Quality puts faces in the order that a person does: real photos as they are, and copies that get worse by steps.

The orders of the photos in media/faces/edge were written down by looking at them:
* rot_0 looks past the lens a little; lower_face down and aside; right_face and left_face are seen from the side.
* blur is shaken: two faces, one over the other, in a dark room. Of the others right_face is the softest. rise_face is a
  bright studio picture, before a white wall. Nothing is wrong with the light of rot_0.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import pairwise

import cv2
import numpy as np
import pytest

from perceptkit import face, images
from perceptkit.arrays import Floats, Picture
from perceptkit.face import Face, Quality
from perceptkit.face.align import align_faces
from perceptkit.face.quality import assess, head_yaw
from shared_data import faces_file, model_file

pytestmark = pytest.mark.weights

SWEPT = (
    "people/person01_02.jpg",
    "people/person02_05.jpg",
    "people/person05_05.jpg",
    "edge/rot_0.jpg",
    "edge/right_face.png",
    "edge/lower_face.jpeg",
)
UNIT = 200  # blur is given in pixels of a face of this size


@cache
def found(name: str) -> tuple[Picture, Face]:
    """A photo and its largest face."""
    image = images.read(faces_file(name))
    detect = face.load_detector(model_file("scrfd-500m.onnx"), device="cpu", threads=1)
    return image, max(detect([image])[0], key=lambda each: float(np.prod(each.box[2:] - each.box[:2])))


def judged(image: Picture, seen: Face) -> Quality:
    height, width = image.shape[:2]
    (quality,) = assess([seen], align_faces(image, seen.landmarks[None]), width=width, height=height)
    return quality


def edge(name: str) -> Quality:
    return judged(*found(f"edge/{name}"))


def swept(name: str, change: Callable[[Picture, float], Picture], *amounts: float) -> list[Quality]:
    """The quality of the face in copies of a photo. Landmarks stay: it is the picture that is judged."""
    image, seen = found(name)
    return [judged(np.asarray(change(image, amount), np.uint8), seen) for amount in amounts]


def never_rises(values: list[float], slack: float = 1e-6) -> bool:
    return all(one + slack >= other for one, other in pairwise(values))


def side(name: str) -> float:
    box = found(name)[1].box
    return float(min(box[2] - box[0], box[3] - box[1]))


def test_frontality_of_the_photos() -> None:
    turned = [edge(name).frontality for name in ("rot_0.jpg", "lower_face.jpeg", "right_face.png")]
    assert turned == sorted(turned, reverse=True)
    assert edge("rise_face.jpeg").frontality > edge("lower_face.jpeg").frontality
    assert edge("left_face.jpeg").frontality < edge("lower_face.jpeg").frontality - 0.1
    assert max(edge(name).frontality for name in ("left_face.jpeg", "right_face.png")) < 0.5


def test_turns_of_the_photos() -> None:
    turns = {
        name: float(head_yaw(found(f"edge/{name}")[1].landmarks[None])[0])
        for name in ("left_face.jpeg", "right_face.png", "rise_face.jpeg", "rot_0.jpg")
    }
    assert turns["left_face.jpeg"] > 45, "to image-left"
    assert turns["right_face.png"] < -45
    assert abs(turns["rise_face.jpeg"]) < 15, "up, not aside"
    assert -45 < turns["rot_0.jpg"] < -5, "a little to image-right"


def test_sharpness_of_the_photos() -> None:
    blurred, soft = edge("blur.jpg").sharpness, edge("right_face.png").sharpness
    others = [edge(name).sharpness for name in ("left_face.jpeg", "lower_face.jpeg", "rise_face.jpeg", "rot_0.jpg")]
    assert blurred < soft - 0.2
    assert soft < min(others) - 0.1
    assert blurred < 0.5


def test_light_of_the_photos() -> None:
    assert min(edge(name).exposure for name in ("rot_0.jpg", "rise_face.jpeg", "left_face.jpeg")) > 0.95


def test_the_shaken_photo_is_the_worst_of_those_that_are_not_seen_from_the_side() -> None:
    others = (edge(name).score for name in ("rot_0.jpg", "rise_face.jpeg", "lower_face.jpeg"))
    assert edge("blur.jpg").score < min(others) - 0.1


@pytest.mark.parametrize("name", SWEPT)
def test_a_larger_blur_is_never_sharper(name: str) -> None:
    def blur(image: Picture, radius: float) -> Picture:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), radius * side(name) / UNIT) if radius else image, np.uint8)

    qualities = swept(name, blur, 0, 1, 2, 4, 8, 16)
    values = [each.sharpness for each in qualities]
    assert never_rises(values)
    assert never_rises([each.score for each in qualities], slack=0.01)  # white spots grow dimmer, which is better light
    assert values[0] > values[3] + 0.2
    assert values[5] == 0


@pytest.mark.parametrize("name", SWEPT)
def test_a_longer_shake_is_never_sharper(name: str) -> None:
    for along in (0, 1):

        def shake(image: Picture, length: float, along: int = along) -> Picture:
            size = [1, 1]
            size[along] = max(1, round(length * side(name) / UNIT))
            return np.asarray(cv2.blur(image, size), np.uint8)

        values = [each.sharpness for each in swept(name, shake, 1, 4, 8, 16, 32)]
        assert never_rises(values)
        assert values[0] > values[-1] + 0.1


def bent(image: Picture, gamma: float) -> Picture:
    return np.asarray(255 * (image / 255) ** gamma, np.uint8)


def lit(image: Picture, gain: float) -> Picture:
    return np.asarray(np.clip(image * float(gain), 0, 255), np.uint8)


@pytest.mark.parametrize("name", SWEPT)
@pytest.mark.parametrize(
    ("change", "amounts"),
    [(bent, (30, 8, 5, 3, 2, 1, 0.5, 0.3, 0.2, 0.1, 0.01)), (lit, (0, 0.05, 0.1, 0.2, 0.4, 0.7, 1, 1.5, 2, 4, 8, 200))],
)
def test_exposure_has_one_maximum_between_black_and_white(
    name: str, change: Callable[[Picture, float], Picture], amounts: tuple[float, ...]
) -> None:
    qualities = swept(name, change, *amounts)
    values = [each.exposure for each in qualities]
    best = int(np.argmax(values))
    assert 0 < best < len(values) - 1
    assert never_rises(values[best:], slack=1e-3)
    assert never_rises(values[best::-1], slack=1e-3)
    assert values[best] > 0.95
    assert max(values[0], values[-1]) < 0.1
    assert max(qualities[0].score, qualities[-1].score) < max(each.score for each in qualities) - 0.05


@pytest.mark.parametrize("name", SWEPT)
def test_a_dark_face_is_not_called_blurred(name: str) -> None:
    usual, dark = swept(name, lit, 1, 0.3)
    image, seen = found(name)
    blurred = judged(np.asarray(cv2.GaussianBlur(image, (0, 0), 8 * side(name) / UNIT), np.uint8), seen)
    assert dark.exposure < usual.exposure
    assert blurred.exposure > 0.9
    assert dark.score > blurred.score


@pytest.mark.parametrize("name", SWEPT)
def test_a_smaller_copy_is_never_better(name: str) -> None:
    image, seen = found(name)
    qualities = []
    for shrink in (1, 2, 4, 8):
        small = cv2.resize(image, None, fx=1 / shrink, fy=1 / shrink, interpolation=cv2.INTER_AREA)
        landmarks = np.asarray((seen.landmarks + 0.5) / shrink - 0.5, np.float32)
        qualities.append(
            judged(np.asarray(small, np.uint8), Face(np.asarray(seen.box / shrink, np.float32), seen.score, landmarks))
        )
    for part in ("size", "sharpness", "score"):
        values: list[float] = [getattr(each, part) for each in qualities]
        assert never_rises(values), part
        assert values[0] > values[-1] + 0.2, part


@pytest.mark.parametrize("name", SWEPT)
def test_strong_compression_is_hardly_sharp(name: str) -> None:
    def pressed(image: Picture, quality: float) -> Picture:
        _, data = cv2.imencode(".jpg", image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
        decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
        return np.ascontiguousarray(decoded[:, :, ::-1])

    values = [each.sharpness for each in swept(name, pressed, 95, 60, 30, 10, 5)]
    assert max(values) < values[0] + 0.06


@pytest.mark.parametrize("name", SWEPT)
def test_noise_makes_no_blurred_face_sharp(name: str) -> None:
    random = np.random.default_rng(0)
    image, _ = found(name)
    grain = random.normal(0, 1, (*image.shape[:2], 1))

    def noisy(picture: Picture, deviation: float) -> Picture:
        blurred = cv2.GaussianBlur(picture, (0, 0), 16 * side(name) / UNIT)
        return np.asarray(np.clip(blurred + deviation * grain, 0, 255), np.uint8)

    values = [each.sharpness for each in swept(name, noisy, 0, 5, 10)]
    assert max(values) < 0.1


def _turned(landmarks: Floats, factor: float) -> Floats:
    """Landmarks whose nose lies `factor` times as far from the middle, as when the head turns."""
    points = landmarks.copy()
    middle = (points[:2].mean(axis=0) + points[3:].mean(axis=0)) / 2
    along = (points[1] - points[0]) / np.linalg.norm(points[1] - points[0])
    points[2] += along * float((points[2] - middle) @ along) * (factor - 1)
    return points


@pytest.mark.parametrize("name", [*SWEPT, "edge/left_face.jpeg", "edge/rise_face.jpeg"])
def test_a_larger_turn_is_never_more_frontal(name: str) -> None:
    image, seen = found(name)
    values = [
        judged(image, Face(seen.box, seen.score, _turned(seen.landmarks, factor))).frontality
        for factor in (0, 0.5, 1, 2, 4, 8)
    ]
    assert never_rises(values)
    assert values[0] > values[-1]
