"""WAV files that can be opened at any moment while they are written, and that grow past 4 GiB: `WavWriter`.

The chunks before the samples have a fixed size, so that the header is written anew in place:

    RIFF  size  WAVE
    JUNK  28    room that becomes ds64 when the file grows past 4 GiB and turns into an RF64 (EBU Tech 3306)
    fmt   ...   (and fact for FLOAT)
    ...         chunks that the caller wants before the samples
    data  size  samples
    ...         chunks that the caller wants after them, when it is finished
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import IO

from .sound import Form

__all__ = ["RIFF_LIMIT", "WavWriter", "bext_chunk", "chunk", "cue_chunks", "sync"]

RIFF_LIMIT = 0xFFFFFFFF
"""Bytes that the sizes in a RIFF can say; a larger file is an RF64."""

_TAGS = {"PCM_16": 1, "PCM_24": 1, "FLOAT": 3}  # WAVE_FORMAT_PCM, WAVE_FORMAT_IEEE_FLOAT
_UNKNOWN = 0xFFFFFFFF  # what an RF64 says where the size is in its ds64

# Where the file system knows the difference: the times of a file need not be on the disk, its size must.
sync = getattr(os, "fdatasync", os.fsync)


class WavWriter:
    """Writes samples to a file, empty and open for writing without a buffer, and keeps its header true.

    What was written before the last `checkpoint` is in the file for every reader. `before` are chunks that stand before
    the samples, `large` is what a file of more than `limit` bytes is (RF64, or BW64 with limit 0). Errors are those of
    the file.
    """

    def __init__(
        self, file: IO[bytes], form: Form, *, before: bytes = b"", limit: int = RIFF_LIMIT, large: str = "RF64"
    ) -> None:
        self._file, self._form, self._before, self._limit, self._large = file, form, before, limit, large
        self.samples = 0
        """Sample frames that are written."""
        self.offset = len(self._header(0, 0))
        """Bytes before the samples."""
        self._write(self._header(0, 0))

    def write(self, data: bytes) -> None:
        """Write whole sample frames, as bytes. After an error the file has the whole frames that fitted."""
        written = 0
        try:
            written = self._write(data)
        except OSError:
            end = self._file.seek(0, os.SEEK_END)
            self.samples = max((end - self.offset) // self._form.frame, 0)
            self._file.truncate(self.offset + self.samples * self._form.frame)
            self._file.seek(0, os.SEEK_END)
            raise
        self.samples += written // self._form.frame

    def checkpoint(self) -> None:
        """Make the header true. Costs no room on the disk."""
        # A chunk has an even size or a byte after it; of one that goes on, the last odd frame is not counted yet.
        odd = self.samples * self._form.frame % 2
        self._rewrite(self._header((self.samples - odd) * self._form.frame, 0))

    def flush(self) -> None:
        """A checkpoint that survives a power cut: the samples are on the disk before the header that counts them."""
        sync(self._file.fileno())
        self.checkpoint()
        sync(self._file.fileno())

    def finish(self, after: bytes = b"") -> None:
        """Write the chunks that come after the samples, and the last header."""
        size = self.samples * self._form.frame
        end = b"\0" * (size % 2) + after
        try:
            self._file.truncate(self.offset + size)  # of an attempt before this one
            self._file.seek(0, os.SEEK_END)
            self._write(end)
        except OSError:
            self._file.truncate(self.offset + size)  # without them it is a whole file still
            self._rewrite(self._header(size, 0))
            raise
        self._rewrite(self._header(size, len(end)))
        sync(self._file.fileno())

    def _write(self, data: bytes) -> int:
        left = memoryview(data)
        while left:
            left = left[self._file.write(left) :]
        return len(data)

    def _rewrite(self, header: bytes) -> None:
        self._file.seek(0)
        self._write(header)
        self._file.seek(0, os.SEEK_END)

    def _header(self, size: int, after: int) -> bytes:
        """All that stands before the samples; always of the same length."""
        form = self._form
        small = struct.pack(
            "<HHIIHH",
            *(_TAGS[form.subtype], form.channels, form.sample_rate),
            *(min(form.sample_rate * form.frame, _UNKNOWN), form.frame, 8 * form.width),
        )
        is_float = form.subtype == "FLOAT"
        fixed = chunk(b"fmt ", small + b"\0\0" if is_float else small)
        length = 12 + 36 + len(fixed) + (12 if is_float else 0) + len(self._before) + 8
        whole = length - 8 + size + after
        is_large = whole > self._limit
        samples = size // form.frame
        room = struct.pack("<QQQI", whole, size, samples, 0) if is_large else bytes(28)
        if is_float:
            fixed += chunk(b"fact", struct.pack("<I", _UNKNOWN if is_large else samples))
        kind, room_name = (self._large.encode(), b"ds64") if is_large else (b"RIFF", b"JUNK")
        first = struct.pack("<4sI4s", kind, _UNKNOWN if is_large else whole, b"WAVE")
        last = struct.pack("<4sI", b"data", _UNKNOWN if is_large else size)
        return first + chunk(room_name, room) + fixed + self._before + last


def chunk(name: bytes, content: bytes) -> bytes:
    """A chunk of a RIFF file: its name, its size, its content, and a zero byte after an odd one."""
    return struct.pack("<4sI", name, len(content)) + content + b"\0" * (len(content) % 2)


def cue_chunks(marks: Sequence[tuple[int, str]]) -> bytes:
    """Marks, each a sample and a text, as `cue ` and as labels in `LIST` `adtl`; nothing for none.

    A mark after 2**32 samples cannot be written so and is left out.
    """
    kept = [(number, sample, text) for number, (sample, text) in enumerate(marks, 1) if sample < 1 << 32]
    if not kept:
        return b""
    points = (struct.pack("<II4sIII", number, sample, b"data", 0, 0, sample) for number, sample, _ in kept)
    labels = (chunk(b"labl", struct.pack("<I", number) + text.encode() + b"\0") for number, _, text in kept)
    cues = struct.pack("<I", len(kept)) + b"".join(points)
    return chunk(b"cue ", cues) + chunk(b"LIST", b"adtl" + b"".join(labels))


def bext_chunk(started: datetime, form: Form, description: str, originator: str) -> bytes:
    """A Broadcast Wave extension (EBU Tech 3285, version 1) that says when the first sample was recorded, in UTC."""
    moment = started.astimezone(UTC)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    reference = round((moment - midnight).total_seconds() * form.sample_rate)
    text = (description.encode("ascii", "replace")[:256], originator.encode("ascii", "replace")[:32], b"")
    when = (moment.strftime("%Y-%m-%d").encode(), moment.strftime("%H:%M:%S").encode())
    return chunk(b"bext", struct.pack("<256s32s32s10s8sQH254x", *text, *when, reference, 1))
