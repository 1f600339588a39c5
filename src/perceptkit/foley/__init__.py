"""Find footsteps in a video.

    from perceptkit import foley

    found = foley.detect("walk.mp4", preset="permissive")     # a video -> footsteps
    found.save("walk-foley")                                  # events.csv, events.json, timecode.txt, stats.json, ...
    foley.annotate(found, "walk-annotated.mp4")               # the video with skeletons, contacts and counters
    steps = foley.detect_footsteps(poses)                     # landmarks in memory -> footsteps

Names are loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import load_names

if TYPE_CHECKING:
    from .annotation import annotate
    from .detection import detect
    from .following import follow_people
    from .footsteps import FOOTSTEP_DETECTORS, SENSITIVITIES, FootstepDetector, detect_footsteps, to_poses
    from .gait import statistics
    from .people import PERSON_DETECTORS, PersonDetector, load_people
    from .pose import POSE_MODELS, MediaPipePose, load_pose
    from .results import Detection
    from .smpte import timecode
    from .types import Footstep, Pose

_HOMES = {
    "annotation": ("annotate",),
    "detection": ("detect",),
    "following": ("follow_people",),
    "footsteps": ("FOOTSTEP_DETECTORS", "SENSITIVITIES", "FootstepDetector", "detect_footsteps", "to_poses"),
    "people": ("PERSON_DETECTORS", "PersonDetector", "load_people"),
    "pose": ("POSE_MODELS", "MediaPipePose", "load_pose"),
    "results": ("Detection",),
    "gait": ("statistics",),
    "smpte": ("timecode",),
    "types": ("Footstep", "Pose"),
}

__all__ = [
    "FOOTSTEP_DETECTORS",
    "PERSON_DETECTORS",
    "POSE_MODELS",
    "SENSITIVITIES",
    "Detection",
    "Footstep",
    "FootstepDetector",
    "MediaPipePose",
    "PersonDetector",
    "Pose",
    "annotate",
    "detect",
    "detect_footsteps",
    "follow_people",
    "load_people",
    "load_pose",
    "statistics",
    "timecode",
    "to_poses",
]

__getattr__, __dir__ = load_names(__name__, _HOMES)
