"""What all face detectors have in common: scaled canvases, batches, a second pass, suppression, clipping."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np

from ..arrays import Floats, Picture, Scratch
from ..errors import InputError, ModelError
from ..models import Session, open_session
from ._candidates import Candidates
from .defaults import MIN_SCORE
from .types import Face

__all__ = ["INPUT_SIDE", "Architecture", "Detector"]

INPUT_SIDE = 640
"""The long side, in pixels, at which an image is searched: the size all detectors here were trained and scored at."""

SMALL_SIDE = 128
"""The long side of the second pass, which finds faces that fill the frame."""

MAX_OVERLAP = 0.4
"""Of two boxes that overlap more than this (IoU), the one with the lower score is dropped."""

_STRIDE = 32  # sides of the network's input are multiples of it
_MARGIN = 64  # black pixels kept below and right of the image: context that moves boxes by up to 0.3 px
_USUAL_SHAPE = 2  # longer than this many times its other side, an image is a panorama
_BATCH = 8  # images in one run; more only costs memory


@dataclass(frozen=True, slots=True)
class Architecture:
    """How a family of detectors takes pixels and what its outputs mean.

    Input is (x - mean) / divisor by channel, `bgr` or RGB. `split` deals the outputs of a batch out to its images,
    `candidates` decodes those of one image, `outputs` are the numbers of values in each output, sorted: the mark by
    which a file of this family is known. `certain` is the score from which a detection is hardly ever a mistake. With
    `one_factor` boxes are scaled back as the reference implementation does it: see `_place`.
    """

    split: Callable[[Sequence[Floats], int, int, int], list[list[Floats]]]
    candidates: Callable[[Sequence[Floats], int, int, float], Candidates]
    outputs: tuple[int, ...]
    mean: tuple[float, float, float]
    divisor: float
    bgr: bool
    one_factor: bool = False
    certain: float = 0.5


class Detector:
    """A face detector in memory. Call it with images (RGB uint8 (H, W, 3)); get a list of faces for each.

    Faces with a score below `min_score` are left out; from `certain_score` on a face is hardly ever a mistake, which
    matters where one mistake would last, as a track in a video does.

    Boxes are clipped to the image, faces sorted by score. An image gets the same answer alone and in a batch. Files
    that cannot run several images, or sizes other than their own, are run one by one at their own size; those have
    no second pass for faces that fill the frame.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        architecture: Architecture,
        name: str | None = None,
        device: str = "auto",
        threads: int | None = None,
        min_score: float = MIN_SCORE,
    ) -> None:
        if not 0 < min_score < 1:
            raise InputError(f"min_score is {min_score}; it must lie between 0 and 1")
        opened = partial(open_session, path, device=device, threads=threads)
        self._architecture = architecture
        self._tensors = Scratch()
        self.session, self._batch, self._side = _widest(opened, architecture)
        self.name = name or Path(path).name
        self.sha256 = self.session.sha256
        self.device = self.session.device
        self.min_score = min_score
        self.certain_score = architecture.certain

    def __repr__(self) -> str:
        return f"Detector({self.name!r}, device={self.device!r})"

    def __call__(self, images: Sequence[Picture]) -> list[list[Face]]:
        """Faces of each image, best score first."""
        for image in images:
            if not isinstance(image, np.ndarray):
                kind = type(image).__name__
                raise InputError(f"an image must be an array, RGB uint8 (height, width, 3), not {kind}")
            if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
                raise InputError(f"an image must be RGB uint8 (height, width, 3), not {image.dtype} {image.shape}")
        sides = (INPUT_SIDE, SMALL_SIDE) if self._side is None else (self._side,)
        passes = [self._search(images, side) for side in sides]
        return [_faces(Candidates.join(found), image) for image, *found in zip(images, *passes, strict=True)]

    def _search(self, images: Sequence[Picture], side: int) -> list[Candidates]:
        """Candidates of each image, in its own pixels, when its long side is scaled to `side`."""
        placed = [
            _place(
                image.shape[0],
                image.shape[1],
                side,
                square=self._side is not None,
                one_factor=self._architecture.one_factor,
            )
            for image in images
        ]
        order = sorted(range(len(images)), key=lambda index: placed[index].canvas)
        found: dict[int, Candidates] = {}
        for _, group in groupby(order, key=lambda index: placed[index].canvas):
            same = list(group)
            for start in range(0, len(same), self._batch):
                chosen = same[start : start + self._batch]
                candidates = self._run([images[index] for index in chosen], [placed[index] for index in chosen])
                found.update(zip(chosen, candidates, strict=True))
        return [found[index] for index in range(len(images))]

    def _run(self, images: Sequence[Picture], placed: Sequence[_Placement]) -> list[Candidates]:
        height, width = placed[0].canvas
        tensor = self._tensors.floats(len(images), 3, height, width)
        for image, place, target in zip(images, placed, tensor, strict=True):
            _fill(target, image, place, self._architecture)
        dealt = self._architecture.split(self.session(tensor), len(images), height, width)
        return [
            self._architecture.candidates(outputs, height, width, self.min_score).scaled(*place.factor)
            for outputs, place in zip(dealt, placed, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class _Placement:
    """Where a scaled image lies: top left on a black canvas. Sizes are (height, width) in pixels, `factor` (x, y)
    leads back to the pixels of the image."""

    canvas: tuple[int, int]
    size: tuple[int, int]
    factor: tuple[float, float]


def _place(height: int, width: int, side: int, *, square: bool, one_factor: bool) -> _Placement:
    """Scale the long side to `side`, rounding the other down. A canvas that need not be `square` is cut to size.

    Each axis has a factor of its own, because one of them was rounded. insightface takes the height's for both, which
    puts boxes off by up to 0.3 % (1.4 % in the small pass). With `one_factor` ours agree with it on photos of usual
    shapes; in a panorama the error would grow without bound, so there it is not made.
    """
    if height > width:
        size = side, max(1, int(side * width / height))
    else:
        size = max(1, int(side * height / width)), side
    panorama = max(height, width) > _USUAL_SHAPE * min(height, width)
    factor = (width / size[1], height / size[0])
    if one_factor and not panorama:
        factor = (factor[1], factor[1])
    if square:
        return _Placement((side, side), size, factor)
    needed = [min(side, -(-(length + _MARGIN) // _STRIDE) * _STRIDE) for length in size]
    return _Placement((needed[0], needed[1]), size, factor)


def _fill(target: Floats, image: Picture, place: _Placement, architecture: Architecture) -> None:
    """Put the scaled image on its black canvas, as the network wants it, into `target` (3, height, width)."""
    height, width = place.size
    planes = cv2.split(cv2.resize(image, (width, height)))
    scale = np.float32(1 / architecture.divisor)
    for channel, plane in enumerate(reversed(planes) if architecture.bgr else planes):
        black = np.float32(-architecture.mean[channel] / architecture.divisor)
        inside = target[channel, :height, :width]
        np.multiply(plane, scale, out=inside)
        inside += black
        target[channel, height:] = black
        target[channel, :height, width:] = black


def _faces(candidates: Candidates, image: Picture) -> list[Face]:
    """The faces left after suppression, clipped to the image; what has no area in it is dropped."""
    height, width = image.shape[:2]
    kept = candidates.suppressed(MAX_OVERLAP)
    boxes = np.clip(kept.boxes, 0, [width, height, width, height]).astype(np.float32)
    finite = np.isfinite(kept.boxes).all(axis=1) & np.isfinite(kept.landmarks).all(axis=(1, 2))
    real = finite & ((boxes[:, 2:] - boxes[:, :2]) >= 1).all(axis=1)
    return [
        Face(boxes[index], float(kept.scores[index]), kept.landmarks[index].astype(np.float32))
        for index in np.flatnonzero(real)
    ]


def _widest(opened: Callable[..., Session], architecture: Architecture) -> tuple[Session, int, int | None]:
    """Open a file as freely as it really works: session, images in one run, fixed side (None when any will do).

    Files often declare a fixed batch, or a fixed size, that their operators do not need. What is claimed here is
    checked: two images run together must give exactly what they give alone.
    """
    for free in ((0, 2, 3), (0,)):
        try:
            session = opened(free=free)
            batch, _, height, width = session.inputs[0][1]
            if batch is None and height == width:
                _check_batch(session, architecture, (96, 160) if height is None else (height, height))
                return session, _BATCH, height
        except (ModelError, ValueError, IndexError):  # the last two: outputs that do not divide by two
            continue
    session = opened()
    height, width = session.inputs[0][1][2:]
    if height != width:
        raise ModelError(f"{session.path}: an input of {height} x {width} pixels is not supported")
    return session, 1, height


def _check_batch(session: Session, architecture: Architecture, size: tuple[int, int]) -> None:
    # A GPU may choose other kernels for a batch, which differ in the last bits.
    same = np.array_equal if session.device == "cpu" else partial(np.allclose, rtol=1e-2, atol=1e-3)
    images = np.random.default_rng(0).uniform(-1, 1, (2, 3, *size)).astype(np.float32)
    together = architecture.split(session(images), 2, *size)
    for index, image in enumerate(images):
        (alone,) = architecture.split(session(image[None]), 1, *size)
        pairs = zip(alone, together[index], strict=True)
        if not all(same(one, other) for one, other in pairs):
            raise ModelError(f"{session.path.name} does not give the same answer alone and in a batch")
