"""Footsteps as the files that editors, samplers and sound programs open: `EXPORTS`.

Where a foot is named in a marker or label it is "L 1": the left foot of person 1. Frames and timecodes are those of the
frame that is nearest to the event; seconds are finer than a frame.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__, limits
from ..errors import InputError
from ..files import make_folder, write_bytes
from ..output import dumps
from ..video import frame_times, info
from .gait import contacts
from .midi import Note, encode
from .signals import Doubles
from .smpte import frame_at, frame_timecode, is_drop
from .types import Foot, Footstep

__all__ = ["COLUMNS", "EXPORTS", "NOTES", "Clip", "Export", "clip_at", "clip_of", "rows", "write_exports"]

COLUMNS = (
    *("frame", "timecode", "foot", "event", "time_seconds", "confidence"),
    *("person", "strength", "inferred", "x", "y", "height"),
)
"""The columns of events.csv, a line an event."""

NOTES: dict[Foot, int] = {"left": 36, "right": 38}
"""The MIDI notes of the feet: C2 and D2 where middle C is C4, where samplers have their first pads."""


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """The video that footsteps belong to, as far as files about them tell of it.

    `path` is where it lies, None where nobody knows. `rate` is in frames a second, `times` (T,) are the times of its
    frames in seconds; without them they are taken to be at the rate, from 0. `duration` is in seconds. `sounds` are
    files that lie in time with it. `drop` chooses whether timecode
    is drop-frame, None what is usual for the rate.
    """

    name: str
    path: Path | None
    rate: Fraction
    times: Doubles | None = None
    duration: float | None = None
    warnings: tuple[str, ...] = ()
    sounds: tuple[Path, ...] = ()
    drop: bool | None = None

    @property
    def end(self) -> float | None:
        """When it ends, in seconds; None where nobody knows."""
        if self.times is not None and len(self.times):
            return float(self.times[-1] + 1 / self.rate)
        return self.duration

    def frame(self, time: float) -> int:
        """The index of the frame nearest to a moment, the earlier of two as near."""
        if self.times is None or not len(self.times):
            return max(0, math.ceil(time * self.rate - 0.5))
        after = min(int(np.searchsorted(self.times, time)), len(self.times) - 1)
        before = max(after - 1, 0)
        return before if time - self.times[before] <= self.times[after] - time else after

    def counted(self, time: float) -> int:
        """The number that timecode gives to that frame, which is not its index where the rate varies."""
        frame = self.frame(time)
        return frame if self.times is None or not len(self.times) else frame_at(float(self.times[frame]), self.rate)

    def timecode(self, time: float) -> str:
        """The timecode of that frame."""
        return frame_timecode(self.counted(time), self.rate, drop=self.drop)


def clip_of(source: str | Path, *, sounds: Sequence[Path] = (), drop: bool | None = None) -> Clip:
    """A video as files about it tell of it. Raises MediaError for what is no video."""
    path = Path(source).expanduser()
    *times, end = frame_times(path)
    return Clip(path.name, path, info(path).rate, np.array(times), float(end), sounds=tuple(sounds), drop=drop)


def clip_at(rate: float, name: str, *, drop: bool | None = None) -> Clip:
    """A video of which only the frame rate is known: 23.976, 29.97 and 59.94 mean 24, 30 and 60 by 1.001."""
    if not 1 <= rate <= limits.MAX_RATE:
        raise InputError(f"rate is {rate} frames a second; it must lie between 1 and {limits.MAX_RATE:.0f}")
    ntsc = Fraction(round(rate * 1.001) * 1000, 1001)
    exact = ntsc if abs(float(ntsc) - rate) < 0.01 else Fraction(rate).limit_denominator(1000)
    return Clip(name, None, exact, drop=drop)


@dataclass(frozen=True, slots=True)
class Export:
    """A kind of file: its name in the folder, and what makes its content."""

    file: str
    content: Callable[[Sequence[Footstep], Clip], bytes]


def write_exports(
    events: Sequence[Footstep], clip: Clip, folder: str | Path, *, formats: Collection[str] | None = None
) -> list[Path]:
    """Write footsteps in the formats named (rows of `EXPORTS`; all of them by default), each file whole or not at all;
    the paths.

    The folder is made when needed. Raises InputError for an unknown format or a folder that cannot be written to,
    DeviceError when the disk is full.
    """
    chosen = list(EXPORTS) if formats is None else list(dict.fromkeys(formats))
    for name in chosen:
        if name not in EXPORTS:
            raise InputError(f"unknown format of events {name!r}; choose from: {', '.join(EXPORTS)}")
    is_drop(clip.rate, drop=clip.drop)  # before the first file, not after some
    folder = make_folder(folder)
    clip = replace(clip, sounds=tuple(_seen_from(folder, sound) for sound in clip.sounds))
    paths = []
    for export in (EXPORTS[name] for name in chosen):
        write_bytes(folder / export.file, export.content(events, clip))
        paths.append(folder / export.file)
    return paths


def _seen_from(folder: Path, path: Path) -> Path:
    """A file that a project names: as it lies beside the project, or with its whole path."""
    here, there = folder.absolute(), path.absolute()
    return there.relative_to(here) if there.is_relative_to(here) else there


def rows(events: Sequence[Footstep], clip: Clip) -> list[dict[str, Any]]:
    """The events as plain data, by `COLUMNS`."""
    return [
        {
            "frame": clip.frame(event.time),
            "timecode": clip.timecode(event.time),
            "foot": event.foot,
            "event": event.event,
            "time_seconds": round(event.time, 4),
            "confidence": event.confidence,
            "person": event.person,
            "strength": event.strength,
            "inferred": event.inferred,
            "x": round(event.x, 4),
            "y": round(event.y, 4),
            "height": event.height,
        }
        for event in events
    ]


def _csv(events: Sequence[Footstep], clip: Clip) -> bytes:
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(row | {"inferred": str(row["inferred"]).lower()} for row in rows(events, clip))
    return table.getvalue().encode()


def _json(events: Sequence[Footstep], clip: Clip) -> bytes:
    about = {"source": str(clip.path or clip.name), "perceptkit": __version__, "rate": round(float(clip.rate), 6)}
    return (dumps({**about, "events": rows(events, clip), "warnings": clip.warnings}, indent=2) + "\n").encode()


def _timecode(events: Sequence[Footstep], clip: Clip) -> bytes:
    return "".join(
        f"{clip.timecode(event.time)}  {event.event:<11}  {event.foot:<5}  person {event.person}\n" for event in events
    ).encode()


_CHANNELS = [*range(9), *range(10, 16)]  # without the tenth, on which synthesisers play a drum kit
_SHORT = 0.1  # seconds that a note lasts when nobody knows when the foot leaves the ground


def _midi(events: Sequence[Footstep], clip: Clip) -> bytes:
    """A Standard MIDI File: a track for each person, on a channel of its own (shared from the sixteenth person on).

    A note lasts until that foot leaves the ground where that is known; velocity 1..127 is the strength.
    """
    landings = contacts(events)
    notes: dict[int, list[Note]] = {person: [] for person in sorted({strike.person for strike, _ in landings})}
    channels = dict(zip(notes, cycle(_CHANNELS), strict=False))
    for strike, end in landings:
        notes[strike.person].append(
            Note(
                start=strike.time,
                end=strike.time + _SHORT if end is None else end,
                channel=channels[strike.person],
                number=NOTES[strike.foot],
                velocity=1 + round(strike.strength * 126),
            )
        )
    tracks = [(f"Person {person}", theirs) for person, theirs in notes.items()]
    return encode(_one_line(clip.name), clip.end or 0.0, tracks)


_LOCATORS: dict[Foot, str] = {"left": "BLUE", "right": "RED"}  # of Avid's eight, those nearest to the timeline's


def _edl(events: Sequence[Footstep], clip: Clip) -> bytes:
    """A CMX3600 list: a cut of one frame and a locator for each heel strike, at its own place in the video.

    The reel is AX, which is what files have that come from no tape; programs find them by the name of the clip. The
    numbers of events have three digits, and go on with four after 999 in the same file: what reads lists today takes
    that, and a list cut in two would have to be joined again.
    """
    name = _one_line(clip.name)
    lines = [f"TITLE: {name}", f"FCM: {'' if is_drop(clip.rate, drop=clip.drop) else 'NON-'}DROP FRAME", ""]
    for number, (strike, _) in enumerate(contacts(events), start=1):
        frame = clip.counted(strike.time)
        start, stop = (frame_timecode(each, clip.rate, drop=clip.drop) for each in (frame, frame + 1))
        lines.append(f"{number:03}  {'AX':<8} {'V':<5} {'C':<4} {'':<3} {start} {stop} {start} {stop}")
        lines.append(f"* FROM CLIP NAME: {name}")
        lines.append(f"* LOC: {start} {_LOCATORS[strike.foot]:<7} {_label(strike)}")
    return "".join(f"{line}\r\n" for line in lines).encode(errors="replace")


_SOURCES = {".flac": "FLAC", ".mp3": "MP3", ".ogg": "VORBIS"}  # Reaper's words; else WAVE


def _rpp(events: Sequence[Footstep], clip: Clip) -> bytes:
    """A Reaper project: the video and each sound on a track of its own, and a marker at each heel strike."""
    strikes = [strike for strike, _ in contacts(events)]
    length = clip.end or (strikes[-1].time + 1.0 if strikes else 1.0)
    lines = ['<REAPER_PROJECT 0.1 "7.0"', "  TEMPO 120 4 4"]
    lines += [
        f"  MARKER {number} {strike.time:.6f} {_quoted(_label(strike))} 0"
        for number, strike in enumerate(strikes, start=1)
    ]
    if clip.path and not clip.path.is_dir():  # a folder of photos is nothing that it can play
        lines += _item(clip.name, clip.path.absolute(), "VIDEO", length)
    for sound in clip.sounds:
        lines += _item(sound.name, sound, _SOURCES.get(sound.suffix.lower(), "WAVE"), length)
    return "".join(f"{line}\n" for line in [*lines, ">"]).encode(errors="surrogateescape")


def _item(name: str, path: Path, kind: str, length: float) -> list[str]:
    """The lines of a track with one file on it, from 0."""
    title = _quoted(name)
    return [
        *(
            "  <TRACK",
            f"    NAME {title}",
            "    <ITEM",
            "      POSITION 0",
            f"      LENGTH {length:.6f}",
            "      LOOP 0",
        ),
        *(
            f"      NAME {title}",
            f"      <SOURCE {kind}",
            f"        FILE {_quoted(str(path))}",
            "      >",
            "    >",
            "  >",
        ),
    ]


def _quoted(text: str) -> str:
    """Text as Reaper writes it: in the first of its three quotes that it has not in it. There is no escape; where it
    has all three, its backticks become apostrophes."""
    text = _one_line(text)
    for quote in "\"'`":
        if quote not in text:
            return f"{quote}{text}{quote}"
    return "`" + text.replace("`", "'") + "`"


def _audacity(events: Sequence[Footstep], clip: Clip) -> bytes:
    """Labels: from the heel strike until the foot leaves the ground, or of a moment where that is not known."""
    return "".join(
        f"{strike.time:.6f}\t{strike.time if end is None else end:.6f}\t{_label(strike)}\n"
        for strike, end in contacts(events)
    ).encode()


def _label(strike: Footstep) -> str:
    return f"{strike.foot[0].upper()} {strike.person}"


def _one_line(text: str) -> str:
    """Text without what would end a line of a file."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", " ", text)


EXPORTS: dict[str, Export] = {
    "csv": Export("events.csv", _csv),
    "json": Export("events.json", _json),
    "timecode": Export("timecode.txt", _timecode),
    "midi": Export("events.mid", _midi),
    "edl": Export("events.edl", _edl),
    "rpp": Export("events.rpp", _rpp),
    "audacity": Export("labels.txt", _audacity),
}
"""Every format that events can be written in."""
