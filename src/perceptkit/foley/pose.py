"""The pose models a user may name: where the body of one person is, frame after frame.

    landmarks = foley.load_pose("lite")
    with closing(landmarks.follow()) as follow:     # one for each person
        pose = follow(time, image, box)             # Pose, or None

To add a pose model: a class like `MediaPipePose`, and its row in `POSE_MODELS`.
"""

from __future__ import annotations

import os
import threading
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..arrays import Floats, Picture
from ..errors import ModelError
from ..models import Model, WeightsFile, find_weights
from .types import Pose

__all__ = ["POSE_MODELS", "Follower", "MediaPipePose", "load_pose"]

_SIDE = 1.35  # of the person's height or width: the side of the square that is looked at
_FOLLOW = 0.25  # seconds: the square follows the person so slowly that the picture in it stays calm
_LARGEST = 448  # pixels: a larger square is scaled down; the network looks at 256
_UNSEEN = 0.2  # the highest score of a landmark outside of the picture
_STAMP = 1000  # milliseconds a second


def load_pose(name: str | Path | None = None, *, preset: str | None = None) -> MediaPipePose:
    """Load a pose model by its name in `POSE_MODELS`, or a MediaPipe bundle (.task) by its path.

    Without a name, the preset chooses. Raises InputError for an unknown name, ModelError for weights that cannot be had
    or opened.
    """
    name, (path,) = find_weights(name, POSE_MODELS, role="pose", preset=preset, replaced=_REPLACED, known=POSE_MODELS)
    return MediaPipePose(path, name=name)


class MediaPipePose:
    """MediaPipe's Pose Landmarker (BlazePose GHUM): 33 landmarks in the picture and in metres."""

    def __init__(self, path: str | Path, *, name: str | None = None) -> None:
        self.path = Path(path)
        self.name = name or self.path.name
        self._bytes = self.path.read_bytes()
        self.follow().close()  # a file that cannot be opened is found out here

    def __repr__(self) -> str:
        return f"MediaPipePose({self.name!r})"

    def follow(self, person: int = 1) -> Follower:
        """A landmarker for one person, who has to be shown in every frame from then on, in order."""
        return Follower(self._open(), person)

    def _open(self) -> Any:
        vision, base_options = _mediapipe()
        options = vision.PoseLandmarkerOptions(
            base_options=base_options(model_asset_buffer=self._bytes),
            running_mode=vision.RunningMode.VIDEO,
            num_poses=1,
        )
        try:
            with _silence:
                return vision.PoseLandmarker.create_from_options(options)
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"{self.path} is not a pose model that MediaPipe can open: {error}") from error


class Follower:
    """Follows the body of one person. It holds memory outside of Python: close it."""

    def __init__(self, landmarker: Any, person: int) -> None:
        self._landmarker, self._person = landmarker, person
        self._square: Floats | None = None  # centre x, centre y, side
        self._last: Floats | None = None
        self._begun = False
        self._time, self._stamp = 0.0, -1

    def close(self) -> None:
        """Let go of the model."""
        self._landmarker.close()

    def __call__(self, time: float, image: Picture, box: Floats | None) -> Pose | None:
        """The pose of the person in `box` (4,) of an image RGB uint8 (H, W, 3) at `time` seconds. None: no body seen.

        Without a box, the person is looked for where the last pose was.
        """
        import mediapipe

        if box is None:
            box = self._last
        if box is None:
            return None
        crop, corner, scale = self._cut(time, image, box)
        self._stamp = max(self._stamp + 1, round(time * _STAMP))
        shown = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=crop)
        with nullcontext() if self._begun else _silence:
            result = self._landmarker.detect_for_video(shown, self._stamp)
        self._begun = True
        if not result.pose_landmarks:
            self._last = None
            return None
        marks = result.pose_landmarks[0]
        side = crop.shape[0] / scale
        points = np.array([(mark.x, mark.y, mark.z) for mark in marks], np.float32) * np.float32(side)
        points[:, :2] += corner
        self._last = np.concatenate([points[:, :2].min(axis=0), points[:, :2].max(axis=0)])
        world = [(mark.x, mark.y, mark.z) for mark in result.pose_world_landmarks[0]]
        scores = np.array([mark.visibility for mark in marks], np.float32)
        outside = (points[:, :2] < 0).any(axis=1) | (points[:, :2] >= image.shape[1::-1]).any(axis=1)
        scores[outside] = np.minimum(scores[outside], _UNSEEN)
        return Pose(time, points, scores, np.array(world, np.float32), self._person)

    def _cut(self, time: float, image: Picture, box: Floats) -> tuple[Picture, Floats, float]:
        """The square around the person, black outside of the picture: crop, its corner (2,), and its scale."""
        width, height = box[2] - box[0], box[3] - box[1]
        wanted = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2, _SIDE * max(width, height)], np.float32)
        if self._square is None:
            self._square = wanted
        else:
            share = 1 - np.exp(-max(time - self._time, 0.0) / _FOLLOW)
            # The centre may not lag behind somebody who runs: what is left of the way is at most a tenth of the side.
            moved = self._square + np.float32(share) * (wanted - self._square)
            slack = 0.1 * wanted[2]
            self._square = np.clip(moved, wanted - slack, wanted + slack)
        self._time = time
        x, y, side = self._square
        side = max(float(side), 16.0)
        scale = min(1.0, _LARGEST / side)
        pixels = max(16, round(side * scale))
        scale = pixels / side
        corner = np.array([x - side / 2, y - side / 2], np.float32)
        matrix = np.array([[scale, 0, -corner[0] * scale], [0, scale, -corner[1] * scale]], np.float64)
        crop = cv2.warpAffine(image, matrix, (pixels, pixels), flags=cv2.INTER_LINEAR)
        return np.asarray(crop, np.uint8), corner, scale


class _Silence:
    """Sends what is written to the process's stderr away: MediaPipe tells there what only its own makers can use.

    Its messages come from C++ and its threads, and no setting keeps them back. What else is said on stderr in these
    milliseconds is lost as well. It may be entered by several threads at once.
    """

    def __init__(self) -> None:
        self._lock, self._users = threading.Lock(), 0
        self._kept = -1

    def __enter__(self) -> None:
        with self._lock:
            self._users += 1
            if self._users > 1:
                return
            try:
                self._kept = os.dup(2)
            except OSError:  # there is no stderr
                self._kept = -1
                return
            away = os.open(os.devnull, os.O_WRONLY)
            os.dup2(away, 2)
            os.close(away)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            if not self._users and self._kept >= 0:
                os.dup2(self._kept, 2)
                os.close(self._kept)


_silence = _Silence()


def _mediapipe() -> tuple[Any, Any]:
    """Its vision tasks and base options; loading them takes a second."""
    from mediapipe.tasks.python import BaseOptions, vision

    return vision, BaseOptions


_STORE = "https://storage.googleapis.com/mediapipe-models/pose_landmarker"


def _row(size: str, sha256: str, count: int, *others: tuple[str, int]) -> Model:
    name = f"pose_landmarker_{size}"
    return Model(
        build=MediaPipePose,
        files=(
            WeightsFile(
                f"pose-landmarker-{size}.task",
                tuple(f"{_STORE}/{name}/float16/{version}/{name}.task" for version in ("1", "latest")),
                sha256,
                count,
                others,
            ),
        ),
        licence="Apache-2.0 (MediaPipe)",
        commercial=True,
        source="https://ai.google.dev/edge/mediapipe/solutions/vision/pose_landmarker",
    )


POSE_MODELS: dict[str, Model] = {
    "lite": _row(
        "lite",
        "59929e1d1ee95287735ddd833b19cf4ac46d29bc7afddbbf6753c459690d574a",
        5_777_746,
        # The same networks, put together again from MediaPipe's release files.
        ("9fe53a3d987d6e040f204a134ed86209b90cf61d0d14076fe7fce54ca3888fef", 5_777_382),
    ),
    "full": _row(
        "full",
        "5134a3aad27a58b93da0088d431f366da362b44e3ccfbe3462b3827a839011b1",
        9_398_198,
        ("4eaa5eb7a98365221087693fcc286334cf0858e2eb6e15b506aa4a7ecdcec4ad", 9_398_198),  # a later upload
    ),
    "heavy": _row("heavy", "64437af838a65d18e5ba7a0d39b465540069bc8aae8308de3e318aad31fcbc7b", 30_664_242),
}
"""Every pose model a user can name."""

_REPLACED = {"blazepose": "full", "mediapipe": "full"}
