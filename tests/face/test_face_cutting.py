"""Where somebody else takes over a track it is cut, at the right frame, and what is left is numbered anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pytest

from perceptkit.face.tracking.cutting import cut_tracks, middle
from perceptkit.face.tracking.following import Followed, Moment

LIMIT = 0.4
PEOPLE = np.eye(6, dtype=np.float32)
# time of a look, track and x of its boxes
Seen = tuple[float, list[tuple[int, float]]]


def followed(looks: Sequence[Seen], moments: Sequence[tuple[int, float, int | None]]) -> Followed:
    """Boxes of 10 pixels, and moments: track, time and person (None: there was no embedder)."""
    rows = [(look, track, x) for look, (_, faces) in enumerate(looks) for track, x in faces]
    return Followed(
        np.array([time for time, _ in looks]),
        np.array([look for look, _, _ in rows], np.int64),
        np.array([track for _, track, _ in rows], np.int64),
        np.array([[x, 0, x + 10, 10] for _, _, x in rows], np.float32).reshape(-1, 4),
        np.full(len(rows), 0.9, np.float32),
        tuple(
            Moment(track, time, 0.5, PEOPLE[person] if person is not None else np.empty(0, np.float32), b"")
            for track, time, person in moments
        ),
    )


def still(times: Iterable[float], track: int = 1) -> list[Seen]:
    """Somebody who moves by a pixel at each look."""
    return [(time, [(track, float(number))]) for number, time in enumerate(times)]


def test_a_track_of_one_person_stays_as_it_is() -> None:
    before = followed(still(np.arange(40) / 10), [(1, time, 0) for time in (0.5, 1.5, 2.5, 3.5)])
    after = cut_tracks(before, LIMIT)
    assert after.track.tolist() == [1] * 40
    assert [moment.track for moment in after.moments] == [1] * 4
    np.testing.assert_array_equal(after.boxes, before.boxes)


@pytest.mark.parametrize("cut", [16, 20, 25])
def test_a_track_is_cut_at_the_frame_where_its_box_jumps(cut: int) -> None:
    looks: list[Seen] = [(n / 10, [(1, float(n) if n < cut else 55 + float(n))]) for n in range(45)]
    after = cut_tracks(followed(looks, [(1, 0.5, 0), (1, 1.5, 0), (1, 2.5, 1), (1, 3.5, 1)]), LIMIT)
    assert after.track.tolist() == [1] * cut + [2] * (45 - cut)
    assert [(moment.track, moment.time) for moment in after.moments] == [(1, 0.5), (1, 1.5), (2, 2.5), (2, 3.5)]


def test_without_a_jump_it_is_cut_between_the_last_moment_of_one_and_the_first_of_the_other() -> None:
    looks: list[Seen] = [(n / 10, [(1, 0.0)]) for n in range(45)]
    after = cut_tracks(followed(looks, [(1, 0.5, 0), (1, 1.5, 0), (1, 2.5, 1), (1, 3.5, 1)]), LIMIT)
    (first, second) = (after.times[after.look[after.track == track]] for track in (1, 2))
    assert first.max() >= 1.5
    assert second.min() <= 2.5


def test_who_comes_back_by_a_second_cut_is_a_third_track() -> None:
    people = [0, 0, 0, 1, 1, 1, 0, 0]
    looks: list[Seen] = [(n / 10, [(1, 30.0 * (30 <= n < 60))]) for n in range(80)]
    after = cut_tracks(followed(looks, [(1, n + 0.5, person) for n, person in enumerate(people)]), LIMIT)
    assert after.track.tolist() == [1] * 30 + [2] * 30 + [3] * 20
    assert [moment.track for moment in after.moments] == [1] * 3 + [2] * 3 + [3] * 2


def test_tracks_are_numbered_by_who_came_first() -> None:
    """What is cut off begins later than a track that is found beside it."""
    looks: list[Seen] = [(n / 10, [(4, 30.0 * (n >= 20)), *([(7, 300.0)] if n > 4 else [])]) for n in range(40)]
    moments = [(4, 0.5, 0), (4, 1.5, 0), (4, 2.5, 1), (4, 3.5, 1), (7, 1.0, 2), (7, 2.0, 2)]
    after = cut_tracks(followed(looks, moments), LIMIT)
    first = {track: after.times[after.look[after.track == track][0]] for track in (1, 2, 3)}
    assert first == {1: 0.0, 2: 0.5, 3: 2.0}
    assert [(moment.track, moment.time) for moment in after.moments] == [
        (1, 0.5), (1, 1.5), (2, 1.0), (2, 2.0), (3, 2.5), (3, 3.5),
    ]  # fmt: skip
    assert sorted(set(after.track.tolist())) == [1, 2, 3]


@pytest.mark.parametrize(
    "people", [[0, 0, 1, 0, 0], [0, 0, 0, 1, 2], [0, 0, 1, 2, 0], [0, 1, 1, 1, 1], [0, 0, 0, 0, 1]]
)
def test_what_does_not_look_like_one_other_person_for_two_moments_is_no_cut(people: list[int]) -> None:
    """A blurred moment looks like nobody, and one moment is not enough to know somebody by."""
    moments = [(1, n + 0.5, person) for n, person in enumerate(people)]
    assert set(cut_tracks(followed(still(np.arange(50) / 10), moments), LIMIT).track.tolist()) == {1}


def test_without_an_embedder_nothing_is_cut() -> None:
    after = cut_tracks(followed(still([0.0, 0.1]), [(1, 0.0, None), (1, 0.1, None)]), LIMIT)
    assert after.track.tolist() == [1, 1]


@pytest.mark.parametrize(("step", "tracks"), [(0.1, [1, 1]), (0.5, [1, 1]), (0.6, [1, 2, 1])])
def test_what_is_seen_in_one_look_only_is_left_out_where_another_was_near(step: float, tracks: list[int]) -> None:
    looks: list[Seen] = [(0.0, [(1, 0.0)]), (step, [(2, 50.0), (1, 0.0)])]
    after = cut_tracks(followed(looks, [(1, 0.0, 0), (2, step, 1)]), LIMIT)
    assert sorted(after.track.tolist()) == sorted(tracks)
    assert len(after.boxes) == len(after.scores) == len(after.look) == len(tracks)
    assert {moment.track for moment in after.moments} == set(tracks)


def test_where_there_was_one_look_only_its_faces_are_believed() -> None:
    assert cut_tracks(followed([(0.0, [(1, 0.0), (2, 50.0)])], []), LIMIT).track.tolist() == [1, 2]


@pytest.mark.parametrize("looks", [[], [(0.0, [])]])
def test_nobody_is_nobody(looks: list[Seen]) -> None:
    after = cut_tracks(followed(looks, []), LIMIT)
    assert (len(after.track), len(after.times), after.moments) == (0, len(looks), ())


def test_the_middle_is_weighted_by_worth() -> None:
    moments = [Moment(1, 0.0, 3.0, PEOPLE[0], b""), Moment(1, 1.0, 4.0, PEOPLE[1], b"")]
    np.testing.assert_allclose(middle(moments)[:3], [0.6, 0.8, 0], atol=1e-6)
    worthless = [Moment(1, 0.0, 0.0, PEOPLE[0], b""), Moment(1, 1.0, 0.0, PEOPLE[1], b"")]
    np.testing.assert_allclose(middle(worthless)[:3], [0.5**0.5, 0.5**0.5, 0], atol=1e-6)
