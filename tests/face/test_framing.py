"""The crop follows faces as an operator would: where the rules of framing say, smoothly, and at every frame rate."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from perceptkit.arrays import Floats, Picture
from perceptkit.errors import InputError
from perceptkit.face.tracking.framing import Framing, cut, output_size

Box = Sequence[float]
WIDTH, HEIGHT = 1280, 720
FULL = [0.0, 0.0, 1280.0, 720.0]
FACE = [600.0, 255.0, 674.0, 345.0]
NOBODY: list[Box] = []


def boxes(*faces: Box) -> Floats:
    return np.array(faces, np.float32).reshape(-1, 4)


def follow(framing: Framing, times: Sequence[float], faces_at: Callable[[float], Sequence[Box]]) -> Floats:
    """The crops (N, 4) at these times."""
    return np.array([framing.update(time, boxes(*faces_at(time))) for time in times], np.float32)


def ticks(rate: float, seconds: float, start: float = 0) -> list[float]:
    return [start + n / rate for n in range(round(rate * seconds) + 1)]


def settled(*faces: Box, width: int = WIDTH, height: int = HEIGHT, **settings: Any) -> Floats:
    """The crop for faces that keep still."""
    framing = Framing(width, height, **settings)
    return np.asarray(follow(framing, ticks(10, 12), lambda _: faces)[-1])


def shifted(face: Box, right: float, down: float = 0) -> list[float]:
    return [face[0] + right, face[1] + down, face[2] + right, face[3] + down]


def middle(crops: Floats) -> Floats:
    return np.asarray((crops[..., :2] + crops[..., 2:]) / 2)


def high(crops: Floats) -> Floats:
    return np.asarray(crops[..., 3] - crops[..., 1])


def test_one_face_is_framed_head_and_shoulders_with_the_eyes_at_the_upper_third() -> None:
    box = settled(FACE)
    # The face is 90 pixels high, 28 % of 321.4; its eyes, 40 % down the box, at 291 are a third down the crop.
    assert box.tolist() == pytest.approx([637 - 285.7, 291 - 107.1, 637 + 285.7, 291 + 214.3], abs=0.2)


def test_the_headroom_and_the_aspect_can_be_chosen() -> None:
    box = settled(FACE, headroom=0.5, aspect=Fraction(1))
    assert box.tolist() == pytest.approx([637 - 160.7, 291 - 160.7, 637 + 160.7, 291 + 160.7], abs=0.2)


def test_a_group_is_all_in_the_picture_with_room_around_it() -> None:
    faces = [[300.0, 200.0, 360.0, 270.0], [500.0, 300.0, 570.0, 380.0], [700.0, 240.0, 760.0, 310.0]]
    box = settled(*faces)
    union = [300.0, 200.0, 760.0, 380.0]
    assert (box[0], box[2]) == pytest.approx((300 - 60, 760 + 60), abs=0.5)  # three quarters of the largest face
    assert box[1] <= union[1] - 0.6 * 80
    assert box[3] >= union[3] + 0.9 * 80


def test_a_group_wider_than_the_picture_is_the_whole_picture() -> None:
    assert settled([10.0, 300.0, 80.0, 390.0], [1200.0, 310.0, 1270.0, 400.0]).tolist() == FULL


def test_a_far_face_is_not_brought_closer_than_the_closest_crop() -> None:
    far = [640.0, 300.0, 655.0, 320.0]
    assert high(settled(far)) == pytest.approx(0.4 * 720, abs=0.1)
    assert high(settled(far, closest=0.75)) == pytest.approx(0.75 * 720, abs=0.1)
    assert settled(far, closest=1.0).tolist() == FULL


@pytest.mark.parametrize("face", [[0.0, 0.0, 70.0, 90.0], [1240.0, 680.0, 1330.0, 790.0], [-1e12, -5.0, 40.0, 60.0]])
def test_a_face_at_the_border_is_framed_inside_the_picture(face: Box) -> None:
    box = settled(face)
    assert (box >= 0).all()
    assert (box <= np.array([1280, 720, 1280, 720])).all()
    assert box[0] == 0 or box[2] == 1280
    assert box[1] == 0 or box[3] == 720


@pytest.mark.parametrize("tau", [0.5, 0.8, 1.5])
def test_a_step_is_63_percent_done_after_the_smoothing(tau: float) -> None:
    framing = Framing(WIDTH, HEIGHT, smoothing=tau)
    before = follow(framing, ticks(50, 12), lambda _: [FACE])[-1]
    times = ticks(50, 12, start=12.02)
    after = follow(framing, times, lambda _: [shifted(FACE, 60)])
    gone = (middle(after)[:, 0] - middle(before)[0]) / 60
    at_tau = float(np.interp(times[0] + tau, times, gone))
    assert at_tau == pytest.approx(1 - math.exp(-1), abs=0.01)
    assert gone[-1] == pytest.approx(1, abs=0.01)
    assert gone.max() < 1.001  # it does not swing back
    assert gone[1] < 0.01  # and it begins softly


def story(time: float) -> Sequence[Box]:
    """Somebody comes, walks, is joined, and both leave."""
    if time < 1:
        return NOBODY
    walked = shifted(FACE, 60 * min(time - 1, 4) - 200)
    return [walked] if time < 6 else [walked, [300.0, 280.0, 370.0, 370.0]] if time < 8 else NOBODY


@pytest.mark.parametrize("rate", [10, 25, 60])
def test_the_crop_is_the_same_at_every_frame_rate(rate: int) -> None:
    times = [n / 5 for n in range(70)]

    def at(rate: float) -> Floats:
        every = ticks(rate, 14)
        crops = follow(Framing(WIDTH, HEIGHT), every, story)
        return np.array([crops[round(time * rate)] for time in times], np.float32)

    off = np.abs(at(rate) - at(200)).max(axis=1)
    assert off[: 8 * 5].max() < 3  # pixels: of a face that walks, a slow camera sees a little less
    assert off.max() < 15  # of when it left as well: up to a tenth of a second


def test_irregular_times_make_no_difference() -> None:
    random = np.random.default_rng(5)
    times = np.sort(np.append(random.uniform(0, 6, 90), [2.0, 6.0]))
    regular, irregular = Framing(WIDTH, HEIGHT), Framing(WIDTH, HEIGHT)

    def jumps(time: float) -> Sequence[Box]:
        return [FACE] if time < 2 else [shifted(FACE, -80, 20)]

    one = follow(regular, ticks(25, 6), jumps)[-1]
    other = follow(irregular, times.tolist(), jumps)[-1]
    np.testing.assert_allclose(one, other, atol=1)


def test_it_begins_with_the_whole_picture_and_eases_in() -> None:
    crops = follow(Framing(WIDTH, HEIGHT), ticks(25, 3), lambda _: [FACE])
    assert crops[0].tolist() == FULL
    heights = high(crops)
    assert (np.diff(heights) <= 1e-3).all()
    steps = -np.diff(heights)
    assert steps[0] < 0.15 * steps.max()
    assert (crops[:, :2] <= FACE[:2]).all()  # the face is in the picture at all times
    assert (crops[:, 2:] >= FACE[2:]).all()


def test_it_waits_where_the_face_was_and_then_drifts_back() -> None:
    framing = Framing(WIDTH, HEIGHT, hold=1.0, drift=2.0)
    kept = follow(framing, ticks(25, 8), lambda _: [FACE])[-1]
    times = ticks(25, 20, start=8.04)
    crops = follow(framing, times, lambda _: NOBODY)
    waited = np.array(times) <= 9.0
    np.testing.assert_allclose(crops[waited], np.tile(kept, (waited.sum(), 1)), atol=0.5)
    back = (high(crops) - high(kept)) / (720 - high(kept))
    assert float(np.interp(9.0 + 2.0, times, back)) == pytest.approx(1 - math.exp(-1), abs=0.03)
    assert (np.diff(back) > -1e-4).all()
    assert crops[-1].tolist() == pytest.approx(FULL, abs=1)


def test_one_of_a_group_who_is_missed_for_a_moment_stays_in_the_picture() -> None:
    other = shifted(FACE, -250)
    framing = Framing(WIDTH, HEIGHT, hold=1.0)
    both = follow(framing, ticks(25, 8), lambda _: [other, FACE])[-1]
    crops = follow(framing, ticks(25, 2, start=8.04), lambda time: [FACE] if time < 8.6 else [FACE, other])
    np.testing.assert_allclose(crops, np.tile(both, (len(crops), 1)), atol=0.5)
    left = follow(framing, ticks(25, 8, start=10.2), lambda _: [FACE])[-1]
    np.testing.assert_allclose(left, settled(FACE), atol=2)


def test_what_was_taken_for_a_face_once_does_not_hold_the_crop() -> None:
    framing = Framing(WIDTH, HEIGHT)
    kept = follow(framing, ticks(25, 8), lambda _: [FACE])[-1]
    framing.update(8.04, boxes(FACE, [20.0, 20.0, 90.0, 90.0]))
    crops = follow(framing, ticks(25, 4, start=8.08), lambda _: [FACE])
    assert np.abs(crops - kept).max() < 20  # a face that is held moves the crop by more than 200 pixels
    np.testing.assert_allclose(crops[-1], kept, atol=1)


def test_the_noise_of_a_detector_does_not_move_the_crop() -> None:
    random = np.random.default_rng(2)
    framing = Framing(WIDTH, HEIGHT)
    follow(framing, ticks(25, 8), lambda _: [FACE])
    noisy = follow(framing, ticks(25, 6, start=8.04), lambda _: [(FACE + random.normal(0, 1.5, 4)).tolist()])
    assert np.ptp(noisy, axis=0).max() < 0.01
    moved = follow(framing, ticks(25, 6, start=14.08), lambda _: [shifted(FACE, 40)])[-1]
    assert middle(moved)[0] == pytest.approx(637 + 40, abs=0.5)  # beyond the dead zone it goes all the way


def test_a_switch_to_somebody_else_is_no_whip() -> None:
    framing = Framing(WIDTH, HEIGHT)
    follow(framing, ticks(25, 8), lambda _: [shifted(FACE, -400)])
    crops = follow(framing, ticks(25, 8, start=8.04), lambda _: [shifted(FACE, 400)])
    speed = np.abs(np.diff(middle(crops)[:, 0])).max() * 25 / WIDTH
    assert 0.2 < speed < 0.42  # widths of the picture a second
    assert high(crops).max() > 1.3 * high(crops)[0]  # it opens on the way
    np.testing.assert_allclose(crops[-1], settled(shifted(FACE, 400)), atol=2)


def test_somebody_walking_stays_in_the_picture() -> None:
    framing = Framing(WIDTH, HEIGHT)
    follow(framing, ticks(25, 4), lambda _: [shifted(FACE, -500)])

    def walking(time: float) -> Sequence[Box]:
        return [shifted(FACE, -500 + 0.25 * WIDTH * (time - 4))]

    times = ticks(25, 3, start=4.04)
    crops = follow(framing, times, walking)
    faces = np.array([walking(time)[0] for time in times])
    assert (crops[:, 0] <= faces[:, 0]).all()
    assert (crops[:, 2] >= faces[:, 2]).all()


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [
        (1280, 720, (1280, 720)),
        (3840, 2160, (1920, 1080)),
        (1080, 1920, (1080, 608)),
        (720, 720, (720, 404)),
        (64, 48, (64, 36)),
        (4000, 500, (888, 500)),
        (1, 1, (2, 2)),
    ],
)
def test_the_output_is_as_large_as_the_largest_crop_up_to_full_hd(
    width: int, height: int, size: tuple[int, int]
) -> None:
    assert output_size(width, height) == size
    full = Framing(width, height).update(0, boxes())
    assert (full[2] - full[0]) / high(full) == pytest.approx(16 / 9, rel=1e-4)
    assert full[2] - full[0] == pytest.approx(width) or high(full) == pytest.approx(height)
    assert middle(full).tolist() == pytest.approx([width / 2, height / 2])


NUMBER = st.floats(-1e4, 1e4, width=32) | st.floats(-10, 80, width=32)


@settings(deadline=None, max_examples=60)
@given(
    st.tuples(st.integers(1, 2000), st.integers(1, 2000)),
    st.lists(
        st.tuples(st.floats(1e-3, 20), st.lists(st.tuples(NUMBER, NUMBER, NUMBER, NUMBER), max_size=4)), max_size=8
    ),
    st.floats(0.05, 1),
)
@example((64, 48), [(0.04, [(10, 10, 30, 40)]), (5.0, [(0, 0, 64, 48)]), (3600.0, [])], 0.4)
@example((5, 1999), [(0.04, [(-1e12, -1e12, 1e12, 1e12)]), (1.0, [(7, 7, 7, 7)])], 1.0)
def test_the_crop_never_leaves_the_picture_and_keeps_its_shape(
    size: tuple[int, int], frames: list[tuple[float, list[tuple[float, float, float, float]]]], closest: float
) -> None:
    width, height = size
    widest = min(height, width * 9 / 16)
    framing, time = Framing(width, height, closest=closest), 0.0
    for wait, faces in frames:
        time += wait
        box = framing.update(time, boxes(*faces)).astype(float)
        assert (box >= 0).all()
        assert (box <= np.array([width, height, width, height])).all()
        assert (box[2] - box[0]) == pytest.approx(high(box) * 16 / 9, rel=1e-3, abs=1e-3)
        assert closest * widest - 1e-3 <= high(box) <= widest + 1e-3


@pytest.mark.parametrize("bad", [[[math.nan, 0, 1, 1]], [[0, 0, math.inf, 1]], [[1, 2, 3]], [1, 2, 3, 4]])
def test_boxes_that_are_not_boxes_are_refused(bad: list[Any]) -> None:
    with pytest.raises(InputError, match="boxes:"):
        Framing(WIDTH, HEIGHT).update(0, np.array(bad, np.float32))


def test_times_must_go_on() -> None:
    framing = Framing(WIDTH, HEIGHT)
    framing.update(1.0, boxes(FACE))
    for time in (1.0, 0.5):
        with pytest.raises(InputError, match=r"does not come after 1\.0 s"):
            framing.update(time, boxes(FACE))
    with pytest.raises(InputError, match="nan is not a number of seconds"):
        framing.update(math.nan, boxes(FACE))
    framing.update(1.04, boxes(FACE))  # it goes on after that


@pytest.mark.parametrize(
    ("setting", "match"),
    [
        ({"smoothing": 0.0}, "smoothing: 0.0"),
        ({"smoothing": math.nan}, "smoothing: nan"),
        ({"hold": -1.0}, "hold: -1.0"),
        ({"drift": math.inf}, "drift: inf"),
        ({"closest": 0.0}, "closest: 0.0"),
        ({"headroom": 1.5}, "headroom: 1.5"),
        ({"aspect": Fraction(0)}, "aspect 0"),
    ],
)
def test_settings_out_of_range_are_refused(setting: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        Framing(WIDTH, HEIGHT, **setting)


def test_a_frame_needs_pixels() -> None:
    with pytest.raises(InputError, match="0 x 720"):
        Framing(0, 720)


def spot(x: float, y: float) -> Picture:
    """A picture of 320 x 180 pixels with a soft spot whose middle is at (x, y), counted from the corner."""
    columns, rows = np.meshgrid(np.arange(320) + 0.5 - x, np.arange(180) + 0.5 - y)
    light = 250 * np.exp(-(columns**2 + rows**2) / (2 * 6**2))
    return np.repeat(light.round().astype(np.uint8)[:, :, None], 3, axis=2)


@pytest.mark.parametrize("size", [(320, 180), (96, 54), (640, 360)])
@pytest.mark.parametrize("left", [40.0, 40.13, 40.5, 40.87, 41.0])
def test_a_crop_is_cut_between_pixels(left: float, size: tuple[int, int]) -> None:
    box = [left, 20.31, left + 160, 110.31]
    part = cut(spot(117.3, 62.8), np.array(box, np.float32), size)[:, :, 0].astype(float)
    assert part.shape == (size[1], size[0])
    x = (part.sum(axis=0) @ (np.arange(size[0]) + 0.5)) / part.sum() / size[0] * 160 + box[0]
    y = (part.sum(axis=1) @ (np.arange(size[1]) + 0.5)) / part.sum() / size[1] * 90 + box[1]
    assert (x, y) == pytest.approx((117.3, 62.8), abs=0.06)


def test_the_whole_picture_is_cut_as_it_is() -> None:
    image = np.random.default_rng(1).integers(0, 256, (180, 320, 3)).astype(np.uint8)
    np.testing.assert_array_equal(cut(image, np.array([0, 0, 320, 180], np.float32), (320, 180)), image)


def test_fine_patterns_are_averaged_when_the_crop_shrinks() -> None:
    image = np.zeros((360, 640, 3), np.uint8)
    image[:, ::2] = 255  # lines of one pixel
    for start in (0.0, 0.3, 0.7):
        box = np.array([20 + start, 20, 620 + start, 357.5], np.float32)
        part = cut(image, box, (150, 84)).astype(int)[2:-2, 2:-2]
        assert np.ptp(part) < 45
        assert part.mean() == pytest.approx(127.5, abs=3)
