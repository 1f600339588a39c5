"""What is written of a followed video is plain, short and exact."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from perceptkit.arrays import Floats
from perceptkit.face.gallery import Identity
from perceptkit.face.tracking.lines import Cast, frame_line, person_facts, shown_in, target_boxes, track_facts
from perceptkit.face.tracking.places import Place
from perceptkit.face.tracking.showing import Shown
from perceptkit.face.tracking.voting import Track

ANNA = Identity("Anna", float(np.float32(0.7)), "Anna", "Bert", float(np.float32(0.3)))
NOBODY = Identity(None, None, None, None, None)


def track(number: int, identity: Identity | None) -> Track:
    return Track(number, 0.1 + 0.2, 1.1 + 2.2, 31, identity, 5, 4, ())


def cast(target: str | None = None) -> Cast:
    return Cast({1: track(1, ANNA), 2: track(2, NOBODY), 3: track(3, ANNA)}, {"Bert": 0, "Anna": 1}, target)


def place(number: int, *box: float, score: float = 0.9) -> Place:
    return Place(number, np.array(box, np.float32), float(np.float32(score)))


def group(faces: list[Place], who: Cast) -> Any:
    return frame_line(0, 0.0, faces, who)["group"]


def test_a_line_says_who_is_where() -> None:
    faces = [place(1, 10.126, 20, 30, 40), place(2, 100, 0, 140, 80, score=0.512345)]
    line = frame_line(7, 0.28000000000000003, faces, cast("Anna"))
    assert line == {
        "frame": 7,
        "time": 0.28,
        "faces": [
            {"track": 1, "name": "Anna", "similarity": 0.7, "box": [10.13, 20.0, 30.0, 40.0], "score": 0.9},
            {"track": 2, "name": None, "similarity": None, "box": [100.0, 0.0, 140.0, 80.0], "score": 0.5123},
        ],
        "group": {"box": [10.13, 0.0, 140.0, 80.0], "centroid": [70.03, 35.0]},
        "target": {"visible": True, "box": [10.13, 20.0, 30.0, 40.0], "centroid": [20.06, 30.0]},
    }
    assert json.loads(json.dumps(line, allow_nan=False)) == line  # no number of numpy is in it


def test_a_line_without_anybody_and_without_a_target() -> None:
    assert frame_line(0, 0.0, [], cast()) == {"frame": 0, "time": 0.0, "faces": [], "group": None, "target": None}
    lost = {"visible": False, "box": None, "centroid": None}
    assert frame_line(0, 0.0, [place(2, 0, 0, 9, 9)], cast("Anna"))["target"] == lost
    assert frame_line(0, 0.0, [], Cast({}, None, None))["group"] is None


def test_the_target_is_in_one_place() -> None:
    """Where a face is lost and found again, two of its tracks overlap."""
    boxes: list[Floats] = target_boxes([place(1, 0, 0, 9, 9, score=0.6), place(3, 5, 5, 14, 14)], cast("Anna"))
    assert [box.tolist() for box in boxes] == [[5, 5, 14, 14]]
    assert target_boxes([place(1, 0, 0, 9, 9)], cast("Bert")) == []
    assert target_boxes([place(2, 0, 0, 9, 9)], cast()) == []


def test_the_known_are_drawn_with_their_number_in_the_gallery() -> None:
    shown = shown_in([place(1, 0, 0, 9, 9), place(2, 5, 5, 9, 9)], cast("Anna"))
    assert [(one.track, one.name, one.person, one.target) for one in shown] == [
        (1, "Anna", 1, True),
        (2, None, None, False),
    ]
    (alone,) = shown_in([place(2, 0, 0, 9, 9)], Cast({2: track(2, None)}, None, None))
    assert isinstance(alone, Shown)
    assert (alone.name, alone.person, alone.target) == (None, None, False)


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        (ANNA, {"name": "Anna", "similarity": 0.7, "nearest": "Anna", "runner_up": "Bert", "margin": 0.3}),
        (NOBODY, dict.fromkeys(("name", "similarity", "nearest", "runner_up", "margin"))),
        (None, None),
    ],
)
def test_the_facts_of_a_track(identity: Identity | None, expected: Any) -> None:
    facts = track_facts(track(3, identity))
    assert facts == {
        "track": 3, "name": identity and identity.name, "start": 0.3, "end": 3.3, "looks": 31, "identity": expected,
        "asked": 5, "agree": 4,
    }  # fmt: skip
    assert json.loads(json.dumps(facts)) == facts


def test_the_facts_of_a_person() -> None:
    facts = person_facts("Anna", ((0.1, 0.1 + 0.2), (1.1, 1.1 + 2.2)))
    assert facts == {"name": "Anna", "seconds": 2.4, "spans": [[0.1, 0.3], [1.1, 3.3]]}
    assert person_facts("Bert", ()) == {"name": "Bert", "seconds": 0, "spans": []}
