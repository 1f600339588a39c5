"""Where footsteps are heard as they happen: a loudspeaker, or a WAV file that holds what it would have played."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ...arrays import Floats
from ...errors import DeviceError, PerceptkitError
from ...portaudio import load_portaudio
from .canvas import RATE, open_wav

__all__ = ["Mixer", "Play", "Recorder", "loudspeaker", "recorder"]

_KNEE = 0.8  # what is louder is held back, so that the sum of many steps stays below 1
_BLOCK = 256  # samples that the device asks for at a time: 5 ms
_PIECE = 1 << 16  # samples that are written at a time
_INSTEAD = "write the sound to a file instead (-o FILE.wav)"

Play = Callable[[Floats], None]
"""Plays a sound, float32 (samples, 2) at 48 kHz, from now on, together with those that are heard already."""


class Mixer:
    """The sum of sounds that begin at any time, below 1. One thread may add them while another takes the sum."""

    def __init__(self) -> None:
        self._added: deque[Floats] = deque()  # no lock: both ends of it are safe in any thread
        self._heard: list[Floats] = []

    def add(self, sound: Floats) -> None:
        """A sound (samples, 2) that is heard from the next sample on."""
        self._added.append(sound)

    def fill(self, block: Floats) -> None:
        """The next samples, (samples, 2), written into `block`."""
        while self._added:
            self._heard.append(self._added.popleft())
        block[:] = 0
        for sound in self._heard:
            now = sound[: len(block)]
            block[: len(now)] += now
        self._heard = [sound[len(block) :] for sound in self._heard if len(sound) > len(block)]
        _hold_back(block)

    @property
    def remaining(self) -> int:
        """Samples until all is silent."""
        return max(map(len, (*self._heard, *self._added)), default=0)


def _hold_back(block: Floats) -> None:
    """What is above the knee comes nearer and nearer to 1, in place."""
    loud = np.abs(block) > _KNEE
    if loud.any():
        over = (np.abs(block[loud]) - _KNEE) / (1 - _KNEE)
        block[loud] = np.sign(block[loud]) * (_KNEE + (1 - _KNEE) * np.tanh(over))


@contextmanager
def loudspeaker(load: Callable[[], Any] | None = None) -> Iterator[Play]:
    """Play through the audio device of the system, silent until there is something to hear.

    `load` gives the sounddevice library. Raises MissingExtraError without it or PortAudio, DeviceError where there is
    no loudspeaker.
    """
    audio = load_portaudio("playing footsteps as they happen", load)
    mixer = Mixer()

    def callback(block: Floats, *_: object) -> None:
        mixer.fill(block)

    try:
        stream = audio.OutputStream(
            samplerate=RATE, channels=2, dtype="float32", blocksize=_BLOCK, latency="low", callback=callback
        )
        stream.start()
    except audio.PortAudioError as error:
        raise DeviceError(f"nothing can be played here: {error}; plug in or choose a loudspeaker, or {_INSTEAD}") from (
            error
        )
    try:
        yield mixer.add
    finally:
        stream.close()


class Recorder:
    """Writes what is played, block by block. Tell it the time, then play."""

    def __init__(self, write: Callable[[Floats], None]) -> None:
        self._write = write
        self._mixer = Mixer()
        self._done = 0  # samples written

    @property
    def begun(self) -> bool:
        """Whether anything is written."""
        return self._done > 0

    def play(self, sound: Floats) -> None:
        """A sound (samples, 2) that is heard from the time on that was told last."""
        self._mixer.add(sound)

    def wait(self, time: float) -> None:
        """It is now so many seconds after the beginning."""
        self._go_on(round(time * RATE) - self._done)

    def finish(self) -> None:
        """Write what still sounds."""
        self._go_on(self._mixer.remaining)

    def _go_on(self, samples: int) -> None:
        while samples > 0:
            block = np.zeros((min(samples, _PIECE), 2), np.float32)
            self._mixer.fill(block)
            self._write(block)
            self._done += len(block)
            samples -= len(block)


@contextmanager
def recorder(path: str | Path) -> Iterator[Recorder]:
    """Record to a WAV of 24 bits.

    The file is whole, with all that was played, even when Ctrl-C or an error of ours ends it early; where one comes
    before the beginning, there is none. Raises DeviceError when the disk is full, InputError when it cannot be written
    there.
    """
    early: BaseException | None = None
    with open_wav(path, 2) as write:
        recording = Recorder(write)
        try:
            yield recording
        except (KeyboardInterrupt, PerceptkitError) as error:
            if not recording.begun:
                raise
            early = error
        recording.finish()
    if early is not None:
        raise early
