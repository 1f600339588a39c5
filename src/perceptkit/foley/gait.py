"""What a list of footsteps says of the people: how many steps, how fast, how even, and when they walk, run or stand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from .types import Foot, Footstep

__all__ = ["contacts", "statistics"]

_WINDOW = 2.0  # seconds to both sides over which a cadence is taken
_EVERY = 1.0  # seconds from one cadence to the next
_PAUSE = 2.0  # seconds without a step after which somebody stands
_RUN = 0.5  # of a stride with a foot on the ground: less is a run, which has a flight in it (Novacheck 1998)
_FAST = 160.0  # steps a minute from which on somebody runs when toe-offs are not known
_TOGETHER = 0.1  # seconds: two feet that come down so nearly at once land from a jump
_LEAST = 4  # landings of a walk or a run


def statistics(
    steps: Iterable[Footstep],
    visible: Mapping[int, tuple[float, float]],
    *,
    without_feet: Collection[int] = (),
) -> dict[str, Any]:
    """Statistics of each person, by id as text, and of all, as plain data.

    `visible` says from when to when (seconds) each person is in the picture. Cadence is in steps a minute; symmetry is
    the shorter of the mean left-to-right and right-to-left times, divided by the longer (1: even). A person without
    steps stands all the time, unless it is one of `without_feet`, of whom nothing can be said. Spans are of standing,
    walking, running, jumping (both feet at once) and moving (a step here or there, hops).
    """
    of: dict[int, list[Footstep]] = defaultdict(list)
    for step in steps:
        of[step.person].append(step)
    people = {str(person): _of_person(of[person], *span) for person, span in sorted(visible.items())}
    for person in without_feet:
        people[str(person)]["spans"] = []
    total = {side: sum(person["steps"][side] for person in people.values()) for side in ("left", "right")}
    return {"people": people, "steps": {**total, "all": sum(total.values())}}


def contacts(events: Iterable[Footstep]) -> list[tuple[Footstep, float | None]]:
    """The heel strikes in order of time, each with when that foot leaves the ground; None where nobody knows."""
    found: list[tuple[Footstep, float | None]] = []
    down: dict[tuple[int, Foot], int] = {}  # feet on the ground, and the place of their strikes
    for event in sorted(events, key=lambda event: event.time):
        key = event.person, event.foot
        if event.event == "heel_strike":
            down[key] = len(found)
            found.append((event, None))
        elif key in down:
            place = down.pop(key)
            found[place] = found[place][0], event.time
    return found


def _of_person(steps: Sequence[Footstep], start: float, end: float) -> dict[str, Any]:
    strikes = sorted((step for step in steps if step.event == "heel_strike"), key=lambda step: step.time)
    times = np.array([step.time for step in strikes])
    left = sum(step.foot == "left" for step in strikes)
    return {
        "visible": [round(start, 3), round(end, 3)],
        "steps": {"left": left, "right": len(strikes) - left, "inferred": sum(step.inferred for step in strikes)},
        "cadence": _cadence(times),
        "cadence_over_time": _cadence_over_time(times),
        "symmetry": _symmetry(strikes),
        "spans": _spans(steps, strikes, start, end),
    }


def _cadence(times: Any) -> float | None:
    """Steps a minute while stepping: of the median time from one landing to the next, pauses left out."""
    pauses = np.diff(times)
    pauses = pauses[(pauses > _TOGETHER) & (pauses <= _PAUSE)]
    return round(60 / float(np.median(pauses)), 1) if len(pauses) else None


def _cadence_over_time(times: Any) -> list[list[float]]:
    """[seconds, steps a minute] every second, where somebody steps."""
    if len(times) < 2:
        return []
    found = []
    for second in np.arange(times[0], times[-1] + _EVERY / 2, _EVERY):
        near = times[np.abs(times - second) <= _WINDOW]
        if (cadence := _cadence(near)) is not None:
            found.append([round(float(second), 3), cadence])
    return found


def _symmetry(strikes: Sequence[Footstep]) -> float | None:
    durations: dict[str, list[float]] = {"left": [], "right": []}
    for before, after in pairwise(strikes):
        if before.foot != after.foot and after.time - before.time <= _PAUSE:
            durations[after.foot].append(after.time - before.time)
    if not all(durations.values()):
        return None
    shorter, longer = sorted(float(np.mean(each)) for each in durations.values())
    return round(shorter / longer, 3)


def _spans(steps: Sequence[Footstep], strikes: Sequence[Footstep], start: float, end: float) -> list[dict[str, Any]]:
    """From when to when somebody stands, walks, runs, jumps, or moves in some other way."""
    bouts: list[list[Footstep]] = []
    for step in strikes:
        if bouts and step.time - bouts[-1][-1].time <= _PAUSE:
            bouts[-1].append(step)
        else:
            bouts.append([step])
    spans: list[dict[str, Any]] = []
    reached = start
    for bout in bouts:
        first, last = bout[0].time, bout[-1].time
        if first - reached > _PAUSE:
            spans.append(_span("standing", reached, first))
        spans.append(_span(_kind(steps, bout), first, last))
        reached = last
    if end - reached > _PAUSE or not bouts:
        spans.append(_span("standing", reached, end))
    return spans


def _span(kind: str, start: float, end: float) -> dict[str, Any]:
    return {"kind": kind, "start": round(start, 3), "end": round(end, 3)}


def _kind(steps: Sequence[Footstep], bout: Sequence[Footstep]) -> str:
    """What somebody does who comes down so: walking and running is one foot after the other, jumping both at once."""
    landings: list[set[str]] = []
    before = -_PAUSE
    for step in bout:
        if step.time - before > _TOGETHER:
            landings.append(set())
        landings[-1].add(step.foot)
        before = step.time
    if sum(len(feet) == 2 for feet in landings) * 2 >= len(landings):
        return "jumping"
    turns = sum(len(one) == len(other) == 1 and one != other for one, other in pairwise(landings))
    if len(landings) < _LEAST or turns * 2 < len(landings) - 1:
        return "moving"
    return "running" if _is_run(steps, bout) else "walking"


def _is_run(steps: Sequence[Footstep], bout: Sequence[Footstep]) -> bool:
    """Whether the feet are in the air longer than on the ground."""
    stances, strides = [], []
    for foot in ("left", "right"):
        events = sorted((step for step in steps if step.foot == foot), key=lambda step: step.time)
        events = [step for step in events if bout[0].time <= step.time <= bout[-1].time + _PAUSE / 2]
        for before, after in pairwise(events):
            if (before.event, after.event) == ("heel_strike", "toe_off"):
                stances.append(after.time - before.time)
        down = [step.time for step in events if step.event == "heel_strike"]
        strides += [pause for pause in np.diff(down) if pause <= _PAUSE]
    if stances and strides:
        return float(np.median(stances) / np.median(strides)) < _RUN
    cadence = _cadence(np.array([step.time for step in bout]))
    return cadence is not None and cadence > _FAST
