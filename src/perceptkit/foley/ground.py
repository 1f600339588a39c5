"""What the ground looks like: a few pictures of a video, and a guess from the colours under the feet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

import cv2
import numpy as np

from ..arrays import Picture
from ..video import Frame, open_source, read
from .types import Footstep

__all__ = ["LOOKS", "Guess", "Look", "View", "guess_ground", "look"]

_LONGEST = 768  # pixels: what models are shown, and the scale at which grain is measured
_MOMENT = 0.1  # seconds around a strike in which the foot is where it came down
_HEIGHT = 0.4  # of the picture: that of a person of whom it is not known
_SIDE, _SMALLEST = 0.08, 8  # of a patch: in heights of the person, and in pixels
_BESIDE = ((-0.16, 0.02), (0.16, 0.02), (0.0, 0.09))  # patches clear of the shoe, in heights of the person
_COLUMNS, _ROWS = 6, 2  # of patches in the lowest third of a picture
_SURE = 0.6  # of the patches
_FINE = 2.0  # pixels: what is coarser is no grain


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A picture, RGB uint8 (H, W, 3) of at most 768 pixels, and the footsteps that come down in it."""

    image: Picture
    steps: tuple[Footstep, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """How a surface looks: ranges in CIELAB.

    `lightness` is 0 to 100, `hue` in degrees from red over yellow (90) and green (135) to blue (270). `grain` is the
    standard deviation of the lightness from one pixel to its neighbours. `others` look much the same.
    """

    about: str
    lightness: tuple[float, float]
    chroma: tuple[float, float]
    hue: tuple[float, float]
    grain: tuple[float, float]
    others: tuple[str, ...]
    environment: str = "unknown"

    def fits(self, lightness: float, a: float, b: float, grain: float) -> bool:
        """Whether a patch looks like this; `a` and `b` are its colour in CIELAB."""
        hue = float(np.degrees(np.arctan2(b, a)) % 360)
        measured = (lightness, float(np.hypot(a, b)), hue, grain)
        ranges = (self.lightness, self.chroma, self.hue, self.grain)
        return all(low <= value < high for value, (low, high) in zip(measured, ranges, strict=True))


LOOKS: Mapping[str, Look] = {
    "grass": Look("green and uneven", (15, 85), (12, 90), (98, 160), (1.5, 40), ("leaves", "mud"), "outdoors"),
    "snow": Look("very bright, and bluish", (80, 101), (2, 15), (220, 290), (0, 8), ("concrete", "tile"), "outdoors"),
    "sand": Look("bright, yellow-brown and fine", (60, 90), (12, 40), (65, 95), (1, 6), ("gravel", "mud"), "outdoors"),
    "wood": Look("warm brown and smooth", (20, 60), (15, 55), (45, 75), (0, 2), ("tile", "carpet")),
}
"""The surfaces that can be told by their colours; no patch looks like two of them."""


@dataclass(frozen=True, slots=True)
class Guess:
    """The surface most patches look like, None where they do not agree; `share` of them do. `where` they lie."""

    surface: str | None
    share: float
    where: str


def look(source: str | Path, *, steps: Sequence[Footstep] = (), frames: int = 4) -> list[View]:
    """Up to `frames` pictures, spread over a video or a folder of photos; in a video at strikes where there are some.

    Raises MediaError for a source that cannot be read, InputError for one that is not there.
    """
    path = Path(source).expanduser()
    strikes = [step for step in steps if step.event == "heel_strike" and not step.inferred]
    with open_source(path) as opened:
        info, pictures = opened.info, list(islice(opened, 1))
    count = info.expected_frames or 0
    if path.is_dir():
        # How many photos a second the times of steps were made with is not known, so that they are of no use here.
        strikes = []
        with open_source(path, every=max(1, count // frames)) as opened:
            pictures = list(islice(opened, frames))
    elif info.duration is None:
        with read(path, step=1.0) as opened:
            pictures = list(islice(opened, frames))
    elif count > 1:
        moments = _moments([step.time for step in strikes], info.duration, frames)
        pictures = [frame for time in moments for frame in _frame_at(path, time)] or pictures
    return [_view(frame, strikes) for frame in pictures]


def _moments(strikes: Sequence[float], duration: float, frames: int) -> list[float]:
    """When to look: at strikes from all over the video; where they are too few, at other times too."""
    times = sorted({time for time in strikes if time < duration})
    number = min(frames, len(times))
    chosen = [times[(2 * place + 1) * len(times) // (2 * number)] for place in range(number)]
    others = frames - number
    return sorted([*chosen, *((place + 0.5) / others * duration for place in range(others))])


def _frame_at(path: Path, time: float) -> list[Frame]:
    """The first frame from a time on; none after the end."""
    with read(path, start=time) as opened:
        return list(islice(opened, 1))


def _view(frame: Frame, strikes: Sequence[Footstep]) -> View:
    height, width = frame.image.shape[:2]
    scale = min(1.0, _LONGEST / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    image = np.asarray(cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA), np.uint8)
    return View(image, tuple(step for step in strikes if abs(step.time - frame.time) <= _MOMENT))


def guess_ground(views: Sequence[View]) -> Guess:
    """What the ground looks like by its colours, beside the feet, or without feet in the lowest third of the pictures.

    Colours say little of most grounds: these are guesses, and where patches do not agree there is none.
    """
    beside = [(view, patch) for view in views for patch in _beside(view)]
    places = beside or [(view, patch) for view in views for patch in _lowest_third(view)]
    where = "beside the feet" if beside else "in the lowest third of the picture"
    votes = Counter(_looks_like(view.image[patch]) for view, patch in places)
    surface, most = votes.most_common(1)[0]
    share = most / len(places)
    return Guess(surface if share >= _SURE else None, share, where)


def _looks_like(patch: Picture) -> str | None:
    """The surface a patch looks like, None when it could be anything."""
    lab = np.asarray(cv2.cvtColor(patch.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float64)
    lightness, a, b = (float(value) for value in np.median(lab.reshape(-1, 3), axis=0))
    fine = lab[..., 0] - cv2.GaussianBlur(np.ascontiguousarray(lab[..., 0]), (0, 0), _FINE)
    grain = float(np.sqrt((fine**2).mean()))
    return next((name for name, each in LOOKS.items() if each.fits(lightness, a, b, grain)), None)


def _beside(view: View) -> Iterator[tuple[slice, slice]]:
    """Patches left, right and in front of each foot, as far as they are in the picture."""
    height, width = view.image.shape[:2]
    for step in view.steps:
        person = (step.height or _HEIGHT) * height
        half = max(_SMALLEST, round(_SIDE * person)) // 2
        for right, down in _BESIDE:
            x, y = round(step.x * width + right * person), round(step.y * height + down * person)
            if half <= x <= width - half and half <= y <= height - half:
                yield slice(y - half, y + half), slice(x - half, x + half)


def _lowest_third(view: View) -> Iterator[tuple[slice, slice]]:
    height, width = view.image.shape[:2]
    rows = np.linspace(height - max(height // 3, 1), height, _ROWS + 1).astype(int)
    columns = np.linspace(0, width, _COLUMNS + 1).astype(int)
    for top, bottom in pairwise(rows):
        for left, right in pairwise(columns):
            if bottom > top and right > left:
                yield slice(int(top), int(bottom)), slice(int(left), int(right))
