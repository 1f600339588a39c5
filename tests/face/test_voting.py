"""Tracks get the names of the people whom their best moments together are like, each person in one place at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from perceptkit.arrays import Floats
from perceptkit.face.gallery.people import Enrolled, Gallery, Prototype
from perceptkit.face.tracking.following import Followed, Moment
from perceptkit.face.tracking.voting import Track, name_tracks, one_place_at_a_time

LIMIT = 0.5
AXES = np.eye(4, dtype=np.float32)


def like(anna: float = 0.0, bert: float = 0.0, cleo: float = 0.0) -> Floats:
    """A face that is as similar to each of the three as is said."""
    rest = (1 - anna**2 - bert**2 - cleo**2) ** 0.5
    return np.array([anna, bert, cleo, rest], np.float32)


def people(*names: str) -> Gallery:
    kept = (Prototype("0" * 16, "a.png", None, 0.9, 0.0),)
    enrolled = (Enrolled(f"{n:032x}", name, "", kept, AXES[n : n + 1], AXES[n]) for n, name in enumerate(names))
    return Gallery("model", "0" * 64, tuple(enrolled))


def named(
    looks: Mapping[int, Sequence[int]],
    moments: Mapping[int, Sequence[tuple[float, Floats]]],
    *,
    gallery: Gallery | None,
    best: int = 5,
) -> list[Track]:
    """Tracks by the looks in which they are seen, a tenth of a second each, and their moments: worth and embedding."""
    rows = sorted((look, track) for track, seen in looks.items() for look in seen)
    followed = Followed(
        np.arange(800) / 10,
        np.array([look for look, _ in rows], np.int64),
        np.array([track for _, track in rows], np.int64),
        np.zeros((len(rows), 4), np.float32),
        np.ones(len(rows), np.float32),
        tuple(
            Moment(track, float(n), worth, embedding, b"")
            for track in sorted(moments)
            for n, (worth, embedding) in enumerate(moments[track])
        ),
    )
    return name_tracks(followed, gallery, LIMIT, best=best)


THREE = people("Anna", "Bert", "Cleo")


def test_a_track_says_when_it_is_seen_and_who_it_is() -> None:
    (track,) = named({1: [3, 4, 6]}, {1: [(0.5, like(anna=0.8, bert=0.3))]}, gallery=THREE)
    assert (track.id, track.looks) == (1, 3)
    assert (track.start, track.end) == pytest.approx((0.3, 0.6))
    assert track.name == "Anna"
    assert track.identity is not None
    assert (track.identity.nearest, track.identity.runner_up) == ("Anna", "Bert")
    assert (track.identity.similarity, track.identity.margin) == pytest.approx((0.8, 0.5))
    assert (track.asked, track.agree) == (1, 1)
    assert type(track.start) is type(track.end) is float
    assert type(track.looks) is int


def test_the_moments_decide_together_and_not_one_by_one() -> None:
    """One moment alone reaches the threshold for the wrong person, three do not reach it for the right one."""
    odd = (0.5, like(bert=0.6))
    weak = [
        (0.5, np.array([0.45, 0, 0, 0], np.float32) + sign * np.array([0, 0, 0.893, 0], np.float32)) for sign in (1, -1)
    ]
    (track,) = named({1: range(30)}, {1: [*weak, *weak, odd]}, gallery=people("Anna", "Bert"))
    assert track.name == "Anna"
    assert (track.asked, track.agree) == (5, 0)


@pytest.mark.parametrize(("best", "name", "agree"), [(2, "Anna", 2), (20, "Bert", 12)])
def test_only_the_best_moments_are_asked(best: int, name: str, agree: int) -> None:
    moments = [(0.1, like(bert=0.9))] * 6 + [(0.3, like(anna=0.9))] * 2 + [(0.1, like(bert=0.9))] * 6
    (track,) = named({1: range(20)}, {1: moments}, gallery=THREE, best=best)
    assert (track.name, track.asked, track.agree, len(track.moments)) == (name, min(best, 14), agree, 14)


def test_below_the_threshold_somebody_is_unknown_but_like_somebody() -> None:
    (track,) = named({1: [0, 1]}, {1: [(0.5, like(bert=0.49))]}, gallery=THREE)
    assert track.name is None
    assert track.identity is not None
    assert track.identity.nearest == "Bert"
    assert track.identity.similarity == pytest.approx(0.49)
    assert track.agree == 0


def test_two_who_are_seen_together_are_not_one_person() -> None:
    looks = {1: range(20), 2: range(20)}
    tracks = named(looks, {1: [(0.5, like(anna=0.7))], 2: [(0.5, like(anna=0.9))]}, gallery=THREE)
    assert [track.name for track in tracks] == [None, "Anna"]
    identity = tracks[0].identity
    assert identity is not None
    assert identity.nearest != "Anna"


def test_who_cannot_be_one_person_may_be_the_next() -> None:
    moments = {1: [(0.5, like(anna=0.7, cleo=0.55))], 2: [(0.5, like(anna=0.9))], 3: [(0.5, like(anna=0.8, bert=0.4))]}
    tracks = named({1: range(20), 2: range(20), 3: range(5, 25)}, moments, gallery=THREE)
    assert [track.name for track in tracks] == ["Cleo", "Anna", None]
    assert [track.agree for track in tracks] == [0, 1, 0]  # by itself the first would be Anna


def test_one_after_the_other_both_are_the_same_person() -> None:
    moments = {1: [(0.5, like(anna=0.7))], 2: [(0.5, like(anna=0.9))]}
    tracks = named({1: range(20), 2: range(20, 40)}, moments, gallery=THREE)
    assert [track.name for track in tracks] == ["Anna", "Anna"]


@pytest.mark.parametrize(("shared", "names"), [(1, ["Anna", "Anna"]), (2, ["Anna", "Anna"]), (3, [None, "Anna"])])
def test_a_face_lost_and_found_again_may_overlap_with_itself_for_a_moment(shared: int, names: list[str | None]) -> None:
    """Up to a tenth of the looks of the shorter track."""
    looks = {1: range(20), 2: range(20 - shared, 45)}
    moments = {1: [(0.5, like(anna=0.7))], 2: [(0.5, like(anna=0.9))]}
    assert [track.name for track in named(looks, moments, gallery=THREE)] == names


def test_two_who_share_more_than_a_second_are_two_however_long_they_are_seen() -> None:
    looks = {1: range(0, 40), 2: range(25, 50)}  # 15 of 40 and 25 looks, 1.5 seconds
    long = {1: range(0, 400), 2: range(388, 790)}  # 12 of about 400: 3 %, and 1.2 seconds
    anna = {1: [(0.9, like(anna=0.9))], 2: [(0.9, like(anna=0.8))]}
    assert [track.name for track in named(looks, anna, gallery=THREE)] == ["Anna", None]
    assert [track.name for track in named(long, anna, gallery=THREE)] == ["Anna", None]


def test_without_moments_somebody_is_unknown_and_like_nobody() -> None:
    tracks = named({1: [0, 1], 2: [0, 1]}, {2: [(0.5, like(anna=0.9))]}, gallery=THREE)
    assert [track.name for track in tracks] == [None, "Anna"]
    assert tracks[0].identity is not None
    assert (tracks[0].identity.similarity, tracks[0].identity.nearest) == (None, None)
    assert (tracks[0].asked, tracks[0].agree, tracks[0].moments) == (0, 0, ())


def test_without_a_gallery_and_with_an_empty_one_nobody_is_named() -> None:
    (track,) = named({1: [0, 1]}, {1: [(0.5, like(anna=0.9))]}, gallery=None)
    assert (track.identity, track.name, track.agree) == (None, None, 0)
    (track,) = named({1: [0, 1]}, {1: [(0.5, like(anna=0.9))]}, gallery=people())
    assert track.identity is not None
    assert (track.name, track.identity.similarity) == (None, None)


def test_without_tracks_there_is_nothing() -> None:
    assert named({}, {}, gallery=THREE) == []


def test_the_most_alike_come_first_and_the_input_stays() -> None:
    alike = np.array([[0.9, 0.8], [0.95, 0.6], [0.7, 0.7]], np.float32)
    given = alike.copy()
    possible = one_place_at_a_time(alike, lambda one, other: True, LIMIT)
    np.testing.assert_array_equal(alike, given)
    expected = np.array([[-np.inf, 0.8], [0.95, 0.6], [-np.inf, -np.inf]], np.float32)
    np.testing.assert_array_equal(possible, expected)
    apart = one_place_at_a_time(alike, lambda one, other: False, LIMIT)
    np.testing.assert_array_equal(apart, given)
