"""Decode a video packet by packet: the frames that can be decoded, with their times, and what was wrong."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.packet import Packet
from av.video.frame import VideoFrame

from ..errors import MediaError
from .opening import Limits, open_video, packets_of
from .timing import Clock, end_of, frames_of, is_mov, rate_of, start_of

__all__ = ["Decoder"]

_INDEXED = {"mov", "matroska", "avi"}  # they know where their key frames are; in other formats a search misses them
_STEP = Fraction(1, 90_000)  # seconds: less cannot be written
_GAP = 2.5  # times the usual time from one frame to the next
_REGULAR = 0.9  # of all frames
_LOST = 0.5  # seconds at the end
_TOLD = 5  # gaps


class Decoder:
    """An opened video: the frames of it that can be decoded, and what went wrong on the way.

    It begins at the last key frame before `start` seconds, or else at the beginning; what is wrong before `start` and
    after `end` does not count.
    """

    def __init__(self, path: str | Path, allowed: Limits, start: float, end: float) -> None:
        self.container, self.stream = open_video(path, allowed)
        self.unit = self.stream.time_base or Fraction(1, 90_000)
        self.start, self.end = start, end
        self._path, self._allowed = path, allowed
        self._origin = start_of(self.container)
        self._usual = float(1 / rate_of(self.stream))  # seconds from one frame to the next
        self._decoded = self._regular = self._failed = 0
        self._whole = start == 0
        self._reached = 0.0
        self._gaps: list[tuple[float, float]] = []

    def close(self) -> None:
        """Let go of the file."""
        self.container.close()

    def frames(self) -> Iterator[tuple[float, VideoFrame]]:
        """Every frame that can be decoded, with its time in seconds. Raises MediaError when there is none."""
        searched = self.start > 0 and self._search()
        frames = self._timed()
        first = next(frames, None)
        if searched and (first is None or first[0] > self.start):  # it went too far
            self.close()
            self.container, self.stream = open_video(self._path, self._allowed)
            frames = self._timed()
            first = next(frames, None)
        if first is None:
            raise MediaError(f"{self._path}: no frame of it can be decoded; the file is damaged")
        yield first
        yield from frames

    def _search(self) -> bool:
        if _INDEXED.isdisjoint(self.container.format.name.split(",")):
            return False
        try:
            self.container.seek(int((self.start + self._origin) / self.unit), stream=self.stream)
        except av.FFmpegError:
            return False
        return True

    def _timed(self) -> Iterator[tuple[float, VideoFrame]]:
        clock = Clock(self.container, self.unit, self._usual, step=_STEP, earliest=0)
        before: float | None = None
        failed = 0
        for frame in self._decode():
            time = float(clock.at(frame.pts) * self.unit)
            if time < self.start:
                self._failed = 0
            elif time < self.end:
                self._decoded += 1
                failed = self._failed
                if before is not None:
                    self._regular += abs(time - before - self._usual) <= self._usual / 2
                    self._look(before, time)
                before = time
            else:
                self._whole, self._failed = False, failed
                if before is not None:
                    self._look(before, self.end)
            yield time, frame

    def _look(self, before: float, time: float) -> None:
        """Note whether frames are missing between two times."""
        if time - before > _GAP * self._usual and len(self._gaps) < _TOLD:
            self._gaps.append((before + self._usual, time))

    def _decode(self) -> Iterator[VideoFrame]:
        packets = packets_of(self.container, self.stream)
        while True:
            try:
                packet: Packet[Any] | None = next(packets, None)
            except av.FFmpegError:  # what follows cannot be found any more
                self._failed += 1
                return
            if packet is None:
                return
            if packet.pts is not None and not packet.is_discard:
                end = float((packet.pts + (packet.duration or 0)) * self.unit) - self._origin
                self._reached = max(self._reached, end)
            try:
                frames = packet.decode()
            except av.FFmpegError:
                self._failed += 1
                continue
            for frame in frames:
                if frame.is_corrupt:
                    self._failed += 1
                else:
                    yield frame

    def complaints(self) -> list[str]:
        """What was wrong, when what is wanted has been read."""
        found = []
        expected = frames_of(self.container, self.stream) if self._whole and is_mov(self.container) else None
        end = end_of(self.container, self.stream) if self._whole else None
        if expected is not None and self._decoded < expected:
            found.append(f"decoded {self._decoded} of {expected} frames: the file is cut short or damaged")
        elif self._failed:
            found.append(f"decoded {self._decoded} frames: others are damaged and left out")
        elif end is not None and self._reached < end - _LOST:
            found.append(f"the pictures end at {self._reached:.2f} of {end:.2f} s: the file is cut short")
        if self._regular >= _REGULAR * (self._decoded - 1):  # else frames come when they like
            found += [f"no frames from {first:.2f} to {last:.2f} s" for first, last in self._gaps]
        return [f"{self._path}: {complaint}" for complaint in found]
