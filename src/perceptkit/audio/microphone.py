"""Recording from a microphone: `record_microphone`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import DeviceError, PerceptkitError
from ..portaudio import load_portaudio
from .session import Recorder

__all__ = ["Microphone", "list_microphones", "record_microphone"]

_PURPOSE = "recording from a microphone"
_DTYPES = {"PCM_16": "int16", "PCM_24": "int32", "FLOAT": "float32"}
_LOOK = 0.1  # seconds


@dataclass(frozen=True, slots=True)
class Microphone:
    """A device that sound can be recorded from: its number, name, most channels, and usual samples a second."""

    number: int
    name: str
    channels: int
    sample_rate: float


def list_microphones(*, load: Callable[[], Any] | None = None) -> list[Microphone]:
    """The devices that sound can be recorded from. Raises MissingExtraError without sounddevice or PortAudio."""
    audio = load_portaudio(_PURPOSE, load)
    return [
        Microphone(number, device["name"], device["max_input_channels"], device["default_samplerate"])
        for number, device in enumerate(audio.query_devices())
        if device["max_input_channels"] > 0
    ]


def record_microphone(
    recorder: Recorder,
    *,
    device: int | str | None = None,
    progress: Callable[[int, int | None], None] | None = None,
    patience: float = 3.0,
    load: Callable[[], Any] | None = None,
) -> None:
    """Record from a microphone (a number or part of a name; the system's own by default) until the recorder is full, or
    somebody interrupts it.

    Sound that the system lost becomes a gap of silence; so does what the disk was too slow for, if the recorder has
    `overflow="gap"`, which it should. A microphone that gives nothing for `patience` seconds is taken to be unplugged.
    `progress` is called with the seconds that are recorded; `load` gives the sounddevice library. Raises
    MissingExtraError without sounddevice or PortAudio, DeviceError when there is no such microphone, when it is
    unplugged or the disk is full: what came before is recorded.
    """
    audio = load_portaudio(_PURPOSE, load)
    form = recorder.form
    wanted = {
        "device": device,
        "samplerate": form.sample_rate,
        "channels": form.channels,
        "dtype": _DTYPES[form.subtype],
    }
    listener = _Listener(recorder)
    if device is None and not list_microphones(load=load):
        raise DeviceError("there is no microphone; plug one in, or record from a file or a pipe (--from, --stdin)")
    try:
        audio.check_input_settings(**wanted)
        with audio.InputStream(**wanted, callback=listener.hear):
            listener.wait(patience, progress)
    except (audio.PortAudioError, ValueError) as error:  # a ValueError for a name that no device, or several have
        raise DeviceError(
            f"cannot record {form.channels} channels at {form.sample_rate} Hz here: {error}; choose another device, "
            "rate or number of channels (see: perceptkit audio devices)"
        ) from error


class _Listener:
    """Listens to a microphone: `hear` is called by the audio system, in a thread of its own, while `wait` waits."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder, self._rate = recorder, recorder.form.sample_rate
        self._heard = time.monotonic()
        self._ended = threading.Event()
        self._error: PerceptkitError | None = None
        self._due: float | None = None  # when the next block should begin, by the clock of the device

    def wait(self, patience: float, progress: Callable[[int, int | None], None] | None) -> None:
        """Until the recorder is full, or something failed."""
        while not self._ended.wait(_LOOK):
            if progress:
                progress(int(self._recorder.duration), None)
            if time.monotonic() - self._heard > patience:
                raise DeviceError(
                    f"no sound has come for {patience:g} s: the microphone was unplugged, or taken by another program; "
                    f"what came before is in {self._recorder.path}"
                )
        if self._error is not None:
            raise self._error

    def hear(self, block: np.ndarray[Any, Any], samples: int, moment: Any, status: Any) -> None:
        """A block (samples, channels) whose first sample was heard at `moment.inputBufferAdcTime`."""
        self._heard = time.monotonic()
        if self._ended.is_set():
            return
        begun = float(moment.inputBufferAdcTime)
        try:
            if status.input_overflow:
                late = 0.0 if self._due is None else begun - self._due
                self._recorder.lose(max(round(late * self._rate), 0))
            self._recorder.write(block)
        except PerceptkitError as error:
            self._error = error
        self._due = begun + samples / self._rate
        if self._recorder.full or self._error is not None:
            self._ended.set()
