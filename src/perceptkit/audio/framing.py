"""What comes in pieces of any size, as whole sample frames, with the directions that were said of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .log import Direction
from .ordering import Chunk, Lost
from .sound import Form
from .types import Gap

__all__ = ["Framing", "Piece"]


@dataclass(frozen=True, slots=True)
class Piece:
    """Samples from sample `start` on, or so many of `silence`; and directions, each with the sample it holds from."""

    start: int
    data: bytes = b""
    silence: int = 0
    directions: tuple[tuple[int, Direction], ...] = ()


class Framing:
    """Puts chunks and losses into whole sample frames, up to `most` of them, and notes losses in `gaps`.

    `gap` says what stands for a loss: silence of its length, or nothing.
    """

    def __init__(self, form: Form, gaps: list[Gap], *, gap: Literal["silence", "skip"], most: int | None) -> None:
        self.samples = 0
        """Sample frames that came, or that silence stands for."""
        self._form, self._gaps, self._gap, self._most = form, gaps, gap, most
        self._frame = form.frame
        self._rest = b""  # bytes that are not a sample frame yet
        self._skip = 0  # bytes to leave out, after which sample frames begin again
        self._said: Direction | None = None

    @property
    def full(self) -> bool:
        """Whether no more are taken."""
        return self._most is not None and self.samples >= self._most

    def say(self, direction: Direction) -> None:
        """The direction of the samples that come next."""
        self._said = direction

    def put(self, piece: Chunk | Lost) -> list[Piece]:
        """The sample frames that are whole now."""
        if isinstance(piece, Chunk):
            return self._bytes(piece.data, piece.direction)
        start = self.samples
        if self._gap == "silence":
            silence = self._missing(piece.size)
            self.note(start, self.samples - start, "missing")
            return silence
        self._skip = (self._skip - len(self._rest) - piece.size) % self._frame
        self._rest = b""
        self.note(start, 0, "missing")
        return []

    def silence(self, samples: int) -> list[Piece]:
        """Samples of silence."""
        return self._whole(b"", samples)

    def end(self) -> Piece:
        """What was said after the last sample."""
        return Piece(self.samples, directions=self._said_now())

    def note(self, start: int, samples: int, reason: Literal["missing", "overflow"]) -> None:
        """Note a loss. One that follows on another is part of it."""
        rate, last = self._form.sample_rate, self._gaps[-1] if self._gaps else None
        if last and samples and last.reason == reason and round(last.time * rate) + last.samples == start:
            self._gaps[-1] = Gap(last.time, last.samples + samples, reason)
        else:
            self._gaps.append(Gap(start / rate, samples, reason))

    def _missing(self, size: int) -> list[Piece]:
        """Zero bytes for those that never came, so that sample frames go on where they would have been."""
        head = min(-len(self._rest) % self._frame, size)
        whole, tail = divmod(size - head, self._frame)
        first = self._bytes(bytes(head), None)
        return [*first, *self._whole(b"", whole), *self._bytes(bytes(tail), None)]

    def _bytes(self, data: bytes, direction: Direction | None) -> list[Piece]:
        if self.full:
            return []
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            data = data[skipped:]
        self._said = direction or self._said
        if self._rest:
            data = self._rest + data
        whole = len(data) - len(data) % self._frame
        self._rest = data[whole:]
        return self._whole(data[:whole], 0)

    def _whole(self, data: bytes, silence: int) -> list[Piece]:
        """Sample frames, or silence, as much as the limit allows."""
        samples = len(data) // self._frame or silence
        if self._most is not None:
            samples = min(samples, self._most - self.samples)
        if not samples:
            return []
        data = data[: samples * self._frame]
        piece = Piece(self.samples, data, min(silence, samples), directions=self._said_now())
        self.samples += samples
        return [piece]

    def _said_now(self) -> tuple[tuple[int, Direction], ...]:
        said, self._said = self._said, None
        return () if said is None else ((self.samples, said),)
