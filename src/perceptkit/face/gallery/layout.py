"""What a folder has to have to be a gallery, and may have: its files, by name and kind."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from ...errors import InputError, write_error

__all__ = [
    "JSON",
    "LOCK",
    "NPZ",
    "PICTURES",
    "all_pictures",
    "is_gallery",
    "none_here",
    "number_of",
    "parts",
    "pictures_of",
    "refuse_links",
    "refuse_strange",
]

JSON, NPZ, PICTURES, LOCK = "gallery.json", "embeddings.npz", "pictures", "gallery.lock"
_KINDS = {JSON: stat.S_ISREG, NPZ: stat.S_ISREG, LOCK: stat.S_ISREG, PICTURES: stat.S_ISDIR}
_OF_SYSTEMS = (".DS_Store", "Thumbs.db", "desktop.ini")  # what file managers leave in a folder
_PICTURE = re.compile(r"[0-9a-f]{32}-([0-9]{1,9})\.png")
_PART = re.compile(r"\.[0-9a-f]{32}\.part")


def is_gallery(folder: Path) -> bool:
    """Whether a folder holds a gallery, be it damaged."""
    return os.path.lexists(folder / JSON)


def pictures_of(folder: Path, person: str) -> list[Path]:
    """The pictures of the enrolments of an id, in order."""
    return sorted((path for path in all_pictures(folder) if path.name.startswith(person)), key=number_of)


def all_pictures(folder: Path) -> list[Path]:
    """The pictures of everybody."""
    return [path for path in (folder / PICTURES).glob("*.png") if _PICTURE.fullmatch(path.name)]


def number_of(picture: Path) -> int:
    """Which of the pictures of a person it is, counted from 1."""
    return int(picture.stem.rpartition("-")[2])


def parts(folder: Path) -> list[Path]:
    """What writes that were cut short have left."""
    return [
        path for parent in (folder, folder / PICTURES) for path in parent.glob(".*.part") if _PART.fullmatch(path.name)
    ]


def refuse_links(folder: Path) -> None:
    """Raise InputError unless the files of a gallery that are there are files, and folders folders: what a link leads
    to would be written over or erased, and to open a pipe is to wait for ever."""
    for name, is_kind in _KINDS.items():
        path = folder / name
        if os.path.lexists(path) and not is_kind(path.lstat().st_mode):
            raise InputError(f"{path} is a link, or another kind of file than a gallery has; remove it")


def refuse_strange(folder: Path) -> None:
    """Raise InputError when a gallery cannot begin here, because there is something else."""
    try:
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder} is a file; choose a folder for the gallery")
        strange = folder.is_dir() and not all(_may_be_left(path) for path in folder.iterdir())
    except OSError as error:
        raise write_error(folder, error) from error
    if strange and not is_gallery(folder):  # somebody else may just have begun one
        raise InputError(f"{folder} is not empty and holds no gallery; choose another folder")


def _may_be_left(path: Path) -> bool:
    """Whether a gallery that was erased, or had hardly begun, may have left a file."""
    if path.name == PICTURES:
        return path.is_dir() and all(each.name in _OF_SYSTEMS for each in path.iterdir())
    return path.name == LOCK or path.name in _OF_SYSTEMS or bool(_PART.fullmatch(path.name))


def none_here(folder: Path) -> InputError:
    """The error to raise for a folder without a gallery."""
    if folder.is_file():
        return InputError(f"{folder} is a file, and a gallery is a folder; give the folder: {folder.parent}")
    make = "make one with: perceptkit faces enrol NAME MEDIA --gallery FOLDER"
    return InputError(f"{folder} holds no gallery ({JSON}); {make}")
