"""A recording at a glance: its sound and its directions over time, and how long each direction lasted."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw

from ..arrays import Floats, Picture
from ..colours import Colour
from ..files import write_bytes
from ..images import encode_png
from ..pages import FADED, FINER, RULE, Axis, bar, duration, fill, fitting, text_width, write
from . import defaults
from .angles import AZIMUTH, Doubles
from .names import Names
from .rose import DIRECTION, RADIUS, draw_rose, square
from .types import AngleTrack, Recording

__all__ = ["draw"]

_WIDE, _MARGIN, _TOP, _BELOW = 1600, 48, 152, 56
_LEFT = _MARGIN + 108  # where the axis of time begins, after the names of what is over it
_BETWEEN = 56  # pixels from the sound to the directions
_HIGH, _EMPTY_HIGH = 280, 100  # of the directions over time, and of the place where they are missing
_MIDDLE = _WIDE - _MARGIN - 196  # of the rose
_LANE_HIGH = {1: 160, 2: 104, 3: 84, 4: 76}  # for each number of channels that is drawn

_SOUND: Colour = (92, 116, 140)
_GAP: Colour = (255, 205, 150)
_HELD: Colour = (150, 192, 226)
_ELEVATION: Colour = (122, 190, 160)

_FROM_FRONT = {180: "back ±180°", 90: "left +90°", 0: "front 0°", -90: "right -90°", -180: "back ±180°"}
_FROM_NORTH = {180: "S 180°", 90: "E 90°", 0: "N 0°", -90: "W 270°", -180: "S 180°"}  # east above

_LARGER = (100, 50, 20, 10, 5, 2)  # how many times larger than full scale a quiet sound may be drawn
_SPANS = 1 << 16  # times for which the rose asks where the sound was
_MOMENTS = 64  # times in a column of pixels at which the direction is looked up
_PEN = 5  # how thick a direction is drawn, in pixels of the larger page
_FAINTEST = 0.2  # how strong the shortest moment is drawn, of 1


def draw(recording: Recording, path: str | Path | None = None) -> Path:
    """Draw a recording as a PNG page, 1600 pixels wide: its sound and directions over time, and how long each lasted.

    `path` is NAME-picture.png beside it by default. Front is up and left is left; for angles that count from north,
    north is up and east is at the right. Sound is read block by block: hours need no more memory than minutes. The page
    is written whole or not at all. Raises MediaError for sound that cannot be read, InputError for a path that cannot
    be written to, DeviceError for a full disk.
    """
    target = recording.beside("-picture.png") if path is None else Path(path).expanduser()
    Names.beside(recording.path).refuse(target)
    write_bytes(target, encode_png(_page(recording)))
    return target


def _page(recording: Recording) -> Picture:
    track = _in_degrees(recording.angles)
    lasted = np.diff(np.append(track.times, recording.duration).clip(0, recording.duration))
    known = bool(lasted.any())
    lanes, high = _lanes(recording)
    top = _TOP + lanes * high + _BETWEEN
    bottom = top + (_HIGH if known else _EMPTY_HIGH)
    right = _MIDDLE - RADIUS - 92 if known else _WIDE - _MARGIN
    axis = Axis(_LEFT, right, 0.0, max(recording.duration, 0.01))

    page = Image.new("RGB", (_WIDE * FINER, (bottom + _BELOW) * FINER), "white")
    write(page, _MARGIN, 54, fitting(recording.path.name, 24, _WIDE - 2 * _MARGIN), 24)
    write(page, _MARGIN, 86, fitting(", ".join(_facts(recording)), 15, _WIDE - 2 * _MARGIN), 15, FADED)
    for x, text in axis.ticks():
        fill(page, (x - 0.5, _TOP, x + 0.5, top - _BETWEEN), RULE)
        fill(page, (x - 0.5, top, x + 0.5, bottom), RULE)
        write(page, x, bottom + 28, text, 15, FADED, "ms")
    _mark_gaps(page, axis, recording)
    _draw_sound(page, axis, recording)
    if known:
        _draw_directions(page, axis, track, recording.duration, top)
        draw_rose(page, *_over_time(track, recording.duration), _MIDDLE, (_TOP + bottom) / 2)
    else:
        _say(page, axis, "No angle lies within the sound." if len(track) else "No angles were recorded.", top, bottom)
    return np.asarray(page.reduce(FINER))


def _in_degrees(angles: AngleTrack) -> AngleTrack:
    """The track in degrees, counter-clockwise from the front, or from north where it counts from there."""
    return angles.to(replace(AZIMUTH, zero="north") if angles.convention.zero == "north" else AZIMUTH)


def _over_time(track: AngleTrack, end: float) -> tuple[AngleTrack, Doubles]:
    """The directions at the middles of many short times up to `end`, and how long those are."""
    times, step = np.linspace(max(track.times[0], 0), end, _SPANS, endpoint=False, retstep=True)
    return replace(track, times=times, azimuth=track.at(times + step / 2), elevation=None), np.full(_SPANS, step)


def _facts(recording: Recording) -> Iterable[str]:
    """What the line below the name says."""
    yield duration(recording.duration) if recording.duration >= 0.01 else _count(recording.samples, "sample")
    yield f"{recording.sample_rate / 1000:g} kHz"
    yield _count(recording.channels, "channel")
    yield recording.subtype
    if recording.started is not None:
        yield f"started {recording.started.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    yield _count(len(recording.angles), "angle")
    if recording.gaps:
        silence = sum(gap.samples for gap in recording.gaps) / recording.sample_rate
        yield _count(len(recording.gaps), "gap") + (f" ({duration(silence)} of silence)" if silence else "")
    if recording.state != "complete":
        yield {"recording": "still recording", "interrupted": "interrupted"}[recording.state]


def _count(number: int, name: str) -> str:
    return f"{number:,} {name}{'' if number == 1 else 's'}"


def _say(page: Image.Image, axis: Axis, text: str, top: float, bottom: float) -> None:
    """Say in the place of a picture why there is none."""
    fill(page, (axis.left, top, axis.right, bottom), (247, 247, 247))
    write(page, (axis.left + axis.right) / 2, (top + bottom) / 2, text, 18, FADED, "mm")


def _legend(page: Image.Image, right: float, y: float, entries: Mapping[str, Colour]) -> None:
    """Colours and what they mean, ending at the right."""
    for text, colour in reversed(list(entries.items())):
        write(page, right, y, text, 15, FADED, "rs")
        right -= text_width(text, 15) + 8
        fill(page, (right - 20, y - 9, right, y - 1), colour)
        right -= 20 + 24


def _lanes(recording: Recording) -> tuple[int, int]:
    """How many channels are drawn, and how high each of them."""
    drawn = min(recording.channels, max(_LANE_HIGH))
    return drawn, _LANE_HIGH[drawn]


def _mark_gaps(page: Image.Image, axis: Axis, recording: Recording) -> None:
    """Colour the times at which sound is missing, each at least two pixels wide."""
    if not recording.gaps:
        return
    shortest = 2 * axis.end / (axis.right - axis.left)
    spans: list[tuple[float, float]] = []
    for gap in sorted(recording.gaps, key=lambda gap: gap.time):
        start = min(gap.time, axis.end - shortest)
        end = max(gap.time + gap.samples / recording.sample_rate, start + shortest)
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    lanes, high = _lanes(recording)
    bar(page, axis, spans, _TOP + lanes * high / 2, lanes * high + 12, _GAP)  # beyond the lanes: waves cover short ones
    _legend(page, axis.right, _TOP - 14, {"sound is missing": _GAP})


def _draw_sound(page: Image.Image, axis: Axis, recording: Recording) -> None:
    """A lane for each channel, from the lowest to the highest sample in each column of pixels."""
    lanes, high = _lanes(recording)
    if not recording.samples:
        _say(page, axis, "No sound was recorded.", _TOP, _TOP + lanes * high)
        return
    lowest, highest = _extremes(recording, axis)
    peaks = np.fmax.reduce(np.fmax(-lowest, highest), 0)
    peak = float(np.fmax.reduce(peaks))
    larger = next((times for times in _LARGER if 0 < peak * times <= 1), 1)
    note = f"peak {_level(peak)}" if peak > 0 else "silent"
    note += f", drawn {larger} times larger" if larger > 1 else ""
    note += f", {_count(recording.channels - lanes, 'more channel')} not drawn" if recording.channels > lanes else ""
    write(page, axis.left, _TOP - 14, note, 15, FADED)
    for channel in range(lanes):
        top = _TOP + channel * high
        _draw_wave(page, axis, lowest[:, channel] * larger, highest[:, channel] * larger, top, high)
        if recording.channels == 1:
            write(page, axis.left - 14, top + high / 2, "mono", 15, anchor="rm")
            continue
        write(page, axis.left - 14, top + high / 2 - 2, f"channel {channel + 1}", 15, anchor="rs")
        write(page, axis.left - 14, top + high / 2 + 15, _level(float(peaks[channel])), 13, FADED, "rs")


def _extremes(recording: Recording, axis: Axis) -> tuple[Floats, Floats]:
    """The lowest and the highest sample in each column of pixels, (columns, channels) each; NaN after the last one."""
    columns = axis.right - axis.left
    whole = max(recording.samples, round(axis.end * recording.sample_rate))
    firsts = np.arange(columns) * whole // columns
    ends = np.maximum(np.append(firsts[1:], whole), firsts + 1)  # where pixels are finer than samples, many show one
    lowest = np.full((columns, recording.channels), np.nan, np.float32)
    highest = lowest.copy()
    done = 0
    for block in recording.blocks():
        here = slice(np.searchsorted(ends, done, "right"), np.searchsorted(firsts, done + len(block)))
        starts = np.maximum(firsts[here] - done, 0)
        for channel, samples in enumerate(np.ascontiguousarray(block.T)):
            lowest[here, channel] = np.fmin(lowest[here, channel], np.fmin.reduceat(samples, starts))
            highest[here, channel] = np.fmax(highest[here, channel], np.fmax.reduceat(samples, starts))
        done += len(block)
    return lowest, highest


def _draw_wave(page: Image.Image, axis: Axis, lowest: Floats, highest: Floats, top: int, high: int) -> None:
    """One channel in its lane, at the edges of which is full scale."""
    # Each column reaches to the one before, so that steep waves are not torn.
    upper = np.fmax(highest, np.append(lowest[:1], lowest[:-1])).clip(-1, 1)
    lower = np.fmin(lowest, np.append(highest[:1], highest[:-1])).clip(-1, 1)
    reach = (high / 2 - 4) * FINER
    below = np.arange(high * FINER)[:, None] + 0.5 - (high / 2 + 0.5) * FINER  # silence fills one row of pixels
    inked = (below > -reach * upper - 1) & (below < -reach * lower + 1) & ~np.isnan(lowest)
    mask = Image.fromarray(np.where(inked, 255, 0).astype(np.uint8).repeat(FINER, axis=1))
    fill(page, (axis.left, top + high / 2, axis.right, top + high / 2 + 1), RULE)
    page.paste(_SOUND, (axis.left * FINER, top * FINER), mask)


def _level(peak: float) -> str:
    """A peak relative to full scale."""
    return f"{round(20 * math.log10(peak), 1) + 0.0:.1f} dBFS" if peak > 0 else "silent"


def _draw_directions(page: Image.Image, axis: Axis, track: AngleTrack, end: float, top: int) -> None:
    """Azimuth and elevation until `end`: left and up are above; from north, east is above."""
    north = track.convention.zero == "north"
    for angle, name in (_FROM_NORTH if north else _FROM_FRONT).items():
        y = top + (180 - angle) / 360 * _HIGH
        fill(page, (axis.left, y - 0.5, axis.right, y + 0.5), RULE)
        write(page, axis.left - 14, y, name, 15, FADED, "rm")
    times = track.times[: np.searchsorted(track.times, end)]
    moments = np.union1d(np.linspace(0, end, _MOMENTS * (axis.right - axis.left), endpoint=False), times)
    moments = moments[moments >= max(times[0], 0)]
    lasted = np.diff(np.append(moments, end))
    holds = np.diff(np.append(times, end)) > defaults.MAX_GAP
    held = holds[np.searchsorted(times, moments, "right") - 1]
    azimuth = -track.at(moments) if north else track.at(moments)
    legend = {"bearing" if north else "azimuth": DIRECTION}
    if held.any():
        legend[f"held: the next is more than {defaults.MAX_GAP:g} s later"] = _HELD
    if track.elevation is not None:
        legend["elevation"] = _ELEVATION
        elevation = track.elevation_at(moments)
        _draw_density(page, axis, moments, elevation, lasted, top, _ELEVATION)
    _draw_density(page, axis, moments[held], azimuth[held], lasted[held], top, _HELD)
    _draw_density(page, axis, moments[~held], azimuth[~held], lasted[~held], top, DIRECTION)
    pen = ImageDraw.Draw(page)
    for n in np.searchsorted(moments, times[holds & (times >= 0)]):
        x = axis.left + moments[n] / axis.end * (axis.right - axis.left)
        pen.ellipse(square(x, top + (180 - azimuth[n]) / 360 * _HIGH, 2.5), fill=DIRECTION)
    _legend(page, axis.right, top - 14, legend)


def _draw_density(
    page: Image.Image, axis: Axis, moments: Doubles, angles: Doubles, lasted: Doubles, top: int, colour: Colour
) -> None:
    """Angles (-180..180 degrees) over time, each pixel as strong as the share of its column's time spent near it."""
    columns, rows = (axis.right - axis.left) * FINER, _HIGH * FINER
    column = np.minimum(moments / axis.end * columns, columns - 1).astype(np.int64)
    row = np.clip((180 - angles) / 360 * rows, 0, rows - 1).astype(np.int64)
    seconds = np.bincount(row * columns + column, lasted, rows * columns).reshape(rows, columns).astype(np.float32)
    near = cv2.boxFilter(seconds, -1, (1, _PEN), normalize=False, borderType=cv2.BORDER_CONSTANT)
    share = cv2.dilate(near, np.ones((1, _PEN // 2 + 1))) / (axis.end / columns)
    strength = np.where(share > 1e-6, _FAINTEST + (1 - _FAINTEST) * np.sqrt(share.clip(0, 1)), 0)
    page.paste(colour, (axis.left * FINER, top * FINER), Image.fromarray((255 * strength).astype(np.uint8)))
