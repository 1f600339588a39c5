"""Photos made into heads that can be turned: an ellipsoid with a nose that carries the photo, on a body cut out of it.

Lengths are in heights, the height of a face from its eyes to its mouth (about 7 cm). A head's own axes have their
origin in its middle: x to image-right, y down, z towards the camera. Angles are those of `face.quality.head_yaw`: yaw
above 0 turns the head to image-left; pitch above 0 lifts the chin.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from perceptkit import face
from perceptkit.arrays import Floats, Picture
from perceptkit.face.detect import Detector
from perceptkit.face.finding import open_photo
from perceptkit.face.quality import head_yaw

__all__ = ["Head", "load_head", "paint_head"]

_WIDTH, _HEIGHT = 8.4, 9.5  # of the cut-out
_EYES = np.array([_WIDTH / 2, 3.0], np.float32)  # where the middle of the eyes lies in it
_RADII = np.array([1.15, 1.75, 1.45], np.float32)  # of the head: 76, 120 and 100 mm
_EYE_DEPTH = 1.3  # how far in front of the head's middle the eyes lie
_BUMPS = ((0.62, 0.28, 0.20, 0.30), (1.15, 0.20, 0.55, 0.45))  # nose and jaw: y, height, width in x and in y
_AROUND = np.array([1.6, 1.95])  # from the head's middle, what it may cover when it is turned
_ROUGH = 20.0  # pixels a height has where the person is cut out


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A person cut out of a photo, upright: premultiplied RGBA uint8 (H, W, 4), `height` pixels from eyes to mouth.

    `front` is the photo of the head, `body` the rest with what lies behind the head filled in. `middle` is the place of
    the head's middle in pixels, `yaw` how the head is turned in the photo. `plate` (H, W, 3) is what lies behind the
    person, blurred where the person was.
    """

    front: Picture
    body: Picture
    plate: Picture
    height: float
    middle: Floats
    yaw: float


@cache
def load_head(photo: Path, height: float) -> Head:
    """The largest face of a photo, scaled to `height` pixels from eyes to mouth."""
    image, landmarks = _found(photo)
    yaw = float(head_yaw(landmarks[None])[0])
    scene, inside = _upright(image, landmarks, height)
    matte = _matte(*_upright(image, landmarks, _ROUGH), scene.shape)
    middle = (_EYES + np.array([np.sin(np.radians(yaw)) * _EYE_DEPTH, 0], np.float32)) * height
    rows, columns = np.indices(matte.shape, np.float32)
    outside = np.hypot((columns - middle[0]) / (_RADII[0] * height), (rows - middle[1]) / (_RADII[1] * height))
    around = np.clip((outside - 0.8) / 0.15, 0, 1) * matte
    filled = _filled(scene, around, height)
    below = np.clip((rows - middle[1]) / height, 0, 1) * np.clip(1.6 - outside, 0, 1)  # the neck behind the chin
    solid = np.maximum(around, np.where(outside < 1, below * matte, 0))
    plate = _filled(scene, (1 - cv2.dilate(matte, np.ones((9, 9)))) * inside, height)
    return Head(_bytes(_with(scene, matte)), _bytes(_with(filled, solid)), _bytes(plate), height, middle, yaw)


def paint_head(
    canvas: Picture, head: Head, placement: Floats, *, yaw: float, pitch: float, away: bool = False
) -> Picture:
    """The canvas with that person on it.

    `placement` (2, 3) leads from the cut-out's pixels to those of the canvas; with `away` the head is seen from behind.
    """
    size = (canvas.shape[1], canvas.shape[0])
    behind = _over(canvas, np.asarray(cv2.warpAffine(head.body, placement, size), np.uint8))
    middle = placement @ (*head.middle, 1)
    reach = _AROUND * head.height * float(np.hypot(placement[0, 0], placement[1, 0]))
    left, top = np.clip(middle - reach, 0, size).astype(int)
    width, height = np.clip(middle + reach, 0, size).astype(int) - (left, top)
    if min(width, height) < 2:
        return behind
    # The places are worked out for every second pixel.
    rows, columns = (
        np.indices((height // 2, width // 2), np.float32) * 2 + np.array([top, left], np.float32).reshape(2, 1, 1) + 0.5
    )
    back = np.asarray(cv2.invertAffineTransform(placement), np.float32)
    x, y = (
        (back[axis, 0] * columns + back[axis, 1] * rows + back[axis, 2] - head.middle[axis]) / np.float32(head.height)
        for axis in (0, 1)
    )
    sources, cover = _turned(head, x, y, yaw, pitch)
    if away:
        sources *= np.array([0.45, 0.1], np.float32)[:, None, None]
        sources[1] -= 1.42  # a strip of hair, drawn down to the neck
    maps = [
        cv2.resize(np.asarray(part * head.height + head.middle[axis], np.float32), (width, height))
        for axis, part in enumerate(sources)
    ]
    covers = np.repeat(cv2.resize(np.asarray(cover * 255, np.uint8), (width, height))[..., None], 4, axis=2)
    front = cv2.multiply(cv2.remap(head.front, maps[0], maps[1], cv2.INTER_LINEAR), covers, scale=1 / 255)
    window = slice(top, top + height), slice(left, left + width)
    behind[window] = _over(behind[window], np.asarray(front, np.uint8))
    return behind


def _turned(head: Head, x: Floats, y: Floats, yaw: float, pitch: float) -> tuple[Floats, Floats]:
    """Where in the photo each point of a picture comes from, from the head's middle (2, H, W), and how much of it is
    head.

    The ray through the point is cut with the ellipsoid; the nose shifts the ellipsoid towards where the head looks,
    which is found again from the cut, a few times.
    """
    turn, photo = _rotation(yaw, pitch), _rotation(head.yaw, 0)
    start = np.stack([turn[0, axis] * x + turn[1, axis] * y for axis in range(3)])
    ray = turn[2] / _RADII
    bump, point, reach = np.zeros_like(x), start, np.zeros_like(x)
    for _ in range(4):
        origin = start / _RADII[:, None, None]
        origin[2] -= bump / _RADII[2]
        along, least = np.tensordot(ray, origin, 1), float(ray @ ray)
        reach = along**2 - least * ((origin**2).sum(axis=0) - 1)
        depth = (np.sqrt(np.maximum(reach, 0)) - along) / least
        point = start + turn[2][:, None, None] * depth
        bump = np.where(point[2] > 0, _bumps(point), 0)
    seen = np.tensordot(photo, point, 1)
    sources = seen[:2]
    # What the photo does not show takes its colours from the rim.
    rim = np.sqrt((sources[0] / _RADII[0]) ** 2 + (sources[1] / _RADII[1]) ** 2)
    drawn = np.where(seen[2] < 0, (1 - 0.2 * np.clip(1 - rim, 0, 1)) / np.maximum(rim, 1e-3), 1)
    return np.asarray(sources * drawn, np.float32), np.asarray(np.clip(reach * 12, 0, 1), np.float32)


def _bumps(point: Floats) -> Floats:
    total: Floats = np.zeros_like(point[0])
    for y, height, width, length in _BUMPS:
        total = total + np.float32(height) * np.exp(-((point[0] / width) ** 2 + ((point[1] - y) / length) ** 2) / 2)
    return np.asarray(total, np.float32)


def _rotation(yaw: float, pitch: float) -> Floats:
    """From a head's own axes to the camera's (3, 3)."""
    (s, t), (c, d) = np.sin(np.radians([yaw, pitch])), np.cos(np.radians([yaw, pitch]))
    aside = np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])
    nod = np.array([[1, 0, 0], [0, d, -t], [0, t, d]])
    return np.asarray(nod @ aside, np.float32)


@cache
def _detector() -> Detector:
    return face.load_detector("yunet", threads=1)


@cache
def _found(photo: Path) -> tuple[Picture, Floats]:
    image = open_photo(photo).image
    largest = max(_detector()([image])[0], key=lambda found: float(np.prod(found.box[2:] - found.box[:2])))
    return image, largest.landmarks


def _upright(image: Picture, landmarks: Floats, height: float) -> tuple[Picture, Floats]:
    """The photo with its face upright at its place in the cut-out, and 1 where there is photo."""
    eyes, mouth = landmarks[:2].mean(axis=0), landmarks[3:].mean(axis=0)
    across = landmarks[1] - landmarks[0]
    angle = float(np.degrees(np.arctan2(across[1], across[0])))
    down = np.array([-across[1], across[0]]) / np.linalg.norm(across)
    scale = height / float((mouth - eyes) @ down)
    while scale < 0.5:  # warpAffine skips pixels when it shrinks: average them first
        image = np.asarray(cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8)
        eyes, scale = eyes / 2, scale * 2
    matrix = cv2.getRotationMatrix2D((float(eyes[0]), float(eyes[1])), angle, scale)
    matrix[:, 2] += _EYES * height - eyes
    size = (round(_WIDTH * height), round(_HEIGHT * height))
    scene = cv2.warpAffine(image, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpAffine(np.ones(image.shape[:2], np.float32), matrix, size)
    return np.asarray(scene, np.uint8), np.asarray(inside, np.float32)


def _matte(small: Picture, inside: Floats, shape: tuple[int, ...]) -> Floats:
    """Where the person is (H, W), 0..1: cut out of a small picture by its colours, head and shoulders given."""
    rows, columns = np.indices(small.shape[:2], np.float32) / _ROUGH - _EYES[::-1, None, None]
    aside = np.abs(columns)
    head = np.hypot(columns / _RADII[0], rows / _RADII[1])
    chest = np.hypot(aside / 2.9, (rows - 5.5) / 3.4)
    guess = np.full(small.shape[:2], cv2.GC_BGD, np.uint8)
    hair = (aside < 2.2) & (rows > -2.3) & (rows < 4.5)
    guess[hair | (chest < 1.25) | (inside < 0.5)] = cv2.GC_PR_BGD
    guess[(head < 1.05) | (chest < 0.95)] = cv2.GC_PR_FGD
    guess[(head < 0.8) | (chest < 0.6) | ((aside < 0.6) & (rows > 0))] = cv2.GC_FGD
    guess[(rows < 1) & (aside > 2.4)] = cv2.GC_BGD
    cv2.setRNGSeed(7)
    cv2.grabCut(small, guess, (0, 0, 0, 0), np.zeros((1, 65)), np.zeros((1, 65)), 3, cv2.GC_INIT_WITH_MASK)
    person = np.isin(guess, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
    smooth = cv2.GaussianBlur(cv2.resize(cv2.medianBlur(person, 5), shape[1::-1]), (0, 0), shape[0] / 250)
    return np.asarray(smooth, np.float32)


def _filled(scene: Picture, known: Floats, height: float) -> Floats:
    """The scene where it is known, and elsewhere the blurred colours of what is known around."""
    small = cv2.resize(_with(scene, known), None, fx=8 / height, fy=8 / height, interpolation=cv2.INTER_AREA)
    total = small * 0
    for spread in (2, 6, 24):
        total += cv2.GaussianBlur(small, (0, 0), spread) * 0.02 ** np.log2(spread)
    guessed = cv2.resize(255 * total[..., :3] / np.maximum(total[..., 3:], 1e-7), scene.shape[1::-1])
    return np.asarray(scene * known[..., None] + guessed * (1 - known[..., None]), np.float32)


def _with(scene: Picture | Floats, matte: Floats) -> Floats:
    """Premultiplied, with the matte as a fourth channel; all of them up to 255 when the scene is."""
    return np.asarray(np.dstack([scene * matte[..., None], 255 * matte]), np.float32)


def _bytes(values: Floats) -> Picture:
    return np.asarray(np.clip(values + 0.5, 0, 255), np.uint8)


def _over(canvas: Picture, layer: Picture) -> Picture:
    """The canvas with a premultiplied RGBA layer of the same size on it."""
    through = cv2.cvtColor(255 - layer[..., 3], cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.add(cv2.multiply(canvas, through, scale=1 / 255), layer[..., :3]), np.uint8)
