"""Sound of one file into another: packets copied as they are where browsers play them in MP4, else made AAC."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, Self

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet

from .muxing import of_the_disk
from .opening import open_media, packets_of
from .timing import Clock

__all__ = ["SoundTrack"]

# What is copied, and the bytes that its header has at least: MP4 cannot be ended without them. The rest is made AAC.
_COPIED = {"aac": 0, "mp3": 0, "mp3float": 0, "opus": 19, "flac": 34}
_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)  # that AAC has
_LAYOUTS = ("mono", "stereo", "3.0", "4.0", "5.0", "5.1", "7.1", "7.1")  # that AAC has, for 1 to 8 channels
_BITS_A_CHANNEL = 96_000
_FRAME = 1024  # samples, about


class SoundTrack:
    """All sound of a file on its way into an opened output, a little at a time. `warnings` says what was wrong."""

    def __init__(self, path: str | Path, output: OutputContainer) -> None:
        self.warnings: list[str] = []
        self._path = Path(path)
        self._output = output
        self._source = open_media(path)
        self._lanes: dict[int, _Copied | _Encoded] = {}
        known = []
        for stream in self._source.streams.audio:
            if not getattr(stream.codec_context, "rate", 0):  # no such codec, or a broadcast only announces the track
                self.warnings.append(f"{path}: a sound track of an unknown kind is left out")
                continue
            least, header = _COPIED.get(stream.codec_context.name, math.inf), stream.codec_context.extradata or b""
            lane = _Copied if len(header) >= least else _Encoded
            self._lanes[stream.index] = lane(stream, output, self._source)
            known.append(stream)
        self._packets = packets_of(self._source, *known)
        self._time = -math.inf if known else math.inf

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._source.close()

    @property
    def empty(self) -> bool:
        """Whether the file has no sound."""
        return not self._lanes

    def advance(self, until: float) -> None:
        """Pass on the sound up to a time in seconds; infinity: all that is left."""
        while self._time < until:
            packet = self._next()
            if packet is None:
                self._finish()
            elif packet.size:
                lane = self._lanes[packet.stream_index]
                self._time = float(lane.clock.move(packet) * packet.time_base)
                packet.pts = packet.dts  # as it should be for sound
                self._mux(lane, lane.take(packet))

    def _next(self) -> Packet[Any] | None:
        try:
            return next(self._packets, None)
        except av.FFmpegError as error:
            self.warnings.append(f"{self._path}: the sound ends at {max(self._time, 0):.1f} s: {error.strerror}")
            return None

    def _finish(self) -> None:
        self._time = math.inf
        for lane in self._lanes.values():
            self._mux(lane, lane.rest())
        if any(lane.damaged for lane in self._lanes.values()):
            self.warnings.append(f"{self._path}: some of its sound is damaged and left out")

    def _mux(self, lane: _Copied | _Encoded, packets: Iterator[Packet[Any]]) -> None:
        for packet in packets:
            try:
                self._output.mux(packet)
            except av.FFmpegError as error:  # of broadcasts, the headers of the packets are parsed
                if of_the_disk(error):
                    raise
                lane.damaged = True


class _Copied:
    """A stream whose packets go over as they are."""

    def __init__(self, stream: AudioStream, output: OutputContainer, source: InputContainer) -> None:
        self.clock = _clock(stream, source)
        self.damaged = False
        self._target = output.add_stream_from_template(stream)

    def take(self, packet: Packet[Any]) -> Iterator[Packet[Any]]:
        packet.stream = self._target
        yield packet

    def rest(self) -> Iterator[Packet[Any]]:
        return iter(())


class _Encoded:
    """A stream that is decoded and made AAC, of the same rate and number of channels where AAC has them."""

    def __init__(self, stream: AudioStream, output: OutputContainer, source: InputContainer) -> None:
        self.clock = _clock(stream, source)
        self.damaged = False
        context = stream.codec_context
        self._source = stream
        self._rate = context.rate if context.rate in _RATES else 48_000
        self._layout = _LAYOUTS[context.channels - 1] if 1 <= context.channels <= len(_LAYOUTS) else "stereo"
        self._target: AudioStream = output.add_stream("aac", rate=self._rate)
        self._target.codec_context.layout = self._layout
        self._target.bit_rate = _BITS_A_CHANNEL * self._target.codec_context.channels
        self._form: tuple[str, str, int] | None = None
        self._resampler = AudioResampler()
        # By way of whole numbers: with samples that are none, or far too loud, FFmpeg's AAC never comes back.
        self._floats = AudioResampler(format="fltp", layout=self._layout, rate=self._rate)
        self._fed = False

    def take(self, packet: Packet[Any]) -> Iterator[Packet[Any]]:
        yield from self._encode(packet)

    def rest(self) -> Iterator[Packet[Any]]:
        yield from self._encode(None)
        yield from self._resampled(None)
        if self._fed:  # PyAV never comes back from flushing an encoder that got nothing
            yield from self._target.encode(None)

    def _encode(self, packet: Packet[Any] | None) -> Iterator[Packet[Any]]:
        """Decode a packet, or what the decoder still holds, and encode it."""
        try:
            frames = self._source.decode(packet)
        except av.FFmpegError:  # what comes after it has its own time
            self.damaged = True
            return
        for frame in frames:
            form = (frame.format.name, frame.layout.name, frame.sample_rate)
            if form != self._form:  # broadcasts change between stereo and surround
                yield from self._resampled(None)
                self._form, self._resampler = form, AudioResampler(format="s32", layout=self._layout, rate=self._rate)
            yield from self._resampled(frame)

    def _resampled(self, frame: AudioFrame | None) -> Iterator[Packet[Any]]:
        limited = self._resampler.resample(frame)
        for resampled in chain.from_iterable(map(self._floats.resample, filter(None, limited))):
            self._fed = True
            yield from self._target.encode(resampled)


def _clock(stream: AudioStream, source: InputContainer) -> Clock:
    unit, rate = stream.time_base or Fraction(1, 90_000), stream.codec_context.rate
    return Clock(source, unit, _FRAME / rate, step=Fraction(1, rate))  # in MP4 the unit of sound is a sample
