"""Where everything lies below the data folder. Names of callers are never part of a path."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError, write_error
from .settings import Settings

if TYPE_CHECKING:
    from .incoming.uploads import Upload
    from .jobs import Job

__all__ = [
    "ID",
    "UPLOADS",
    "all_results_folder",
    "attempt_folder",
    "check_used",
    "gallery_folder",
    "is_id",
    "lock_file",
    "make_folders",
    "mark_forgetful",
    "recordings_folder",
    "results_folder",
    "scratch_folder",
    "upload_source",
    "uploads_folder",
]

ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
"""What the ids of jobs, claims, uploads and recordings look like, for patterns of paths."""

UPLOADS = "uploads"
"""The folder of the uploads, as seen from the data folder."""


def make_folders(settings: Settings) -> None:
    """Make those that are not there. The data folder is then for nobody but us; one that is there stays as open as
    somebody has made it. Raises InputError or DeviceError when one cannot be made."""
    if not settings.data.is_dir():
        _make(settings.data)
        settings.data.chmod(0o700)
    for name in (UPLOADS, "results", "recordings", "galleries", "scratch"):
        _make(settings.data / name)


def check_used(settings: Settings) -> None:
    """InputError when no server has used the data folder: one mistyped, or not mounted. Nothing is made."""
    if not lock_file(settings).is_file():
        raise InputError(f"no server has used the folder {settings.data}; give the --data of the server")


def lock_file(settings: Settings) -> Path:
    """What a server holds as long as it runs, and leaves there."""
    return settings.data / "server.lock"


def mark_forgetful(settings: Settings) -> None:
    """Note whether the data folder is that of a server that keeps nothing, which deletes all that is in it.

    Raises InputError when such a server is given the folder of one that keeps what it has.
    """
    mark = settings.data / "keeps-nothing"
    if settings.store:
        mark.unlink(missing_ok=True)
        return
    kept = [settings.data / name for name in (UPLOADS, "results", "recordings", "galleries")]
    if not mark.exists() and any(any(folder.iterdir()) for folder in kept):
        raise InputError(f"--no-store would delete what is kept in {settings.data}; give it another --data")
    mark.touch()


def uploads_folder(settings: Settings) -> Path:
    """Holds `<upload id><suffix>`, and `<upload id>.part` while it comes."""
    return settings.data / UPLOADS


def upload_source(upload: Upload) -> str:
    """Where an upload lies, as seen from the data folder: what tasks are told."""
    return f"{UPLOADS}/{upload.id}{upload.suffix}"


def is_id(text: str) -> bool:
    """Whether a text that a caller gives can be the id of anything."""
    return re.fullmatch(ID, text) is not None


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


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise InputError(f"cannot write {folder}: {error.strerror}; give another folder as --data") from error
    except OSError as error:
        raise write_error(folder, error) from error


def _own(owner: str) -> str:
    return hashlib.sha256(owner.encode()).hexdigest()[:32]
