"""The files of a form on their way to the disk: counted, hashed, and gone again when something is wrong."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Literal
from uuid import uuid4

from ...errors import is_disk_full
from ..errors import ApiError
from ..folders import uploads_folder
from ..settings import Settings
from .kinds import HEAD, Kinds, kind_of
from .names import display_name

__all__ = ["Incoming", "IncomingFile"]

_CHECK = 8 << 20  # bytes between two looks at what is free


class IncomingFile:
    """One file, `<id>.part` until it is kept. Its kind is known from its first bytes on.

    `refusal` says why it cannot be used; what has come of it is gone then.
    """

    kind: Literal["video", "image"]
    suffix: str

    def __init__(self, folder: Path, filename: str) -> None:
        self.id, self.filename, self.bytes = str(uuid4()), filename, 0
        self.refusal: ApiError | None = None
        self._folder, self._head, self._hash = folder, b"", hashlib.sha256()
        self._file: IO[bytes] = open(self.path, "xb", opener=_private)  # noqa: SIM115 - held open until `end`

    @property
    def path(self) -> Path:
        """Where it lies until it is kept."""
        return self._folder / f"{self.id}.part"

    @property
    def relative_path(self) -> str:
        """The same as seen from the data folder."""
        return f"{self._folder.name}/{self.id}.part"

    @property
    def sha256(self) -> str:
        """Of what has come."""
        return self._hash.hexdigest()

    def write(self, data: memoryview, kinds: Kinds) -> None:
        """Some more of it; ApiError 415 as soon as it is plainly not what is wanted."""
        if self.bytes < HEAD:
            self._head += data[: HEAD - self.bytes]
            if len(self._head) == HEAD:
                self._decide(kinds)
        self.bytes += len(data)
        self._hash.update(data)
        self._file.write(data)

    def end(self, kinds: Kinds) -> None:
        """All of it has come, and is on the disk when this returns."""
        if self.bytes < HEAD:
            self._decide(kinds)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def keep(self) -> None:
        """Give it its final name."""
        self.path.rename(self._final)

    def refuse(self, error: ApiError) -> None:
        """It cannot be used: remove it, and remember why."""
        self.refusal = error
        self.abandon()

    def abandon(self) -> None:
        """Remove it, whatever it is called by now."""
        with suppress(OSError):  # what could not be written before is not written when it is closed either
            self._file.close()
        self.path.unlink(missing_ok=True)
        if hasattr(self, "suffix"):
            self._final.unlink(missing_ok=True)

    @property
    def _final(self) -> Path:
        return self._folder / f"{self.id}{self.suffix}"

    def _decide(self, kinds: Kinds) -> None:
        self.kind, self.suffix = kind_of(self._head, kinds, name=self.filename)


class Incoming:
    """The files of one form, in their order. A `multipart.Sink`.

    Of several, one that cannot be used is refused, and the rest go on; the only one ends the form at once, as nothing
    can come any more that could be used. Limits are about all of them together, the refused ones as well. Every method
    may block; only one is called at a time.
    """

    def __init__(self, settings: Settings, *, kinds: Kinds, most: int) -> None:
        self.files: list[IncomingFile] = []
        self._settings, self._kinds, self._most = settings, kinds, most
        self._folder = uploads_folder(settings)
        self._filename = ""
        self._open: IncomingFile | None = None
        self._bytes, self._checked = 0, 0
        self._kept = False

    def check_space(self, expected: int) -> None:
        """ApiError 503 when so many bytes more would leave too little of the disk free."""
        if shutil.disk_usage(self._folder).free - expected < self._settings.min_free:
            raise _disk_full()

    def begin(self, filename: str) -> None:
        """A file begins."""
        self._filename, self._open = filename, None

    def write(self, data: memoryview) -> None:
        """Some of it comes."""
        with _told():
            self._bytes += len(data)
            if self._bytes > self._settings.max_upload:
                limit = self._settings.max_upload
                meant = "the file is" if self._most == 1 else "the files together are"
                raise ApiError(413, f"{meant} larger than the limit of {limit:,} bytes", "too_large")
            if self._bytes - self._checked >= _CHECK:
                self._checked = self._bytes
                self.check_space(0)
            if self._open is None:
                self._open = self._make()
            if self._open.refusal is None:
                with self._refused(self._open):
                    self._open.write(data, self._kinds)

    def end(self) -> None:
        """It has come."""
        with _told():
            # One without a name and without a byte is what browsers send when none was chosen.
            if self._open is None and self._filename:
                file = self._make()
                with self._refused(file):
                    raise ApiError(422, f"{file.filename}: empty file", "media_error")
            elif self._open is not None and self._open.refusal is None:
                with self._refused(self._open):
                    self._open.end(self._kinds)

    def keep(self, note: Callable[[], None]) -> None:
        """Give the files their final names, and `note` them; all of it, or none."""
        with _told():
            for file in self.files:
                if file.refusal is None:
                    file.keep()
            note()
        self._kept = True

    def abandon(self) -> None:
        """Remove what has come, unless it is kept already."""
        if not self._kept:
            for file in self.files:
                file.abandon()

    @contextmanager
    def _refused(self, file: IncomingFile) -> Iterator[None]:
        """An ApiError in the block is about this file only."""
        try:
            yield
        except ApiError as error:
            if self._most == 1:
                raise
            file.refuse(error)

    def _make(self) -> IncomingFile:
        if len(self.files) == self._most:
            meant = "one file" if self._most == 1 else f"{self._most} files at the most"
            raise ApiError(400, f"there are too many files in the form; send {meant}", "too_many_files")
        file = IncomingFile(self._folder, display_name(self._filename))
        self.files.append(file)
        return file


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@contextmanager
def _told() -> Iterator[None]:
    """A full disk as an ApiError."""
    try:
        yield
    except OSError as error:
        if is_disk_full(error):
            raise _disk_full() from error
        raise


def _disk_full() -> ApiError:
    said = "there is not enough space left on the disk of the server; delete some results, or try again later"
    return ApiError(503, said, "disk_full", headers={"Retry-After": "60"})
