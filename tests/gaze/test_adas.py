"""The Open Model Zoo cascade looks where people look, mirrored faces the other way, leaning heads along their lean."""

from __future__ import annotations

import math
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from perceptkit import images
from perceptkit.arrays import Floats, Picture
from perceptkit.errors import DeviceError, InputError, ModelError
from perceptkit.gaze._adas import Adas, _agree, _Look, _rolled, _run, _square, _tensor
from perceptkit.gaze.directions import direction
from perceptkit.gaze.types import Gaze
from perceptkit.models import Session
from shared_data import faces_file, model_file

NOWHERE = (Path("a.xml"), Path("b.xml"), Path("c.xml"), Path("d.xml"))
NAMES = (
    "landmarks-regression-retail-0009",
    "head-pose-estimation-adas-0001",
    "open-closed-eye-0001",
    "gaze-estimation-adas-0002",
)


def look(
    yaw: float = 0, pitch: float = 0, *, apart: float = 60, shift: float = 0, opened: tuple[float, float] = (1, 1)
) -> _Look:
    """A look at a face with its eyes on one line; the image-left one is moved by `shift`."""
    eyes = np.array([[20 + shift, 50], [20 + apart, 50]], np.float32)
    return _Look(direction(yaw, pitch), eyes, np.array(opened, np.float32))


def painted(lean: float) -> Picture:
    """A red line through (60, 45) that leans clockwise by so many degrees, with a blue spot on its image-left end."""
    picture = np.zeros((100, 120, 3), np.uint8)
    along = np.array([math.cos(math.radians(lean)), math.sin(math.radians(lean))])
    start, end = ((60, 45) + sign * 20 * along for sign in (-1, 1))
    cv2.line(picture, start.round().astype(int).tolist(), end.round().astype(int).tolist(), (255, 0, 0), 3)
    cv2.circle(picture, start.round().astype(int).tolist(), 4, (0, 0, 255), -1)
    return picture


# ---- Geometry


@pytest.mark.parametrize("lean", [0, 20, -45, 170])
def test_a_square_shows_a_leaning_head_upright(lean: float) -> None:
    square = _square(painted(lean), np.array([60, 45], np.float32), 50.0, lean).astype(int)
    assert square.shape == (50, 50, 3)
    rows, columns = np.nonzero(square[..., 0] > 128)
    assert rows.mean() == pytest.approx(24.5, abs=0.5)
    assert np.ptp(rows) <= 5
    assert np.ptp(columns) > 30
    rows, columns = np.nonzero(square[..., 2] > 128)
    assert (rows.mean(), columns.mean()) == pytest.approx((24.5, 4.5), abs=1)


def test_a_square_beyond_the_border_repeats_it() -> None:
    crop = np.full((10, 12, 3), 90, np.uint8)
    crop[:, :6] = 200
    square = _square(crop, np.array([0, 5], np.float32), 9.0, 0.0)
    assert (square[:, :5] == 200).all()
    assert _square(crop, np.array([0, 5], np.float32), 1.0, 33.0).shape == (1, 1, 3)


def test_a_gaze_turns_with_the_head() -> None:
    """x to image-right, y up. A head that leans clockwise by 90 degrees has its own right-hand side below."""
    vectors = np.array([[0.6, 0, -0.8], [0.6, 0, -0.8], [0, 0.6, -0.8], [0.1, 0.2, -0.9]], np.float32)
    turned = _rolled(vectors, np.array([90, -90, 30, 0], np.float32))
    half, root = 0.6 * 0.5, 0.6 * math.sqrt(0.75)
    expected = [[0, -0.6, -0.8], [0, 0.6, -0.8], [half, root, -0.8], [0.1, 0.2, -0.9]]
    np.testing.assert_allclose(turned, expected, atol=1e-6)


def test_networks_get_blue_first_and_bytes_as_they_are() -> None:
    pictures = [np.full(shape, (250, 128, 3), np.uint8) for shape in ((7, 9, 3), (90, 70, 3))]
    tensor = _tensor(pictures, 32)
    assert tensor.shape == (2, 3, 32, 32)
    assert tensor.dtype == np.float32
    assert tensor.mean(axis=(0, 2, 3)).tolist() == [3, 128, 250]


def test_a_mirrored_look_has_the_eyes_change_places() -> None:
    seen = _Look(direction(20, 5), np.array([[10, 40], [70, 44]], np.float32), np.array([0.9, 0.2], np.float32))
    mirrored = seen.mirror(100)
    np.testing.assert_allclose(mirrored.vector, direction(-20, 5), atol=1e-6)
    assert mirrored.eyes.tolist() == [[29, 44], [89, 40]]
    np.testing.assert_allclose(mirrored.opened, [0.2, 0.9])
    np.testing.assert_allclose(mirrored.mirror(100).eyes, seen.eyes)


# ---- What two looks make


def test_two_looks_give_their_mean_and_what_they_disagree_on() -> None:
    same = _agree(look(30, -10), look(30, -10), 40)
    assert (same.yaw, same.pitch) == pytest.approx((30, -10), abs=1e-4)
    assert (same.sigma_yaw, same.sigma_pitch) == pytest.approx((5.5, 5.5), abs=1e-3)
    apart = _agree(look(22, 0), look(-2, 0), 40)
    assert (apart.yaw, apart.pitch) == pytest.approx((10, 0), abs=1e-4)
    assert (apart.sigma_yaw, apart.sigma_pitch) == pytest.approx((math.hypot(5.5, 12), 5.5), abs=1e-3)
    np.testing.assert_allclose(apart.vector, direction(10, 0), atol=1e-6)
    assert apart.state == "ok"
    assert _agree(look(175), look(-165), 40).sigma_yaw == pytest.approx(math.hypot(5.5, 10), abs=1e-3)


@pytest.mark.parametrize(
    ("one", "other", "state"),
    [
        (look(opened=(0.2, 0.1)), look(opened=(0.4, 0.0)), "eyes-closed"),
        (look(opened=(0.2, 0.1)), look(opened=(0.4, 0.6)), "ok"),
        (look(opened=(0.2, 0.9)), look(opened=(0.4, 0.9)), "ok"),
        (look(opened=(0, 0), apart=24), look(opened=(0, 0), apart=24), "ok"),
        (look(opened=(0, 0), apart=15), look(opened=(0, 0), apart=15), "unknown"),
        (look(apart=17), look(apart=17), "ok"),
        (look(shift=5), look(), "ok"),
        (look(shift=7), look(), "unknown"),
        (look(40), look(-40), "unknown"),
    ],
    ids=["shut", "once open", "one eye", "too small to tell", "too small", "small", "near", "elsewhere", "unsure"],
)
def test_the_state_says_what_can_be_relied_on(one: _Look, other: _Look, state: str) -> None:
    assert _agree(one, other, 30).state == state


# ---- Running the networks


def fixed(outputs: list[Floats], batch: int | None) -> Session:
    """A network that gives the mean of every row, or `outputs`."""

    def run(arrays: tuple[Floats, ...]) -> list[Floats]:
        assert batch is None or len(arrays[0]) == batch
        return outputs or [np.array([[row.mean()] for row in arrays[0]], np.float32)]

    return Session(Path("net.xml"), "0" * 64, "openvino", (("in", (batch, 2)),), ("out",), run)  # type: ignore[arg-type]


@pytest.mark.parametrize("batch", [None, 1])
def test_a_file_of_a_fixed_batch_is_run_one_by_one(batch: int | None) -> None:
    values = np.array([[1, 3], [5, 7], [0, 1]], np.float32)
    (means,) = _run(fixed([], batch), values)
    assert means.tolist() == [[2], [6], [0.5]]


def test_a_network_that_gives_no_numbers_is_an_error() -> None:
    broken = fixed([np.array([[np.nan]], np.float32)], None)
    with pytest.raises(ModelError, match=r"net\.xml gave numbers that are none"):
        _run(broken, np.zeros((1, 2), np.float32))


@pytest.mark.parametrize("device", ["cuda", "coreml", "abacus"])
def test_other_devices_are_refused(device: str) -> None:
    with pytest.raises(DeviceError, match=f"adas runs on openvino only, not on '{device}'.*: auto, cpu, openvino"):
        Adas(*NOWHERE, name="adas", device=device)


# ---- Real weights


@pytest.fixture(scope="module")
def weights() -> list[Path]:
    return [model_file(f"{name}.xml") for name in NAMES]


@pytest.fixture(scope="module")
def estimate(weights: list[Path]) -> Adas:
    return Adas(*weights, name="adas")


def face(name: str, *box: int) -> Picture:
    x1, y1, x2, y2 = box
    return images.read(faces_file(name))[y1:y2, x1:x2]


def lens() -> Picture:
    return face("people/person02_01.jpg", 781, 191, 1192, 774)


def left() -> Picture:
    return face("edge/left_face.jpeg", 83, 182, 372, 585)


def angle(one: Floats, other: Floats) -> float:
    return math.degrees(math.acos(min(1.0, float(one @ other))))


def same(one: Gaze, other: Gaze) -> bool:
    return (one.state == other.state) and angle(one.vector, other.vector) < 0.05


@pytest.mark.weights
def test_it_sees_where_people_look(estimate: Adas) -> None:
    crops = [
        lens(),
        face("people/person06_02.jpg", 253, 131, 601, 605),
        left(),
        face("edge/right_face.png", 257, 27, 391, 228),
        face("edge/rise_face.jpeg", 420, 142, 650, 433),
        face("edge/lower_face.jpeg", 258, 283, 387, 432),
    ]
    straight, also, aside, other, above, below = estimate(crops)
    assert max(map(abs, (straight.yaw, straight.pitch, also.yaw, also.pitch))) < 8
    assert aside.yaw > 45  # to image-left
    assert other.yaw < -25
    assert above.pitch > 15
    assert below.pitch < -25
    assert {gaze.state for gaze in (straight, also, aside, other, above, below)} == {"ok"}
    for gaze in (straight, aside, below):
        np.testing.assert_allclose(gaze.vector, direction(gaze.yaw, gaze.pitch), atol=1e-5)


@pytest.mark.weights
def test_mirroring_turns_the_sign_of_yaw_and_nothing_else(estimate: Adas) -> None:
    crops = [lens(), left(), face("edge/rot_180.jpg", 83, 106, 235, 335)]
    for seen, mirrored in zip(estimate(crops), estimate([crop[:, ::-1] for crop in crops]), strict=True):
        assert (mirrored.yaw, mirrored.pitch) == pytest.approx((-seen.yaw, seen.pitch), abs=1e-3)
        assert (mirrored.sigma_yaw, mirrored.sigma_pitch) == pytest.approx((seen.sigma_yaw, seen.sigma_pitch), abs=1e-3)
        assert mirrored.state == seen.state


@pytest.mark.weights
@pytest.mark.parametrize("lean", [20, -20, 45, -45])
def test_a_gaze_leans_with_the_picture(estimate: Adas, lean: float) -> None:
    """Clockwise: x' = x c - y s, y' = x s + y c, y down."""
    picture = images.read(faces_file("edge/rise_face.jpeg"))
    x1, y1, x2, y2 = 420, 142, 650, 433
    matrix = cv2.getRotationMatrix2D(((x1 + x2) / 2, (y1 + y2) / 2), -lean, 1)
    turned = np.asarray(cv2.warpAffine(picture, matrix, (picture.shape[1], picture.shape[0])), np.uint8)
    upright, leaning = estimate([picture[y1:y2, x1:x2], turned[y1:y2, x1:x2]])
    cosine, sine = math.cos(math.radians(lean)), math.sin(math.radians(lean))
    x, y, z = upright.vector
    expected = np.array([x * cosine - y * sine, x * sine + y * cosine, z], np.float32)
    limit = 6 if abs(lean) < 30 else 10
    assert angle(upright.vector, expected) > limit  # what does not lean along would fail
    assert angle(leaning.vector, expected) < limit


@pytest.mark.weights
def test_faces_are_alike_alone_and_among_others(estimate: Adas) -> None:
    """Twenty faces are more than a run takes; the crops are views and stay as they are."""
    picture = images.read(faces_file("group6.jpg"))
    picture.setflags(write=False)
    boxes = [(462, 266, 575, 416), (750, 346, 844, 472), (1132, 274, 1227, 398), (898, 57, 1005, 197)]
    crops = [picture[y1:y2, x1:x2] for x1, y1, x2, y2 in boxes * 5]
    gazes = estimate(crops)
    assert len(gazes) == 20
    assert all(map(same, gazes, [estimate([crop])[0] for crop in crops[:4]] * 5))
    assert all(gaze.yaw > 5 and gaze.pitch < -10 for gaze in gazes)  # all four look at a table to image-left
    assert estimate([]) == []


@pytest.mark.weights
def test_lowered_lids_are_closed_and_dark_make_up_is_not(estimate: Adas) -> None:
    lowered = face("group6.jpg", 1132, 274, 1227, 398)
    made_up = [face("people/person05_04.jpg", 246, 120, 480, 432), face("people/person05_08.jpg", 189, 58, 325, 243)]
    assert [gaze.state for gaze in estimate([lowered, *made_up])] == ["eyes-closed", "ok", "ok"]


@pytest.mark.weights
def test_faces_without_eyes_to_see_are_unknown(estimate: Adas, weights: list[Path]) -> None:
    upside_down = face("edge/rot_180.jpg", 83, 106, 235, 335)
    tiny = np.asarray(cv2.resize(lens(), (20, 28), interpolation=cv2.INTER_AREA), np.uint8)
    noise = np.random.default_rng(0).integers(0, 256, (60, 50, 3), np.uint8)
    assert [gaze.state for gaze in estimate([upside_down, tiny, noise, lens()])] == [*["unknown"] * 3, "ok"]
    for shape in ((1, 1, 3), (1, 300, 3), (300, 1, 3)):
        (gaze,) = estimate([np.full(shape, 7, np.uint8)])
        assert math.isfinite(gaze.yaw)
    strict = Adas(*weights, name="adas", max_sigma=5)
    assert strict([lens()])[0].state == "unknown"


@pytest.mark.weights
def test_bf16_is_nearly_the_same(estimate: Adas, weights: list[Path]) -> None:
    fast = Adas(*weights, name="adas", precision="bf16", threads=1)
    assert (fast.precision, estimate.precision) == ("bf16", "f32")
    for one, other in zip(estimate([lens(), left()]), fast([lens(), left()]), strict=True):
        assert angle(one.vector, other.vector) < 3


@pytest.mark.weights
@pytest.mark.parametrize(
    "crop",
    [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 4), np.uint8), np.zeros((9, 9, 3)), np.zeros((0, 9, 3), np.uint8)],
    ids=["grey", "alpha", "floats", "empty"],
)
def test_what_is_no_picture_is_refused(estimate: Adas, crop: Picture) -> None:
    with pytest.raises(InputError, match=re.escape(f"not {crop.dtype} {crop.shape}")):
        estimate([crop])


@pytest.mark.weights
def test_it_says_what_it_is_and_knows_its_files(estimate: Adas, weights: list[Path]) -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", estimate.sha256)
    assert (estimate.name, estimate.device, repr(estimate)) == ("adas", "openvino", "Adas('adas', device='openvino')")
    landmarks, head_pose, eyes, gaze = weights
    with pytest.raises(ModelError, match=r"retail-0009\.xml is not head-pose-estimation-adas-0001"):
        Adas(landmarks, landmarks, eyes, gaze, name="adas")
    with pytest.raises(ModelError, match="cannot read"):
        Adas(landmarks, head_pose, eyes, gaze.with_name("missing.xml"), name="adas")
