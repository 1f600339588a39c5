"""Faces are where they were seen, on a straight line between two looks, and in spans from found to lost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from perceptkit.face.tracking.following import Followed
from perceptkit.face.tracking.places import Place, Places, looks_of, spans_of

# time, then track, x and score of each face
Seen = tuple[float, list[tuple[int, float, float]]]


def followed(*looks: Seen) -> Followed:
    rows = [(look, *face) for look, (_, faces) in enumerate(looks) for face in faces]
    return Followed(
        np.array([time for time, _ in looks]),
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.int64),
        np.array([[row[2], 0, row[2] + 10, 20] for row in rows], np.float32).reshape(-1, 4),
        np.array([row[3] for row in rows], np.float32),
        (),
    )


def said(places: Sequence[Place]) -> list[tuple[int, float, float]]:
    return [(place.track, float(place.box[0]), round(place.score, 3)) for place in places]


def test_between_two_looks_a_face_is_on_the_line_between_them() -> None:
    places = Places(
        followed((0.0, [(1, 0, 0.9), (2, 100, 0.8)]), (0.4, [(2, 140, 0.9), (1, 8, 0.5)]), (0.8, [(2, 0, 0.7)]))
    )
    assert said(places.at(0.0)) == [(1, 0, 0.9), (2, 100, 0.8)]
    assert said(places.at(0.1)) == [(1, 2, 0.5), (2, 110, 0.8)]
    assert said(places.at(0.3)) == [(1, 6, 0.5), (2, 130, 0.8)]
    assert said(places.at(0.4)) == [(2, 140, 0.9), (1, 8, 0.5)]
    assert said(places.at(0.6)) == [(2, 70, 0.7)]  # nobody knows where the other one is
    assert said(places.at(0.8)) == said(places.at(1.1)) == [(2, 0, 0.7)]


def test_looks_may_be_skipped_and_times_need_not_be_those_of_looks() -> None:
    places = Places(
        followed((0.5, [(1, 0, 1)]), (0.7, []), (0.9, [(1, 40, 1)]), (1.0, [(1, 60, 1)]), (2.0, [(1, 160, 1)]))
    )
    assert said(places.at(0.2)) == []
    assert said(places.at(0.6)) == said(places.at(0.8)) == []
    assert said(places.at(1.25)) == [(1, 85, 1)]
    assert said(places.at(1.25)) == [(1, 85, 1)]


@pytest.mark.parametrize("looks", [[], [(0.0, [])], [(0.0, []), (1.0, [])]])
def test_nobody_is_nowhere(looks: list[Seen]) -> None:
    places = Places(followed(*looks))
    assert [places.at(time) for time in (0.0, 0.5, 2.0)] == [[], [], []]


def test_spans_are_from_found_to_lost() -> None:
    """A gap of up to a second is none."""
    times = np.arange(50, dtype=np.float64) / 10
    seen = np.array([n for n in range(50) if n not in range(5, 14) and n not in range(20, 31)])
    assert spans_of(times, seen, max_gap=1, end=5.0) == ((0.0, 2.0), (3.1, 5.0))
    assert spans_of(times, seen, max_gap=0.8, end=5.0) == ((0.0, 0.5), (1.4, 2.0), (3.1, 5.0))
    assert spans_of(times, seen[:0], max_gap=1, end=5.0) == ()


def test_a_look_stands_for_the_time_to_the_next_one() -> None:
    """As in a video of slides, whose last one is shown to the end."""
    times = np.array([0.0, 0.7, 1.4, 2.1, 9.0])
    assert spans_of(times, np.array([0, 1, 2]), max_gap=0.1, end=12.0) == ((0.0, 2.1),)
    assert spans_of(times, np.array([0, 3]), max_gap=0.1, end=12.0) == ((0.0, 0.7), (2.1, 9.0))
    assert spans_of(times, np.array([4]), max_gap=0.1, end=12.0) == ((9.0, 12.0),)
    assert spans_of(times, np.array([4]), max_gap=0.1, end=8.9) == ((9.0, 9.0),), "it never ends before it begins"


def test_spans_have_short_numbers() -> None:
    assert spans_of(np.arange(4, dtype=np.float64) * 0.7, np.arange(4), max_gap=1, end=3 * 0.7 + 0.1) == ((0.0, 2.2),)


def test_the_looks_of_each_track_are_told_apart() -> None:
    film = followed(*((n / 10, [(1 + (n >= 12), 0.0, 1.0), (3, 90.0, 1.0)]) for n in range(20)))
    assert [looks.tolist() for looks in looks_of(film)] == [list(range(12)), list(range(12, 20)), list(range(20))]
    assert looks_of(followed((0.0, []))) == []
