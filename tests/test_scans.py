"""The films of `scans.py` are what they say they are: the networks find in them who should be there."""

from __future__ import annotations

import numpy as np
import pytest

from perceptkit import face
from perceptkit.face.quality import head_yaw
from scans import back_of_head, leaving, sweep, turning_head
from shared_data import faces_file

pytestmark = pytest.mark.weights


def test_turning_head_is_seen_to_turn_and_stays_the_same_person() -> None:
    photo, other = faces_file("people/person02_03.jpg"), faces_file("people/person02_02.jpg")
    pictures = turning_head(photo, seconds=1)
    found = face.find_faces([*pictures, other], preset="permissive")
    *turning, known = [max(each, key=lambda sighting: sighting.face.score) for each in found]
    seen = head_yaw(np.stack([sighting.face.landmarks for sighting in turning]))
    asked = np.array([pose.yaw for pose in sweep(len(pictures))])
    assert np.corrcoef(asked, seen)[0, 1] > 0.95
    assert np.abs(seen - asked)[np.abs(asked) < 25].max() < 12
    assert min(float(sighting.embedding @ known.embedding) for sighting in turning) > 0.4
    assert all((a == b).all() for a, b in zip(pictures, turning_head(photo, seconds=1), strict=True))


def test_who_is_away_or_turned_away_is_not_found() -> None:
    detect = face.load_detector("yunet")
    photos = [faces_file("people/person03_02.jpg"), faces_file("people/person01_03.jpg")]
    assert not any(detect(back_of_head(photos[1], seconds=0.4)))
    scene = leaving(photos, seconds=1, gone=(0.3, 0.7))
    gone = [places[1] is None for places in scene.places]
    assert gone == [False] * 3 + [True] * 4 + [False] * 3
    middle = gone.index(True)
    (alone,) = detect([scene.pictures[middle]])[0]
    x, y = scene.places[middle][0] or (0.0, 0.0)
    assert np.hypot(*((alone.box[:2] + alone.box[2:]) / 2 - (x, y))) < 60
