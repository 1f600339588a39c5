"""Compare the weights on this machine with what is registered for them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .content import mismatch
from .places import candidates, models_folder
from .row import Model, WeightsFile

__all__ = ["FileState", "examine", "is_users_own", "verify"]


@dataclass(frozen=True, slots=True)
class FileState:
    """One file of a model on this machine: "ok", "missing", or "wrong", and then `problem` says what it is instead."""

    name: str
    state: Literal["ok", "missing", "wrong"]
    path: Path | None = None
    problem: str | None = None


def verify(model: Model) -> tuple[FileState, ...]:
    """Hash the files of a model again and say for each whether it is ok, missing or wrong; downloads nothing."""
    return tuple(examine(file) for file in model.files)


def examine(file: WeightsFile) -> FileState:
    """The best file on this machine for `file`: one with the right hash if there is one, else the first wrong one."""
    found = FileState(file.name, "missing")
    for path in candidates(file):
        problem = mismatch(path, file)
        if problem is None:
            return FileState(file.name, "ok", path)
        if found.state == "missing":
            found = FileState(file.name, "wrong", path, problem)
        if is_users_own(path, file):
            # Passing over a file that was put there on purpose would hide that it is not the registered one.
            break
    return found


def is_users_own(path: Path, file: WeightsFile) -> bool:
    """Whether `path` was put into the models folder under the very name of `file`."""
    folder = models_folder()
    return folder is not None and path == folder / file.name
