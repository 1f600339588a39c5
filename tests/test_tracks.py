"""Who is who from frame to frame: known paths come back as one id each, whatever the frame rate and the order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from perceptkit import tracks
from perceptkit.arrays import Floats
from perceptkit.errors import InputError
from perceptkit.tracks import Tracker, interpolate

Path = Callable[[float], tuple[float, float]]
Detection = tuple[Floats, float]
Ids = list[list[int | None]]

SIDE = 60.0


def box(x: float, y: float = 300.0, *, side: float = SIDE) -> Floats:
    return np.array([x - side / 2, y - side / 2, x + side / 2, y + side / 2], np.float32)


def follow(tracker: Tracker, time: float, *found: Detection) -> list[int | None]:
    boxes = np.array([each for each, _ in found], np.float32).reshape(-1, 4)
    return tracker.update(time, boxes, np.array([score for _, score in found], np.float32))


def every(rate: float, *, until: float = 4.0) -> list[float]:
    return np.arange(0, until, 1 / rate).tolist()


def uneven(*, until: float = 4.0, seed: int = 0) -> list[float]:
    """Times of a video with a variable frame rate: 4 to 200 ms from one frame to the next."""
    steps = np.random.default_rng(seed).choice([1 / 240, 1 / 60, 1 / 25, 1 / 5], size=2000)
    times = np.cumsum(steps)
    return [float(time) for time in times if time < until]


TIMES = {"5": every(5), "25": every(25), "60": every(60), "240": every(240), "variable": uneven()}
EVERY_RATE = pytest.mark.parametrize("times", TIMES.values(), ids=TIMES.keys())


def walk(times: Sequence[float], paths: Sequence[Path], *, jitter: float = 0.0, hidden: float = 2.0) -> Ids:
    """The ids along the paths, one list per frame; None where a path is hidden by one before it in the list.

    `jitter` is the noise of a detection in box sizes, `hidden` the share of a box that must be covered to hide it.
    """
    random, tracker, ids = np.random.default_rng(1), Tracker(), []
    for time in times:
        places = [np.array(path(time)) for path in paths]
        seen = [
            index
            for index, place in enumerate(places)
            if all(np.prod(np.clip(1 - abs(place - other) / SIDE, 0, 1)) < hidden for other in places[:index])
        ]
        found = [box(*(places[index] + random.normal(0, jitter, 2) * SIDE)) for index in seen]
        given_ids = follow(tracker, time, *((each, 0.9) for each in found))
        ids.append([given_ids[seen.index(index)] if index in seen else None for index in range(len(paths))])
    return ids


def each_path(ids: Ids) -> list[set[int]]:
    """All the ids that each path was given."""
    return [{number for number in along if number is not None} for along in zip(*ids, strict=True)]


def to_the_right(time: float) -> tuple[float, float]:
    return 100 + 150 * time, 300


def to_the_left(time: float) -> tuple[float, float]:
    return 700 - 150 * time, 303


@EVERY_RATE
def test_two_who_cross_keep_their_ids(times: list[float]) -> None:
    assert each_path(walk(times, [to_the_right, to_the_left], jitter=0.01)) == [{1}, {2}]


@EVERY_RATE
def test_two_who_cross_keep_their_ids_although_one_hides_the_other(times: list[float]) -> None:
    ids = walk(times, [to_the_right, to_the_left], jitter=0.01, hidden=0.3)
    assert any(None in frame for frame in ids)
    assert each_path(ids) == [{1}, {2}]


@EVERY_RATE
def test_a_crowd_that_turns_and_passes_keeps_its_ids(times: list[float]) -> None:
    """Eight people on two lanes, to and fro at up to 2 box sizes a second, with the noise of a detector."""

    def path(person: int) -> Path:
        centre, lane = 200 + 130 * (person % 4), 300 + 70 * (person // 4)
        return lambda time: (centre + 60 * np.sin(1.5 * time + 2 * person), lane + 5 * np.cos(3 * time + person))

    ids = walk(times, [path(person) for person in range(8)], jitter=0.02)
    assert each_path(ids) == [{person} for person in range(1, 9)]


@pytest.mark.parametrize(("rate", "speed"), [(4, 5), (5, 8), (10, 10)])
def test_a_fast_face_is_followed_although_its_boxes_do_not_touch(rate: float, speed: float) -> None:
    """`speed` is in face sizes per second; somebody else is near by."""

    def passing(time: float) -> tuple[float, float]:
        return 50 + speed * SIDE * time, 300

    assert speed / rate >= 1
    assert each_path(walk(every(rate), [passing, lambda time: (600, 150)])) == [{1}, {2}]


@EVERY_RATE
def test_who_is_missed_for_a_while_is_found_again_further_on(times: list[float]) -> None:
    def seen(time: float) -> bool:
        return not 2.0 < time < 2.75

    tracker = Tracker()
    ids = [follow(tracker, time, *[(box(*to_the_right(time)), 0.9)] * seen(time)) for time in times]
    assert [] in ids
    assert {number for frame in ids for number in frame} == {1}


@pytest.mark.parametrize(("gap", "expected"), [(0.4, 1), (0.6, 2), (30.0, 2)])
def test_a_gap_longer_than_max_gap_begins_a_new_track(gap: float, expected: int) -> None:
    tracker = Tracker(max_gap=0.5)
    for time in every(25, until=1.02):
        assert follow(tracker, time, (box(100), 0.9)) == [1]
    assert follow(tracker, 1.0 + gap, (box(100), 0.9)) == [expected]


def test_who_was_lost_for_long_is_found_again_with_the_least_overlap() -> None:
    tracker = Tracker()
    for time in every(25, until=1.0):
        follow(tracker, time, (box(100), 0.9))
    assert follow(tracker, 1.9, (box(100 + 1.9 * SIDE), 0.9)) == [1]


def test_somebody_who_comes_elsewhere_is_not_who_left() -> None:
    tracker = Tracker()
    for time in every(25, until=1.0):
        assert follow(tracker, time, (box(100), 0.9)) == [1]
    assert follow(tracker, 1.2, (box(100 + 3 * SIDE), 0.9)) == [2]
    assert follow(tracker, 1.4, (box(100 + 3 * SIDE), 0.9), (box(100), 0.9)) == [2, 1]


def test_a_box_of_quite_another_size_is_not_the_same_face() -> None:
    tracker = Tracker()
    follow(tracker, 0.0, (box(100), 0.9))
    assert follow(tracker, 0.2, (box(100, side=SIDE / 3), 0.9)) == [2]


def test_low_scores_continue_a_track_for_as_long_as_they_come_but_begin_none() -> None:
    tracker = Tracker(min_score=0.5, max_gap=0.5)
    assert follow(tracker, 0.0, (box(100), 0.5), (box(400), 0.49)) == [1, None]
    for time in every(10, until=3.0)[1:]:
        assert follow(tracker, time, (box(400), 0.3), (box(100), 0.2)) == [None, 1]
    assert follow(tracker, 3.0, (box(100), 0.9), (box(400), 0.9)) == [1, 2]


def test_a_box_of_good_score_comes_before_one_of_low_score_that_fits_better() -> None:
    tracker = Tracker()
    follow(tracker, 0.0, (box(100), 0.9))
    assert follow(tracker, 0.04, (box(100), 0.4), (box(110), 0.6)) == [None, 1]


def test_a_low_score_must_fit_better_than_a_good_one_to_continue_a_track() -> None:
    for score, expected in ((0.9, 1), (0.4, None)):
        tracker = Tracker()
        for time in every(25, until=1.0):
            follow(tracker, time, (box(100), 0.9))
        assert follow(tracker, 1.0, (box(100 + SIDE / 2), score)) == [expected]


def test_who_is_in_sight_keeps_the_box_that_somebody_lost_would_fit() -> None:
    """A false face beside a true one, seen once, waits where the true one comes half a second later."""
    tracker = Tracker()
    for time in every(25, until=1.0):
        extra = [(box(112), 0.9)] if time == 0.4 else []
        assert follow(tracker, time, (box(100), 0.9), *extra) == [1, 2][: 1 + len(extra)]
    assert follow(tracker, 1.0, (box(108), 0.9)) == [1]


def test_ids_count_in_order_of_first_appearance_and_are_not_used_again() -> None:
    tracker = Tracker(max_gap=0.1)
    assert follow(tracker, 0.0, (box(900), 0.9), (box(300), 0.2), (box(100), 0.9), (box(500), 0.9)) == [1, None, 2, 3]
    assert follow(tracker, 9.0, (box(500), 0.9), (box(100), 0.9)) == [4, 5]
    assert follow(tracker, 18.0, (box(500), 0.9)) == [6]


def test_frames_without_boxes_change_nothing() -> None:
    tracker, other = Tracker(), Tracker()
    for time in every(5, until=2.0):
        assert follow(tracker, time, (box(*to_the_right(time)), 0.9)) == [1]
        assert follow(other, time, (box(*to_the_right(time)), 0.9)) == [1]
        for later in (0.05, 0.1, 0.15):
            assert other.update(time + later, np.array([], np.float32), np.array([], np.float32)) == []
    follow(tracker, 2.0, (box(*to_the_right(2.0)), 0.9))
    follow(other, 2.0, (box(*to_the_right(2.0)), 0.9))
    np.testing.assert_allclose(tracker._means, other._means, rtol=1e-3)
    np.testing.assert_allclose(tracker._covariances, other._covariances, rtol=1e-2)


def test_the_filter_is_the_textbook_one() -> None:
    """One track against the filter of eight numbers with its matrices written out."""
    random, tracker = np.random.default_rng(0), Tracker()
    eye, zero = np.eye(4), np.zeros((4, 4))
    see = np.hstack([eye, zero])
    acceleration, state, covariance, before = tracks._ACCELERATION, np.zeros(8), np.zeros((8, 8)), 0.0
    for time in uneven(until=2.0, seed=5):
        jitter = random.normal(0, 2, 4).astype(np.float32)
        corners: Floats = box(*to_the_right(time), side=SIDE + 5 * time) + jitter
        left, right = corners[:2].astype(np.float64), corners[2:].astype(np.float64)
        measured = np.r_[(left + right) / 2, right - left]
        noise = eye * tracks._NOISE**2 * measured[2] * measured[3]
        if not state.any():
            state = np.r_[measured, np.zeros(4)]
            covariance = np.block([[noise, zero], [zero, np.diag(tracks._SPEED**2) * measured[2] * measured[3]]])
        else:
            step = time - before
            motion = np.block([[eye, step * eye], [zero, eye]])
            white = np.block([[step**3 / 3 * eye, step**2 / 2 * eye], [step**2 / 2 * eye, step * eye]])
            white = white * np.tile(acceleration**2, 2)[:, None] * state[2] * state[3]
            state, covariance = motion @ state, motion @ covariance @ motion.T + white
            gain = covariance @ see.T @ np.linalg.inv(see @ covariance @ see.T + noise)
            state = state + gain @ (measured - see @ state)
            covariance = (np.eye(8) - gain @ see) @ covariance
        assert tracker.update(time, corners[None], np.array([0.9], np.float32)) == [1]
        before = time
    np.testing.assert_allclose(tracker._means[0].T.ravel(), state, rtol=1e-6)
    np.testing.assert_allclose(tracker._covariances[0, 0], covariance[np.ix_([0, 4], [0, 4])], rtol=1e-6)
    assert tracker._means[0, 0, 1] == pytest.approx(150, rel=0.2)


FRAMES = st.lists(
    st.integers(0, 8).flatmap(
        lambda count: st.tuples(
            arrays(np.float32, (count, 4), elements=st.floats(-50, 400, width=32)),
            arrays(np.float32, count, elements=st.floats(0, 1, width=32)),
            st.floats(0.001, 0.5),
        )
    ),
    max_size=12,
)


@given(FRAMES)
def test_any_boxes_get_one_id_each_that_counts_from_one(frames: list[tuple[Floats, Floats, float]]) -> None:
    tracker, time, highest = Tracker(min_score=0.5), 0.0, 0
    for boxes, scores, step in frames:
        time += step
        ids = tracker.update(time, boxes, scores)
        numbers = [number for number in ids if number is not None]
        new = [number for number in numbers if number > highest]
        assert len(ids) == len(boxes)
        assert len(set(numbers)) == len(numbers)
        assert new == list(range(highest + 1, highest + 1 + len(new)))
        highest += len(new)
        solid = [right > left and bottom > top for left, top, right, bottom in boxes]
        for number, score, whole in zip(ids, scores, solid, strict=True):
            assert whole or number is None
            assert number is not None or score < 0.5 or not whole
            assert number not in new or score >= 0.5


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1 / 5, 1 / 25]))
def test_the_order_of_the_boxes_and_the_scale_of_the_picture_do_not_matter(seed: int, step: float) -> None:
    random = np.random.default_rng(seed)
    places, speeds = random.uniform(100, 400, (8, 2)), random.normal(0, 80, (8, 2))
    tracker, other, names = Tracker(), Tracker(), dict[int | None, int | None]()
    for frame in range(12):
        centres = places + speeds * frame * step + random.normal(0, 2, (8, 2))
        boxes = np.concatenate([centres - 25, centres + 25], axis=1).astype(np.float32)
        scores = random.uniform(0.3, 1, 8).astype(np.float32)
        order = random.permutation(8)
        ids = tracker.update(frame * step, boxes, scores)
        shuffled = other.update(frame * step, 4 * boxes[order], scores[order])
        for index, number in zip(order, shuffled, strict=True):
            assert names.setdefault(ids[index], number) == number
    assert len(set(names.values())) == len(names)


@pytest.mark.parametrize("swapped", [False, True])
def test_of_two_boxes_that_fit_equally_well_the_same_is_taken_in_any_order(swapped: bool) -> None:
    tracker = Tracker()
    follow(tracker, 0.0, (box(100), 0.9))
    ids = follow(tracker, 0.1, *[(box(90), 0.9), (box(110), 0.9)][:: -1 if swapped else 1])
    assert ids == ([2, 1] if swapped else [1, 2])


def test_a_thousand_people_are_followed() -> None:
    random, tracker = np.random.default_rng(0), Tracker()
    places = np.stack(np.meshgrid(np.arange(40), np.arange(25)), axis=-1).reshape(-1, 2) * 50.0
    speeds = random.normal(0, 10, places.shape)
    for frame in range(5):
        centres = places + speeds * frame / 25
        boxes = np.concatenate([centres - 20, centres + 20], axis=1).astype(np.float32)
        assert tracker.update(frame / 25, boxes, np.ones(1000, np.float32)) == list(range(1, 1001))


@pytest.mark.parametrize("flat", [[100, 100, 100, 160], [100, 100, 160, 100], [160, 160, 100, 100]])
def test_a_box_without_area_is_nobody(flat: list[float]) -> None:
    tracker = Tracker()
    assert follow(tracker, 0.0, (np.array(flat, np.float32), 0.9), (box(130), 0.9)) == [None, 1]
    assert follow(tracker, 0.1, (np.array(flat, np.float32), 0.9), (box(130), 0.9)) == [None, 1]


@pytest.mark.parametrize("time", [2.0, 1.9, float("nan"), float("inf")])
def test_times_must_increase(time: float) -> None:
    tracker = Tracker()
    follow(tracker, 2.0, (box(100), 0.9))
    with pytest.raises(InputError, match=rf"the time of a frame is {time} s, after one at 2\.0 s; times must increase"):
        follow(tracker, time, (box(100), 0.9))
    assert follow(tracker, 2.1, (box(100), 0.9)) == [1]


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_what_is_not_finite_is_refused_and_the_tracks_stay(wrong: float) -> None:
    tracker = Tracker()
    follow(tracker, 0.0, (box(100), 0.9))
    for found in ((box(wrong), 0.9), (box(100), wrong)):
        with pytest.raises(InputError, match="boxes and scores must be finite numbers"):
            follow(tracker, 0.1, found)
    assert follow(tracker, 0.1, (box(100), 0.9)) == [1]


@pytest.mark.parametrize(("boxes", "scores"), [((4,), (1,)), ((2, 5), (2,)), ((2, 4), (3,)), ((0, 4), (1,))])
def test_other_shapes_are_refused(boxes: tuple[int, ...], scores: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"boxes have shape \(.*\) and scores \(.*\); they need \(N, 4\) and \(N,\)"):
        Tracker().update(0.0, np.ones(boxes, np.float32), np.ones(scores, np.float32))


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match=r"min_score is 1\.5; a score lies between 0 and 1"):
        Tracker(min_score=1.5)
    with pytest.raises(InputError, match="max_gap is nan; it must be more than 0 seconds"):
        Tracker(max_gap=float("nan"))


def test_a_box_between_two_is_linear_in_time() -> None:
    first, second = np.array([0, 10, 40, 50], np.float32), np.array([0.1, 20, 80, 50], np.float32)
    assert interpolate(first, second, 0.25) == pytest.approx([0.025, 12.5, 50, 50])
    assert interpolate(first, second, 0).tolist() == first.tolist()
    assert interpolate(first, second, 1).tolist() == second.tolist()
    assert interpolate(first, second, 0.5).dtype == np.float32
