"""What is done with somebody in a gallery: another name, out of it, and out of it without a trace."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ...errors import InputError
from .files import changing, erase_all
from .people import Gallery, check_name

__all__ = ["erase", "erase_everybody", "remove", "rename"]


def rename(folder: str | Path, name: str, new: str) -> Gallery:
    """Give somebody in a gallery another name; InputError when that is taken."""
    with changing(folder) as change:
        person = change.gallery.person(name)
        new = check_name(new)
        if new != person.name and new in change.gallery.names:
            raise InputError(f"{new!r} is in the gallery already; choose another name, or remove that person first")
        people = tuple(replace(each, name=new) if each is person else each for each in change.gallery.people)
        return change.save(replace(change.gallery, people=people))


def remove(folder: str | Path, name: str) -> Gallery:
    """Take somebody out of a gallery, with the pictures of the enrolment.

    The files are written anew without them, as deleting does; see `erase` for data that must not be recovered.
    """
    with changing(folder) as change:
        return change.save(_without(change.gallery, name))


def erase(folder: str | Path, name: str) -> Gallery:
    """Delete every trace of somebody in a gallery.

    As `remove`, and the old files are overwritten before they are deleted, so that embeddings and pictures cannot be
    read from the disk as deleted files often can. It cannot reach copies and backups, nor old blocks that an SSD or a
    file system with snapshots keeps; on Windows, of one person only the pictures are overwritten. When it is cut short,
    the next change of the gallery does what is left.
    """
    with changing(folder) as change:
        return change.save(_without(change.gallery, name), overwrite=True)


def erase_everybody(folder: str | Path) -> None:
    """Delete every trace of a whole gallery, as `erase` does, be it damaged."""
    erase_all(Path(folder).expanduser())


def _without(gallery: Gallery, name: str) -> Gallery:
    person = gallery.person(name)
    return replace(gallery, people=tuple(each for each in gallery.people if each is not person))
