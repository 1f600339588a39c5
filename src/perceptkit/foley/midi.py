"""Notes as a Standard MIDI File (RP-001 of the MIDI Association): `encode`."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Note", "encode"]

# A quarter note of half a second, the tempo of programs that ask for none, in 960 ticks, which is what most programs
# count in: a tick is 0.52 ms, so that no note is more than 0.26 ms off, in any hour.
_QUARTER, _DIVISION = 500_000, 960  # microseconds, ticks
_LONGEST = (1 << 28) - 1  # ticks from one message to the next
_OFF, _ON = 0, 1  # in this order within a tick


@dataclass(frozen=True, slots=True)
class Note:
    """A note from `start` to `end` (seconds) on a channel 0..15, with a velocity 1..127."""

    start: float
    end: float
    channel: int
    number: int
    velocity: int


def encode(title: str, length: float, tracks: Sequence[tuple[str, Sequence[Note]]]) -> bytes:
    """A file of format 1: a track with the title and the tempo, `length` seconds long, then the named ones.

    A note is cut where the same one begins again in its track, and lasts a tick at least; of two at once one is left.
    """
    tempo = [(0, _OFF, b"\xff\x51\x03" + _QUARTER.to_bytes(3, "big"))]
    chunks = [_track(title, tempo, _ticks(length)), *(_track(name, _messages(notes)) for name, notes in tracks)]
    return b"MThd" + struct.pack(">IHHH", 6, 1, len(chunks), _DIVISION) + b"".join(chunks)


def _messages(notes: Sequence[Note]) -> list[tuple[int, int, bytes]]:
    """What switches notes on and off, as (tick, order within the tick, bytes)."""
    messages = []
    following: dict[tuple[int, int], int] = {}
    for note in sorted(notes, key=lambda note: note.start, reverse=True):
        start, key = _ticks(note.start), (note.channel, note.number)
        end = max(_ticks(note.end), start + 1)
        end = min(end, following.get(key, end))
        following[key] = start
        if end > start:
            messages.append((start, _ON, bytes((0x90 | note.channel, note.number, note.velocity))))
            messages.append((end, _OFF, bytes((0x80 | note.channel, note.number, 64))))
    return sorted(messages)


def _ticks(seconds: float) -> int:
    return round(seconds * _DIVISION * 1_000_000 / _QUARTER)


def _track(name: str, messages: Sequence[tuple[int, int, bytes]], length: int = 0) -> bytes:
    """A track of messages in their order, at least `length` ticks long."""
    text = name.encode(errors="replace")
    data, now = bytearray(b"\0\xff\x03" + _variable(len(text)) + text), 0
    end = max(length, messages[-1][0] if messages else 0)
    for tick, _, message in [*messages, (end, _OFF, b"\xff\x2f\0")]:
        while tick - now > _LONGEST:
            data += _variable(_LONGEST) + b"\xff\x01\0"  # an empty text
            now += _LONGEST
        data += _variable(tick - now) + message
        now = tick
    return b"MTrk" + struct.pack(">I", len(data)) + bytes(data)


def _variable(value: int) -> bytes:
    """A number in as many bytes as it needs, seven bits each."""
    encoded = [value & 127]
    while value := value >> 7:
        encoded.insert(0, 128 | value & 127)
    return bytes(encoded)
