"""Faces are where they were seen, on a straight line between two looks, and in spans from found to lost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from perceptkit.face.tracking.following import Followed
from perceptkit.face.tracking.places import Place, Places, spans_of

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
    assert spans_of(followed(*looks), [1], max_gap=1, step=0.1, end=2) == ()


def test_spans_are_from_found_to_lost() -> None:
    """A gap of up to a second is none."""
    seen = [n for n in range(50) if n not in range(5, 14) and n not in range(20, 31)]
    film = followed(*((n / 10, [(1, 0.0, 1.0)] if n in seen else []) for n in range(50)))
    assert spans_of(film, [1], max_gap=1.0001, step=0.1, end=5.0) == ((0.0, 2.0), (3.1, 5.0))
    assert spans_of(film, [1], max_gap=0.9, step=0.1, end=5.0) == ((0.0, 0.5), (1.4, 2.0), (3.1, 5.0))
    assert spans_of(film, [2], max_gap=1, step=0.1, end=5.0) == ()
    assert spans_of(film, [], max_gap=1, step=0.1, end=5.0) == ()


def test_spans_of_several_tracks_are_joined() -> None:
    film = followed(*((n / 10, [(1 + (n >= 12), 0.0, 1.0), (3, 90.0, 1.0)]) for n in range(20)))
    assert spans_of(film, [1], max_gap=1, step=0.1, end=2.0) == ((0.0, 1.2),)
    assert spans_of(film, [1, 2], max_gap=1, step=0.1, end=2.0) == ((0.0, 2.0),)


def test_a_span_ends_with_the_video_and_its_numbers_are_short() -> None:
    film = followed(*((n * 0.7, [(1, 0.0, 1.0)]) for n in range(4)))  # the last look is at 2.0999999999999996 s
    assert spans_of(film, [1], max_gap=1.4, step=0.7, end=2.2) == ((0.0, 2.2),)
    assert spans_of(film, [1], max_gap=1.4, step=0.7, end=9.0) == ((0.0, 2.8),)
    assert spans_of(film, [1], max_gap=0.1, step=0.1, end=9.0)[-1] == (2.1, 2.2)
