"""What is left of a WAV that was cut off anywhere, or never finished: `examine`."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

from ..errors import InputError, MediaError
from .sound import SUBTYPES, Form

__all__ = ["Remains", "examine"]

_UNKNOWN = 0xFFFFFFFF
_TAGS = {(1, 16): "PCM_16", (1, 24): "PCM_24", (3, 32): "FLOAT"}
_EXTENSIBLE = 0xFFFE
_MOST_CHUNKS = 1000


@dataclass(frozen=True, slots=True)
class Remains:
    """The samples that a WAV has: `samples` sample frames from byte `offset` on. `form` is None where that is gone.

    `counted` says whether the header counts exactly these, and the file is as long as it says.
    """

    form: Form | None
    offset: int
    samples: int
    counted: bool
    started: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Chunk:
    name: bytes
    start: int  # of its content
    size: int


def examine(path: Path, *, form: Form | None = None, samples: int = 0) -> Remains:
    """Find the samples of a WAV (RIFF, RF64, BW64) of 16 or 24 bits or float, whatever its sizes say.

    `form` and `samples` are what is known of it from elsewhere, for where its header is not right. Raises MediaError
    for what is no such file.
    """
    try:
        with path.open("rb") as file:
            return _examine(path, file, file.seek(0, 2), form, samples)
    except OSError as error:
        raise MediaError(f"{path}: cannot be read: {error.strerror or error}") from error


def _examine(path: Path, file: IO[bytes], size: int, form: Form | None, samples: int) -> Remains:
    file.seek(0)
    head = file.read(12)
    if head[:4] not in (b"RIFF", b"RF64", b"BW64", b"RIFF"[: len(head)]) or head[8:] != b"WAVE"[: len(head[8:])]:
        raise MediaError(f"{path}: not a WAV file; only those can be made whole")
    whole = struct.unpack("<I", head[4:8])[0] + 8 if len(head) >= 8 else 0
    started, long_data = None, 0
    for chunk in _chunks(file, 12, size):
        content = b"" if chunk.name == b"data" else _content(file, chunk)
        if chunk.name == b"ds64" and len(content) >= 16:
            whole, long_data = (
                number + add for number, add in zip(struct.unpack("<QQ", content[:16]), (8, 0), strict=True)
            )
        elif chunk.name == b"fmt " and len(content) >= 16:
            form = _form(path, content)
        elif chunk.name == b"bext" and len(content) >= 348 and form is not None:
            started = _started(content, form.sample_rate)
        elif chunk.name == b"data":
            if form is None:
                break
            declared = long_data if chunk.size == _UNKNOWN else chunk.size
            return _with_data(file, replace(chunk, size=declared), whole, size, form, started, samples)
    return Remains(form, size, 0, counted=False, started=started)


def _with_data(
    file: IO[bytes], chunk: _Chunk, whole: int, size: int, form: Form, started: datetime | None, samples: int
) -> Remains:
    """What a data chunk has, in a file of `size` bytes that says it has `whole`."""
    there = size - chunk.start
    end = chunk.start + chunk.size + chunk.size % 2
    known = samples * form.frame
    if whole > size:  # it was finished and cut off since, or has lost count
        is_right = known in (0, chunk.size)
    elif whole > end:  # chunks follow the samples
        is_right = _is_chain(file, end, whole)
    else:
        is_right = _is_chain(file, end, size)
    taken = there
    if 0 < chunk.size <= there and is_right:
        taken = chunk.size
    elif 0 < known <= there:
        taken = known
    counted = taken == chunk.size and taken % form.frame == 0 and whole == size
    return Remains(form, chunk.start, taken // form.frame, counted, started)


def _chunks(file: IO[bytes], start: int, size: int) -> Iterator[_Chunk]:
    """The chunks from a place on, as far as their names and sizes are there."""
    for _ in range(_MOST_CHUNKS):
        file.seek(start)
        head = file.read(8)
        if len(head) < 8:
            return
        name, length = struct.unpack("<4sI", head)
        yield _Chunk(name, start + 8, length)
        start += 8 + length + length % 2
        if start > size:
            return


def _content(file: IO[bytes], chunk: _Chunk) -> bytes:
    file.seek(chunk.start)
    return file.read(min(chunk.size, 1024))


def _is_chain(file: IO[bytes], start: int, size: int) -> bool:
    """Whether what follows is nothing, or chunks up to the end: names in letters, sizes that fit."""
    while start < size:
        file.seek(start)
        head = file.read(8)
        name, length = struct.unpack("<4sI", head) if len(head) == 8 else (b"", 0)
        if not name.isascii() or not name.decode("ascii").isprintable() or not name:
            return False
        start += 8 + length + length % 2
    return start in (size, size + 1)


def _form(path: Path, content: bytes) -> Form:
    tag, channels, rate, _, _, bits = struct.unpack("<HHIIHH", content[:16])
    if tag == _EXTENSIBLE and len(content) >= 26:
        tag = struct.unpack("<H", content[24:26])[0]
    subtype = _TAGS.get((tag, bits))
    if subtype is None:
        raise MediaError(
            f"{path}: its samples are of another kind (format {tag}, {bits} bits) than {', '.join(SUBTYPES)}"
        )
    try:
        return Form(rate, channels, subtype)
    except InputError as error:
        raise MediaError(f"{path}: its header is damaged: {error}") from error


def _started(content: bytes, rate: int) -> datetime | None:
    """When the first sample was recorded, by a Broadcast Wave extension whose times are in UTC."""
    try:
        day = datetime.strptime(content[320:330].decode("ascii"), "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None
    return day + timedelta(seconds=struct.unpack("<Q", content[338:346])[0] / rate)
