"""Where a step is heard: to the left or right, near or far, and in which room."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import lfilter

from ...arrays import Floats
from ...errors import InputError
from .canvas import RATE

__all__ = ["ROOMS", "Room", "add_room", "choose_room", "distance", "far_away", "pan"]

_BODY = 1.7  # metres
_VIEW = 2 * math.tan(math.radians(45 / 2))  # how high the picture is at 1 m: that of a usual lens
_NEAREST, _USUAL, _CLEAR, _FARTHEST = 1.5, 3.0, 5.0, 60.0  # metres
_WIDEST = 0.7  # of the way from the middle to a loudspeaker
_BLOCK = 1 << 16  # samples that are put into a room at a time
_BLOCKS = 4  # so many blocks together are transformed in the time of two


@dataclass(frozen=True, slots=True)
class Room:
    """How what is around answers: for `rt60` seconds, at `level` dB against a step 3 m away; `damping` (Hz) is where
    its answer loses the treble, `first` (ms) when the first reflection comes."""

    about: str
    rt60: float
    level: float
    damping: float
    first: float


ROOMS: Mapping[str, Room | None] = {
    "dry": None,
    "outdoor": Room("the ground and what stands around", 0.2, -24, 5000, 12),
    "room": Room("a furnished room", 0.45, -16, 6000, 4),
    "hall": Room("a hall, a stairwell, a church", 2.0, -10, 4500, 18),
}
"""Every room a user can name."""


def choose_room(name: str) -> Room | None:
    """A row of `ROOMS`; InputError for an unknown name."""
    if name not in ROOMS:
        raise InputError(f"unknown room {name!r}; choose one of: {', '.join(ROOMS)}")
    return ROOMS[name]


def distance(height: float | None) -> float:
    """How far away somebody is in metres who is so high in the picture (as a share of it), 3 where that is not known.

    For a person of 1.7 m before a lens that sees 45 degrees from top to bottom.
    """
    if height is None or height <= 0:
        return _USUAL
    return min(max(_BODY / (height * _VIEW), _NEAREST), _FARTHEST)


def far_away(sound: Floats, metres: float) -> Floats:
    """A sound as it is heard from a distance: 6 dB softer for twice the way, against 3 m, and from 5 m on with less
    treble, as air takes it (8 kHz at 20 m)."""
    nearer = _USUAL / metres
    if metres <= _CLEAR:
        return sound * np.float32(nearer)
    pole = math.exp(-2 * math.pi * 18_000 * (8 / 18) ** ((metres - _CLEAR) / (20 - _CLEAR)) / RATE)
    zeros, poles = np.array([(1 - pole) * nearer], np.float32), np.array([1, -pole], np.float32)
    return np.asarray(lfilter(zeros, poles, sound), np.float32)


def pan(x: float) -> tuple[float, float]:
    """How loud a sound is on the left and on the right that is at `x` of the picture (0 left, 1 right), of equal power
    everywhere."""
    angle = (1 + _WIDEST * (2 * min(max(x, 0.0), 1.0) - 1)) * math.pi / 4
    return math.cos(angle), math.sin(angle)


def add_room(sound: Floats, sent: Floats, room: Room) -> None:
    """Add to `sound` (samples, 2) how a room answers to what is sent to it (samples,), in place, block by block."""
    answer = _answer(room)
    size = next_fast_len(_BLOCK + len(answer) - 1, real=True)
    spectra = [rfft(channel, size) for channel in answer.T]
    for start, blocks in _blocks(sent):
        own = rfft(blocks, size)
        for channel, spectrum in enumerate(spectra):
            for place, answered in zip(range(start, len(sound), _BLOCK), irfft(own * spectrum, size), strict=False):
                end = min(place + _BLOCK + len(answer) - 1, len(sound))
                sound[place:end, channel] += answered[: end - place]


def _blocks(sent: Floats) -> Iterator[tuple[int, Floats]]:
    """What is sent, some blocks at a time, (blocks, samples), without those that are silent."""
    for start in range(0, len(sent), _BLOCKS * _BLOCK):
        piece = sent[start : start + _BLOCKS * _BLOCK]
        if piece.any():
            blocks = np.zeros((math.ceil(len(piece) / _BLOCK), _BLOCK), np.float32)
            blocks.ravel()[: len(piece)] = piece
            yield start, blocks


@cache
def _answer(room: Room) -> Floats:
    """The impulse response of a room, (samples, 2): some early reflections, and noise that decays, in the same way each
    time."""
    random = np.random.default_rng(20)
    samples = round(room.rt60 * RATE)
    time = np.arange(samples) / RATE
    first = round(room.first * RATE / 1000)
    late = random.standard_normal((samples, 2)) * 10 ** (-3 * time / room.rt60)[:, None]
    late[:first] = 0
    late[first : first + RATE // 200] *= np.linspace(0, 1, len(late[first : first + RATE // 200]))[:, None]
    late /= math.sqrt(float((late**2).sum()) / 2)
    for number in range(6):  # early ones, to either side
        place = first + round(random.uniform(0, 2.5) * first)
        late[min(place, samples - 1), number % 2] += 0.5 * 0.8**number
    pole = math.exp(-2 * math.pi * room.damping / RATE)
    damped = lfilter([1 - pole], [1, -pole], late, axis=0)
    damped = lfilter([0.995, -0.995], [1, -0.99], damped, axis=0)  # a room does not answer to the lowest sounds
    damped *= 10 ** (room.level / 20) / math.sqrt(float((damped**2).sum()) / 2)
    return np.asarray(damped, np.float32)
