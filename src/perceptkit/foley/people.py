"""The person detectors a user may name.

    detect = foley.load_people("yolox-nano")
    boxes, scores = detect([image])[0]          # (N, 4) pixels, (N,)

To add a detector: a function that decodes its output, its `Family` here, and its row in `PERSON_DETECTORS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ..arrays import Floats, Picture, Scratch
from ..errors import InputError, ModelError
from ..models import Model, WeightsFile, find_weights, open_session
from . import defaults
from .checkpoints import as_onnx

__all__ = ["PERSON_DETECTORS", "PersonDetector", "load_people"]

MIN_SCORE = 0.15
"""Boxes below are left out. A track begins at a higher score, and goes on at this one."""

_MAX_OVERLAP = 0.6  # people stand in front of each other
_PERSON = 0  # its place among the classes, in COCO and in what people train for people
_PADDING = 114  # the grey around the picture that both families were trained with


@dataclass(frozen=True, slots=True)
class Family:
    """How a family of detectors takes pixels, and `decode`s its output into boxes (K, 4) centre x, y, width, height in
    pixels of the network's input, and scores (K,) of people."""

    decode: Callable[[Floats, int], tuple[Floats, Floats]]
    bgr: bool
    divisor: float
    centred: bool


def load_people(
    name: str | Path | None = None,
    *,
    preset: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    min_score: float = MIN_SCORE,
) -> PersonDetector:
    """Load a person detector by its name in `PERSON_DETECTORS`, or a YOLOv8 or YOLOX network by its path.

    An Ultralytics checkpoint (.pt) is exported to ONNX when it is first used, with the `yolo` extra.

    Without a name, the preset chooses (see `models.PRESETS`). `threads` is the number of CPU threads of one run. Raises
    InputError for an unknown name, ModelError for weights that cannot be had or opened, DeviceError for a device that
    cannot be used.
    """
    name, (path,) = find_weights(
        name, PERSON_DETECTORS, role="people", preset=preset, replaced=_REPLACED, known=PERSON_DETECTORS
    )
    if path.suffix == ".pt":
        path = as_onnx(path)
    return PersonDetector(path, name=name, device=device, threads=threads, min_score=min_score)


class PersonDetector:
    """A person detector in memory. Call it with images (RGB uint8 (H, W, 3)); get boxes and scores for each.

    Boxes (N, 4) are x1 y1 x2 y2 in pixels, inside the image, best score first; those below `min_score` are left out.
    """

    certain_score = defaults.CERTAIN_PERSON

    def __init__(
        self,
        path: str | Path,
        *,
        name: str | None = None,
        device: str = "auto",
        threads: int | None = None,
        min_score: float = MIN_SCORE,
    ) -> None:
        if not 0 < min_score < 1:
            raise InputError(f"min_score is {min_score}; it must lie between 0 and 1")
        self.session = open_session(path, device=device, threads=threads)
        self._side, self._family = self._recognise()
        self._tensors = Scratch()
        self.min_score = min_score
        self.name = name or Path(path).name
        self.sha256, self.device = self.session.sha256, self.session.device

    def __repr__(self) -> str:
        return f"PersonDetector({self.name!r}, device={self.device!r})"

    def __call__(self, images: Sequence[Picture]) -> list[tuple[Floats, Floats]]:
        """Boxes and scores of the people in each image."""
        return [self._search(image) for image in images]

    def _search(self, image: Picture) -> tuple[Floats, Floats]:
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise InputError(f"an image must be RGB uint8 (height, width, 3), not {image.dtype} {image.shape}")
        height, width = image.shape[:2]
        scale = min(self._side / height, self._side / width)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        left, top = ((self._side - size[0]) // 2, (self._side - size[1]) // 2) if self._family.centred else (0, 0)
        tensor = self._tensors.floats(1, 3, self._side, self._side)
        tensor[:] = _PADDING / self._family.divisor
        planes = cv2.split(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR))
        for target, plane in zip(tensor[0], reversed(planes) if self._family.bgr else planes, strict=True):
            np.multiply(
                plane, np.float32(1 / self._family.divisor), out=target[top : top + size[1], left : left + size[0]]
            )
        found, scores = self._family.decode(self.session(tensor)[0], self._side)
        wanted = np.flatnonzero(scores >= self.min_score)
        found, scores = found[wanted], scores[wanted]
        corners = np.concatenate([found[:, :2] - found[:, 2:] / 2, found[:, :2] + found[:, 2:] / 2], axis=1)
        corners = (corners - np.array([left, top, left, top], np.float32)) / np.float32(scale)
        boxes = np.clip(corners, 0, np.array([width, height, width, height], np.float32))
        sides = boxes[:, 2:] - boxes[:, :2]
        real = (sides >= 1).all(axis=1)
        boxes, scores, sides = boxes[real], scores[real], sides[real]
        kept = cv2.dnn.NMSBoxes(
            np.concatenate([boxes[:, :2], sides], axis=1).tolist(), scores.tolist(), self.min_score, _MAX_OVERLAP
        )
        order = np.array(kept, np.int64).reshape(-1)
        return boxes[order].astype(np.float32), scores[order].astype(np.float32)

    def _recognise(self) -> tuple[int, Family]:
        """The side of the input and the family, judged by running the network once."""
        shape = self.session.inputs[0][1]
        side = (shape[2] if len(shape) == 4 else None) or 640
        if len(shape) == 4 and len(self.session.outputs) == 1:
            output = self.session(np.zeros((1, 3, side, side), np.float32))[0]
            cells = sum((side // stride) ** 2 for stride in _STRIDES)
            if output.ndim == 3 and output.shape[0] == 1 and output.shape[1] > 4 and output.shape[2] == cells:
                return side, YOLOV8
            if output.ndim == 3 and output.shape[:2] == (1, cells) and output.shape[2] > 5:
                return side, YOLOX
        raise ModelError(f"{self.session.path} is not a person detector of a known kind (YOLOv8 or YOLOX)")


_STRIDES = (8, 16, 32)


def _decode_yolov8(output: Floats, side: int) -> tuple[Floats, Floats]:
    """YOLOv8 and later as Ultralytics exports them: (1, 4 + classes, cells), boxes decoded, scores 0..1."""
    return output[0, :4].T, output[0, 4 + _PERSON]


def _decode_yolox(output: Floats, side: int) -> tuple[Floats, Floats]:
    """YOLOX (Ge et al., arXiv:2107.08430): (1, cells, 5 + classes), boxes by cell; the score is object times class."""
    corners, strides = [], []
    for stride in _STRIDES:
        rows, columns = np.mgrid[: side // stride, : side // stride]
        corners.append(np.stack([columns, rows], axis=-1).reshape(-1, 2))
        strides.append(np.full((rows.size, 1), stride))
    corner, stride_of = np.concatenate(corners), np.concatenate(strides)
    values = output[0]
    centres = (values[:, :2] + corner) * stride_of
    sizes = np.exp(values[:, 2:4]) * stride_of
    return np.concatenate([centres, sizes], axis=1).astype(np.float32), values[:, 4] * values[:, 5 + _PERSON]


YOLOV8 = Family(_decode_yolov8, bgr=False, divisor=255.0, centred=True)
YOLOX = Family(_decode_yolox, bgr=True, divisor=1.0, centred=False)

_ULTRALYTICS = "https://github.com/ultralytics/assets/releases/download/v8.4.0"
_MEGVII = "https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0"


def _yolox_row(size: str, sha256: str, count: int) -> Model:
    return Model(
        build=PersonDetector,
        files=(WeightsFile(f"yolox-{size}.onnx", (f"{_MEGVII}/yolox_{size}.onnx",), sha256, count),),
        licence="Apache-2.0 (Megvii)",
        commercial=True,
        source="https://github.com/Megvii-BaseDetection/YOLOX",
    )


PERSON_DETECTORS: dict[str, Model] = {
    "yolox-nano": _yolox_row("nano", "c789161ed43c8269fcd4e67c67eeeb4e80c622da2eb296a20bc6007bd18a0b7d", 3_659_407),
    "yolox-tiny": _yolox_row("tiny", "427cc366d34e27ff7a03e2899b5e3671425c262ea2291f88bb942bc1cc70b0f7", 20_219_662),
    "yolov8n": Model(
        build=PersonDetector,
        files=(
            WeightsFile(
                "yolov8n.onnx",
                (f"{_ULTRALYTICS}/yolov8n.onnx",),
                "b2bc52f40e8e1c532427d5bde3575a5d5b571b739fab2c6df443733ed1589cbd",
                12_851_049,
            ),
        ),
        licence="AGPL-3.0 (Ultralytics; or their enterprise licence)",
        commercial=None,
        source="https://github.com/ultralytics/ultralytics",
    ),
}
"""Every person detector a user can name."""

_REPLACED = {"yolov8": "yolov8n", "yolo": "yolov8n", "yolox": "yolox-nano"}
