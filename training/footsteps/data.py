"""Training material: real gait, rendered again and again by other cameras, at other rates, with other faults.

The clips (3-D landmarks with the times of their events) and the renderer are those of the gait benchmark; what real
pose estimates do to them beyond the renderer's noise is done here.
"""

from __future__ import annotations

import importlib
import json
import sys
import zlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter1d, minimum_filter1d
from scipy.signal import butter, filtfilt

from perceptkit.foley.signals import Signals, signals

RATES = (10.0, 12.0, 15.0, 20.0, 24.0, 25.0, 30.0, 50.0, 60.0)
RATE_SHARES = (0.11, 0.07, 0.1, 0.06, 0.12, 0.12, 0.25, 0.06, 0.11)
NOISE = ("clean", "mild", "moderate", "heavy", "mpreal")
NOISE_SHARES = (0.08, 0.17, 0.25, 0.15, 0.35)
STILL_SHARE = 0.15  # of all tracks: somebody who stands or sits still, from a moment of the clip
HOP_SHARE = 0.1  # somebody who jumps up and down, on both legs or on one
LEGS = slice(25, 33)
GRAVITY = 9.81


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One rendered track: its signals and its events (foot 0 left / 1 right, is toe-off, seconds)."""

    clip: str
    subject: str
    activity: str
    tier: str
    signals: Signals
    events: np.ndarray[Any, Any]
    seen: np.ndarray[Any, Any]  # (N,) whether the feet can be judged


def tracks(gait: Path, variants: int, *, seed: int, workers: int = 2) -> list[Track]:
    """`variants` renderings of every clip in `gait` (the folder of the benchmark)."""
    tiers = _tiers(gait / "provenance.csv")
    work = partial(_of_clip, gait, variants, seed)
    clips = sorted((gait / "clips3d").glob("*.npz"))
    with ProcessPoolExecutor(workers) as pool:
        return [Track(**{**track, "tier": tiers[track["clip"]]}) for found in pool.map(work, clips) for track in found]


def _tiers(path: Path) -> dict[str, str]:
    rows = [line.rsplit(",", 1) for line in path.read_text().splitlines()[1:]]
    return {row[0].split(",", 1)[0]: row[1] for row in rows}


def _of_clip(gait: Path, variants: int, seed: int, path: Path) -> list[dict[str, Any]]:
    sys.path.insert(0, str(gait))
    render = importlib.import_module("render")
    clip = np.load(path)
    meta = json.loads(str(clip["meta"]))
    points = render.load3d(clip)
    random = np.random.default_rng([seed, zlib.crc32(path.stem.encode())])
    events = np.array(
        [
            (foot == "R", kind == "TO", time)
            for foot, kind, time in zip(clip["ev_foot"], clip["ev_type"], clip["ev_t"], strict=True)
        ],
        float,
    ).reshape(-1, 3)
    about = {"clip": path.stem, "subject": meta["subject"], "activity": meta["act"]}
    return [{**about, **track} for _ in range(variants) for track in _rendered(render, points, meta, events, random)]


def _rendered(
    render: Any, points: Any, meta: dict[str, Any], events: Any, random: np.random.Generator
) -> Iterator[dict[str, Any]]:
    view = str(random.choice(render.VIEWS))
    noise = str(random.choice(NOISE, p=NOISE_SHARES))
    rate = float(random.choice(RATES, p=RATE_SHARES))
    stretch = _pace(meta["act"], random)
    choice = random.random()
    if choice < STILL_SHARE + HOP_SHARE:
        still = (_stand(points, meta["fps"], random), events[:0])
        (points, events), stretch = still if choice < STILL_SHARE else _hop(points, meta["fps"], random), 1.0
    else:
        points, events = _other_gait(
            points, events, meta["fps"], np.array(meta["belt"]), meta["act"] in ("run", "sprint", "jump"), random
        )
    moved, times = render.resample(
        _other_feet(points, random), meta["fps"] / stretch, rate, t0=random.uniform(0, 1 / rate)
    )
    if len(times) < 4:
        return
    camera, turn, focal, size = render.camera(moved, view, random, rate)
    flat, depth = render.project(moved, camera, turn, focal, size)
    marks, _ = render.add_noise(flat, depth, rate, size, noise, random)
    _spoil(marks, rate, random, empty=not len(events))
    seen = _lose_feet(marks, size, random)
    happened = events.copy()
    happened[:, 2] = happened[:, 2] * stretch - times[0]
    if random.random() < 0.5:  # seen in a mirror
        marks[..., 0] = size[0] - marks[..., 0]
        marks = marks[:, _mirrored()]
        happened[:, 0] = 1 - happened[:, 0]
    background: Any = None
    if random.random() < 0.5:
        background = _background(render, moved, camera, turn, focal, size, flat, random)
    if random.random() < 0.35:
        _hold(marks, background, rate, random)
    clock = np.arange(len(marks)) / rate
    if random.random() < 0.15:  # a variable rate
        kept = random.random(len(marks)) > 0.15
        marks, clock = marks[kept], clock[kept]
        background = None if background is None else background[kept]
    found = signals(clock, marks[..., :3], marks[..., 3], background)
    if found is not None:
        judged = np.interp(found.times, np.arange(len(seen)) / rate, seen) > 0.5
        yield {"signals": found, "events": happened, "seen": judged}


def _pace(activity: str, random: np.random.Generator) -> float:
    """How many times as long it takes: what people do slower and faster, too."""
    if "walk" in activity or activity == "stairs":
        return float(np.exp(random.uniform(np.log(0.75), np.log(1.8))))
    return float(random.uniform(0.85, 1.25)) if activity in ("run", "sprint") else 1.0


def _hold(marks: Any, background: Any, rate: float, random: np.random.Generator) -> None:
    """Keep the person where they are in the picture, in place: on a treadmill, or by a camera that goes along."""
    hips = np.nanmean(marks[:, 23:25, :2], axis=1)
    known = np.isfinite(hips[:, 0])
    if known.sum() < 4:
        return
    clock = np.arange(len(hips))
    for axis in (0, 1):
        way = np.interp(clock, clock[known], hips[known, axis])
        way = gaussian_filter1d(way, random.uniform(0.3, 0.8) * rate, mode="nearest") * random.uniform(0.5, 1.0)
        marks[..., axis] -= (way - way[0])[:, None]
        if background is not None and random.random() < 0.5:  # not on a treadmill
            background[:, axis] -= way - way[0]


def _other_gait(
    points: Any, events: Any, rate: float, ground: Any, fast: bool, random: np.random.Generator
) -> tuple[Any, Any]:
    """The movement as other people make it, and its events.

    Longer or shorter strides, uphill or downhill, feet that are early or late against the body, lifted more or less,
    put down softly, with the toes up or flat, hips that go up and down and to and fro. Where that changes when a foot
    comes to the ground, the rule of the benchmark says how much. `ground` (3,) is how fast the ground moves.
    """
    wide = random.uniform(0.75, 1.3)
    moved = points * (wide, wide, 1.0)
    happened = events.copy()
    wobble = _wander(len(points), rate * random.uniform(0.06, 0.4), random, 3) * random.uniform(0, (0.035, 0.02, 0.025))
    soft = max(random.uniform(-0.02, 0.025), 0.0) * rate
    high, usual = random.uniform(0.5, 1.4), random.normal(0, 0.15)
    clock = np.arange(len(points))
    for side in (0, 1):
        own = np.flatnonzero(events[:, 0] == side)
        late = _wander(len(points), rate * random.uniform(0.2, 0.5), random, 1)[:, 0] * random.uniform(0, 0.03) * rate
        happened[own, 2] += np.interp(events[own, 2] * rate, clock, late) / rate
        strikes = happened[own, 2][events[own, 1] == 0] * rate
        for point, share in ((25, 0.5), (27, 1.0), (29, 1.0), (31, 1.0)):
            path = _at(moved[:, point + side], clock - share * late)
            if share == 1:
                low = np.nanquantile(path[:, 2], 0.05)
                path[:, 2] = low + high * (path[:, 2] - low)
                path = _softened(path, soft)
            moved[:, point + side] = path
        _turn_foot(moved, side, strikes, rate, usual, random)
        before, after = _foot(points, side, rate, ground), _foot(moved, side, rate, ground * (wide, wide, 1))
        for index in own:
            kind, guess = int(events[index, 1]), happened[index, 2]
            now, then = (_by_rule(*pair, rate, fast) for pair in ((after, kind, guess), (before, kind, events[index, 2])))
            if now is not None and then is not None:
                happened[index, 2] += np.clip((now - guess) - (then - events[index, 2]), -0.08, 0.08)
        moved[:, 25 + side] += 0.5 * wobble
    moved[:, :25] += wobble[:, None]
    middle = np.nanmean(moved[:, 23:25], axis=(0, 1))
    slope = random.normal(0, 0.05, 2) if random.random() < 0.5 else np.zeros(2)
    moved[..., 2] += (moved[..., :2] - middle[:2]) @ slope
    return moved, happened


def _foot(points: Any, side: int, rate: float, ground: Any) -> Any:
    """Of heel and toe (2, T, ...): velocity over the ground, and height above the lowest place around; as the rule has it."""
    found = []
    for point in (29, 31):
        path = points[:, point + side]
        there = np.isfinite(path).all(axis=1)
        if np.count_nonzero(there) < 20:
            return None
        clock = np.arange(len(path))
        path = np.stack([np.interp(clock, clock[there], path[there, axis]) for axis in range(3)], axis=1)
        path = filtfilt(*butter(2, 15 / (rate / 2)), path, axis=0)
        low = minimum_filter1d(path[:, 2], 2 * int(0.35 * rate) + 1, mode="nearest")
        found.append((np.gradient(path, axis=0) * rate - ground, path[:, 2] - low))
    return found


def _by_rule(foot: Any, kind: int, guess: float, rate: float, fast: bool) -> float | None:
    """When a strike or toe-off near `guess` seconds is by the rule of the benchmark (DATA.md, 3 and 4)."""
    if foot is None:
        return None
    near = guess * rate
    first, last = max(round(near - 0.15 * rate), 0), round(near + 0.15 * rate)
    if kind:
        speed = np.linalg.norm(foot[1][0], axis=1)[first : last + round(0.25 * rate)]
        if len(speed) < 3:
            return None
        peak = int(speed.argmax())
        slow = np.flatnonzero(speed[:peak] < min(1.5 if fast else 1.0, 0.4 * speed[peak]))
        return float(first + slow[-1] + 1) / rate if len(slow) else None
    times = []
    for velocity, height in foot:
        falling = velocity[first : round(near + 0.06 * rate) + 1, 2]
        if not len(falling):
            continue
        start = first + int(falling.argmin())
        part = slice(start, last + 1)
        speed = np.linalg.norm(velocity[part], axis=1)
        down = (velocity[part, 2] > -0.1) & (height[part] < 0.045) & (speed < (3.2 if fast else 0.8))
        times += [float(start + down.argmax()) / rate] if down.any() else []
    return min(times) if times else None


def _softened(path: Any, width: float) -> Any:
    if width < 0.1:
        return path
    there = np.isfinite(path).all(axis=1)
    path[there] = gaussian_filter1d(path[there], width, axis=0, mode="nearest")
    return path


def _wander(count: int, width: float, random: np.random.Generator, axes: int) -> Any:
    """Smooth noise (count, axes) of deviation 1 that changes over `width` frames."""
    margin = int(4 * width) + 1
    noise = gaussian_filter1d(random.standard_normal((count + 2 * margin, axes)), width, axis=0)[margin:-margin]
    return noise * np.sqrt(2 * np.sqrt(np.pi) * width)


def _at(values: Any, frames: Any) -> Any:
    """Values (T, 3) at other frames, linear; NaN stays."""
    frames = np.clip(frames, 0, len(values) - 1)
    first = np.minimum(frames.astype(int), len(values) - 2)
    share = (frames - first)[:, None]
    return values[first] * (1 - share) + values[first + 1] * share


def _turn_foot(points: Any, side: int, strikes: Any, rate: float, usual: float, random: np.random.Generator) -> None:
    """Turn a foot about its heel around its strikes, in place: the toes come down earlier or later, by about `usual` (radians)."""
    clock = np.arange(len(points))
    for strike in strikes:
        ahead = points[:, 31 + side] - points[:, 29 + side]
        pitch = np.arctan2(ahead[:, 2], np.linalg.norm(ahead[:, :2], axis=1))
        here = int(np.clip(round(strike), 0, len(points) - 1))
        rest = pitch[here : here + round(0.2 * rate)]
        if not np.isfinite(rest).any():
            continue
        angle = max(usual + random.normal(0, 0.04), -max(pitch[here] - np.nanmin(rest), 0.0) - 0.1)
        before, after = random.uniform(0.12, 0.25) * rate, random.uniform(0.06, 0.12) * rate
        bump = np.where(clock < strike, 1 + (clock - strike) / before, 1 - (clock - strike) / after).clip(0, 1)
        turn = angle * 0.5 * (1 - np.cos(np.pi * bump))
        level = ahead * (1, 1, 0)
        level /= np.maximum(np.linalg.norm(level, axis=1, keepdims=True), 1e-6)
        heel = points[:, 29 + side].copy()
        for point in (27, 31):
            arm = points[:, point + side] - heel
            along, up = (arm * level).sum(axis=1), arm[:, 2]
            aside = arm - along[:, None] * level - up[:, None] * (0, 0, 1)
            moved = aside + (along * np.cos(turn) - up * np.sin(turn))[:, None] * level
            moved += (along * np.sin(turn) + up * np.cos(turn))[:, None] * (0, 0, 1)
            touched = np.abs(turn) > 1e-9
            points[touched, point + side] = (heel + moved)[touched]


def _other_feet(points: Any, random: np.random.Generator) -> Any:
    """The same movement with ankles, heels and toes elsewhere on the foot: bodies, shoes and pose estimates differ."""
    points = points.copy()
    common = random.normal(0, 0.022, (3, 2))
    for side in (0, 1):
        ahead = points[:, 31 + side] - points[:, 29 + side]
        ahead = ahead / np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), 1e-6)
        for part, (along, up) in enumerate(common + random.normal(0, 0.006, (3, 2))):
            points[:, 27 + 2 * part + side] += along * ahead + (0, 0, up)
    return points


def _stand(points: Any, rate: float, random: np.random.Generator) -> Any:
    """Somebody who stays as in one moment of the clip, for some seconds, and sways a little."""
    length = round(random.uniform(2, 5) * rate)
    whole = np.flatnonzero(np.isfinite(points[:, 23:33]).all(axis=(1, 2)))
    moment = points[random.choice(whole) if len(whole) else 0]
    still = np.repeat(moment[None], length, axis=0)
    sway = gaussian_filter1d(random.standard_normal((length, 1, 3)), random.uniform(0.2, 0.8) * rate, axis=0)
    sway *= random.uniform(0, 0.05) / max(float(sway.std()), 1e-9)
    height = np.clip((moment[None, :, 2:] - np.nanmin(moment[:, 2])) / 0.9, 0, 1)  # the feet stay where they are
    return still + sway * height * (1, 1, 0.2)


def _hop(points: Any, rate: float, random: np.random.Generator) -> tuple[Any, Any]:
    """Somebody who jumps up and down from where they stand in one moment of the clip, and the events of that.

    The hips fly on a parabola and are caught on half a sine of the same speed; the legs follow by two-bone kinematics.
    """
    whole = np.flatnonzero(np.isfinite(points[:, 11:33]).all(axis=(1, 2)))
    moment = points[random.choice(whole)] if len(whole) else points[0]
    ahead = (moment[31:33] - moment[29:31]).sum(axis=0) * (1, 1, 0)
    ahead = ahead / max(float(np.linalg.norm(ahead)), 1e-6)
    feet = [(0, 1), (0, 1), (0,), (1,)][random.integers(4)]
    lift, flying, events = _heights(rate, feet, random)
    sink, settled = _soft_landings(lift, flying, rate, random.uniform(0, 0.07))
    events[events[:, 1] == 0, 2] += settled.repeat(len(feet))
    drift = np.cumsum(flying > 0) / rate * random.uniform(-0.3, 0.8)
    moved = np.repeat(moment[None], len(lift), axis=0)
    root = drift[:, None] * ahead + lift[:, None] * (0, 0, 1)
    moved[:, :25] += root[:, None]
    ground = np.nanmin(moment[29:33, 2])
    tuck, point = random.uniform(0, 0.12), random.uniform(0.03, 0.14)
    raised_heels = gaussian_filter1d((flying > 0).astype(float), random.uniform(0.02, 0.06) * rate)
    for side in (0, 1):
        sole = moment[[27 + side, 29 + side, 31 + side]]
        sole = sole - (0, 0, sole[1:, 2].min() - ground)
        path = drift[:, None] * ahead + (np.maximum(lift, 0) * (flying > 0) + tuck * flying + sink)[:, None] * (0, 0, 1)
        if side not in feet:
            path = root + random.uniform(0.15, 0.35) * np.array([0, 0, 1.0]) - random.uniform(0, 0.3) * ahead
        for part, (joint, raised) in enumerate(((27, 0.5), (29, 1.0), (31, 0.0))):
            moved[:, joint + side] = sole[part] + path + (raised * point * raised_heels)[:, None] * (0, 0, 1)
        moved[:, 25 + side] = _knees(
            moved[:, 23 + side], moved[:, 27 + side], moment[[23 + side, 25 + side, 27 + side]], ahead
        )
    return moved, events


def _soft_landings(lift: Any, flying: Any, rate: float, settle: float) -> tuple[Any, Any]:
    """How high the toes are above where they come to rest, and how long after each touch they are that (0.1 m/s)."""
    sink, settled = np.zeros(len(lift)), []
    changes = np.diff(np.r_[0, flying > 0, 0])
    for start, end in zip(np.flatnonzero(changes > 0), np.flatnonzero(changes < 0), strict=True):
        speed = (lift[end - 2] - lift[end - 1]) * rate
        height = 0.5 * speed * settle
        sink[start:end] += height * np.linspace(0, 1, end - start, endpoint=False)
        late = np.arange(len(lift) - end) / rate / max(settle, 1e-3)
        sink[end:] += height * np.maximum(1 - late, 0) ** 2
        settled.append(settle * max(1 - 0.1 / max(speed, 0.1), 0))
    return sink, np.array(settled)


def _heights(rate: float, feet: tuple[int, ...], random: np.random.Generator) -> tuple[Any, Any, Any]:
    """How high the hips of somebody are who jumps, how much they fly (0..1), and when the feet leave and come down."""
    lifts, flights, events = [np.zeros(round(random.uniform(0.3, 1.0) * rate))], [np.zeros(0)], []

    def add(lift: Any) -> None:
        lifts.append(lift)
        flights.append(np.zeros(len(lift)))

    usual = np.sqrt(2 * GRAVITY * random.uniform(0.02, 0.3))
    for _ in range(random.integers(2, 8)):
        speed = usual * random.uniform(0.85, 1.15)
        contact = min(random.uniform(0.15, 0.6), 0.3 * np.pi / speed)
        clock = np.linspace(0, 1, max(2, round(contact * rate)), endpoint=False)
        caught = -speed * contact / np.pi * np.sin(np.pi * clock)
        add(caught)
        for kind in (1.0, 0.0):
            now = (sum(map(len, lifts)) - 0.5) / rate
            events += [(foot, kind, now) for foot in feet]
            if kind:
                length = 2 * speed / GRAVITY
                clock = np.linspace(0, 1, max(2, round(length * rate)), endpoint=False)
                lifts.append(speed * length * clock * (1 - clock))
                flights.append(np.sin(np.pi * clock) + 1e-6)
        if random.random() < 0.4:  # a rest before the next one
            add(caught)
            add(np.zeros(round(random.uniform(0.05, 0.8) * rate)))
    add(caught)
    add(np.zeros(round(random.uniform(0.3, 1.0) * rate)))
    flights[0] = np.zeros(len(lifts[0]))
    return np.concatenate(lifts), np.concatenate(flights), np.array(events)


def _knees(hips: Any, ankles: Any, leg: Any, ahead: Any) -> Any:
    """Where knees are that bend forward, between hips and ankles (T, 3); `leg` (3, 3) says how long the bones are."""
    thigh, shank = np.linalg.norm(np.diff(leg, axis=0), axis=1)
    way = ankles - hips
    length = np.linalg.norm(way, axis=1).clip(abs(thigh - shank) + 0.01, thigh + shank - 0.005)
    along = (length**2 + thigh**2 - shank**2) / (2 * length)
    aside = np.sqrt(np.maximum(thigh**2 - along**2, 0))
    unit = way / np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-6)
    front = ahead - (unit @ ahead)[:, None] * unit
    front = front / np.maximum(np.linalg.norm(front, axis=1, keepdims=True), 1e-6)
    return hips + along[:, None] * unit + aside[:, None] * front


def _spoil(marks: Any, rate: float, random: np.random.Generator, *, empty: bool) -> None:
    """What estimates of a pose do to legs: shrink, smooth, shake; in place."""
    hips = np.nanmean(marks[:, 23:25, :2], axis=1)
    filled = np.isfinite(hips).all(axis=1)
    if filled.sum() < 4:
        return
    legs = np.nanmedian(np.linalg.norm(np.nanmean(marks[:, 27:29, :2], axis=1) - hips, axis=-1))
    if random.random() < 0.45:
        shrink, width = random.uniform(0.35, 1.0, 2), random.uniform(0.01, 0.08) * rate
        for point in range(25, 33):
            rest = marks[filled, point, :2] - hips[filled]
            mean = gaussian_filter1d(rest, 1.0 * rate, axis=0, mode="nearest")
            rest = gaussian_filter1d(mean + (rest - mean) * shrink, max(width, 0.1), axis=0, mode="nearest")
            marks[filled, point, :2] = hips[filled] + rest
    if empty and random.random() < 0.6:  # legs behind a table, which are made up anew again and again
        shake = random.standard_normal((len(marks), 4, 2, 2))
        shake = gaussian_filter1d(shake, random.uniform(0.02, 0.4) * rate, axis=0)
        shake *= random.uniform(0.01, 0.2) * legs / max(float(shake.std()), 1e-9)
        shake[:, 2:] = 0.5 * shake[:, 2:] + 0.8 * shake[:, 1:2]
        marks[:, LEGS, :2] += shake.reshape(len(marks), 8, 2)
        marks[:, LEGS, 3] *= random.uniform(0.1, 1)
    marks[..., 2] *= random.choice([0.0, 1.0], p=[0.1, 0.9]) * random.uniform(0.5, 1.5)


def _lose_feet(marks: Any, size: tuple[int, int], random: np.random.Generator) -> Any:
    """Sometimes the picture ends above the feet: they are guessed below it. Whether the feet are seen, (T,)."""
    seen = np.ones(len(marks), bool)
    if random.random() > 0.08:
        return seen
    start, length = random.integers(0, len(marks)), random.integers(3, max(4, len(marks)))
    part = slice(start, start + length)
    knees = marks[part, 25:27]
    shank = np.nanmedian(np.linalg.norm(marks[:, 27:29, :2] - marks[:, 25:27, :2], axis=-1))
    for point in range(27, 33):
        drop = np.array([0.0, shank * (1.0 if point < 29 else 1.1)])
        noise = gaussian_filter1d(random.standard_normal((len(knees), 2)), 3, axis=0) * shank * 0.1
        marks[part, point, :2] = knees[:, (point + 1) % 2, :2] + drop + noise
        marks[part, point, 3] = random.uniform(0, 0.4)
    seen[part] = False
    return seen


def _background(
    render: Any, moved: Any, camera: Any, turn: Any, focal: float, size: tuple[int, int], flat: Any, random: Any
) -> Any:
    """How far what stands still behind the person moved in the picture: an affine fit to points on ground and walls."""
    middle = np.nanmean(moved[:, 23:25, :2], axis=(0, 1))
    around = random.uniform(-12, 12, (150, 3)) + np.array([*middle, 0.0])
    around[:100, 2], around[100:, 2] = 0, random.uniform(0, 3, 50)
    seen, depth = render.project(np.repeat(around[None], len(camera), axis=0), camera, turn, focal, size)
    seen = seen[..., :2] + random.standard_normal(seen[..., :2].shape) * 0.3
    inside = (depth > 0.5) & (seen > 0).all(axis=-1) & (seen < size).all(axis=-1)
    hips = np.nanmean(flat[:, 23:25, :2], axis=1)
    total, moves = np.zeros(2), [np.zeros(2)]
    for frame in range(1, len(camera)):
        both = inside[frame] & inside[frame - 1]
        if np.count_nonzero(both) >= 6 and np.isfinite(hips[frame]).all():
            before = np.c_[seen[frame - 1][both], np.ones(np.count_nonzero(both))]
            fit, *_ = np.linalg.lstsq(before, seen[frame][both], rcond=None)
            total = total + np.r_[hips[frame], 1] @ fit - hips[frame]
        moves.append(total)
    return np.array(moves)


def _mirrored() -> Any:
    """The landmarks with left and right exchanged."""
    order = np.arange(33)
    for left, right in ((1, 4), (2, 5), (3, 6), (7, 8), (9, 10), *((k, k + 1) for k in range(11, 33, 2))):
        order[[left, right]] = right, left
    return order
