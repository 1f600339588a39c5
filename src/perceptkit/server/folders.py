"""Where everything lies below the data folder. Names of callers are never part of a path."""

from __future__ import annotations

import hashlib
from pathlib import Path

from .jobs import Job
from .settings import Settings

__all__ = [
    "all_results_folder",
    "attempt_folder",
    "gallery_folder",
    "recordings_folder",
    "results_folder",
    "scratch_folder",
    "uploads_folder",
]


def uploads_folder(settings: Settings) -> Path:
    """Holds `<upload id><suffix>`, and `<upload id>.part` while it comes."""
    return settings.data / "uploads"


def all_results_folder(settings: Settings) -> Path:
    """Holds a folder for each job."""
    return settings.data / "results"


def results_folder(settings: Settings, job_id: str) -> Path:
    """Holds a folder for each attempt at a job; only that of the attempt that completed it stays."""
    return all_results_folder(settings) / job_id


def attempt_folder(settings: Settings, job: Job) -> Path:
    """Holds what an attempt at a job makes. Raises ValueError for a job that nobody has claimed."""
    if job.claim is None:
        raise ValueError(f"job {job.id} has not been begun")
    return results_folder(settings, job.id) / job.claim


def recordings_folder(settings: Settings, owner: str) -> Path:
    """Holds the recordings of an owner."""
    return settings.data / "recordings" / _own(owner)


def gallery_folder(settings: Settings, owner: str) -> Path:
    """The gallery of an owner."""
    return settings.data / "galleries" / _own(owner)


def scratch_folder(settings: Settings) -> Path:
    """Holds what is there only as long as a request."""
    return settings.data / "scratch"


def _own(owner: str) -> str:
    return hashlib.sha256(owner.encode()).hexdigest()[:32]
