"""The files of a gallery, and changing them so that a reader, a kill or a full disk always finds it whole.

GALLERY/gallery.json     version, embedder, people: their names, and the faces that were kept (see `document`)
GALLERY/embeddings.npz   the embeddings of these faces, a file of embeddings as `extract` writes it (never pickle)
GALLERY/pictures/        of each enrolment a picture: the faces that were kept, and the turns of the head they cover
GALLERY/gallery.lock     held by whoever changes it

A person is known by an id, and only ids make names of files. What gallery.json says counts: embeddings.npz always
holds the rows that it names, and more than those only while it is changed, or until the next change when one was cut
short. It is the first file of a gallery to come and the last to go. None of them may be a link: what it leads to
would be written over, or erased.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ...errors import InputError, write_error
from ...files import check_folder, make_folder, write_bytes
from ...locks import is_at, locked, take
from ..store import Embeddings, load_embeddings, save_embeddings
from .document import Document, bytes_of, document_of, read_document
from .erasing import delete_file, erase_file, overwriting
from .layout import (
    JSON,
    LOCK,
    NPZ,
    PICTURES,
    all_pictures,
    is_gallery,
    none_here,
    number_of,
    parts,
    pictures_of,
    refuse_links,
    refuse_strange,
)
from .people import Enrolled, Gallery, Prototype, check_name, mean_of
from .rows import embeddings_of, row_id, rows_of, with_known_vectors

__all__ = ["Change", "changing", "erase_all", "is_gallery", "load_gallery", "pictures_of"]

_ATTEMPTS = 100  # at reading what is being changed meanwhile


def load_gallery(folder: str | Path) -> Gallery:
    """Read a gallery. Raises InputError for what is none, is damaged, or was tampered with: nothing in it is ever
    executed, and no size in it is believed."""
    return _load(Path(folder).expanduser())[0]


@dataclass(slots=True)
class Change:
    """A gallery that nobody else changes meanwhile."""

    folder: Path
    gallery: Gallery

    def save(self, new: Gallery, *, pictures: Mapping[str, bytes] | None = None, overwrite: bool = False) -> Gallery:
        """Write the gallery as it is to be, with a new picture (PNG) for some ids of people. With `overwrite` what goes
        is overwritten before it is deleted.

        When it fails the gallery is as it was or, if the disk became full at the very end, as it is to be.
        """
        try:
            return self._save(new, pictures or {}, overwrite)
        except OSError as error:
            raise write_error(self.folder, error) from error

    def _save(self, new: Gallery, pictures: Mapping[str, bytes], overwrite: bool) -> Gallery:
        before = rows_of(self.gallery)
        new = with_known_vectors(new, before)
        after = rows_of(new)
        json = bytes_of(document_of(new))  # first of all, as it refuses what could not be read again
        npz = self.folder / NPZ
        with ExitStack() as failed:
            if not is_gallery(self.folder):  # before the other files: a kill must leave a gallery, not just its parts
                write_bytes(self.folder / JSON, bytes_of(document_of(replace(new, people=()))))
                failed.callback(delete_file, self.folder / JSON)
            for person, data in pictures.items():
                path = self._free_picture(person)
                failed.callback(delete_file, path)
                write_bytes(path, data)
            if not after.keys() <= before.keys():
                save_embeddings(npz, embeddings_of(new, before | after))
            with overwriting(self.folder / JSON) if overwrite else nullcontext():
                write_bytes(self.folder / JSON, json)
            failed.pop_all()
        self.gallery = new
        if not before.keys() <= after.keys() or overwrite:
            with overwriting(npz) if overwrite else nullcontext():
                save_embeddings(npz, embeddings_of(new, after))
        self._tidy(overwrite)
        return new

    def finish(self, stored: Collection[str]) -> None:
        """Do what a change that was cut short has left to do; `stored` are the ids of the rows that are there.

        It may have been an erasure, so what goes is overwritten.
        """
        rows = rows_of(self.gallery)
        try:
            if not rows.keys() >= set(stored):
                with overwriting(self.folder / NPZ):
                    save_embeddings(self.folder / NPZ, embeddings_of(self.gallery, rows))
            self._tidy(overwrite=True)
        except OSError as error:
            raise write_error(self.folder, error) from error

    def _free_picture(self, person: str) -> Path:
        folder = make_folder(self.folder / PICTURES)
        taken = pictures_of(self.folder, person)
        return folder / f"{person}-{number_of(taken[-1]) + 1 if taken else 1}.png"

    def _tidy(self, overwrite: bool) -> None:
        """Remove the pictures of those who are not in the gallery any more, and parts of files that kills left."""
        known = {person.id for person in self.gallery.people}
        strangers = [path for path in all_pictures(self.folder) if path.name.partition("-")[0] not in known]
        for path in (*strangers, *parts(self.folder)):
            (erase_file if overwrite else delete_file)(path)


@contextmanager
def changing(folder: str | Path, *, make: Gallery | None = None) -> Iterator[Change]:
    """The gallery in a folder, to change it while nobody else does. Without one, `make` is what begins there.

    Raises InputError as `load_gallery` does, or for a folder that holds other things.
    """
    folder = Path(folder).expanduser()
    refuse_links(folder)
    with _holding(folder, may_begin=make is not None):
        if make is not None and not is_gallery(folder):
            yield Change(folder, make)
            return
        gallery, stored = _load(folder)
        change = Change(folder, gallery)
        change.finish(stored)
        yield change


def erase_all(folder: Path) -> None:
    """Overwrite and delete the files of a gallery, be it damaged, and the folder if nothing else is in it."""
    if not is_gallery(folder):
        raise none_here(folder)
    check_folder(folder)
    try:
        for path in (folder / NPZ, folder / PICTURES, folder / LOCK):
            if path.is_symlink() or path.is_fifo():
                delete_file(path)
        with _holding(folder, may_begin=False):
            # Without gallery.json what a kill left would be no gallery any more, and could not be erased.
            for path in (*all_pictures(folder), *parts(folder), folder / NPZ, folder / JSON):
                erase_file(path)
            with suppress(PermissionError):  # Windows deletes no open file
                delete_file(folder / LOCK)
        if os.name == "nt":
            with suppress(PermissionError):  # somebody waits for it
                delete_file(folder / LOCK)
    except OSError as error:
        raise write_error(folder, error) from error
    for each in (folder / PICTURES, folder):
        with suppress(OSError):  # other things are in it
            each.rmdir()


@contextmanager
def _holding(folder: Path, *, may_begin: bool) -> Iterator[None]:
    """Hold the lock of a gallery, or of a folder where one may begin.

    Who erases a gallery removes its lock too: after waiting for one, it may not be the lock that others hold.
    """
    path, held = folder / LOCK, -1

    def try_lock(descriptor: int) -> bool:
        nonlocal held
        held = descriptor
        return take(path, descriptor)

    while True:
        if not is_gallery(folder):
            if not may_begin:
                raise none_here(folder)
            refuse_strange(folder)
            make_folder(folder)
        with ExitStack() as opened:
            try:
                opened.enter_context(locked(path, try_lock=try_lock))
                ours = is_at(path, held)
            except FileNotFoundError:  # erased, with the folder
                continue
            except OSError as error:
                raise write_error(folder, error) from error
            if ours and (may_begin or is_gallery(folder)):
                yield
                return


def _load(folder: Path) -> tuple[Gallery, Collection[str]]:
    """A gallery, and the ids of the rows that embeddings.npz has."""
    for _ in range(_ATTEMPTS):
        versions = _versions(folder)
        try:
            return _read(folder)
        except InputError:
            if _versions(folder) == versions:
                raise
    raise InputError(f"{folder} is changed again and again while it is read; wait until that has ended")


def _versions(folder: Path) -> list[tuple[int, int, int] | None]:
    """What tells whether the files of a gallery were replaced, or erased, while they were read."""
    versions: list[tuple[int, int, int] | None] = []
    for name in (JSON, NPZ):
        try:
            found = (folder / name).lstat()
        except OSError:
            versions.append(None)
        else:
            versions.append((found.st_ino, found.st_mtime_ns, found.st_size))
    return versions


def _read(folder: Path) -> tuple[Gallery, Collection[str]]:
    refuse_links(folder)
    try:
        document = read_document(folder / JSON)
    except FileNotFoundError as error:
        raise none_here(folder) from error
    if not document.people and not os.path.lexists(folder / NPZ):  # it has just begun
        return Gallery(document.model, document.model_sha256, ()), ()
    stored = _read_vectors(folder, document)
    rows = {name: row for row, name in enumerate(stored.face_ids)}
    if len(rows) < len(stored.face_ids):
        raise InputError(f"{folder} is damaged: {NPZ} holds a face twice")
    if not all(row_id(person.id, face.id) in rows for person in document.people for face in person.prototypes):
        raise InputError(f"{folder} is damaged: {NPZ} lacks faces that {JSON} names; enrol these people again")
    return _gallery(folder, document, stored, rows), rows.keys()


def _read_vectors(folder: Path, document: Document) -> Embeddings:
    stored = load_embeddings(folder / NPZ)
    if (stored.model, stored.model_sha256) != (document.model, document.model_sha256):
        raise InputError(
            f"{folder} is damaged: {NPZ} was made by {stored.model} (sha256 {stored.model_sha256[:12]}), "
            f"{JSON} by {document.model} (sha256 {document.model_sha256[:12]})"
        )
    return stored


def _gallery(folder: Path, document: Document, stored: Embeddings, rows: Mapping[str, int]) -> Gallery:
    people = []
    for person in document.people:
        prototypes = tuple(
            Prototype(face.id, face.source, face.time, face.quality, face.yaw) for face in person.prototypes
        )
        vectors = stored.vectors[[rows[row_id(person.id, face.id)] for face in prototypes]]
        mean = mean_of(vectors, prototypes)
        if len(person.mean) != len(mean) or not np.allclose(person.mean, mean, atol=1e-3):
            raise InputError(f"{folder} is damaged: the mean of {person.name!r} is not that of the faces")
        try:
            known = check_name(person.name) == person.name
        except InputError as error:
            raise InputError(f"{folder / JSON}: {error}") from error
        if not known:
            raise InputError(f"{folder / JSON}: the name {person.name!r} is not as perceptkit writes it")
        people.append(Enrolled(person.id, person.name, person.enrolled, prototypes, vectors, mean))
    for what in ("name", "id"):
        if len({getattr(person, what) for person in people}) < len(people):
            raise InputError(f"{folder / JSON} is damaged: two people have the same {what}")
    return Gallery(document.model, document.model_sha256, tuple(people))
