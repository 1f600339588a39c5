"""Small videos that are made in the tests: every picture tells its number and which way is up, every sound clicks once.

A picture is a grid of six by four cells. The corners are red, green, blue and yellow; the eight cells in the middle are
the bits of its number, white or black.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from perceptkit.arrays import Floats, Picture
from perceptkit.video import Writer, read

__all__ = [
    "CORNERS",
    "Sound",
    "boxes",
    "click_time",
    "corners",
    "cut",
    "edit",
    "number_of",
    "packets",
    "painted",
    "plain",
    "samples",
    "turn",
    "write_clip",
]

SIZE = (160, 96)
CORNERS = ("red", "green", "blue", "yellow")
"""Image-left above, image-right above, image-left below, image-right below."""

_COLOURS = {"red": (200, 40, 40), "green": (40, 180, 60), "blue": (40, 60, 200), "yellow": (220, 210, 60)}
_BITS = [(row, column) for row in (1, 2) for column in (1, 2, 3, 4)]


def painted(number: int, size: tuple[int, int] = SIZE) -> Picture:
    """A picture of `size` (width, height) that tells its number (0 to 255)."""
    grid = np.full((4, 6, 3), 128, np.uint8)
    for (row, column), name in zip([(0, 0), (0, 5), (3, 0), (3, 5)], CORNERS, strict=True):
        grid[row, column] = _COLOURS[name]
    for bit, place in enumerate(_BITS):
        grid[place] = 225 if number >> bit & 1 else 30
    rows = np.arange(size[1]) * 4 // size[1]
    columns = np.arange(size[0]) * 6 // size[0]
    return np.ascontiguousarray(grid[rows][:, columns])


def plain(colour: tuple[int, int, int], size: tuple[int, int] = SIZE) -> Picture:
    """A picture of one colour."""
    return np.full((size[1], size[0], 3), colour, np.uint8)


def number_of(image: Picture) -> int:
    """The number that a painted picture tells."""
    return sum(int(_cell(image, *place).mean() > 128) << bit for bit, place in enumerate(_BITS))


def corners(image: Picture) -> tuple[str, ...]:
    """The colours of the corners, in the order of CORNERS when the picture is upright."""
    return tuple(_named(_cell(image, row, column)) for row, column in [(0, 0), (0, 5), (3, 0), (3, 5)])


def _cell(image: Picture, row: int, column: int) -> Floats:
    height, width = image.shape[:2]
    y, x = int((row + 0.5) * height / 4), int((column + 0.5) * width / 6)
    return np.asarray(image[y - 2 : y + 3, x - 2 : x + 3].mean(axis=(0, 1)), np.float32)


def _named(colour: Floats) -> str:
    return min(_COLOURS, key=lambda name: float(np.abs(colour - _COLOURS[name]).sum()))


@dataclass(frozen=True, slots=True)
class Sound:
    """A track of faint noise that begins at `start` seconds and clicks at `click` seconds of the video."""

    codec: str = "aac"
    rate: int = 48_000
    layout: str = "mono"
    seconds: float = 1.0
    start: float = 0.0
    click: float = 0.5

    def samples(self) -> Floats:
        """All its samples of one channel."""
        noise = np.random.default_rng(7).normal(0, 0.002, round(self.seconds * self.rate)).astype(np.float32)
        first = round((self.click - self.start) * self.rate)
        length = min(self.rate // 100, len(noise) - first)
        noise[first : first + length] += np.float32(0.8) * np.sin(np.arange(length) * (2 * np.pi * 1000 / self.rate))
        return noise


def write_clip(
    path: Path,
    *,
    times: Sequence[Fraction] | None = None,
    count: int = 25,
    rate: int | Fraction = 25,
    unit: Fraction | None = None,
    size: tuple[int, int] = SIZE,
    paint: Callable[[int, tuple[int, int]], Picture] = painted,
    codec: str | None = "libx264",
    pix_fmt: str = "yuv420p",
    options: Mapping[str, str] | None = None,
    prepare: Callable[[VideoStream], None] | None = None,
    sounds: Sequence[Sound] = (),
    form: str | None = None,
    container: Mapping[str, str] | None = None,
) -> Path:
    """Make a clip of painted pictures at `times` in seconds, by default `count` of them at `rate`.

    `unit` is that of its timestamps where the container leaves it to us; `prepare` may set what it likes on the stream
    of pictures before anything is written. Without a `codec` there are only sounds.
    """
    if times is None:
        times = [index / Fraction(rate) for index in range(count)]
    with av.open(f"file:{path}", "w", format=form, container_options=dict(container or {})) as output:
        lanes: list[Iterator[Packet[Any]]] = []
        if codec is not None:
            stream: Any = output.add_stream(codec, rate=rate, options=dict(options or {}))
            stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
            stream.time_base = stream.codec_context.time_base = unit or 1 / Fraction(rate)
            if prepare:
                prepare(stream)
            lanes.append(_pictures(stream, times, size, paint))
        for sound in sounds:
            target: Any = output.add_stream(sound.codec, rate=sound.rate, options={"strict": "experimental"})
            target.codec_context.layout = sound.layout
            lanes.append(_sound(target, sound))
        for lane in lanes:
            for packet in lane:
                output.mux(packet)
    return path


def _pictures(
    stream: VideoStream,
    times: Sequence[Fraction],
    size: tuple[int, int],
    paint: Callable[[int, tuple[int, int]], Picture],
) -> Iterator[Packet[Any]]:
    unit = stream.codec_context.time_base
    for number, time in enumerate(times):
        frame = VideoFrame.from_ndarray(paint(number, size)).reformat(format=stream.pix_fmt)
        frame.pts, frame.time_base = round(time / unit), unit
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _sound(stream: AudioStream, sound: Sound) -> Iterator[Packet[Any]]:
    samples = np.tile(sound.samples(), (stream.codec_context.channels, 1))
    for first in range(0, samples.shape[1], 1024):
        part = np.ascontiguousarray(samples[:, first : first + 1024])
        frame = AudioFrame.from_ndarray(part, format="fltp", layout=sound.layout)
        frame.sample_rate, frame.time_base = sound.rate, Fraction(1, sound.rate)
        frame.pts = first + round(sound.start * sound.rate)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def cut(video: Path, target: Path, seconds: float) -> Path:
    """The beginning of a video, with its sound."""
    with read(video, end=seconds) as frames, Writer(target, frames.info) as writer:
        for frame in frames:
            writer.write(frame)
    return target


def packets(path: Path, kind: str, index: int = 0) -> list[Packet[Any]]:
    """The packets of one stream of a file, `kind` being "video" or "audio"."""
    with av.open(str(path)) as source:
        stream = getattr(source.streams, kind)[index]
        return [packet for packet in source.demux(stream) if packet.size]


def samples(path: Path, index: int = 0) -> tuple[float, Floats, int]:
    """When the sound of a file begins in seconds of its pictures, its first channel, and its rate: as it is heard."""
    with av.open(str(path)) as source:
        origin = max(0.0, (source.start_time or 0) / av.time_base)
        frames: list[AudioFrame] = []
        for packet in source.demux(source.streams.audio[index]):
            with suppress(av.InvalidDataError):
                frames += packet.decode()
        times = [float((frame.pts or 0) * (frame.time_base or 1)) - origin for frame in frames]
        rate = frames[0].sample_rate
        heard = np.zeros(round((times[-1] - times[0]) * rate) + frames[-1].samples + 1, np.float32)
        for time, frame in zip(times, frames, strict=True):
            # Not planar: PyAV goes wrong with eight planes.
            packed = AudioResampler(format="flt", layout=frame.layout).resample(frame)[0].to_ndarray()
            part = packed.reshape(-1, frame.layout.nb_channels)[:, 0]
            first = round((time - times[0]) * rate)
            heard[first : first + len(part)] = part
    return times[0], heard, rate


def click_time(path: Path, index: int = 0) -> float:
    """When a Sound clicks, in seconds of the pictures."""
    begin, heard, rate = samples(path, index)
    return begin + int(np.argmax(np.abs(heard) > 0.3)) / rate


def boxes(data: bytes) -> list[tuple[str, int, int]]:
    """The outermost boxes of an MP4: name, where it begins, its length."""
    found, at = [], 0
    while at + 8 <= len(data):
        size, name = struct.unpack(">I4s", data[at : at + 8])
        if size == 1:
            size = struct.unpack(">Q", data[at + 8 : at + 16])[0]
        found.append((name.decode("latin-1"), at, size or len(data) - at))
        at += size or len(data)
    return found


def turn(path: Path, matrix: Sequence[int]) -> Path:
    """Write a display matrix (a, b, c, d of whole numbers: x' = a x + c y, y' = b x + d y) into an MP4."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4
    at += 52 if data[at] == 1 else 40
    a, b, c, d = (value << 16 for value in matrix)
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def edit(path: Path, *, start: float, duration: float) -> Path:
    """Trim all streams of an MP4 by its edit lists, as phones do it."""
    data = bytearray(path.read_bytes())
    movie = struct.unpack_from(">I", data, data.index(b"mvhd") + 16)[0]
    at = data.find(b"trak")
    while at >= 0:
        unit = struct.unpack_from(">I", data, data.index(b"mdhd", at) + 16)[0]
        entry = data.index(b"elst", at) + 12
        _, first = struct.unpack_from(">Ii", data, entry)
        struct.pack_into(">Ii", data, entry, round(duration * movie), first + round(start * unit))
        at = data.find(b"trak", entry)
    path.write_bytes(data)
    return path
