"""Where the real weights and media are: beside the folder PERCEPTKIT_MODELS, else in ../shared beside the repository.

A test that uses them is marked `weights`, and skipped where there is no such folder.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

__all__ = [
    "FACES",
    "GAIT",
    "MODELS",
    "PEOPLE",
    "faces_file",
    "footsteps_folder",
    "gait_folder",
    "gaze_folder",
    "model_file",
    "people_photos",
    "video_file",
]

_NAMED = os.environ.get("PERCEPTKIT_MODELS")
MODELS = Path(_NAMED).resolve() if _NAMED else Path(__file__).resolve().parents[2] / "shared" / "models"
FACES = MODELS.parent / "media" / "faces"
PEOPLE = FACES / "people"
VIDEOS = MODELS.parent / "media" / "video"
FOOTSTEPS = MODELS.parent / "media" / "footsteps"
GAIT, GAZE = MODELS.parent / "bench" / "gait", MODELS.parent / "bench" / "gaze"


def model_file(name: str) -> Path:
    """A file of weights."""
    return _there(MODELS) / name


def faces_file(name: str) -> Path:
    """A photo, by its path below media/faces."""
    return _there(FACES) / name


def video_file(name: str) -> Path:
    """A video."""
    return _there(VIDEOS) / name


def footsteps_folder() -> Path:
    """The recordings of single footsteps, on many grounds."""
    return _there(FOOTSTEPS)


def gait_folder() -> Path:
    """The gait benchmark."""
    return _there(GAIT)


def gaze_folder() -> Path:
    """The gaze benchmark."""
    return _there(GAZE)


def people_photos() -> list[Path]:
    """The photos of the six people, personNN_MM.jpg, in order."""
    return sorted(_there(PEOPLE).iterdir())


def _there(folder: Path) -> Path:
    if not folder.is_dir():
        pytest.skip("the shared weights and media are not here; see tests/shared_data.py")
    return folder
