"""MobileGaze: one network on the face crop, two heads, yaw and pitch (github.com/yakhyo/gaze-estimation)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from ..arrays import Floats, Picture, Scratch
from ..errors import InputError, ModelError
from ..models import Session, open_session
from .decoding import BINS, decode
from .defaults import MAX_SIGMA
from .directions import direction
from .types import Gaze

__all__ = ["MobileGaze"]

log = logging.getLogger("perceptkit")

# ImageNet statistics, of RGB in 0..1.
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)
_BATCH_CPU, _BATCH_GPU = 2, 16  # faces in one run; a CPU is slower on many, which no longer fit its cache


class MobileGaze:
    """A gaze network in memory. Call it with face crops; get a `Gaze` for each, in the same order.

    A crop is what the detector's box cuts out, RGB uint8 of any size; it is squeezed to the square of the network.
    Files with the contract of MobileGaze are understood: two outputs, position 0 yaw and position 1 pitch whatever
    their names say, each either 90 logits or radians (which have no sigma). A file whose outputs are the other way
    round is found out by mirrored pictures, and one that cannot take several faces at once is run face by face.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        name: str | None = None,
        device: str = "auto",
        threads: int | None = None,
        precision: str = "f32",
        max_sigma: float = MAX_SIGMA,
        known: bool = False,
    ) -> None:
        """`known` says that the file is a registered one, whose outputs need not be looked into."""
        self.session, self._batch = _widest(
            partial(open_session, path, device=device, threads=threads, precision=precision)
        )
        self._side = self.session.inputs[0][1][2] or _USUAL_SIDE
        self._max_sigma = max_sigma
        self._tensors, self._squares, self._planes = Scratch(), Scratch(), Scratch()
        self._yaw, self._pitch = (0, 1) if known or not _is_swapped(self._run) else (1, 0)
        if self._yaw:
            log.info("%s: its outputs are the other way round (pitch first); they are read so", path)
        self.name = name or Path(path).name
        self.sha256 = self.session.sha256
        self.device = self.session.device
        self.precision = precision

    def __repr__(self) -> str:
        return f"MobileGaze({self.name!r}, device={self.device!r})"

    def __call__(self, crops: Sequence[Picture]) -> list[Gaze]:
        """The gaze of each face crop. InputError for crops that are no pictures."""
        for crop in crops:
            if crop.ndim != 3 or crop.shape[2] != 3 or crop.dtype != np.uint8 or not crop.size:
                raise InputError(f"a crop must be RGB uint8 (height, width, 3), not {crop.dtype} {crop.shape}")
        gazes: list[Gaze] = []
        for start in range(0, len(crops), self._batch):
            outputs = self._run(crops[start : start + self._batch])
            (yaws, yaw_sigmas), (pitches, pitch_sigmas) = outputs[self._yaw], outputs[self._pitch]
            gazes.extend(map(self._gaze, yaws, pitches, yaw_sigmas, pitch_sigmas))
        return gazes

    def _run(self, crops: Sequence[Picture]) -> list[tuple[Floats, Floats]]:
        """Degrees and sigmas (N,) of each output, for at most a batch of crops."""
        tensor = self._tensors.floats(len(crops), 3, self._side, self._side)
        square = self._squares.picture(self._side, self._side, 3)
        planes = self._planes.picture(3, self._side, self._side)
        for crop, target in zip(crops, tensor, strict=True):
            _fill(target, crop, square, planes)
        parts = [tensor] if self._batch > 1 else [tensor[index : index + 1] for index in range(len(tensor))]
        runs = [self.session(part) for part in parts]
        return [_degrees(np.concatenate([run[index] for run in runs])) for index in range(2)]

    def _gaze(self, yaw: float, pitch: float, sigma_yaw: float, sigma_pitch: float) -> Gaze:
        yaw, pitch = float(yaw), float(pitch)
        if not (np.isfinite(yaw) and np.isfinite(pitch)):
            raise ModelError(f"{self.name} gave an angle that is not a number; the file or its precision is broken")
        if np.isnan(sigma_yaw):
            return Gaze(yaw, pitch, None, None, direction(yaw, pitch), "ok")
        sure = max(sigma_yaw, sigma_pitch) <= self._max_sigma
        vector = direction(yaw, pitch)
        return Gaze(yaw, pitch, float(sigma_yaw), float(sigma_pitch), vector, "ok" if sure else "unknown")


_USUAL_SIDE = 448


def _fill(target: Floats, crop: Picture, square: Picture, planes: Picture) -> None:
    """Put a crop into `target` (3, side, side) as the network wants it: bilinear, whatever the aspect, normalised.

    What is in between goes into `square` (side, side, 3) and `planes` (3, side, side).
    """
    cv2.resize(crop, square.shape[:2], dst=square, interpolation=cv2.INTER_LINEAR)
    cv2.split(square, list(planes))
    for plane, mean, std, into in zip(planes, _MEAN, _STD, target, strict=True):
        # plane / 255 / std - mean / std in one pass, uint8 to float32.
        cv2.addWeighted(plane, 1 / (255 * std), plane, 0, -mean / std, dst=into, dtype=cv2.CV_32F)


def _degrees(output: Floats) -> tuple[Floats, Floats]:
    """Degrees and sigmas of an output: logits (N, 90), or radians (N,) that come without a sigma (NaN)."""
    if output.ndim == 2 and output.shape[1] == BINS:
        return decode(output)
    return np.degrees(output.reshape(-1)), np.full(len(output), np.nan, np.float32)


def _widest(opened: Callable[..., Session]) -> tuple[Session, int]:
    """Open a file for batches where it gives the same answers in them, else face by face."""
    try:
        session = _understood(opened(free=(0,)))
        side = session.inputs[0][1][2] or _USUAL_SIDE
        faces = np.random.default_rng(0).uniform(-2, 2, (2, 3, side, side)).astype(np.float32)
        together = session(faces)
        alone = [session(face[None]) for face in faces]
        tolerance = 1e-3 if session.device == "cpu" else 5e-2  # other kernels and bf16 differ in the last bits
        pairs = [(np.concatenate(one), both) for one, both in zip(zip(*alone, strict=True), together, strict=True)]
        # The shapes too: answers that are all the same would be "close" to a single one for the whole batch.
        if all(
            one.shape == both.shape and np.allclose(one, both, rtol=tolerance, atol=tolerance, equal_nan=True)
            for one, both in pairs
        ):
            return session, _BATCH_CPU if session.device in ("cpu", "openvino") else _BATCH_GPU
    except ModelError:  # batch 1 is needed somewhere inside
        pass
    return _understood(opened()), 1


def _understood(session: Session) -> Session:
    """The session, if the file has the contract of MobileGaze; ModelError if not."""
    shape = session.inputs[0][1]
    square = len(shape) == 4 and shape[1] in (3, None) and shape[2] == shape[3]
    if len(session.inputs) == 1 and square and len(session.outputs) == 2:
        side = shape[2] or _USUAL_SIDE
        yaw, pitch = session(np.zeros((1, 3, side, side), np.float32))
        if yaw.shape == pitch.shape and yaw.shape in ((1, BINS), (1, 1), (1,)):
            return session
    raise ModelError(
        f"{session.path} is not a gaze network of a known kind "
        f"(a square face in; yaw and pitch out, each {BINS} logits or radians)"
    )


def _is_swapped(run: Callable[[Sequence[Picture]], list[tuple[Floats, Floats]]]) -> bool:
    """Whether output 1 is yaw: it changes its sign when the picture is mirrored, while output 0 stays as it was.

    When the answers to painted faces do not say so plainly, the contract holds: position 0 is yaw.
    """
    changes, sums = [], []
    pictures = _painted_faces()
    shown = [run([picture]) for picture in pictures]
    mirrored = [run([np.ascontiguousarray(picture[:, ::-1])]) for picture in pictures]
    for output in range(2):
        seen = np.array([answer[output][0][0] for answer in shown], np.float64)
        turned = np.array([answer[output][0][0] for answer in mirrored], np.float64)
        middle = np.concatenate([seen, turned]).mean()
        with np.errstate(invalid="ignore"):  # infinite answers, which say nothing
            changes.append(float(np.mean((seen - turned) ** 2)))
            sums.append(float(np.mean((seen + turned - 2 * middle) ** 2)))
    return changes[1] > 1 and sums[1] < 0.1 * changes[1] and changes[0] < 0.1 * changes[1]


def _painted_faces() -> list[Picture]:
    """Four faces that look aside, with strongly coloured spots beside the middle: something for any network to see."""
    random = np.random.default_rng(0)
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255), (255, 0, 255)]
    pictures = []
    for number, turn in enumerate((-60, -25, 35, 70)):
        grey = random.integers(90, 150, (224, 224, 1), np.uint8)
        picture = np.ascontiguousarray(np.broadcast_to(grey, (224, 224, 3)))
        cv2.ellipse(picture, (112 + turn // 4, 112), (70, 95), 0, 0, 360, (205, 165, 140), -1, cv2.LINE_AA)
        for eye in (-28, 28):
            centre = (112 + turn // 2 + eye, 90)
            cv2.ellipse(picture, centre, (13, 7), 0, 0, 360, (240, 240, 235), -1, cv2.LINE_AA)
            cv2.circle(picture, (centre[0] + turn // 10, centre[1] + turn // 30), 6, (40, 30, 25), -1, cv2.LINE_AA)
        cv2.line(picture, (112 + turn // 2, 95), (112 + turn * 2 // 3, 130), (160, 115, 95), 5, cv2.LINE_AA)
        cv2.line(picture, (92 + turn // 2, 158), (132 + turn // 2, 158), (150, 70, 70), 5, cv2.LINE_AA)
        side = -1 if turn < 0 else 1
        for place, colour in enumerate(colours):
            row = 20 + 35 * ((place + number) % len(colours))
            cv2.circle(picture, (112 + side * (52 + 8 * (place % 5)), row), 9, colour, -1, cv2.LINE_AA)
        pictures.append(picture)
    return pictures
