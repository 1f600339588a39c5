"""The live sessions of a process: what it knows of people who walk before somebody's camera just now."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...errors import InputError

if TYPE_CHECKING:
    from ...foley import Footstep, LiveSession

__all__ = ["IDLE", "MOST", "OWN", "LiveSessions", "LiveWalk"]

IDLE = 300.0
"""Seconds without a call after which a session is over."""

MOST = 8
"""Sessions of all users together: each takes 70 MB for each person in its picture."""

OWN = MOST // 4
"""Sessions of one user, so that others have places too."""

_KEPT = 256  # events whose sound can be asked for
_TOGETHER = 10.0  # seconds: what is older than that is not heard together with the last step


@dataclass(slots=True)
class LiveWalk:
    """One session. `steps` are the last events with their numbers, from 1; `heard` is the last one that was heard."""

    owner: str
    surface: str
    engine: LiveSession
    clock: str = ""
    start: float = 0.0
    used: float = 0.0
    frames: int = 0
    last: float = 0.0
    count: int = 0
    heard: int = 0
    people: set[int] = field(default_factory=set)
    strikes: Counter[str] = field(default_factory=Counter)
    steps: deque[tuple[int, Footstep]] = field(default_factory=lambda: deque(maxlen=_KEPT))

    def time_of(self, timestamp: float | None, arrived: float) -> float:
        """When a frame was taken, in seconds since the first one: by the clock of the caller, or else by ours.

        Raises InputError for a session that has begun with the other one, and for a time that does not increase.
        """
        clock, now = _read(timestamp, arrived)
        if not self.frames:
            return 0.0
        if clock != self.clock:
            raise InputError("some frames have a timestamp and some have none; give it with all of them, or with none")
        if now - self.start <= self.last:
            raise InputError(f"a frame is of {now:.3f} s, after one of {self.start + self.last:.3f} s; go on in order")
        return now - self.start

    def went_on(self, timestamp: float | None, arrived: float) -> None:
        """A frame went through; the first one decides by which clock the session goes, and where it begins."""
        clock, now = _read(timestamp, arrived)
        if not self.frames:
            self.clock, self.start = clock, now
        self.frames, self.last = self.frames + 1, now - self.start

    def note(self, steps: list[Footstep]) -> list[tuple[int, Footstep]]:
        """New events, with the numbers that they get."""
        new = [(self.count + place, step) for place, step in enumerate(steps, start=1)]
        self.count += len(new)
        self.steps.extend(new)
        self.strikes.update(step.foot for step in steps if step.event == "heel_strike")
        return new

    def chosen(self, number: int | None) -> list[Footstep]:
        """The heel strike of a number, or else those that were not heard so far and happened within 10 seconds.

        Raises InputError for a number that none has.
        """
        if number is not None:
            found = [step for each, step in self.steps if each == number]
            if not found:
                raise InputError(f"there is no event {number}, or it is long over; the last one is {self.count}")
            if found[0].event == "toe_off":
                raise InputError(f"event {number} is a toe-off, which makes no sound; name a heel strike")
            return found
        new = [step for each, step in self.steps if each > self.heard and step.event == "heel_strike"]
        self.heard = self.count
        return [step for step in new if step.time >= new[-1].time - _TOGETHER]


class LiveSessions:
    """All sessions, by id. Those that nobody has used for `IDLE` seconds are over; `tidy` frees what they hold."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: dict[str, LiveWalk] = {}

    def full(self, owner: str, most: int) -> str | None:
        """Why there is no place for one more session of somebody who may have `most`; None: there is."""
        self.tidy()
        own = sum(walk.owner == owner for walk in self._open.values())
        if own >= min(most, OWN):
            return f"{own} live sessions of yours are open already; stop one of them first"
        if len(self._open) >= MOST:
            return f"{len(self._open)} live sessions are open already, and each takes memory; try again later"
        return None

    def add(self, session_id: str, walk: LiveWalk) -> None:
        """A session begins."""
        walk.used = self._clock()
        self._open[session_id] = walk

    def find(self, session_id: str, owner: str) -> LiveWalk | None:
        """A session of this owner that goes on; None when it is over, or never was."""
        self.tidy()
        walk = self._open.get(session_id)
        if walk is None or walk.owner != owner:
            return None
        walk.used = self._clock()
        return walk

    def end(self, session_id: str) -> None:
        """A session is over."""
        self._open.pop(session_id).engine.close()

    def tidy(self) -> None:
        """Close those that nobody has used for so long."""
        now = self._clock()
        for session_id in [each for each, walk in self._open.items() if now - walk.used > IDLE]:
            self.end(session_id)


def _read(timestamp: float | None, arrived: float) -> tuple[str, float]:
    """Whose clock says when a frame was taken, and what it says."""
    return ("ours", arrived) if timestamp is None else ("yours", timestamp)
