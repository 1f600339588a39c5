"""Other people, made from those who were recorded: who walk another way, climb stairs, stand or hop.

Bodies are landmarks (T, 33, 3) in metres, z up, at `rate` a second. Events are rows of foot (0 left, 1 right), is
toe-off, and seconds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from rule import moved_events
from scipy.ndimage import gaussian_filter1d

GRAVITY = 9.81
STEADY = 0.9  # of where the feet point: what they have in common, of somebody who goes straight on
UP = np.array([0.0, 0.0, 1.0])
LEVEL = np.array([1.0, 1.0, 0.0])
ABOVE = slice(0, 25)  # all landmarks down to the hips
SHOULDERS_DOWN = slice(11, 33)
LEGS = slice(23, 33)
HIP, KNEE, ANKLE, HEEL, TOES = 23, 25, 27, 29, 31  # of the left; the right one follows


def other_gait(
    points: Any, events: Any, rate: float, ground: Any, random: np.random.Generator, *, fast: bool
) -> tuple[Any, Any]:
    """The movement as somebody else would make it, and its events.

    Longer or shorter strides, uphill or downhill, feet that are early or late against the body, that swing back before
    they come down or after, lifted more or less, put down softly, with the toes up or flat, hips that go up and down
    and to and fro. `ground` (3,) is how fast the
    ground moves (a treadmill), `fast` whether somebody runs or jumps.
    """
    wide = LEVEL * random.uniform(0.75, 1.3) + UP
    moved, guesses = points * wide, events[:, 2].copy()
    sway = _wander(len(points), rate * random.uniform(0.06, 0.4), random, 3) * random.uniform(0, (0.05, 0.03, 0.035))
    soft = max(random.uniform(-0.02, 0.03), 0.0) * rate
    high, raised = random.uniform(0.4, 1.6), random.normal(0, 0.2)
    behind, ahead = random.normal(0, (0.02, 0.025)) * rate  # the feet, and how far they are against how high they are
    clock = np.arange(len(points))
    for side in (0, 1):
        own = events[:, 0] == side
        late = _wander(len(points), rate * random.uniform(0.2, 0.5), random, 1)[:, 0] * random.uniform(0, 0.04) * rate
        late += behind
        guesses[own] += np.interp(events[own, 2] * rate, clock, late) / rate
        moved[:, KNEE + side] = _at(moved[:, KNEE + side], clock - 0.5 * late)
        for point in (ANKLE + side, HEEL + side, TOES + side):
            path = _at(moved[:, point], clock - late)
            path[:, :2] = _at(path[:, :2], clock + ahead)
            low = np.nanquantile(path[:, 2], 0.05)
            path[:, 2] = low + high * (path[:, 2] - low)
            moved[:, point] = _softened(path, soft)
        _turn_foot(moved, side, guesses[own & (events[:, 1] == 0)], rate, raised, random)
    happened = events.copy()
    happened[:, 2] = moved_events(points, moved, events, guesses, rate, np.stack([ground, ground * wide]), fast=fast)
    moved[:, ABOVE] += sway[:, None]
    moved[:, KNEE : KNEE + 2] += 0.5 * sway[:, None]
    slope = random.normal(0, 0.05, 2) if random.random() < 0.5 else np.zeros(2)
    moved[..., 2] += (moved[..., :2] - np.nanmean(moved[:, HIP : HIP + 2, :2], axis=(0, 1))) @ slope
    return moved, happened


def other_feet(points: Any, random: np.random.Generator) -> Any:
    """The same movement with ankles, heels and toes elsewhere on the foot: bodies, shoes and pose estimates differ."""
    points = points.copy()
    common = random.normal(0, 0.022, (3, 2))
    for side in (0, 1):
        ahead = points[:, TOES + side] - points[:, HEEL + side]
        ahead = ahead / np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), 1e-6)
        for part, (along, up) in enumerate(common + random.normal(0, 0.006, (3, 2))):
            points[:, ANKLE + 2 * part + side] += along * ahead + up * UP
    return points


def climb(points: Any, events: Any, rate: float, random: np.random.Generator) -> Any:
    """Somebody who walks, on stairs: each strike is a stair higher than the one before it, or lower.

    Who turns round stays as they are.
    """
    whole = np.flatnonzero(np.isfinite(points[:, LEGS]).all(axis=(1, 2)))
    if not len(whole) or _turns(points[whole]):
        return points
    rise = random.uniform(0.1, 0.2) * random.choice([-1, 1])
    points = points * (LEVEL * random.uniform(0.45, 0.8) + UP)
    clock = np.arange(len(points)) / rate
    levels, current = np.zeros((2, len(points))), [0.0, 0.0]
    strikes = events[events[:, 1] == 0]
    for number, (side, _, time) in enumerate(strikes[strikes[:, 2].argsort()], start=1):
        foot = int(side)
        left = events[(events[:, 0] == side) & (events[:, 1] == 1) & (np.abs(events[:, 2] - time + 0.4) < 0.4), 2]
        start = left.max() if len(left) else time - 0.45
        share = ((clock - start) / max(time - 0.04 - start, 0.1)).clip(0, 1)
        share = np.minimum(1.5 * share, 1) if rise > 0 else np.maximum(1.5 * share - 0.5, 0)  # over the edge
        levels[foot] += (rise * number - current[foot]) * share**2 * (3 - 2 * share)
        current[foot] = rise * number
    moment = points[whole[len(whole) // 2]].copy()
    ahead = _ahead(points[whole].mean(axis=0))
    points[:, ABOVE] += gaussian_filter1d(levels.mean(axis=0), 0.2 * rate, mode="nearest")[:, None, None] * UP
    for side in (0, 1):
        points[:, [ANKLE + side, HEEL + side, TOES + side]] += levels[side][:, None, None] * UP
        points[:, KNEE + side] = _knees(points, side, moment, ahead)
    return points


def stand(points: Any, rate: float, random: np.random.Generator) -> Any:
    """Somebody who stays as in one moment of the clip, for some seconds, and sways a little."""
    length = round(random.uniform(2, 5) * rate)
    whole = np.flatnonzero(np.isfinite(points[:, LEGS]).all(axis=(1, 2)))
    moment = points[random.choice(whole) if len(whole) else 0]
    still = np.repeat(moment[None], length, axis=0)
    sway = gaussian_filter1d(random.standard_normal((length, 1, 3)), random.uniform(0.2, 0.8) * rate, axis=0)
    sway *= random.uniform(0, 0.05) / max(float(sway.std()), 1e-9)
    height = np.clip((moment[None, :, 2:] - np.nanmin(moment[:, 2])) / 0.9, 0, 1)  # the feet stay where they are
    return still + sway * height * (1, 1, 0.2)


def hop(points: Any, rate: float, random: np.random.Generator) -> tuple[Any, Any]:
    """Somebody who jumps up and down from where they stand in one moment of the clip, and the events of that.

    The hips fly on a parabola and are caught on half a sine of the same speed; the toes touch the ground first and
    come to rest on it; the knees follow.
    """
    whole = np.flatnonzero(np.isfinite(points[:, SHOULDERS_DOWN]).all(axis=(1, 2)))
    moment = points[random.choice(whole)] if len(whole) else points[0]
    ahead = _ahead(moment)
    feet = [(0, 1), (0, 1), (0,), (1,)][random.integers(4)]
    lift, flying, events = _heights(rate, feet, random)
    sink, settled = _landings(lift, flying, rate, random.uniform(0, 0.12))
    events[events[:, 1] == 0, 2] += settled.repeat(len(feet))
    drift = np.cumsum(flying > 0) / rate * random.uniform(-0.3, 0.8)
    moved = np.repeat(moment[None], len(lift), axis=0)
    root = drift[:, None] * ahead + lift[:, None] * UP
    moved[:, ABOVE] += root[:, None]
    ground = np.nanmin(moment[HEEL : TOES + 2, 2])
    tuck, point = random.uniform(0, 0.12), random.uniform(0.03, 0.14)
    stretched = flying
    if random.random() < 0.6:  # the heels come down after the toes, and go up before them
        stretched = gaussian_filter1d((flying > 0).astype(float), random.uniform(0.02, 0.06) * rate)
    for side in (0, 1):
        sole = moment[[ANKLE + side, HEEL + side, TOES + side]]
        sole = sole - UP * (sole[1:, 2].min() - ground)
        path = drift[:, None] * ahead + (np.maximum(lift, 0) * (flying > 0) + tuck * flying + sink)[:, None] * UP
        if side not in feet:
            path = root + random.uniform(0.15, 0.35) * UP - random.uniform(0, 0.3) * ahead
        for part, (joint, raised) in enumerate(((ANKLE, 0.5), (HEEL, 1.0), (TOES, 0.0))):
            moved[:, joint + side] = sole[part] + path + (raised * point * stretched)[:, None] * UP
        moved[:, KNEE + side] = _knees(moved, side, moment, ahead)
    return moved, events


def _heights(rate: float, feet: tuple[int, ...], random: np.random.Generator) -> tuple[Any, Any, Any]:
    """How high the hips of somebody are who jumps, how much they fly (0..1), and when the feet leave and come down."""
    lifts, flights, events = [np.zeros(round(random.uniform(0.3, 1.0) * rate))], [np.zeros(0)], []

    def add(lift: Any) -> None:
        lifts.append(lift)
        flights.append(np.zeros(len(lift)))

    def dip(speed: float) -> Any:
        contact = min(random.uniform(0.15, 0.6), 0.3 * np.pi / speed)
        clock = np.linspace(0, 1, max(2, round(contact * rate)), endpoint=False)
        return -speed * contact / np.pi * np.sin(np.pi * clock)

    usual = speed = np.sqrt(2 * GRAVITY * random.uniform(0.02, 0.3))
    rested = True
    for _ in range(random.integers(2, 8)):
        before, speed = speed, usual * random.uniform(0.7, 1.4)
        add(dip(speed if rested else before))
        for kind in (1.0, 0.0):
            now = (sum(map(len, lifts)) - 0.5) / rate
            events += [(foot, kind, now) for foot in feet]
            if kind:
                length = 2 * speed / GRAVITY
                clock = np.linspace(0, 1, max(2, round(length * rate)), endpoint=False)
                lifts.append(speed * length * clock * (1 - clock))
                flights.append(np.sin(np.pi * clock) + 1e-6)
        rested = random.random() < 0.4
        if rested:
            add(dip(speed))
            add(np.zeros(round(random.uniform(0.05, 0.8) * rate)))
    if not rested:
        add(dip(speed))
    add(np.zeros(round(random.uniform(0.3, 1.0) * rate)))
    flights[0] = np.zeros(len(lifts[0]))
    return np.concatenate(lifts), np.concatenate(flights), np.array(events)


def _landings(lift: Any, flying: Any, rate: float, settle: float) -> tuple[Any, Any]:
    """How high the toes are above where they come to rest, and how long after each touch they do (0.1 m/s)."""
    sink, settled = np.zeros(len(lift)), []
    changes = np.diff(np.r_[0, flying > 0, 0])
    for start, end in zip(np.flatnonzero(changes > 0), np.flatnonzero(changes < 0), strict=True):
        speed = (lift[end - 2] - lift[end - 1]) * rate
        height = speed * settle / 4
        sink[start:end] += height * np.linspace(0, 1, end - start, endpoint=False)
        late = np.arange(len(lift) - end) / rate / max(settle, 1e-3)
        sink[end:] += height * np.maximum(1 - late, 0) ** 4
        settled.append(settle * (1 - (0.1 / max(speed, 0.1)) ** (1 / 3)))
    return sink, np.array(settled)


def _turn_foot(points: Any, side: int, strikes: Any, rate: float, raised: float, random: np.random.Generator) -> None:
    """Turn a foot about its heel around its strikes, in place: the toes are higher by about `raised` (radians) then.

    They stay above the ground, but for a little, so that some come down first.
    """
    clock = np.arange(len(points)) / rate
    for strike in strikes:
        ahead = points[:, TOES + side] - points[:, HEEL + side]
        pitch = np.arctan2(ahead[:, 2], np.linalg.norm(ahead[:, :2], axis=1))
        here = int(np.clip(round(strike * rate), 0, len(points) - 1))
        rest = pitch[here : here + round(0.2 * rate)]
        if not np.isfinite(rest).any():
            continue
        angle = max(raised + random.normal(0, 0.04), -max(pitch[here] - np.nanmin(rest), 0.0) - 0.1)
        before, after = random.uniform(0.12, 0.25), random.uniform(0.06, 0.12)
        bump = np.where(clock < strike, 1 + (clock - strike) / before, 1 - (clock - strike) / after).clip(0, 1)
        turn = angle * 0.5 * (1 - np.cos(np.pi * bump))
        touched = turn != 0
        level = ahead * LEVEL
        level /= np.maximum(np.linalg.norm(level, axis=1, keepdims=True), 1e-6)
        heel = points[:, HEEL + side]
        for point in (ANKLE + side, TOES + side):
            arm = points[:, point] - heel
            along, up = (arm * level).sum(axis=1), arm[:, 2]
            change = (along * (np.cos(turn) - 1) - up * np.sin(turn))[:, None] * level
            change += (along * np.sin(turn) + up * (np.cos(turn) - 1))[:, None] * UP
            points[touched, point] += change[touched]


def _knees(points: Any, side: int, moment: Any, ahead: Any) -> Any:
    """Where the knees are (T, 3) that bend forward between hips and ankles; the bones are as long as in `moment`."""
    thigh, shank = np.linalg.norm(np.diff(moment[[HIP + side, KNEE + side, ANKLE + side]], axis=0), axis=1)
    hips = points[:, HIP + side]
    way = points[:, ANKLE + side] - hips
    length = np.linalg.norm(way, axis=1).clip(abs(thigh - shank) + 0.01, thigh + shank - 0.005)
    along = (length**2 + thigh**2 - shank**2) / (2 * length)
    aside = np.sqrt(np.maximum(thigh**2 - along**2, 0))
    unit = way / np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-6)
    front = ahead - (unit @ ahead)[:, None] * unit
    front = front / np.maximum(np.linalg.norm(front, axis=1, keepdims=True), 1e-6)
    return hips + along[:, None] * unit + aside[:, None] * front


def _turns(points: Any) -> bool:
    """Whether somebody (T, 33, 3) does not always go the same way."""
    feet = (points[:, TOES : TOES + 2] - points[:, HEEL : HEEL + 2]).sum(axis=1) * LEVEL
    return bool(np.linalg.norm(feet.sum(axis=0)) < STEADY * np.linalg.norm(feet, axis=1).sum())


def _ahead(moment: Any) -> Any:
    """Where the toes of a body (33, 3) point, level: a unit vector."""
    ahead = (moment[TOES : TOES + 2] - moment[HEEL : HEEL + 2]).sum(axis=0) * LEVEL
    return ahead / max(float(np.linalg.norm(ahead)), 1e-6)


def _wander(count: int, width: float, random: np.random.Generator, axes: int) -> Any:
    """Smooth noise (count, axes) of deviation 1 that changes over `width` frames."""
    margin = int(4 * width) + 1
    noise = gaussian_filter1d(random.standard_normal((count + 2 * margin, axes)), width, axis=0)[margin:-margin]
    return noise * np.sqrt(2 * np.sqrt(np.pi) * width)


def _at(values: Any, frames: Any) -> Any:
    """Values (T, C) at other frames, linear."""
    frames = np.clip(frames, 0, len(values) - 1)
    first = np.minimum(frames.astype(int), len(values) - 2)
    share = (frames - first)[:, None]
    return values[first] * (1 - share) + values[first + 1] * share


def _softened(path: Any, width: float) -> Any:
    there = np.isfinite(path).all(axis=1)
    if width > 0.1 and there.any():
        path[there] = gaussian_filter1d(path[there], width, axis=0, mode="nearest")
    return path
