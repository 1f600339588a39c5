"""SMPTE timecode (ST 12-1): hours, minutes, seconds and frames, as editors count them."""

from __future__ import annotations

from fractions import Fraction

from ..errors import InputError

__all__ = ["frame_at", "frame_timecode", "is_drop", "timecode"]

_NTSC = Fraction(1000, 1001)  # 29.97 and 59.94 are 30 and 60 times this
_TOLERANCE = 0.01  # frames a second by which a file may be off a usual rate


def timecode(time: float, rate: Fraction, *, drop: bool | None = None) -> str:
    """The timecode of `time` seconds at `rate` frames a second.

    At 29.97 and 59.94 it is drop-frame (`01:00:00;00`): two (four) numbers are left out every minute but the tenth, so
    that the clock stays with the time. At other rates nothing is left out (`01:00:00:00`); rates that are not whole
    are counted in the next whole number of frames. `drop` chooses otherwise; InputError for a rate that has no
    drop-frame timecode.
    """
    return frame_timecode(frame_at(time, rate), rate, drop=drop)


def frame_at(time: float, rate: Fraction) -> int:
    """The number of the frame that is shown at `time` seconds, from 0."""
    return int(Fraction(time).limit_denominator(1_000_000) * rate + Fraction(1, 1000))


def frame_timecode(frame: int, rate: Fraction, *, drop: bool | None = None) -> str:
    """The timecode of a frame by its number, from 0; as `timecode`."""
    whole = max(1, round(rate))
    drop = is_drop(rate, drop=drop)
    if drop:
        frame = _with_dropped(frame, whole)
    hours, rest = divmod(frame, whole * 3600)
    minutes, rest = divmod(rest, whole * 60)
    seconds, frames = divmod(rest, whole)
    return f"{hours:02}:{minutes:02}:{seconds:02}{';' if drop else ':'}{frames:02}"


def is_drop(rate: Fraction, *, drop: bool | None = None) -> bool:
    """Whether timecode at this rate is drop-frame: what is usual, or `drop`; the errors of `timecode`."""
    whole = max(1, round(rate))
    usual = whole in (30, 60) and abs(float(rate - whole * _NTSC)) < _TOLERANCE
    if drop and not usual:
        raise InputError(f"no drop-frame timecode at {float(rate):.5g} frames a second, only at 29.97 and 59.94")
    return usual if drop is None else drop


def _with_dropped(frame: int, whole: int) -> int:
    """The number that drop-frame timecode gives to a frame, as if none had been left out."""
    dropped = whole // 15
    minute, ten = whole * 60 - dropped, whole * 600 - 9 * dropped
    tens, rest = divmod(frame, ten)
    frame += 9 * dropped * tens
    if rest >= dropped:
        frame += dropped * ((rest - dropped) // minute)
    return frame
