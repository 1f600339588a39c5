"""When things are shown: where a file begins, how long and how fast it says it is, timestamps that only increase."""

from __future__ import annotations

import math
import sys
from contextlib import suppress
from fractions import Fraction
from typing import Any

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

__all__ = ["Clock", "duration_of", "end_of", "frames_of", "is_mov", "rate_of", "start_of"]

_USUAL_RATE = Fraction(25)  # where the header does not say
_BROADCASTS = ("mpegts", "mpeg", "flv")
_BACK, _FORTH = 1, 10  # seconds by which time may jump, as in FFmpeg


class Clock:
    """Timestamps of a stream made to begin where its file does, and to increase. They are in units of `unit` seconds.

    One that is missing goes `gap` seconds after the one before. One that comes a little late (some recorders repeat
    them) is moved to `step` seconds after it, at least a unit. Where time jumps back by more than a second, or forth by
    more than ten in a broadcast (recordings glued together, damage), what follows is moved to go on after what was
    before.
    """

    def __init__(
        self,
        container: InputContainer,
        unit: Fraction,
        gap: float,
        *,
        step: Fraction = Fraction(0),
        earliest: int = -sys.maxsize,
    ) -> None:
        self._origin = round(Fraction(start_of(container)) / unit)
        self._gap = max(1, round(Fraction(gap) / unit))
        self._step = max(1, math.ceil(step / unit))
        self._back = round(_BACK / unit)
        self._forth = _FORTH / unit if container.format.name in _BROADCASTS else math.inf
        self._earliest = earliest
        self._due: int | None = None

    def at(self, stamp: int | None) -> int:
        """The time for a timestamp."""
        now = (self._due or 0) if stamp is None else stamp - self._origin
        if self._due is not None and (now < self._earliest - self._back or now > self._due + self._forth):
            self._origin += now - self._due
            now = self._due
        now = max(now, self._earliest)
        self._earliest, self._due = now + self._step, now + self._gap
        return now

    def move(self, packet: Packet[Any]) -> int:
        """Move a packet to its time of decoding by this clock, which is returned, and its time of showing with it."""
        before = packet.dts
        packet.dts = now = self.at(before)
        if packet.pts is not None:
            packet.pts += -self._origin if before is None else now - before
        packet.pts = now if packet.pts is None else max(packet.pts, now)
        return now


def is_mov(container: InputContainer) -> bool:
    """Whether it is MP4, MOV or one of their relatives, which count every frame."""
    return "mov" in container.format.name.split(",")


def start_of(container: InputContainer) -> float:
    """The second of its own clock at which a file begins to be shown; 0 for one that begins before."""
    start: int | None = container.start_time
    return max(0.0, start / av.time_base) if start is not None else 0.0


def duration_of(container: InputContainer, stream: VideoStream) -> float | None:
    """Seconds, by the stream's header or else the container's; None when neither says."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration is not None else None


def rate_of(stream: VideoStream) -> Fraction:
    """Frames a second: the mean, or else what FFmpeg takes it for."""
    return stream.average_rate or stream.guessed_rate or _USUAL_RATE


def frames_of(container: InputContainer, stream: VideoStream) -> int | None:
    """The number of frames by the header; None when it does not say, or does not mean those that are shown.

    The header of a fragmented MP4 has the number of the first fragment only; that of a trimmed one (by an edit list, as
    phones do it) the number of all.
    """
    duration = duration_of(container, stream)
    if not stream.frames or duration is None:
        return stream.frames or None
    return stream.frames if abs(stream.frames - duration * rate_of(stream)) <= 1 else None


def end_of(container: InputContainer, stream: VideoStream) -> float | None:
    """The second at which the pictures end by the header; None when it speaks of the whole file with its sound."""
    if container.format.name == "avi" and stream.frames:  # its duration is a guess from the length of the file
        return float(stream.frames / rate_of(stream))
    if stream.duration is None and (told := stream.metadata.get("DURATION")):  # of a track in Matroska: "00:00:04.021"
        with suppress(ValueError):
            hours, minutes, seconds = map(float, told.split(":"))
            return hours * 3600 + minutes * 60 + seconds
    alone = stream.duration is not None or not container.streams.audio
    return duration_of(container, stream) if alone else None
