"""A detection on disk, from which its video can be drawn later without detecting again.

FOLDER/...           what `Detection.save` writes
FOLDER/poses.npz     where everybody was, frame by frame
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..files import replacing
from ..video import info
from .events import read_events
from .exports import Clip
from .results import Detection
from .types import Pose

__all__ = ["keep_detection", "read_detection"]

_POSES = "poses.npz"


def keep_detection(found: Detection, folder: str | Path, *, clip: Clip | None = None) -> Path:
    """Write all files of `Detection.save`, and the poses; the folder. An hour of one person has 60 MB of poses.

    Raises DeviceError or InputError for a folder that cannot be written.
    """
    folder = found.save(folder, clip=clip)
    with replacing(folder / _POSES) as file:
        np.savez(
            file,
            times=found.times,
            pose_times=np.array([pose.time for pose in found.poses], np.float64),
            people=np.array([pose.person for pose in found.poses], np.int64),
            keypoints=np.array([pose.keypoints for pose in found.poses], np.float32).reshape(-1, 33, 3),
            scores=np.array([pose.scores for pose in found.poses], np.float32).reshape(-1, 33),
        )
    return folder


def read_detection(source: str | Path, folder: str | Path) -> Detection:
    """The detection of a video that `keep_detection` wrote into a folder. The events may have been edited since.

    Raises InputError where there is none, MediaError for a video that cannot be read any more.
    """
    source, folder = Path(source).expanduser(), Path(folder).expanduser()
    steps = read_events(folder / "events.json")
    try:
        statistics: dict[str, Any] = json.loads((folder / "stats.json").read_bytes())
        warnings = json.loads((folder / "events.json").read_bytes()).get("warnings", [])
        with (folder / _POSES).open("rb") as file, np.load(file, allow_pickle=False) as kept:
            times = kept["times"]
            people = (kept[name] for name in ("pose_times", "keypoints", "scores", "people"))
            poses = tuple(
                Pose(float(time), keypoints, scores, person=int(person))
                for time, keypoints, scores, person in zip(*people, strict=True)
            )
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{folder}: no detection can be read there; detect again") from error
    return Detection(source, info(source), times, tuple(steps), poses, statistics, tuple(warnings))
