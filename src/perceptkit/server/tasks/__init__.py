"""What the processes that hold the models can do. A row a task; a module a feature.

A task is a function of the loaded models, its parameters (plain data; paths are relative to the data folder) and a
reporter of progress. What it returns is plain data. It calls the library and holds nothing of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..processes.performing import Reporter
from .choices import choices
from .faces import extract_faces, faces, missing_weights
from .foley import foley_annotate, foley_detect, foley_sound
from .galleries import enrol_face, forget_faces, identify_faces, known_people
from .gaze import gaze, gaze_model
from .live import live_floor, live_frame, live_open, live_sound, live_stop, live_tidy
from .looking import look
from .models import Models

__all__ = ["TASKS", "Models"]

TASKS: dict[str, Callable[[Models, dict[str, Any], Reporter], Any]] = {
    "choices": choices,
    "look": look,
    "faces": faces,
    "extract_faces": extract_faces,
    "enrol_face": enrol_face,
    "identify_faces": identify_faces,
    "known_people": known_people,
    "forget_faces": forget_faces,
    "missing_weights": missing_weights,
    "gaze": gaze,
    "gaze_model": gaze_model,
    "foley-detect": foley_detect,
    "foley-annotate": foley_annotate,
    "foley-sound": foley_sound,
    "live-floor": live_floor,
    "live-open": live_open,
    "live-frame": live_frame,
    "live-sound": live_sound,
    "live-stop": live_stop,
    "live-tidy": live_tidy,
}
