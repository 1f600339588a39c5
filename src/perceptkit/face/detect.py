"""Find faces: detectors as callables on a batch of images, and the table of those a user may name.

    detect = face.load_detector("yunet")
    faces = detect([image])[0]            # list[Face], best score first

To add a detector: a module with `split` and `candidates`, an `Architecture`, and its rows in `DETECTORS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np

from ..arrays import Floats, Picture
from ..errors import InputError, ModelError
from ..models import Model, Session, WeightsFile, open_session
from . import _retinaface, _scrfd, _yunet
from ._candidates import Candidates
from ._sources import INSIGHTFACE_LICENCE, INSIGHTFACE_RELEASES, OPENCV_ZOO, UNIFACE_RELEASES
from .defaults import MIN_SCORE
from .types import Face

__all__ = ["DETECTORS", "INPUT_SIDE", "Detector"]


INPUT_SIDE = 640
"""The long side, in pixels, at which an image is searched: the size all detectors here were trained and scored at."""

SMALL_SIDE = 128
"""The long side of the second pass, which finds faces that fill the frame."""

MAX_OVERLAP = 0.4
"""Of two boxes that overlap more than this (IoU), the one with the lower score is dropped."""

_STRIDE = 32  # sides of the network's input are multiples of it
_MARGIN = 64  # black pixels kept below and right of the image: as much context as a square canvas gives, to 0.3 px
_BATCH = 8  # images in one run; more only costs memory


@dataclass(frozen=True, slots=True)
class Architecture:
    """How a family of detectors takes pixels and what its outputs mean.

    Input is (x - mean) / divisor by channel, `bgr` or RGB. `split` deals the outputs of a batch out to its images,
    `candidates` decodes those of one image, `outputs` are the sizes of the last axis of each output, sorted: the
    mark by which a file of this family is known.
    """

    split: Callable[[Sequence[Floats], int, int, int], list[list[Floats]]]
    candidates: Callable[[Sequence[Floats], int, int, float], Candidates]
    outputs: tuple[int, ...]
    mean: tuple[float, float, float]
    divisor: float
    bgr: bool


SCRFD = Architecture(
    _scrfd.split, _scrfd.candidates, (1, 1, 1, 4, 4, 4, 10, 10, 10), mean=(127.5,) * 3, divisor=128.0, bgr=False
)
YUNET = Architecture(
    _yunet.split, _yunet.candidates, (1, 1, 1, 1, 1, 1, 4, 4, 4, 10, 10, 10), mean=(0.0,) * 3, divisor=1.0, bgr=True
)
RETINAFACE = Architecture(
    _retinaface.split, _retinaface.candidates, (2, 4, 10), mean=(104.0, 117.0, 123.0), divisor=1.0, bgr=True
)


class Detector:
    """A face detector in memory. Call it with images (RGB uint8 (H, W, 3)); get a list of faces for each.

    Boxes are clipped to the image, faces sorted by score. An image gets the same answer alone and in a batch. Files
    that cannot run several images, or sizes other than their own, are run one by one at their own size; those have
    no second pass for faces that fill the frame.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        architecture: Architecture | None = None,
        name: str | None = None,
        device: str = "auto",
        threads: int | None = None,
        min_score: float = MIN_SCORE,
    ) -> None:
        """`architecture` is recognised by the file's outputs when it is not given."""
        if not 0 < min_score < 1:
            raise InputError(f"min_score is {min_score}; it must lie between 0 and 1")
        opened = partial(open_session, path, device=device, threads=threads)
        self._architecture = architecture or _recognise(opened())
        self._session, self._batch, self._side = _widest(opened, self._architecture)
        self.name = name or Path(path).stem
        self.sha256 = self._session.sha256
        self.device = self._session.device
        self.min_score = min_score

    def __repr__(self) -> str:
        return f"Detector({self.name!r}, device={self.device!r})"

    def __call__(self, images: Sequence[Picture]) -> list[list[Face]]:
        """Faces of each image, best score first."""
        for image in images:
            if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
                raise InputError(f"an image must be RGB uint8 (height, width, 3), not {image.dtype} {image.shape}")
        sides = (INPUT_SIDE, SMALL_SIDE) if self._side is None else (self._side,)
        passes = [self._search(images, side) for side in sides]
        return [_faces(Candidates.join(found), image) for image, *found in zip(images, *passes, strict=True)]

    def _search(self, images: Sequence[Picture], side: int) -> list[Candidates]:
        """Candidates of each image, in its own pixels, when its long side is scaled to `side`."""
        placed = [_place(image.shape[0], image.shape[1], side, exactly=self._side is not None) for image in images]
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
        tensor = np.stack(
            [_tensor(image, place, self._architecture) for image, place in zip(images, placed, strict=True)]
        )
        dealt = self._architecture.split(self._session(tensor), len(images), height, width)
        return [
            self._architecture.candidates(outputs, height, width, self.min_score).scaled(1 / place.scale)
            for outputs, place in zip(dealt, placed, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class _Placement:
    """Where a scaled image lies: top left on a black canvas. Sizes are (height, width) in pixels."""

    canvas: tuple[int, int]
    size: tuple[int, int]
    scale: float


def _place(height: int, width: int, side: int, *, exactly: bool) -> _Placement:
    """Scale the long side to `side`, rounding as the reference implementation of SCRFD does.

    A free canvas is cut to what the image needs, a fixed one (`exactly`) is square.
    """
    if height > width:
        size = side, max(1, int(side * width / height))
    else:
        size = max(1, int(side * height / width)), side
    scale = size[0] / height
    if exactly:
        return _Placement((side, side), size, scale)
    needed = [min(side, -(-(length + _MARGIN) // _STRIDE) * _STRIDE) for length in size]
    return _Placement((needed[0], needed[1]), size, scale)


def _tensor(image: Picture, place: _Placement, architecture: Architecture) -> Floats:
    """The scaled image on its black canvas, as the network wants it: (3, height, width) float32."""
    height, width = place.size
    planes = cv2.split(cv2.resize(image, (width, height)))
    tensor = np.empty((3, *place.canvas), np.float32)
    scale = np.float32(1 / architecture.divisor)
    for channel, plane in enumerate(reversed(planes) if architecture.bgr else planes):
        black = np.float32(-architecture.mean[channel] / architecture.divisor)
        tensor[channel] = black
        inside = tensor[channel, :height, :width]
        np.multiply(plane, scale, out=inside)
        inside += black
    return tensor


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


def _recognise(session: Session) -> Architecture:
    """The architecture whose outputs a file has, judged by running it once."""
    shape = tuple(size or INPUT_SIDE for size in session.inputs[0][1][2:])
    if len(shape) == 2:
        outputs = session(np.zeros((1, 3, *shape), np.float32))
        marks = tuple(sorted(output.shape[-1] for output in outputs))
        for architecture in (SCRFD, YUNET, RETINAFACE):
            if marks == architecture.outputs:
                return architecture
    raise ModelError(f"{session.path} is not a face detector of a known kind (SCRFD, YuNet, RetinaFace)")


def _widest(opened: Callable[..., Session], architecture: Architecture) -> tuple[Session, int, int | None]:
    """Open a file as freely as it really works: session, images in one run, fixed side (None when any will do).

    Files often declare a fixed batch, or a fixed size, that their operators do not need. What is claimed here is
    checked: two images run together must give exactly what they give alone.
    """
    for free in ((0, 2, 3), (0,), ()):
        try:
            session = opened(free=free)
            batch, _, height, width = session.inputs[0][1]
            if height != width:
                raise ModelError(f"{session.path}: an input of {height} x {width} pixels is not supported")
            if batch is None:
                _check_batch(session, architecture, (96, 160) if height is None else (height, height))
                return session, _BATCH, height
        except ModelError:
            if not free:
                raise
    return session, 1, height


def _check_batch(session: Session, architecture: Architecture, size: tuple[int, int]) -> None:
    images = np.random.default_rng(0).uniform(-1, 1, (2, 3, *size)).astype(np.float32)
    together = architecture.split(session(images), 2, *size)
    for index, image in enumerate(images):
        (alone,) = architecture.split(session(image[None]), 1, *size)
        if not all(np.array_equal(one, other) for one, other in zip(alone, together[index], strict=True)):
            raise ModelError(f"{session.path.name} does not give the same answer alone and in a batch")


def _scrfd_row(name: str, urls: tuple[str, ...], sha256: str, size: int) -> Model:
    return Model(
        build=partial(Detector, architecture=SCRFD),
        files=(WeightsFile(name, urls, sha256, size),),
        licence=INSIGHTFACE_LICENCE,
        commercial=False,
        source="https://github.com/deepinsight/insightface/tree/master/model_zoo",
    )


def _retinaface_row(name: str, upstream: str, sha256: str) -> Model:
    return Model(
        build=partial(Detector, architecture=RETINAFACE),
        files=(WeightsFile(name, (f"{UNIFACE_RELEASES}/{upstream}",), sha256, None),),
        licence="MIT (yakhyo/retinaface-pytorch), trained on WIDER FACE, whose own terms are unclear",
        commercial=None,
        source="https://github.com/yakhyo/retinaface-pytorch",
    )


def _yunet_row(name: str, upstream: str, sha256: str, size: int) -> Model:
    urls = tuple(f"{base}/face_detection_yunet/{upstream}" for base in OPENCV_ZOO)
    return Model(
        build=partial(Detector, architecture=YUNET),
        files=(WeightsFile(name, urls, sha256, size),),
        licence="MIT",
        commercial=True,
        source="https://github.com/opencv/opencv_zoo/tree/main/models/face_detection_yunet",
    )


DETECTORS: dict[str, Model] = {
    "scrfd-500m": _scrfd_row(
        "scrfd-500m.onnx",
        (f"{UNIFACE_RELEASES}/scrfd_500m_kps.onnx", f"zip:{INSIGHTFACE_RELEASES}/buffalo_sc.zip#det_500m.onnx"),
        "5e4447f50245bbd7966bd6c0fa52938c61474a04ec7def48753668a9d8b4ea3a",
        2_524_817,
    ),
    "scrfd-2.5g": _scrfd_row(
        "scrfd-2.5g.onnx",
        (f"zip:{INSIGHTFACE_RELEASES}/buffalo_m.zip#det_2.5g.onnx",),
        "041f73f47371333d1d17a6fee6c8ab4e6aecabefe398ff32cca4e2d5eaee0af9",
        3_292_009,
    ),
    "scrfd-10g": _scrfd_row(
        "scrfd-10g.onnx",
        (f"{UNIFACE_RELEASES}/scrfd_10g_kps.onnx", f"zip:{INSIGHTFACE_RELEASES}/buffalo_l.zip#det_10g.onnx"),
        "5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91",
        16_923_827,
    ),
    "retinaface-mnet025": _retinaface_row(
        "retinaface-mnet025.onnx",
        "retinaface_mv1_0.25.onnx",
        "b7a7acab55e104dce6f32cdfff929bd83946da5cd869b9e2e9bdffafd1b7e4a5",
    ),
    "retinaface-mnet-v2": _retinaface_row(
        "retinaface-mnet-v2.onnx",
        "retinaface_mv2.onnx",
        "3ca44c045651cabeed1193a1fae8946ad1f3a55da8fa74b341feab5a8319f757",
    ),
    "retinaface-r18": _retinaface_row(
        "retinaface-r18.onnx",
        "retinaface_r18.onnx",
        "e8b5ddd7d2c3c8f7c942f9f10cec09d8e319f78f09725d3f709631de34fb649d",
    ),
    "retinaface-r34": _retinaface_row(
        "retinaface-r34.onnx",
        "retinaface_r34.onnx",
        "bd0263dc2a465d32859555cb1741f2d98991eb0053696e8ee33fec583d30e630",
    ),
    "retinaface-r50": _retinaface_row(
        "retinaface-r50.onnx",
        "retinaface_r50.onnx",
        "905eac744dc165dbcd62960938a191de3fecea6bef198fb1c5e13e690bc6a828",
    ),
    "yunet": _yunet_row(
        "yunet.onnx",
        "face_detection_yunet_2023mar.onnx",
        "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
        232_589,
    ),
    "yunet-int8": _yunet_row(
        "yunet-int8.onnx",
        "face_detection_yunet_2023mar_int8.onnx",
        "321aa5a6afabf7ecc46a3d06bfab2b579dc96eb5c3be7edd365fa04502ad9294",
        100_416,
    ),
    "yunet-int8bq": _yunet_row(
        "yunet-int8bq.onnx",
        "face_detection_yunet_2023mar_int8bq.onnx",
        "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
        122_489,
    ),
}
"""Every detector a user can name."""
