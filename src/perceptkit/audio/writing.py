"""The files of a recording while it is made: sound, log of angles, facts. Each is whole at every moment."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO

from .. import __version__
from ..errors import InputError, PerceptkitError, write_error
from ..files import make_folder, write_bytes
from ..locks import is_held, take
from ..output import dumps
from . import defaults
from .facts import Facts
from .log import Direction, check_columns, header, lines
from .marks import Marks
from .names import Names
from .wav import RIFF_LIMIT, WavWriter, bext_chunk, cue_chunks, sync

__all__ = ["Files", "is_being_written", "write_recording"]

_SYNC = 0.8  # seconds from one moment that survives a power cut to the next: older than a second is safe
_FACTS = 4096  # bytes that the facts take while they are written: there is room for the last word on a full disk
_ZEROS = bytes(1 << 16)


class Files:
    """NAME.wav, NAME.csv and NAME.json, which are NAME.wav.part and so on until they are finished.

    A file that is there already is not touched: InputError. Other errors are those of the system (OSError); after one
    of them, `end` and `name` keep what was written.
    """

    def __init__(
        self, names: Names, facts: Facts, *, columns: Sequence[str], min_free: int, limit: int = RIFF_LIMIT
    ) -> None:
        self._names, self._facts, self._columns, self._min_free = names, facts, columns, min_free
        self._marks = Marks(facts.form.sample_rate, facts.convention)
        self._synced, self._checked = time.monotonic(), 0
        self._log_size = 0
        _refuse_existing(names)
        make_folder(names.sound.parent)
        with ExitStack() as failed:
            try:
                self._sound: IO[bytes] = Names.part(names.sound).open("xb", buffering=0)
                failed.callback(self._remove)
                failed.callback(self._sound.close)
                if os.name != "nt":  # there, a lock would keep everybody from reading
                    take(names.sound, self._sound.fileno())
                self._log: IO[bytes] = Names.part(names.log).open("xb", buffering=0)
                failed.callback(self._log.close)
                self._wav = WavWriter(self._sound, facts.form, before=_began(facts), limit=limit)
                self._add_lines(header(columns))
                self._check_room()
                Names.part(names.facts).write_bytes(_padded(facts))
                self._sync()
                _sync_folder(names.sound.parent)
            except OSError as error:
                raise write_error(names.sound, error) from error
            failed.pop_all()

    @property
    def samples(self) -> int:
        """Sample frames that are written."""
        return self._wav.samples

    def add(self, data: bytes) -> None:
        """Write whole sample frames."""
        self._wav.write(data)
        if 4 * (self._wav.samples - self._checked) >= self._facts.form.sample_rate:
            self._count()

    def add_silence(self, samples: int) -> None:
        """Write silence."""
        frame = self._facts.form.frame
        most = len(_ZEROS) // frame
        for start in range(0, samples, most):
            self.add(_ZEROS[: frame * min(most, samples - start)])

    def note(self, directions: Sequence[tuple[int, Direction]]) -> None:
        """Log directions, each with the sample that it holds from, in order."""
        if not directions:
            return
        self._add_lines(lines(directions, self._facts.form.sample_rate, self._columns, self._facts.convention))
        for at, each in directions:
            self._marks.add(at, each)
        self._facts.angles += len(directions)

    def keep(self) -> None:
        """What is older than a second survives a power cut, when this is called a few times a second."""
        if time.monotonic() - self._synced >= _SYNC:
            self._check_room()
            self._sync()
        elif self._wav.samples > self._checked:
            self._count()

    def end(self) -> None:
        """Write what comes after the samples, and close. After an error, all that was written before is whole still."""
        if self._sound.closed:  # an attempt before was interrupted
            return
        self._facts.samples = self._wav.samples
        try:
            self._wav.finish(cue_chunks([mark for mark in self._marks.texts() if mark[0] < self._wav.samples]))
            sync(self._log.fileno())
        finally:
            self._log.close()
            self._sound.close()

    def name(self) -> None:
        """Write the facts, which say what happened, and give the files their names; after `end`.

        Where the facts have no hash of the samples, it is made from the file. A file that has come under one of the
        names since is not touched: OSError.
        """
        if self._facts.sha256 is None:
            self._facts.sha256 = self._hashed()
        part = Names.part(self._names.facts)
        if part.exists():  # an attempt before was interrupted where it does not
            try:
                write_bytes(part, _document(self._facts))
            except (OSError, PerceptkitError):  # a full disk: there is room where they are
                with suppress(OSError):
                    self._say_in_place()
        taken: list[Path] = []
        for path in self._names.all:
            if os.path.lexists(path) and Names.part(path).exists():
                taken.append(path)
                continue
            with suppress(FileNotFoundError):
                Names.part(path).rename(path)
        _sync_folder(self._names.sound.parent)
        if taken:
            kept = ", ".join(Names.part(path).name for path in taken)
            raise OSError(errno.EEXIST, f"another file came under that name; what was recorded is in {kept}")

    def leave(self) -> None:
        """Close the files as they are."""
        with suppress(OSError):
            self._sync()
        self._sound.close()
        self._log.close()

    def abandon(self) -> None:
        """Close and remove the files."""
        self._sound.close()
        self._log.close()
        self._remove()

    def _hashed(self) -> str:
        """The SHA-256 of the samples that are written."""
        made = hashlib.sha256()
        left = self._wav.samples * self._facts.form.frame
        part = Names.part(self._names.sound)
        with (part if part.exists() else self._names.sound).open("rb") as file:
            file.seek(self._wav.offset)
            while left > 0 and (block := file.read(min(left, 1 << 20))):
                made.update(block)
                left -= len(block)
        return made.hexdigest()

    def _say_in_place(self) -> None:
        """The facts, as many gaps of them as there is room for."""
        with Names.part(self._names.facts).open("r+b", buffering=0) as file:
            file.write(_padded(self._facts))

    def _add_lines(self, lines: str) -> None:
        data = lines.encode()
        try:
            written = 0
            while written < len(data):
                written += self._log.write(data[written:])
        except OSError:
            self._log.truncate(self._log_size)
            self._log.seek(0, os.SEEK_END)
            raise
        self._log_size += len(data)

    def _check_room(self) -> None:
        free = shutil.disk_usage(self._names.sound.parent).free
        if free < self._min_free:
            raise OSError(errno.ENOSPC, f"only {free:,} bytes are free, fewer than {self._min_free:,}")

    def _count(self) -> None:
        self._checked = self._wav.samples
        self._wav.checkpoint()

    def _sync(self) -> None:
        self._wav.flush()
        sync(self._log.fileno())
        self._synced = time.monotonic()

    def _remove(self) -> None:
        for path in self._names.all:
            Names.part(path).unlink(missing_ok=True)


def write_recording(
    names: Names,
    facts: Facts,
    blocks: Iterable[bytes],
    directions: Sequence[tuple[int, Direction]],
    *,
    columns: Sequence[str] = (),
    min_free: int = defaults.MIN_FREE,
) -> None:
    """A recording from its bytes, whole or not at all; its log has the elevation if one is known.

    Raises InputError for a name that is taken, DeviceError when the disk is full, and what `blocks` raises.
    """
    if any(each.elevation is not None for _, each in directions):
        columns = check_columns({*columns, "elevation"})
    with ExitStack() as failed:
        files = Files(names, facts, columns=columns, min_free=min_free)
        failed.callback(files.abandon)
        try:
            for block in blocks:
                files.add(block)
            files.note(directions)
            files.end()
            files.name()
        except OSError as error:
            raise write_error(names.sound, error) from error
        failed.pop_all()


def is_being_written(part: Path) -> bool:
    """Whether somebody is recording to a NAME.wav.part."""
    if os.name == "nt":
        return False
    with part.open("rb") as file:
        return is_held(part, file.fileno())


def _refuse_existing(names: Names) -> None:
    for path in names.all:
        if os.path.lexists(path):
            raise InputError(f"{path} is there already; choose another name")
        if os.path.lexists(Names.part(path)):
            raise InputError(
                f"{Names.part(path)} is there already: a recording that goes on, or was interrupted. "
                f"Make it whole (perceptkit audio repair {Names.part(names.sound)}), or choose another name"
            )


def _began(facts: Facts) -> bytes:
    """The chunk that says when the recording began, if that is known."""
    if facts.started is None:
        return b""
    return bext_chunk(facts.started, facts.form, "times are in UTC", f"perceptkit {__version__}")


def _document(facts: Facts) -> bytes:
    return (dumps(facts.document(), indent=2) + "\n").encode()


def _padded(facts: Facts) -> bytes:
    """The facts in a fixed number of bytes."""
    document = facts.document()
    while len(text := (dumps(document) + "\n").encode()) > _FACTS:
        document["gaps"] = document["gaps"][: len(document["gaps"]) // 2]
        document["error"] = document["error"] and document["error"][:1000]
    return text[:-1].ljust(_FACTS - 1) + b"\n"


def _sync_folder(folder: Path) -> None:
    """Names of files are on the disk, too."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some file systems have nothing to do there
            os.fsync(handle)
    finally:
        os.close(handle)
