"""A smooth crop that follows a face or a group, as a camera operator would frame them.

    framing = Framing(info.width, info.height)
    size = output_size(info.width, info.height)
    for frame in frames:
        box = framing.update(frame.time, boxes_of(frame))      # (4,) x1 y1 x2 y2
        picture = cut(frame.image, box, size)

It never looks ahead, so it serves a live picture as well as a file.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment

from ...arrays import Floats, Picture
from ...errors import InputError
from ..defaults import CROP_CLOSEST, CROP_DRIFT, CROP_HOLD, CROP_SMOOTHING

__all__ = ["ASPECT", "Framing", "cut", "output_size"]

_Doubles = np.ndarray[Any, np.dtype[np.float64]]

ASPECT = Fraction(16, 9)
"""Width over height of the crop."""

_HEADROOM = 1 / 3  # of the crop's height, above the eyes: the rule of thirds
_FACE = 0.28  # a face's share of the crop's height: head and shoulders, between a medium shot and a close-up
_EYES = 0.4  # of a face's box, from its top: where the eyes of the ArcFace template lie in the boxes of the detectors
# Room around the boxes, in heights of the largest face: for hair, for shoulders, and to either side.
_ABOVE, _BELOW, _ASIDE = 0.6, 0.9, 0.75
_SPARE = 0.3  # above and below, while the crop moves
# A crop that has arrived stays where it is until what it should show has moved so far (shares of its height).
# Boxes of a face that keeps still vary by a tenth of this; a nod changes the height of a box by a tenth.
_PAN_ZONE, _ZOOM_ZONE = 0.05, 0.15
_ARRIVED = 0.1  # of these zones
# Widths of the whole picture a second: somebody walking past at some metres is this fast, and a whip is faster.
_FASTEST = 0.4
_RISE = 2.1461932206  # (1 + x) exp(-x) = exp(-1): where a critically damped spring has gone 63 % of its way
_STEP = 0.01  # seconds in which the limit of speed is looked at
_MOST_STEPS = 1000
_INSTANT = 1e-6  # seconds: times are sums of rounded numbers
_QUICKEST = 0.1  # seconds: the limit of speed works in steps, in which the spring may not go far
_LARGEST = (1920, 1080)  # pixels of the crop as it is written


class Framing:
    """Where to crop each frame of a video of `width` x `height` pixels so that the faces in it are well framed.

    `smoothing` is the seconds in which the crop goes 63 % of the way to where the faces are: a moving average in
    seconds, not frames, taken twice, so that a move begins and ends softly at every frame rate (a critically damped
    spring, solved exactly from one frame to the next). A face that is no longer seen counts where it was for `hold`
    seconds, but no longer than it was seen. When nobody is left, the crop drifts to the largest one that the frame has
    room for, 63 % of the way in `drift` seconds; it also begins with that one. `aspect` is its width over its height,
    `headroom` the share of its height that lies above the eyes of one face, and `closest` the smallest height it may
    have, as a share of the largest.

    Raises InputError for numbers out of range.
    """

    def __init__(
        self,
        width: int,
        height: int,
        *,
        smoothing: float = CROP_SMOOTHING,
        hold: float = CROP_HOLD,
        drift: float = CROP_DRIFT,
        aspect: Fraction = ASPECT,
        headroom: float = _HEADROOM,
        closest: float = CROP_CLOSEST,
    ) -> None:
        _check(smoothing, hold, drift, headroom, closest)
        if width < 1 or height < 1 or aspect <= 0:
            raise InputError(f"a frame of {width} x {height} pixels has no crop of the aspect {aspect}")
        self._size = np.array([width, height], np.float64)
        self._smoothing, self._hold, self._drift = smoothing, hold, drift
        self._aspect, self._headroom = float(aspect), headroom
        self._widest = min(height, width / self._aspect)
        self._narrowest = closest * self._widest
        # Centre and height of the crop, in pixels, and their speeds; where they are going.
        self._place = np.array([width / 2, height / 2, self._widest])
        self._speed = np.zeros(3)
        self._aim = self._place.copy()
        self._moving = True
        self._time: float | None = None
        self._faces, self._since, self._seen = np.empty((0, 4)), np.empty(0), np.empty(0)

    def update(self, time: float, boxes: Floats) -> Floats:
        """The crop x1 y1 x2 y2 in pixels of the frame at `time` (seconds), in which the faces are at `boxes` (N, 4).

        It is inside of the frame, and what it does next depends on the boxes. Boxes outside of the frame are ignored.
        Raises InputError for a time that is not later than the last one, and for boxes that are not numbers.
        """
        faces = self._visible(boxes)
        if not math.isfinite(time):
            raise InputError(f"time: {time} is not a number of seconds")
        if self._time is not None:
            if time <= self._time:
                raise InputError(f"time: {time} s does not come after {self._time} s; give the frames in their order")
            self._advance(time - self._time)
        self._time = time
        self._remember(time, faces)
        self._take_aim()
        return self._crop()

    def _visible(self, boxes: Floats) -> _Doubles:
        faces = np.asarray(boxes, np.float64)
        if faces.size == 0:
            return np.empty((0, 4))
        if faces.ndim != 2 or faces.shape[1] != 4 or not np.isfinite(faces).all():
            raise InputError(f"boxes: (N, 4) finite numbers x1 y1 x2 y2 are needed, not {faces.shape} {faces.tolist()}")
        faces = faces.clip(0, np.tile(self._size, 2))
        return np.asarray(faces[(faces[:, 2:] > faces[:, :2]).all(axis=1)])

    def _advance(self, seconds: float) -> None:
        """Let the spring move the crop for some time; far from its aim it is pulled no harder than is fast enough."""
        rate = _RISE / (self._smoothing if len(self._faces) else self._drift)
        reach = 2 * _FASTEST / rate  # the pull at which the spring moves steadily at that speed
        steps = min(max(1, math.ceil(seconds / _STEP)), _MOST_STEPS)
        span = seconds / steps
        kept = math.exp(-rate * span)
        low, high = self._shown()
        for _ in range(steps):
            way = self._aim - self._place
            across, down = np.maximum(self._place[:2] - low, high - self._place[:2])
            # It opens for who is about to leave it, as an operator does who pans after somebody.
            way[2] = max(way[2], min(2 * max(across / self._aspect, down), self._widest) - self._place[2])
            pull = way * min(1.0, reach / max(self._extent(way), 1e-9))
            pushed = self._speed - rate * pull
            self._place = self._place + pull + (pushed * span - pull) * kept
            self._speed = (self._speed - rate * span * pushed) * kept

    def _shown(self) -> tuple[_Doubles, _Doubles]:
        """Two corners of what has to stay in the crop while it moves; where nobody is, nothing has to."""
        if not len(self._faces):
            return self._place[:2], self._place[:2]
        room = np.array([_ASIDE, _SPARE]) * (self._faces[:, 3] - self._faces[:, 1]).max()
        low, high = self._faces[:, :2].min(axis=0) - room, self._faces[:, 2:].max(axis=0) + room
        return low.clip(0), np.minimum(high, self._size)

    def _extent(self, way: _Doubles) -> float:
        """How far a way is, in widths (across) or heights (closer) of the largest crop, whichever is more."""
        across, down, closer = way
        return float(max(math.hypot(across, down) / (self._widest * self._aspect), abs(closer) / self._widest))

    def _remember(self, time: float, faces: _Doubles) -> None:
        """Take the faces of now, and of those before the ones that none of these continues, for a while."""
        ways = _middles(self._faces)[:, None] - _middles(faces)
        before, now = linear_sum_assignment((ways**2).sum(axis=2))
        since = np.full(len(faces), time)
        since[now] = self._since[before]
        gone = np.ones(len(self._faces), bool)
        gone[before] = False
        # What was taken for a face in one frame only does not hold the crop.
        gone &= time - self._seen < np.minimum(self._hold, self._seen - self._since) - _INSTANT
        self._faces = np.vstack([faces, self._faces[gone]])
        self._since = np.append(since, self._since[gone])
        self._seen = np.append(np.full(len(faces), time), self._seen[gone])

    def _take_aim(self) -> None:
        ideal = self._ideal() if len(self._faces) else np.array([*self._size / 2, self._widest])
        if self._off(self._aim, ideal) > 1:
            self._moving = True
        if self._moving:
            self._aim = ideal
            self._moving = self._off(self._place, ideal) > _ARRIVED

    def _off(self, place: _Doubles, ideal: _Doubles) -> float:
        """How far a crop is from the ideal one, in dead zones."""
        off = np.abs(place - ideal) / ideal[2]
        return float(max(math.hypot(off[0], off[1]) / _PAN_ZONE, off[2] / _ZOOM_ZONE))

    def _ideal(self) -> _Doubles:
        """Centre and height of the crop that shows the faces best."""
        x1, y1 = self._faces[:, :2].min(axis=0)
        x2, y2 = self._faces[:, 2:].max(axis=0)
        heights = self._faces[:, 3] - self._faces[:, 1]
        face = float(heights.max())
        wanted = max(face / _FACE, (x2 - x1 + 2 * _ASIDE * face) / self._aspect, y2 - y1 + (_ABOVE + _BELOW) * face)
        high = min(max(wanted, self._narrowest), self._widest)
        eyes = float((self._faces[:, 1] + _EYES * heights).mean())
        top = eyes - self._headroom * high
        # The eyes of a group lie at different heights: first of all everybody is in the picture.
        top = min(max(top, y2 + _BELOW * face - high), y1 - _ABOVE * face) if high >= wanted else top
        return self._inside(np.array([(x1 + x2) / 2, top + high / 2, high]))

    def _inside(self, place: _Doubles) -> _Doubles:
        """The nearest crop that is inside of the frame and neither too large nor too small."""
        high = min(max(float(place[2]), self._narrowest), self._widest)
        half = np.array([high * self._aspect, high]) / 2
        return np.append(np.clip(place[:2], half, np.maximum(self._size - half, half)), high)

    def _crop(self) -> Floats:
        x, y, high = self._inside(self._place)
        wide = high * self._aspect
        box = np.array([x - wide / 2, y - high / 2, x + wide / 2, y + high / 2])
        return np.asarray(box.clip(0, np.tile(self._size, 2)), np.float32)


def output_size(width: int, height: int, *, aspect: Fraction = ASPECT) -> tuple[int, int]:
    """Width and height of the picture to make of the crops: that of the largest one, at most 1920 x 1080, even."""
    high = min(Fraction(height), width / aspect, Fraction(_LARGEST[1]), _LARGEST[0] / aspect)
    return max(2, 2 * round(high * aspect / 2)), max(2, 2 * round(high / 2))


def cut(image: Picture, box: Floats, size: tuple[int, int]) -> Picture:
    """The part of an image inside a box x1 y1 x2 y2, cut between pixels, as a picture of `size` (width, height).

    Averaged where it shrinks, so that fine patterns do not shimmer, and smooth where it grows. All of an image at its
    own size is the image itself.
    """
    x1, y1, x2, y2 = (float(value) for value in box)
    if (x1, y1, x2, y2) == (0, 0, *size) and image.shape[1::-1] == size:
        return image
    # First the crop at about its own size: what is resized then are whole pixels, which OpenCV does far faster.
    wide, high = max(1, math.ceil(x2 - x1)), max(1, math.ceil(y2 - y1))
    across, down = (x2 - x1) / wide, (y2 - y1) / high
    # Pixel centres: the middle of the first pixel is at half a pixel.
    back = np.array([[across, 0, x1 + across / 2 - 0.5], [0, down, y1 + down / 2 - 0.5]])
    shrinks = wide > size[0] or high > size[1]
    cut_with, resize_with = (cv2.INTER_LINEAR, cv2.INTER_AREA) if shrinks else (cv2.INTER_CUBIC, cv2.INTER_CUBIC)
    cut = cv2.warpAffine(
        image, back, (wide, high), flags=cut_with | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(cv2.resize(cut, size, interpolation=resize_with), np.uint8)


def _middles(boxes: _Doubles) -> _Doubles:
    return np.asarray((boxes[:, :2] + boxes[:, 2:]) / 2)


def _check(smoothing: float, hold: float, drift: float, headroom: float, closest: float) -> None:
    for name, seconds, least in (("smoothing", smoothing, _QUICKEST), ("hold", hold, 0), ("drift", drift, _QUICKEST)):
        if not least <= seconds < math.inf:
            raise InputError(f"{name}: {seconds} is not {least} seconds or more")
    for name, share in (("headroom", headroom), ("closest", closest)):
        if not 0 < share <= 1:
            raise InputError(f"{name}: {share} is not a share above 0 and up to 1")
