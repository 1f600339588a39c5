"""From frames to gazes, in order: faces are found, followed, cut out and estimated, with fakes for the networks."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from perceptkit.arrays import Picture
from perceptkit.errors import InputError
from perceptkit.face import Face
from perceptkit.gaze import Gaze, Reading, Smoother, direction, read_gaze
from perceptkit.gaze.reading import Known
from perceptkit.video import Frame

Scene = dict[int, list[Face]]


def frame(number: int, *, at: float | None = None, width: int = 200, height: int = 120) -> Frame:
    """A frame of noise whose first pixel tells its number."""
    image = np.random.default_rng(number).integers(0, 256, (height, width, 3), np.uint8)
    image[0, 0] = number
    return Frame(number, number / 25 if at is None else at, image)


def frames(count: int) -> Iterator[Frame]:
    return (frame(number) for number in range(count))


def face(x1: float, y1: float, x2: float | None = None, y2: float | None = None, *, score: float = 0.9) -> Face:
    """A face of 40 pixels, or another box."""
    box = np.array([x1, y1, x1 + 40 if x2 is None else x2, y1 + 40 if y2 is None else y2], np.float32)
    return Face(box, score, np.tile(box[:2], (5, 1)) + np.float32(10))


def moving(count: int) -> Scene:
    """A face that goes to the right by a pixel a frame, and one that stands still."""
    return {number: [face(20 + number, 30), face(140, 60)] for number in range(count)}


def gaze_of(crop: Picture) -> Gaze:
    """An answer that is different for every crop."""
    yaw, pitch = float(crop[..., 0].mean()) - 128, float(crop[..., 1].mean()) - 128
    return Gaze(yaw, pitch, 4.0, 5.0, direction(yaw, pitch), "ok")


def estimate(crops: Sequence[Picture]) -> list[Gaze]:
    return [gaze_of(crop) for crop in crops]


@dataclass
class Detector:
    """Finds what a scene has in the frame whose number the first pixel tells; may take some time."""

    scene: Scene
    asked: list[int] = field(default_factory=list)
    slow: bool = False
    certain_score: float = 0.5

    def __call__(self, images: Sequence[Picture]) -> list[list[Face]]:
        numbers = [int(image[0, 0, 0]) for image in images]
        self.asked += numbers
        if self.slow:
            time.sleep(0.004 if numbers[0] % 3 == 0 else 0)
        return [self.scene.get(number, []) for number in numbers]


def numbers(readings: Iterable[Reading]) -> list[object]:
    """All that can be compared of readings."""
    return [
        (
            reading.frame.index,
            reading.frame.time,
            [(one.box.tolist(), one.score, one.landmarks.tolist(), one.track) for one in reading.seen.faces],
            reading.seen.crops,
            [(one.yaw, one.pitch, one.vector.tolist(), one.state) for one in (*reading.seen.gazes, *reading.seen.raw)],
            None if reading.found is None else [one.box.tolist() for one in reading.found],
        )
        for reading in readings
    ]


def boxes(reading: Reading) -> list[list[float]]:
    return [one.box.tolist() for one in reading.seen.faces]


def tracks(reading: Reading) -> list[int | None]:
    return [one.track for one in reading.seen.faces]


def our_threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith("perceptkit")]


# ---- Which frames


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("detect_every", [1, 2, 3, 7, 60])
@pytest.mark.parametrize("count", [0, 1, 2, 7, 8, 20])
def test_every_frame_comes_once_and_in_order(workers: int, detect_every: int, count: int) -> None:
    detect = Detector(moving(count), slow=workers > 1)
    readings = list(read_gaze(frames(count), detect, estimate, detect_every=detect_every, workers=workers))
    assert [reading.frame.index for reading in readings] == list(range(count))
    assert [(reading.seen.index, reading.seen.time) for reading in readings] == [(n, n / 25) for n in range(count)]
    searched = sorted({*range(0, count, detect_every), *range(count)[-1:]})
    assert sorted(detect.asked) == searched
    assert [reading.frame.index for reading in readings if reading.found is not None] == searched
    assert all(tracks(reading) == [1, 2] for reading in readings)


def test_known_answers_come_with_their_faces() -> None:
    scene = moving(3)
    for number, reading in enumerate(read_gaze(frames(3), Detector(scene), estimate, smooth=False)):
        image = frame(number).image
        assert boxes(reading) == [one.box.tolist() for one in scene[number]]
        assert reading.seen.crops == ((20 + number, 30, 60 + number, 70), (140, 60, 180, 100))
        for (x1, y1, x2, y2), one in zip(reading.seen.crops, reading.seen.raw, strict=True):
            assert one.yaw == gaze_of(image[y1:y2, x1:x2]).yaw
        assert reading.seen.gazes == reading.seen.raw


def test_without_faces_nobody_is_asked_where_they_look() -> None:
    def never(crops: Sequence[Picture]) -> list[Gaze]:
        raise AssertionError(f"asked about {len(crops)} crops")

    readings = list(read_gaze(frames(5), Detector({}), never, workers=2))
    assert [(reading.seen.faces, reading.seen.crops, reading.seen.gazes, reading.found) for reading in readings] == [
        ((), (), (), [])
    ] * 5


@pytest.mark.parametrize("detect_every", [1, 4])
def test_many_threads_find_what_one_finds(detect_every: int) -> None:
    count = 30
    scene = moving(count) | {4: [], 11: [face(31, 30), face(141, 60), face(5, 5)]}
    one = numbers(read_gaze(frames(count), Detector(scene), estimate, workers=1, detect_every=detect_every))
    for workers in (2, 3, 8):
        detect = Detector(scene, slow=True)
        assert numbers(read_gaze(frames(count), detect, estimate, workers=workers, detect_every=detect_every)) == one
    assert one == numbers(read_gaze(frames(count), Detector(scene), estimate, detect_every=detect_every))


def test_on_a_gpu_the_faces_of_more_frames_are_estimated_together() -> None:
    asked: list[int] = []

    class OnGpu:
        device = "cuda"

        def __call__(self, crops: Sequence[Picture]) -> list[Gaze]:
            asked.append(len(crops))
            return estimate(crops)

    scene = moving(20)
    readings = numbers(read_gaze(frames(20), Detector(scene), OnGpu(), workers=2))
    assert sorted(asked) == [2 * 4, 2 * 16]
    assert readings == numbers(read_gaze(frames(20), Detector(scene), estimate, workers=1))


def test_smoothing_is_that_of_the_smoother_and_leaves_what_was_said() -> None:
    scene, smoother = moving(12), Smoother()
    smooth = list(read_gaze(frames(12), Detector(scene), estimate, workers=2))
    plain = list(read_gaze(frames(12), Detector(scene), estimate, workers=2, smooth=False))
    for one, other in zip(smooth, plain, strict=True):
        assert [gaze.yaw for gaze in one.seen.raw] == [gaze.yaw for gaze in other.seen.gazes]
        expected = smoother(other.seen.time, tracks(other), other.seen.raw)
        assert [gaze.vector.tolist() for gaze in one.seen.gazes] == [gaze.vector.tolist() for gaze in expected]
    assert smooth[-1].seen.gazes[0].yaw != smooth[-1].seen.raw[0].yaw


# ---- Between two searches


@pytest.mark.parametrize("workers", [1, 3])
def test_in_between_a_face_is_on_the_straight_line_by_time(workers: int) -> None:
    times = [0.0, 0.01, 0.04, 0.05, 0.1, 0.3, 0.35]  # of varying distance
    scene = {
        0: [face(20, 30, 60, 70), face(140, 60)],
        4: [face(30, 40, 80, 100, score=0.7), face(140, 60)],
        6: [face(40, 40, 90, 100), face(140, 60)],
    }
    shown = (frame(number, at=at) for number, at in enumerate(times))
    readings = list(read_gaze(shown, Detector(scene), estimate, detect_every=4, workers=workers))
    for number, share in ((0, 0.0), (1, 0.1), (2, 0.4), (3, 0.5), (4, 1.0)):
        (x1, y1, x2, y2), still = boxes(readings[number])
        assert (x1, y1, x2, y2) == pytest.approx((20 + 10 * share, 30 + 10 * share, 60 + 20 * share, 70 + 30 * share))
        assert still == [140, 60, 180, 100]
        assert readings[number].seen.faces[0].landmarks[0] == pytest.approx((30 + 10 * share, 40 + 10 * share))
    assert boxes(readings[5])[0] == pytest.approx([30 + 10 * 0.8, 40, 80 + 10 * 0.8, 100])
    assert [round(reading.seen.faces[0].score, 2) for reading in readings] == [0.9, 0.7, 0.7, 0.7, 0.7, 0.7, 0.9]
    assert [tracks(reading) for reading in readings] == [[1, 2]] * 7
    # They are looked at where they are, in their own frames.
    x1, y1, x2, y2 = readings[2].seen.crops[0]
    assert (x1, y1, x2, y2) == (24, 34, 68, 82)
    assert readings[2].seen.raw[0].yaw == gaze_of(frame(2).image[y1:y2, x1:x2]).yaw


def test_who_is_seen_at_one_end_only_is_not_in_between() -> None:
    leaves, stays, comes = face(20, 30), face(90, 80), face(150, 0)
    scene = {0: [leaves, stays], 3: [stays], 6: [comes, stays], 8: [comes]}
    readings = list(read_gaze(frames(9), Detector(scene), estimate, detect_every=3))
    assert [tracks(reading) for reading in readings] == [[1, 2], [2], [2], [2], [2], [2], [3, 2], [3], [3]]


# ---- Who counts


def test_detections_of_low_score_continue_a_track_and_begin_none() -> None:
    scene = {
        0: [face(20, 30, score=0.45)],  # begins nothing
        1: [face(20, 30, score=0.5)],
        2: [face(20, 30, score=0.21), face(140, 60, score=0.49)],  # the first goes on, the second begins nothing
        3: [face(20, 30, score=0.19)],  # too low for anything
        4: [face(20, 30, score=0.9)],
    }
    readings = list(read_gaze(frames(5), Detector(scene), estimate))
    assert [tracks(reading) for reading in readings] == [[], [1], [1], [], [1]]
    assert [len(reading.found or ()) for reading in readings] == [1, 1, 2, 0, 1]


def test_what_begins_a_track_is_the_caller_s_or_the_detector_s() -> None:
    scene = {0: [face(20, 30, score=0.72)], 1: [face(20, 30, score=0.72)]}

    def seen(*, certain: float, min_score: float | None = None) -> list[int]:
        detect = Detector(scene, certain_score=certain)
        return [len(reading.seen.faces) for reading in read_gaze(frames(2), detect, estimate, min_score=min_score)]

    assert seen(certain=0.7) == [1, 1]
    assert seen(certain=0.8) == [0, 0]
    assert seen(certain=0.8, min_score=0.6) == [1, 1]
    assert seen(certain=0.5, min_score=0.75) == [0, 0]
    plain = read_gaze(frames(2), lambda images: [scene[int(image[0, 0, 0])] for image in images], estimate)
    assert [len(reading.seen.faces) for reading in plain] == [1, 1]  # a plain function is certain from 0.5 on


@pytest.mark.parametrize(("min_face", "count"), [(0, 3), (20, 2), (20.5, 1), (41, 0)])
def test_small_faces_are_left_out_by_their_shorter_side(min_face: float, count: int) -> None:
    found = [face(10, 10, 50, 50), face(60, 10, 100, 30), face(120, 10, 130, 100)]
    (reading,) = read_gaze(frames(1), Detector({0: found}), estimate, min_face=min_face)
    assert len(reading.seen.faces) == count


# ---- What is cut out


@pytest.mark.parametrize(
    ("box", "crop"),
    [
        ((10.9, 20.1, 50.99, 60.5), (10, 20, 50, 60)),  # cut down, not rounded
        ((-3.9, 20, 40, 60), (0, 20, 40, 60)),
        ((10, -7.2, 40, 60), (10, 0, 40, 60)),
        ((150, 20, 230.7, 60), (150, 20, 200, 60)),
        ((10, 90, 40, 140.2), (10, 90, 40, 120)),
        ((-50.5, -50.5, 300, 300), (0, 0, 200, 120)),
        ((0, 0, 200, 120), (0, 0, 200, 120)),
        ((-90, -90, -10, -10), (0, 0, 1, 1)),  # outside: the pixel that is nearest
        ((300, 300, 340, 340), (199, 119, 200, 120)),
        ((10.2, 20.2, 10.7, 20.9), (10, 20, 11, 21)),
    ],
)
def test_crops_are_the_boxes_in_whole_pixels_within_the_frame(
    box: tuple[float, ...], crop: tuple[int, int, int, int]
) -> None:
    given: list[Picture] = []

    def keep(crops: Sequence[Picture]) -> list[Gaze]:
        given.extend(one.copy() for one in crops)
        return estimate(crops)

    (reading,) = read_gaze(frames(1), Detector({0: [face(*box)]}), keep, min_face=0)
    assert reading.seen.crops == (crop,)
    assert boxes(reading)[0] == pytest.approx(box)
    x1, y1, x2, y2 = crop
    np.testing.assert_array_equal(given[0], frame(0).image[y1:y2, x1:x2])


@pytest.mark.parametrize("workers", [1, 2])
def test_all_crops_are_of_the_untouched_frame(workers: int) -> None:
    scene = {number: [face(20, 30, 90, 100), face(60, 30, 130, 100), face(100, 30, 170, 100)] for number in range(6)}
    asked: list[tuple[int, ...]] = []
    lock = threading.Lock()

    def compare(crops: Sequence[Picture]) -> list[Gaze]:
        pristine = {number: frame(number).image for number in range(6)}
        places = [
            next(
                (3 * number + place)
                for number in range(6)
                for place, x in enumerate((20, 60, 100))
                if np.array_equal(crop, pristine[number][30:100, x : x + 70])
            )
            for crop in crops
        ]
        with lock:
            asked.append(tuple(places))
        return estimate(crops)

    readings = list(read_gaze(frames(6), Detector(scene), compare, workers=workers))
    assert sorted(asked) == [tuple(range(start, start + 3)) for start in range(0, 18, 3)], (
        "the faces of a frame at once"
    )
    for number, reading in enumerate(readings):
        np.testing.assert_array_equal(reading.frame.image, frame(number).image)


# ---- When something goes wrong, and when no more is wanted


def broken_frames() -> Iterator[Frame]:
    yield from frames(7)
    raise OSError("the disk is gone")


def breaks(function: Callable[[Sequence[Picture]], list[object]]) -> Callable[[Sequence[Picture]], list[object]]:
    """A function that fails at frame 6 (every third frame is searched) and at the face in frame 7."""
    broken = [frame(6).image, frame(7).image[30:70, 27:67]]

    def failing(pictures: Sequence[Picture]) -> list[object]:
        if any(np.array_equal(picture, other) for picture in pictures for other in broken):
            raise OSError("the disk is gone")
        return function(pictures)

    return failing


@pytest.mark.parametrize("detect_every", [1, 3])
@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("where", ["frames", "detect", "estimate"])
def test_an_error_reaches_the_consumer_after_what_was_before_it(where: str, workers: int, detect_every: int) -> None:
    scene = {number: [face(20 + number, 30)] for number in range(20)}
    detect, shown, look = Detector(scene), frames(20), estimate
    seen: list[int] = []
    readings = read_gaze(
        broken_frames() if where == "frames" else shown,
        breaks(detect) if where == "detect" else detect,  # type: ignore[arg-type]
        breaks(look) if where == "estimate" else look,  # type: ignore[arg-type]
        detect_every=detect_every,
        workers=workers,
    )
    with pytest.raises(OSError, match="the disk is gone"):
        seen.extend(reading.frame.index for reading in readings)
    assert seen == list(range(len(seen)))
    # Frames come from search to search, and two at a time where threads share the work.
    least = 6 if workers == detect_every == 1 else 6 - 2 * detect_every
    assert least <= len(seen) <= 7
    assert our_threads() == []


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("read", [0, 1, 5])
def test_a_consumer_that_stops_early_leaves_no_thread(workers: int, read: int) -> None:
    endless = (frame(number % 250, at=number / 25) for number in itertools.count())
    scene = {number: [face(20, 30)] for number in range(250)}
    readings = read_gaze(endless, Detector(scene, slow=True), estimate, workers=workers)
    assert len(list(itertools.islice(readings, read))) == read
    readings.close()
    assert our_threads() == []


def test_a_consumer_that_fails_leaves_no_thread() -> None:
    readings = read_gaze(frames(50), Detector(moving(50), slow=True), estimate, workers=3)

    def consume() -> None:
        for reading in readings:
            if reading.frame.index == 5:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        consume()
    readings.close()
    assert our_threads() == []


@pytest.mark.parametrize(
    ("workers", "detect_every", "most"), [(1, 1, 0), (1, 4, 11), (2, 1, 20), (4, 1, 40), (2, 10, 60), (4, 10, 90)]
)
def test_frames_are_read_ahead_by_a_bounded_number(workers: int, detect_every: int, most: int) -> None:
    pulled = itertools.count(1)
    last = 0

    def endless() -> Iterator[Frame]:
        nonlocal last
        for number in itertools.count():
            last = next(pulled)
            yield frame(number % 250, at=number / 25)

    scene = {number: [face(20, 30)] for number in range(250)}
    readings = read_gaze(endless(), Detector(scene), estimate, workers=workers, detect_every=detect_every)
    ahead = [last - 1 - reading.frame.index for reading in itertools.islice(readings, 100)]
    readings.close()
    assert max(ahead) <= most
    assert min(ahead) >= 0


# ---- Going on after an earlier run


@pytest.mark.parametrize("detect_every", [1, 3])
@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_known_is_not_asked_for_again(workers: int, detect_every: int) -> None:
    count, done = 16, 7
    scene = moving(count) | {6: [face(26, 30)], 9: [face(29, 30), face(140, 60), face(5, 5)]}
    whole = list(read_gaze(frames(count), Detector(scene), estimate, detect_every=detect_every))
    known = Known(
        {each.frame.index: each.found for each in whole[:done] if each.found is not None},
        {each.frame.index: list(each.seen.raw) for each in whole[:done]},
    )
    detect, asked = Detector(scene), []

    def counting(crops: Sequence[Picture]) -> list[Gaze]:
        asked.append(len(crops))
        return estimate(crops)

    again = read_gaze(frames(count), detect, counting, detect_every=detect_every, workers=workers, known=known)
    assert numbers(again) == numbers(whole)
    assert all(number >= done for number in detect.asked)
    assert sum(asked) == sum(len(each.seen.faces) for each in whole[done:])


# ---- Values that make no sense


@pytest.mark.parametrize("detect_every", [0, -1, 61])
def test_searches_too_far_apart_are_an_error(detect_every: int) -> None:
    message = f"detect_every is {detect_every}; it must lie between 1 and 60"
    with pytest.raises(InputError, match=message):  # at once, not when the first frame is asked for
        read_gaze(frames(1), Detector({}), estimate, detect_every=detect_every)


@pytest.mark.parametrize("min_score", [0.0, 1.0, -0.5, 50])
def test_a_score_out_of_range_is_an_error(min_score: float) -> None:
    with pytest.raises(InputError, match=rf"min_score is {min_score}; it must lie between 0 and 1"):
        read_gaze(frames(1), Detector({}), estimate, min_score=min_score)


def test_frames_whose_times_go_back_are_an_error() -> None:
    backwards = [frame(0, at=1.0), frame(1, at=0.5)]
    with pytest.raises(InputError, match="times must increase"):
        list(read_gaze(backwards, Detector(moving(2)), estimate, workers=2))
    assert our_threads() == []
