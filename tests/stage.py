"""Scenes painted from photos: actors with poses, before a wall, seen by a camera held in the hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from heads import load_head, paint_head
from perceptkit.arrays import Floats, Picture

__all__ = ["HEIGHT", "RATE", "WIDTH", "Actor", "Pose", "Scene", "film", "wall_of"]

RATE = 10
"""Pictures a second."""

WIDTH, HEIGHT = 640, 480

_TALL = 76.0  # pixels from eyes to mouth of a face of size 1: its box is about 150 wide and 190 high
_MARGIN = 60  # pixels of wall around a picture, for the hand that shakes


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the middle of a head is in pixels, how large it is (1: 190 pixels of face), and how it is turned."""

    x: float = 320.0
    y: float = 215.0
    size: float = 1.0
    yaw: float = 0.0
    pitch: float = 0.0
    away: bool = False


@dataclass(frozen=True, slots=True)
class Actor:
    """A person of a scene, and the pose at each picture, None where the person is not there."""

    photo: Path
    poses: Sequence[Pose | None]


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Pictures, and for each of them where the head of each person was put: x, y in pixels, None if nowhere."""

    pictures: list[Picture]
    places: list[list[tuple[float, float] | None]]


def film(cast: Sequence[Actor], *, wall: Picture | None = None, hand: float = 1.0, seed: int = 0) -> Scene:
    """Paint the actors one over the other in their order before a wall, by default that of a room.

    `hand` is how much the camera moves: at 1 about 8 pixels, 3 % of zoom and 1.5 degrees. The wall is 760 x 600 pixels:
    a margin of 60 is left around the picture for that.
    """
    count = len(cast[0].poses)
    backdrop = _room() if wall is None else wall
    heights = [max([pose.size for pose in actor.poses if pose], default=1.0) * _TALL for actor in cast]
    shakes = _hand(count, hand, seed)
    pictures, places = [], []
    for index in range(count):
        poses = [actor.poses[index] for actor in cast]
        camera = shakes[index]
        yaw = next((pose.yaw for pose in poses if pose), 0.0)
        matrix = camera @ _shift(-_MARGIN + 0.4 * yaw, -_MARGIN)
        seen = cv2.warpAffine(backdrop, matrix[:2], (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
        picture: Picture = np.asarray(seen, np.uint8)
        for actor, height, pose in zip(cast, heights, poses, strict=True):
            if pose is not None:
                head = load_head(actor.photo, height)
                scale = pose.size * _TALL / height
                spot = _shift(pose.x, pose.y) @ np.diag([scale, scale, 1]) @ _shift(*-head.middle)
                placement = np.asarray((camera @ spot)[:2], np.float32)
                picture = paint_head(picture, head, placement, yaw=pose.yaw, pitch=pose.pitch, away=pose.away)
        down, along = (37 * index + seed) % 64, (23 * index) % 64
        grain = _grain()[down : down + HEIGHT, along : along + WIDTH]
        pictures.append(np.asarray(cv2.add(np.maximum(picture, 8) - np.uint8(8), grain), np.uint8))
        moved = [None if pose is None else camera @ (pose.x, pose.y, 1) for pose in poses]
        places.append([None if place is None else (float(place[0]), float(place[1])) for place in moved])
    return Scene(pictures, places)


def wall_of(photo: Path) -> Picture:
    """The wall of a photo (H, W, 3), with its margin; blurred where the person was."""
    head = load_head(photo, _TALL)
    plate = head.plate
    left, top = round(float(head.middle[0])) - WIDTH // 2, round(float(head.middle[1])) - 215
    rows = np.clip(np.arange(-_MARGIN, HEIGHT + _MARGIN) + top, 0, plate.shape[0] - 1)
    columns = np.clip(np.arange(-_MARGIN, WIDTH + _MARGIN) + left, 0, plate.shape[1] - 1)
    return np.ascontiguousarray(plate[rows][:, columns])


def _hand(count: int, hand: float, seed: int) -> list[Floats]:
    """Slow movements of a camera: for each picture a matrix (3, 3) about its middle."""
    random = np.random.default_rng(seed)
    times = np.arange(count)[:, None, None] / RATE
    waves = np.sin(2 * np.pi * (times * random.uniform(0.2, 1.2, (3, 4)) + random.uniform(0, 1, (3, 4)))).mean(axis=1)
    views = []
    for x, y, zoom, roll in waves * (14 * hand, 10 * hand, 0.05 * hand, 2.5 * hand):
        matrix = np.eye(3)
        matrix[:2] = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), float(roll), 1 + float(zoom))
        views.append(np.asarray(_shift(x, y) @ matrix, np.float32))
    return views


def _shift(x: float, y: float) -> Floats:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float32)


@cache
def _grain() -> Picture:
    """Noise of a camera around 8, larger than a picture."""
    noise = np.random.default_rng(5).normal(8.5, 2.5, (HEIGHT + 64, WIDTH + 64, 3))
    return np.asarray(np.clip(noise, 0, 255), np.uint8)


@cache
def _room() -> Picture:
    """A wall with a window and a shelf."""
    size = (WIDTH + 2 * _MARGIN, HEIGHT + 2 * _MARGIN)
    light = np.linspace(190, 150, size[0], dtype=np.float32)[None, :, None]
    room = np.asarray(np.ones((size[1], 1, 1), np.float32) * light * (1.0, 0.97, 0.9), np.uint8)
    cv2.rectangle(room, (90, 60), (260, 300), (215, 228, 240), -1)
    cv2.rectangle(room, (470, 250), (700, 262), (120, 90, 60), -1)
    for number, colour in enumerate([(150, 60, 50), (60, 90, 120), (80, 110, 70), (170, 150, 90), (90, 70, 110)]):
        cv2.rectangle(room, (480 + 40 * number, 180 + 7 * (number % 3)), (512 + 40 * number, 249), colour, -1)
    return np.asarray(cv2.GaussianBlur(room, (0, 0), 3), np.uint8)
