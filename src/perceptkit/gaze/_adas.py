"""Gaze by the cascade of Intel's Open Model Zoo: where the eyes are, how the head stands, then where the eyes look.

landmarks-regression-retail-0009 and head-pose-estimation-adas-0001 see the whole face, open-closed-eye-0001 and
gaze-estimation-adas-0002 the two eyes. What each network takes and gives, and how roll is taken out and put back:
https://github.com/openvinotoolkit/open_model_zoo (models/intel, models/public, demos/gaze_estimation_demo).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ..arrays import Floats, Picture
from ..errors import DeviceError, InputError, ModelError
from ..models import Session, open_session
from .defaults import MAX_SIGMA, PRECISION
from .directions import angles, direction
from .types import Gaze, State

__all__ = ["Adas"]

_DEVICES = ("auto", "cpu", "openvino")  # all of them mean OpenVINO: nothing else reads its files
_BATCH = 16  # faces in one run; more only costs memory

# How the four files are known: names and shapes of their inputs (without the batch), names of their outputs.
_NETWORKS = {
    "landmarks-regression-retail-0009": ({"0": (3, 48, 48)}, ("95",)),
    "head-pose-estimation-adas-0001": ({"data": (3, 60, 60)}, ("angle_r_fc", "angle_p_fc", "angle_y_fc")),
    "open-closed-eye-0001": ({"input.1": (3, 32, 32)}, ("19",)),
    "gaze-estimation-adas-0002": (
        {"left_eye_image": (3, 60, 60), "right_eye_image": (3, 60, 60), "head_pose_angles": (3,)},
        ("gaze_vector",),
    ),
}

# Sides of the squares cut around an eye, as shares of the distance between the eyes.
_GAZE_SQUARE = 0.62
_STATE_SQUARE = 0.85  # with tighter ones the network takes eyes with dark make-up for closed

_ERROR = 5.5  # degrees on one axis: the published mean error of 6.95 in all directions, divided by sqrt(pi / 2)
# Limits found on the faces of a classroom and on press photos. How far a face and its mirror image differ in where
# they have an eye, in distances between the eyes: at most 0.08 where a person sees two eyes, 0.10 and more on
# profiles, covered eyes, heads upside down and boxes beside a face.
_APART = 0.1
_FEWEST_PIXELS = 16.0  # between the eyes: a face shrunk to this has its gaze turned by 10 degrees on average
_TRUSTED_PIXELS = 26.0  # between the eyes, for telling open from closed: the gaze square is then 16 wide


class Adas:
    """The Open Model Zoo gaze cascade in memory. Call it with face crops; get a `Gaze` each.

    Every face is looked at twice, as it is and mirrored, and the mean of both directions is the answer: mirroring the
    crop turns the sign of yaw and nothing else. `sigma_yaw` and `sigma_pitch` are sqrt(5.5^2 + (d/2)^2) degrees: d is
    how far the two disagree on that axis, 5.5 the published error of the network on people it had not seen.

    `state` is "unknown" where a sigma is above `max_sigma`, the eyes are less than 16 pixels apart, or the mirrored
    face has its eyes elsewhere (heads in profile or upside down, covered eyes, boxes beside a face). It is
    "eyes-closed" where both eyes are found shut, both times, and are at least 26 pixels apart; lids lowered onto a
    desk look the same. Directions beyond about 50 degrees come out too small: the network has not learned them.
    """

    def __init__(
        self,
        landmarks: Path,
        head_pose: Path,
        eyes: Path,
        gaze: Path,
        *,
        name: str,
        device: str = "auto",
        threads: int | None = None,
        precision: str = PRECISION,
        max_sigma: float = MAX_SIGMA,
    ) -> None:
        """The files are OpenVINO IR, `.xml` with the `.bin` beside it.

        DeviceError for a device other than "auto", "cpu" and "openvino", MissingExtraError without OpenVINO,
        ModelError for files that are not these networks.
        """
        if device not in _DEVICES:
            raise DeviceError(f"{name} runs on openvino only, not on {device!r}; choose one of: {', '.join(_DEVICES)}")
        sessions = []
        paths = (landmarks, head_pose, eyes, gaze)
        for path, (network, (inputs, outputs)) in zip(paths, _NETWORKS.items(), strict=True):
            session = open_session(path, device="openvino", threads=threads, free=(0,), precision=precision)
            if {entry: shape[1:] for entry, shape in session.inputs} != inputs or session.outputs != outputs:
                raise ModelError(f"{path} is not {network}: other inputs or outputs")
            sessions.append(session)
        self._landmarks, self._head_pose, self._eyes, self._gaze = sessions
        self.name = name
        self.sha256 = hashlib.sha256("".join(session.sha256 for session in sessions).encode()).hexdigest()
        self.device = sessions[0].device
        self.precision = precision
        self._max_sigma = max_sigma

    def __repr__(self) -> str:
        return f"Adas({self.name!r}, device={self.device!r})"

    def __call__(self, crops: Sequence[Picture]) -> list[Gaze]:
        """The gaze of each face crop, RGB uint8 of any size. InputError for crops that are no pictures."""
        for crop in crops:
            if crop.ndim != 3 or crop.shape[2] != 3 or crop.dtype != np.uint8 or not crop.size:
                raise InputError(f"a crop must be RGB uint8 (height, width, 3), not {crop.dtype} {crop.shape}")
        gazes = []
        for start in range(0, len(crops), _BATCH):
            part = crops[start : start + _BATCH]
            looks = self._look([*part, *(np.asarray(cv2.flip(crop, 1), np.uint8) for crop in part)])
            for crop, look, again in zip(part, looks[: len(part)], looks[len(part) :], strict=True):
                gazes.append(_agree(look, again.mirror(crop.shape[1]), self._max_sigma))
        return gazes

    def _look(self, crops: list[Picture]) -> list[_Look]:
        """What the networks say about crops, each for itself."""
        sizes = np.array([[crop.shape[1], crop.shape[0]] for crop in crops])
        (places,) = _run(self._landmarks, _tensor(crops, 48))
        eyes = places.reshape(-1, 5, 2)[:, :2] * sizes[:, None] - 0.5  # to where pixels have their centres
        roll, pitch, yaw = (output.reshape(-1) for output in _run(self._head_pose, _tensor(crops, 60)))
        apart = np.linalg.norm(eyes[:, 1] - eyes[:, 0], axis=1)

        def squares(eye: int, share: float) -> list[Picture]:
            return [
                _square(crop, place[eye], max(share * float(distance), 1.0), float(turn))
                for crop, place, distance, turn in zip(crops, eyes, apart, roll, strict=True)
            ]

        pairs = [*squares(0, _STATE_SQUARE), *squares(1, _STATE_SQUARE)]
        states = _run(self._eyes, _tensor(pairs, 32))[0].reshape(2, -1, 2)
        left, right = (_tensor(squares(eye, _GAZE_SQUARE), 60) for eye in (0, 1))
        # Yaw and pitch as the other network gives them; the eyes are cut upright, so there is no roll.
        head = np.stack([yaw, pitch, np.zeros_like(roll)], axis=1)
        (vectors,) = _run(self._gaze, left, right, head)
        vectors = _rolled(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), roll)
        return [
            _Look(np.asarray(vectors[i] * (1, -1, 1), np.float32), eyes[i], states[:, i, 1]) for i in range(len(crops))
        ]


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """One look at a crop: a unit vector (see `directions`), its two eyes (2, 2) in pixels, how surely each is open.

    Image-left eye first.
    """

    vector: Floats
    eyes: Floats
    opened: Floats

    def mirror(self, width: int) -> _Look:
        """The same as seen in a crop of that width turned left to right."""
        eyes = (self.eyes * (-1, 1) + (width - 1, 0))[::-1]
        return _Look(np.asarray(self.vector * (-1, 1, 1), np.float32), eyes, self.opened[::-1])


def _agree(look: _Look, again: _Look, max_sigma: float) -> Gaze:
    """The gaze of a face from two looks at it: their mean, and what they disagree on as its uncertainty."""
    vector = (look.vector + again.vector).astype(np.float32)
    vector /= np.linalg.norm(vector)
    yaw, pitch = angles(vector)
    one, other = angles(look.vector), angles(again.vector)
    # The mean of two measurements has half their difference as its standard deviation.
    sigma_yaw = math.hypot(_ERROR, ((one[0] - other[0] + 180) % 360 - 180) / 2)
    sigma_pitch = math.hypot(_ERROR, (one[1] - other[1]) / 2)
    eyes = (look.eyes + again.eyes) / 2
    distance = float(np.linalg.norm(eyes[1] - eyes[0]))
    moved = float(np.linalg.norm(look.eyes - again.eyes, axis=1).max())
    state: State = "ok"
    if max(sigma_yaw, sigma_pitch) > max_sigma or distance < _FEWEST_PIXELS or moved > _APART * distance:
        state = "unknown"
    elif distance >= _TRUSTED_PIXELS and (np.maximum(look.opened, again.opened) < 0.5).all():
        state = "eyes-closed"
    return Gaze(yaw, pitch, sigma_yaw, sigma_pitch, direction(yaw, pitch), state)


def _square(crop: Picture, centre: Floats, side: float, roll: float) -> Picture:
    """The square of `side` pixels around a point, turned so that a head that leans by `roll` degrees stands upright.

    Roll is clockwise in the image. What lies beyond the crop is like its border.
    """
    pixels = max(1, round(side))
    turn = side / pixels * np.exp(1j * math.radians(roll))
    # As complex numbers: place in the crop = centre + turn * (pixel - middle of the square).
    shift = complex(*centre) - turn * complex(pixels - 1, pixels - 1) / 2
    matrix = np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(crop, matrix, (pixels, pixels), flags=flags, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )


def _rolled(vectors: Floats, roll: Floats) -> Floats:
    """Vectors (N, 3) of upright heads, y up, as heads see that lean by `roll` (N,) degrees clockwise in the image."""
    x, y, z = vectors.T
    cosine, sine = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    return np.stack([x * cosine + y * sine, -x * sine + y * cosine, z], axis=1)


def _tensor(pictures: Sequence[Picture], side: int) -> Floats:
    """Pictures as these networks take them: (N, 3, side, side) float32, blue first, 0 to 255."""
    batch = np.empty((len(pictures), side, side, 3), np.float32)
    for row, picture in zip(batch, pictures, strict=True):
        shrinks = min(picture.shape[:2]) > side
        row[:] = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.ascontiguousarray(batch[..., ::-1].transpose(0, 3, 1, 2))


def _run(session: Session, *inputs: Floats) -> list[Floats]:
    """The outputs of a network for a whole batch; a file of a fixed batch is run one by one."""
    count = len(inputs[0])
    step = count if session.inputs[0][1][0] is None else 1
    parts = [session(*(values[i : i + step] for values in inputs)) for i in range(0, count, step)]
    outputs = [np.concatenate(output) for output in zip(*parts, strict=True)]
    if not all(np.isfinite(output).all() for output in outputs):
        raise ModelError(f"{session.path.name} gave numbers that are none; the file or its precision is broken")
    return outputs
