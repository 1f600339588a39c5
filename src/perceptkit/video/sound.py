"""Sound of one file into another: packets copied as they are where the container takes them, else made AAC."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet

from ..files import replacing_path
from .opening import Limits, media_errors, open_media, open_video, start_of

__all__ = ["SoundTrack", "replace_sound"]

# What MP4 holds and players find there; everything else (PCM, Vorbis, WMA...) is made AAC.
_COPIED = ("aac", "mp3", "opus", "flac", "alac", "ac3", "eac3")
_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)  # that AAC has
_FRAME = 1024  # samples of an AAC frame
_BITS_A_CHANNEL = 96_000


def replace_sound(video: str | Path, sound: str | Path, target: str | Path) -> list[str]:
    """Write `target` (MP4) with the picture of `video`, copied packet by packet, and the sound of `sound`.

    Sound files that MP4 cannot hold (WAV) become AAC; neither picture nor sound is cut to the length of the other.
    Returns warnings. Raises MediaError for what cannot be read, DeviceError when the disk is full.
    """
    source, pictures = open_video(video, Limits())
    with source, replacing_path(target) as beside, open_output(beside) as output:
        copy = output.add_stream_from_template(pictures)
        track = SoundTrack(sound, output)
        origin = start_of(source)
        with track, media_errors(video):
            for packet in source.demux(pictures):
                if packet.dts is None:
                    continue
                track.advance(float(packet.dts * packet.time_base) - origin)
                shift(packet, origin)
                packet.stream = copy
                output.mux(packet)
            track.advance(math.inf)
    return track.warnings


def open_output(path: Path) -> OutputContainer:
    """An MP4 to write to, which can be played while it is still being loaded."""
    return av.open(f"file:{path}", "w", format="mp4", options={"movflags": "+faststart"})


def shift(packet: Packet[Any], seconds: float) -> None:
    """Move a packet to an earlier time."""
    ticks = round(Fraction(seconds) / packet.time_base)
    packet.dts = None if packet.dts is None else packet.dts - ticks
    packet.pts = None if packet.pts is None else packet.pts - ticks


class SoundTrack:
    """All sound of a file on its way into an opened output, a little at a time."""

    def __init__(self, path: str | Path, output: OutputContainer) -> None:
        self.warnings: list[str] = []
        self._path = Path(path)
        self._output = output
        self._source = open_media(path)
        self._origin = start_of(self._source)
        self._lanes: dict[int, _Copied | _Encoded] = {}
        for stream in self._source.streams.audio:
            lane = _Copied if stream.codec_context.name in _COPIED else _Encoded
            self._lanes[stream.index] = lane(stream, output)
        self._packets = self._source.demux(*self._source.streams.audio) if self._lanes else iter(())
        self._time = -math.inf

    def __enter__(self) -> SoundTrack:
        return self

    def __exit__(self, *_: object) -> None:
        self._source.close()

    def advance(self, until: float) -> None:
        """Pass on the sound up to a time in seconds; infinity: all that is left."""
        while self._time < until:
            packet = self._next()
            if packet is None:
                for lane in self._lanes.values():
                    self._mux(lane.rest())
                self._lanes.clear()
                self._time = math.inf
                return
            if packet.dts is None:
                continue
            shift(packet, self._origin)
            self._time = float((packet.dts or 0) * packet.time_base)
            self._mux(self._lanes[packet.stream_index].take(packet))

    def _next(self) -> Packet[Any] | None:
        try:
            return next(self._packets, None)
        except av.FFmpegError as error:
            self.warnings.append(f"{self._path}: the sound ends at {max(self._time, 0):.1f} s: {error.strerror}")
            return None

    def _mux(self, packets: Iterator[Packet[Any]]) -> None:
        for packet in packets:
            self._output.mux(packet)


class _Copied:
    """A stream whose packets go over as they are."""

    def __init__(self, stream: AudioStream, output: OutputContainer) -> None:
        self._target = output.add_stream_from_template(stream)

    def take(self, packet: Packet[Any]) -> Iterator[Packet[Any]]:
        packet.stream = self._target
        yield packet

    def rest(self) -> Iterator[Packet[Any]]:
        return iter(())


class _Encoded:
    """A stream that is decoded and made AAC, of the same rate and channels where AAC has them."""

    def __init__(self, stream: AudioStream, output: OutputContainer) -> None:
        context = stream.codec_context
        rate = context.rate if context.rate in _RATES else 48_000
        layout = context.layout.name if 1 <= context.channels <= 6 or context.channels == 8 else "stereo"
        self._target: AudioStream = output.add_stream("aac", rate=rate)
        self._target.codec_context.layout = layout
        self._target.bit_rate = _BITS_A_CHANNEL * self._target.codec_context.channels
        self._resampler = AudioResampler(format="fltp", layout=layout, rate=rate, frame_size=_FRAME)

    def take(self, packet: Packet[Any]) -> Iterator[Packet[Any]]:
        try:
            frames = packet.decode()
        except av.FFmpegError:  # damaged: what comes after it has its own time
            return
        for frame in frames:
            yield from self._encode(frame)  # type: ignore[arg-type] # of a stream of sound

    def rest(self) -> Iterator[Packet[Any]]:
        yield from self._encode(None)
        yield from self._target.encode(None)

    def _encode(self, frame: AudioFrame | None) -> Iterator[Packet[Any]]:
        for resampled in self._resampler.resample(frame):
            yield from self._target.encode(resampled)
