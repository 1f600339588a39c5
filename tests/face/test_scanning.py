"""Who is meant by an enrolment, and which faces are kept: known answers with made-up faces."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from perceptkit.arrays import Floats
from perceptkit.errors import InputError
from perceptkit.face.enrolling.gathering import Candidate, Gathered, Look, view
from perceptkit.face.enrolling.scanning import choose, scan
from perceptkit.face.types import Quality

THRESHOLD = 0.4
HEADSHOT = np.zeros((160, 160, 3), np.uint8)


def embedding(person: int, *, likeness: float = 1.0) -> Floats:
    """Of a person: as similar to all others of it as `likeness`, and not at all to other people."""
    vector = np.zeros(16, np.float32)
    vector[person], vector[15] = likeness, np.sqrt(1 - likeness**2)
    return vector


def face(
    person: int, part: int, *, worth: float = 0.8, yaw: float = 0.0, time: float | None = None, track: int | None = None
) -> Candidate:
    quality = Quality(worth, worth, worth, worth, worth, worth)
    name = f"{part}-{person}-{yaw}-{time}-{track}"
    return Candidate(name, "?", part, time, track, quality, worth, yaw, embedding(person), HEADSHOT)


def photo(part: int, *people: int, side: float = 200, fault: str = "") -> Gathered:
    """A photo of people, the largest first; with a `fault` that one cannot be used."""
    looks = (Look(part, None, None, side, 0.0, fault),) if people or fault else ()
    found = [replace(face(person, part), source=f"{part}.jpg") for person in people]
    return Gathered(f"{part}.jpg", 1, looks, tuple(found), ())


def video(
    people: Sequence[int], *, first: int = 0, sides: Sequence[float] = (100,) * 15, fault: str = "", yaw: float = 0.0
) -> Gathered:
    """A video of ten parts; `people` are the largest of each second or part of one, each on a track of its own.
    The faces of person 1 are turned by `yaw`."""
    looks, best = [], {}
    for number, person in enumerate(people):
        part = first + number * 10 // len(people)
        turn = yaw if person == 1 else 0.0
        looks.append(Look(part, float(number), person, sides[person], turn, fault))
        best[part, person] = face(person, part, time=float(number), track=person, yaw=turn)
    candidates = () if fault else tuple(replace(one, source="a.mp4") for one in best.values())
    return Gathered("a.mp4", len(people), tuple(looks), candidates, ())


def kept(*gathered: Gathered, most: int = 10) -> set[int]:
    """The people of whom faces were kept."""
    return {int(np.argmax(one.embedding)) for one in scan(gathered, THRESHOLD, most=most).kept}


# ---- Who is meant


def test_one_person_is_meant_and_every_part_gives_a_face() -> None:
    found = scan([video([0] * 50)], THRESHOLD, most=10)
    assert [one.part for one in found.kept] == list(range(10))
    assert (found.looked, found.seen, found.yaws, found.notes) == (50, 50, (0.0,) * 50, ())


def test_two_people_who_take_turns_are_refused_with_files_times_and_similarity() -> None:
    with pytest.raises(InputError, match="two people take turns at being the largest face") as caught:
        scan([video([0, 0, 1, 1] * 10)], THRESHOLD, most=10)
    assert "one is seen in a.mp4 (1.0 to 37.0 s), another in a.mp4 (3.0 to 39.0 s)" in str(caught.value)
    assert "(similarity 0.00, the same person from 0.40)" in str(caught.value)


@pytest.mark.parametrize(("passing", "meant"), [(1, True), (6, True), (7, False), (10, False)])
def test_who_is_seen_half_as_much_as_the_person_makes_it_unclear(passing: int, meant: bool) -> None:
    people = [0] * (20 - passing) + [1] * passing
    if meant:
        assert kept(video(people)) == {0}
    else:
        with pytest.raises(InputError, match="two people take turns"):
            kept(video(people))


def test_a_video_is_shared_out_by_size_and_time() -> None:
    """Somebody who is near for a moment does not outweigh one who is there all the time."""
    assert kept(video([0] * 16 + [1] * 4, sides=(100, 190))) == {0}
    with pytest.raises(InputError, match="two people take turns"):
        kept(video([0] * 16 + [1] * 4, sides=(100, 210)))
    assert kept(video([0] * 16 + [1] * 4, sides=(100, 900))) == {1}


def test_photos_count_alike_whatever_their_size() -> None:
    found = scan([photo(0, 0), photo(1, 0), photo(2, 0), photo(3, 1, side=4000)], THRESHOLD, most=4)
    assert [one.source for one in found.kept] == ["0.jpg", "1.jpg", "2.jpg"]
    assert found.notes == ("3.jpg was not used: it shows somebody else",)


def test_photos_of_two_people_are_refused() -> None:
    with pytest.raises(InputError, match=r"one is seen in 0\.jpg, another in 1\.jpg \("):
        scan([photo(0, 0), photo(1, 1)], THRESHOLD, most=2)
    with pytest.raises(InputError, match=r"one is seen in 0\.jpg, 1\.jpg, another in 2\.jpg"):
        scan([photo(0, 0), photo(1, 0), photo(2, 1)], THRESHOLD, most=3)


def test_photos_of_ten_people_are_refused() -> None:
    with pytest.raises(InputError, match="two people take turns"):
        scan([photo(part, part) for part in range(10)], THRESHOLD, most=10)


def test_files_in_an_error_are_not_too_many() -> None:
    with pytest.raises(InputError, match=r"one is seen in 0\.jpg, 1\.jpg, 2\.jpg and 2 more files, another in 5\.jpg"):
        scan([photo(part, part // 5) for part in range(10)], THRESHOLD, most=10)


def test_of_one_photo_the_largest_face_is_meant() -> None:
    assert kept(photo(0, 3, 1, 2)) == {3}


def test_of_several_photos_whoever_is_in_all_of_them_is_meant() -> None:
    """Though somebody else, never the same, is larger in some or all."""
    assert kept(photo(0, 0, 1), photo(1, 2, 0), photo(2, 0, 3)) == {0}
    assert kept(photo(0, 1, 0), photo(1, 2, 0), photo(2, 3, 0)) == {0}
    assert kept(photo(0, 1, 0), photo(1, 0, 2)) == {0}
    found = scan([photo(0, 0, 1), photo(1, 2, 0)], THRESHOLD, most=2)
    assert len(found.kept) == 2
    assert found.notes == ()


def test_two_who_are_together_in_all_photos_are_told_by_size() -> None:
    assert kept(photo(0, 0, 1), photo(1, 0, 1), photo(2, 0, 1)) == {0}
    with pytest.raises(InputError, match="two people take turns"):
        kept(photo(0, 0, 1), photo(1, 1, 0))


def test_a_photo_may_stand_beside_a_video() -> None:
    found = scan([video([0] * 30), photo(10, 1, 0), photo(11, 2)], THRESHOLD, most=12)
    assert [one.part for one in found.kept] == list(range(11))
    assert found.notes == ("11.jpg was not used: it shows somebody else",)


@pytest.mark.parametrize(("turn", "likeness", "refused"), [(60, 0.3, False), (60, 0.1, True), (30, 0.3, True)])
def test_faces_turned_far_aside_are_no_rival_when_they_are_a_little_alike(
    turn: float, likeness: float, refused: bool
) -> None:
    """They may be of the same person: between the profile and the face is less likeness than the threshold."""
    seen = video([0, 0, 0, 1, 1] * 4, yaw=turn)
    mixed = embedding(0) * likeness + embedding(1) * np.sqrt(1 - likeness**2)
    candidates = [replace(one, embedding=mixed) if one.track == 1 else one for one in seen.candidates]
    seen = replace(seen, candidates=tuple(candidates))
    if refused:
        with pytest.raises(InputError, match="two people take turns"):
            scan([seen], THRESHOLD, most=10)
    else:
        assert {one.track for one in scan([seen], THRESHOLD, most=10).kept} == {0}


# ---- What cannot be used


def test_nothing_usable_says_what_is_wrong_how_often() -> None:
    looks = [Look(0, float(number), 1, 100, 0, fault) for number, fault in enumerate(["blurred"] * 3 + ["too small"])]
    with pytest.raises(InputError, match=r"nothing that could be used was found in a\.mp4: ") as caught:
        scan([Gathered("a.mp4", 1010, tuple(looks), (), ())], THRESHOLD, most=10)
    assert str(caught.value).endswith(
        "in 3 of 1,010 pictures the largest face is blurred, in 1 of 1,010 pictures the largest face is too small, "
        "in 1,006 of 1,010 pictures no face was found"
    )


@pytest.mark.parametrize(
    ("gathered", "reason"),
    [
        (photo(0), "no face was found"),
        (photo(0, fault="too small"), "the largest face is too small"),
        (photo(0, 1, fault="blurred"), "the largest face is blurred"),
        (replace(video([0] * 4), candidates=()), "the embedder gave no numbers for it"),
    ],
    ids=["no face", "small", "another in the background", "no numbers"],
)
def test_one_picture_says_what_is_wrong_with_it(gathered: Gathered, reason: str) -> None:
    with pytest.raises(InputError, match=f"nothing that could be used was found in .*: {reason}$"):
        scan([gathered], THRESHOLD, most=1)


def test_what_was_not_used_beside_good_photos_is_noted() -> None:
    bad = [photo(1), photo(2, fault="badly lit"), video([0] * 4, first=3, fault="blurred")]
    found = scan([photo(0, 0), *bad], THRESHOLD, most=10)
    assert found.notes == (
        "1.jpg was not used: no face was found",
        "2.jpg was not used: the largest face is badly lit",
        "a.mp4 was not used: in 4 of 4 pictures the largest face is blurred",
    )


def test_notes_of_reading_are_handed_on() -> None:
    cut = replace(video([0] * 10), notes=("a.mp4: decoded 10 of 75 frames",))
    assert scan([cut], THRESHOLD, most=10).notes == ("a.mp4: decoded 10 of 75 frames",)


def test_a_face_in_two_copies_of_a_file_is_kept_once() -> None:
    first, second = photo(0, 0), photo(1, 0)
    copy = replace(second, candidates=tuple(replace(one, id=first.candidates[0].id) for one in second.candidates))
    found = scan([first, copy], THRESHOLD, most=2)
    assert len(found.kept) == 1
    assert found.notes == ()


# ---- Which faces are kept


def test_the_best_face_of_each_part_is_kept() -> None:
    several = [face(0, part, worth=worth) for part in range(10) for worth in (0.6, 0.9, 0.7)]
    assert [one.worth for one in choose(several, 10)] == [0.9] * 10


def test_a_face_that_shows_a_new_view_comes_before_a_better_one_that_does_not() -> None:
    alike = [face(0, 0, worth=0.9), face(0, 1, worth=0.9), face(0, 1, worth=0.75, yaw=30)]
    assert [one.yaw for one in choose(alike, 2)] == [0, 30]
    much_worse = [face(0, 0, worth=0.9), face(0, 1, worth=0.9), face(0, 1, worth=0.7, yaw=30)]
    assert [one.yaw for one in choose(much_worse, 2)] == [0, 0]


def test_parts_without_a_choice_choose_first() -> None:
    turned = [face(0, 0, worth=0.9), face(0, 0, worth=0.8, yaw=-45), face(0, 1, worth=0.8)]
    assert sorted(one.yaw for one in choose(turned, 2)) == [-45, 0]


def test_a_head_that_turns_is_kept_in_all_its_views() -> None:
    """Two views in each of ten parts, the one into the lens always the better one."""
    scanned = [face(0, part, worth=0.9) for part in range(10)]
    scanned += [face(0, part, worth=0.8, yaw=15 * (part - 5) or 75) for part in range(10)]
    chosen = choose(scanned, 10)
    assert sorted(one.part for one in chosen) == list(range(10))
    assert len({view(one.yaw) for one in chosen}) >= 9


def test_room_that_is_left_goes_to_new_views_only() -> None:
    one_part = [face(0, 0, worth=0.9 - abs(yaw) / 1000, yaw=yaw) for yaw in (-60, -30, 0, 1, 2, 30, 60)]
    assert sorted(one.yaw for one in choose(one_part, 10)) == [-60, -30, 0, 30, 60]
    assert sorted(one.yaw for one in choose(one_part, 3)) == [-30, 0, 30]


def test_of_many_photos_the_best_are_kept_with_all_views() -> None:
    photos = [face(0, part, worth=0.5 + part / 1000) for part in range(200)]
    photos += [face(0, 200 + part, worth=0.6, yaw=yaw) for part, yaw in enumerate((-45, 45))]
    chosen = choose(photos, 50)
    assert len({one.id for one in chosen}) == 50
    assert {-45, 45} <= {one.yaw for one in chosen}
    assert min(one.part for one in chosen) == 152


def test_views_are_fifteen_degrees_wide_and_the_middle_one_looks_into_the_lens() -> None:
    assert [view(yaw) for yaw in (-90, -16, -15, -1, 0, 14, 15, 89)] == [-6, -2, -1, -1, 0, 0, 1, 5]


def test_a_scan_of_hours_takes_no_longer_than_its_length() -> None:
    """A hundred thousand looks, and a thousand faces of people who pass."""
    looks = [Look(number // 10_000, number / 10, number // 100, 100, 0, "") for number in range(100_000)]
    best = [face(number % 14, number // 100, time=number * 10.0, track=number) for number in range(1000)]
    crowd = Gathered("a.mp4", len(looks), tuple(looks), tuple(best), ())
    begun = time.monotonic()
    with pytest.raises(InputError, match="two people take turns"):
        scan([crowd], THRESHOLD, most=10)
    assert time.monotonic() - begun < 5
