"""The sound of a file as samples, in time with its pictures."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer

from ..arrays import Floats
from .opening import open_media, packets_of
from .timing import Clock

__all__ = ["read_sound"]

_TOGETHER = 0.03  # seconds: a smaller gap or overlap of timestamps is their rounding


def read_sound(path: str | Path, warnings: list[str], *, rate: int = 48_000) -> Generator[Floats, None, None]:
    """The first sound track of a file in blocks (samples, 2) of float32 in [-1, 1], from time 0 on without gaps.

    Time 0 is where the file begins to be shown. Silence stands where there is no sound; surround sound is mixed down to
    stereo. A file without sound gives nothing. `warnings` gets what was wrong. Raises MediaError for what cannot be
    read.
    """
    with open_media(path) as container:
        tracks = [stream for stream in container.streams.audio if getattr(stream.codec_context, "rate", 0)]
        if not tracks:
            return
        if len(tracks) > 1:
            warnings.append(f"{path}: the first of its {len(tracks)} sound tracks is used")
        if tracks[0].codec_context.channels > 2:
            warnings.append(f"{path}: its sound of {tracks[0].codec_context.channels} channels is mixed down to stereo")
        reached = 0
        for start, block in _resampled(path, container, tracks[0], rate, warnings):
            if start > reached:
                yield np.zeros((start - reached, 2), np.float32)
                reached = start
            block = block[reached - start :]
            if len(block):
                yield block
                reached += len(block)


def _resampled(
    path: str | Path, container: InputContainer, track: AudioStream, rate: int, warnings: list[str]
) -> Iterator[tuple[int, Floats]]:
    """Blocks, each with the sample at which it begins; they follow each other where the timestamps do."""
    unit = track.time_base or Fraction(1, 90_000)
    clock = Clock(container, unit, 1024 / track.codec_context.rate)
    form: object = None
    resampler = AudioResampler()
    place = 0
    due = -1.0
    for frame in _frames(path, container, track, warnings):
        time = float(clock.at(frame.pts) * unit)
        if abs(time - due) > _TOGETHER or form != (frame.format.name, frame.layout.name, frame.sample_rate):
            for late in resampler.resample(None) if form else []:
                yield place, _array(late)
            form = frame.format.name, frame.layout.name, frame.sample_rate
            # FFmpeg would make a single channel 3 dB softer on its way to two.
            layout = "mono" if frame.layout.nb_channels == 1 else "stereo"
            resampler = AudioResampler(format="flt", layout=layout, rate=rate)
            place = round(time * rate)
            due = time
        due += frame.samples / frame.sample_rate
        frame.pts = None  # the resampler counts by itself
        for block in resampler.resample(frame):
            samples = _array(block)
            yield place, samples
            place += len(samples)
    for late in resampler.resample(None) if form else []:
        samples = _array(late)
        yield place, samples
        place += len(samples)


def _frames(
    path: str | Path, container: InputContainer, track: AudioStream, warnings: list[str]
) -> Iterator[AudioFrame]:
    packets = packets_of(container, track)
    damaged = False
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError as error:
            warnings.append(f"{path}: its sound ends early: {error.strerror}")
            return
        if packet is None:
            break
        try:
            yield from track.decode(packet)
        except av.FFmpegError:
            damaged = True
    if damaged:
        warnings.append(f"{path}: some of its sound is damaged and left out")


def _array(frame: AudioFrame) -> Floats:
    samples = np.nan_to_num(frame.to_ndarray().reshape(-1, frame.layout.nb_channels).astype(np.float32))
    return samples if samples.shape[1] == 2 else np.repeat(samples, 2, axis=1)
