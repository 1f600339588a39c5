"""Films of people, made from photos: heads that turn as in a 360-degree scan, people who come, go and cross.

A scan is a list of pictures, so that parts can be joined: `turning_head(photo) + wall(photo) + darkened(...)`. Scenes
with several people also say where each face is. The same arguments give the same pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from perceptkit.arrays import Picture
from perceptkit.video import Frame, VideoInfo, Writer
from stage import HEIGHT, RATE, WIDTH, Actor, Pose, Scene, film, wall_of

__all__ = [
    "alternating",
    "back_of_head",
    "crossing",
    "darkened",
    "full_turn",
    "hard_cut",
    "leaving",
    "morph",
    "passing",
    "scan_video",
    "shaken",
    "side_by_side",
    "sweep",
    "turning_head",
    "wall",
    "zoomed",
]


def scan_video(
    path: Path, pictures: Sequence[Picture], *, rate: Fraction | int = RATE, sound: Path | None = None
) -> Path:
    """Write pictures as a video, with the sound of the file `sound`."""
    height, width = pictures[0].shape[:2]
    info = VideoInfo(width, height, Fraction(rate), None, None, has_sound=False)
    with Writer(path, info, quality=20, preset="ultrafast", sound=sound) as writer:
        for index, picture in enumerate(pictures):
            writer.write(Frame(index, float(index / Fraction(rate)), picture))
    return path


def sweep(count: int, turn: float = 40.0) -> list[Pose]:
    """A head that turns from `turn` degrees image-left to as much image-right, once, with a small nod."""
    steps = np.linspace(-1, 1, count)
    return [Pose(yaw=float(-turn * step), pitch=float(4 * np.sin(5 * step))) for step in steps]


def turning_head(photo: Path, *, seconds: float = 5.0, turn: float = 40.0, seed: int = 0) -> list[Picture]:
    """A person who turns the head from image-left to image-right before a camera held in the hand."""
    return film([Actor(photo, sweep(_count(seconds), turn))], wall=wall_of(photo), seed=seed).pictures


def full_turn(photo: Path, *, seconds: float = 8.0, turn: float = 45.0, seed: int = 0) -> list[Picture]:
    """A camera that goes once around a person: the face turns to image-right and away, for a third of the time one
    sees the back of the head, and the face comes in again from image-left."""
    count = _count(seconds)
    around = np.linspace(0, 3, count, endpoint=False)
    poses = []
    for part in around:
        if 1 <= part < 2:
            poses.append(Pose(yaw=float(turn * (3 - 2 * part)), away=True))
        else:
            poses.append(Pose(yaw=float(-turn * part if part < 1 else turn * (3 - part))))
    return film([Actor(photo, poses)], wall=wall_of(photo), seed=seed).pictures


def morph(photos: Sequence[Path], *, seconds: float = 5.0, turn: float = 15.0, seed: int = 0) -> list[Picture]:
    """One person who looks, one after the other, as in several photos, each dissolving into the next while the head
    turns; the background is that of the first."""
    poses = sweep(_count(seconds), turn)
    steps = np.linspace(0, len(photos) - 1, len(poses))
    # A third of the time a photo stands, a third it dissolves.
    shares = [np.clip(2 - 3 * np.abs(steps - number), 0, 1) for number in range(len(photos))]
    total = np.zeros((len(poses), HEIGHT, WIDTH, 3), np.float32)
    for photo, share in zip(photos, shares, strict=True):
        seen = [pose if weight else None for pose, weight in zip(poses, share, strict=True)]
        take = film([Actor(photo, seen)], wall=wall_of(photos[0]), seed=seed)
        for mixed, picture, weight in zip(total, take.pictures, share, strict=True):
            if weight:
                cv2.scaleAdd(picture.astype(np.float32), float(weight), mixed, mixed)
    return list(np.asarray(total + 0.5, np.uint8))


def passing(photo: Path, stranger: Path, *, seconds: float = 5.0, closer: bool = False, seed: int = 0) -> list[Picture]:
    """A turning head, and a stranger who passes: small in the background, or `closer`, larger in front for a second."""
    count = _count(seconds)
    long = round(0.35 * count) if closer else count
    first = (count - long) // 2
    poses: list[Pose | None] = [None] * count
    for index in range(long):
        x = -100 + 840 * (index + 0.5) / long
        poses[first + index] = Pose(x, 230, 1.35, yaw=-25) if closer else Pose(x, 180, 0.6, yaw=-25)
    cast = [Actor(photo, sweep(count)), Actor(stranger, poses)]
    return film(cast if closer else cast[::-1], wall=wall_of(photo), seed=seed).pictures


def alternating(photo_a: Path, photo_b: Path, *, seconds: float = 6.0, turns: int = 4, seed: int = 0) -> list[Picture]:
    """Two people side by side who take turns, `turns` in all, leaning towards the camera."""
    count = _count(seconds)
    near = np.sin(np.pi * turns * (np.arange(count) + 0.5) / count)  # above 0: the first is nearer
    small = 0.62
    cast = [
        Actor(photo, [Pose(x, 215, small + 0.4 * float(max(sign * value, 0)), yaw=10 * value) for value in near])
        for photo, x, sign in [(photo_a, 200, 1), (photo_b, 450, -1)]
    ]
    return film(cast, seed=seed).pictures


def side_by_side(photos: Sequence[Path], *, seconds: float = 4.0, seed: int = 0) -> Scene:
    """Two or three people next to each other who look around a little."""
    count = _count(seconds)
    return film([Actor(photo, _standing(n, len(photos), count)) for n, photo in enumerate(photos)], seed=seed)


def leaving(
    photos: Sequence[Path], *, seconds: float = 7.0, gone: tuple[float, float] = (2.5, 4.5), seed: int = 0
) -> Scene:
    """People next to each other, of whom the last walks out at image-right and comes back; there is nothing of them
    between the seconds `gone`."""
    count = _count(seconds)
    *others, last = [_standing(n, len(photos), count) for n in range(len(photos))]
    walk: list[Pose | None] = []
    for index, pose in enumerate(last):
        before, after = gone[0] - index / RATE, index / RATE - gone[1]
        share = float(np.clip(1 - max(before, after), 0, 1))  # the walk takes a second
        out = 640 + 330 * pose.size
        facing = pose.yaw if share == 0 else -30.0 if before > 0 else 30.0
        walk.append(None if before <= 0 and after < 0 else replace(pose, x=pose.x + (out - pose.x) * share, yaw=facing))
    cast = [Actor(photo, poses) for photo, poses in zip(photos, others, strict=False)] + [Actor(photos[-1], walk)]
    return film(cast, seed=seed)


def crossing(photo_a: Path, photo_b: Path, *, seconds: float = 4.0, seed: int = 0) -> Scene:
    """Two people who walk past each other; the first, from image-left and nearer, hides the second on the way."""
    count = _count(seconds)
    near = [Pose(110 + 420 * share, 215, 0.85, yaw=-15) for share in _smooth(count)]
    far = [Pose(530 - 420 * share, 205, 0.6, yaw=15) for share in _smooth(count)]
    scene = film([Actor(photo_b, far), Actor(photo_a, near)], seed=seed)
    return Scene(scene.pictures, [places[::-1] for places in scene.places])


def hard_cut(photo_a: Path, photo_b: Path, *, seconds: float = 4.0, seed: int = 0) -> Scene:
    """One person, and from one picture to the next at half time another at the same place."""
    count = _count(seconds)
    poses = sweep(count, 12)
    half = count // 2
    first: list[Pose | None] = [*poses[:half], *[None] * (count - half)]
    second: list[Pose | None] = [*[None] * half, *poses[half:]]
    takes = [film([Actor(photo, poses)], wall=wall_of(photo), seed=seed).pictures for photo in (photo_a, photo_b)]
    spots = [[None if pose is None else (pose.x, pose.y) for pose in pair] for pair in zip(first, second, strict=True)]
    return Scene(takes[0][:half] + takes[1][half:], spots)


def wall(photo: Path, *, seconds: float = 1.0, seed: int = 0) -> list[Picture]:
    """The background of the photo without anybody."""
    return film([Actor(photo, [None] * _count(seconds))], wall=wall_of(photo), seed=seed).pictures


def back_of_head(photo: Path, *, seconds: float = 1.0, seed: int = 0) -> list[Picture]:
    """The person turned away from the camera."""
    poses = [replace(pose, away=True) for pose in sweep(_count(seconds), 10)]
    return film([Actor(photo, poses)], wall=wall_of(photo), seed=seed).pictures


def shaken(pictures: Sequence[Picture], *, length: int = 61, seed: int = 0) -> list[Picture]:
    """The pictures smeared over `length` pixels, each in a direction of its own."""
    random = np.random.default_rng(seed)
    smeared = []
    for picture in pictures:
        angle, middle = random.uniform(0, np.pi), length // 2
        kernel = np.zeros((length, length), np.float32)
        reach = np.array([np.cos(angle), np.sin(angle)]) * middle
        ends = [tuple(int(value) for value in np.round(middle + sign * reach)) for sign in (-1, 1)]
        cv2.line(kernel, ends[0], ends[1], 1.0)
        smeared.append(np.asarray(cv2.filter2D(picture, -1, kernel / kernel.sum()), np.uint8))
    return smeared


def darkened(pictures: Sequence[Picture], *, light: float = 0.03, seed: int = 0) -> list[Picture]:
    """The pictures with that share of their light, and the noise of a camera that sees little."""
    random = np.random.default_rng(seed)
    noise = random.normal(0, 4, (2 * HEIGHT, 2 * WIDTH, 3)).astype(np.float32)
    dark = []
    for picture in pictures:
        height, width = picture.shape[:2]
        top, left = random.integers(0, HEIGHT), random.integers(0, WIDTH)
        patch = noise[top : top + height, left : left + width]
        dark.append(np.asarray(np.clip(picture * np.float32(light) + patch, 0, 255), np.uint8))
    return dark


def zoomed(pictures: Sequence[Picture], *, factor: float = 6.0, at: tuple[float, float] = (320, 240)) -> list[Picture]:
    """The pictures magnified around a point, so that of a face only a cheek and a nose are left."""
    matrix = np.array([[factor, 0, at[0] * (1 - factor)], [0, factor, at[1] * (1 - factor)]], np.float32)
    return [np.asarray(cv2.warpAffine(each, matrix, each.shape[1::-1]), np.uint8) for each in pictures]


def _count(seconds: float) -> int:
    return round(seconds * RATE)


def _smooth(count: int) -> list[float]:
    steps = np.linspace(0, 1, count)
    return [float(value) for value in steps**2 * (3 - 2 * steps)]


def _standing(number: int, of: int, count: int) -> list[Pose]:
    x, size = 640 * (number + 0.5) / of, {1: 1.0, 2: 0.75}.get(of, 0.6)
    yaws = 15 * np.sin(np.linspace(0, 5, count) + 2 * number)
    return [Pose(x, 215, size, yaw=float(yaw)) for yaw in yaws]
