"""Training material: real gait, rendered again and again by other cameras, at other rates, with other faults.

The clips (3-D landmarks with the times of their events) and the renderer are those of the gait benchmark; what real
pose estimates do to them beyond the renderer's noise is done here.
"""

from __future__ import annotations

import importlib
import json
import sys
import warnings
import zlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from bodies import climb, hop, other_feet, other_gait, stand
from scipy.ndimage import gaussian_filter1d

from perceptkit.foley.signals import Signals, signals

RATES = (10.0, 12.0, 15.0, 20.0, 24.0, 25.0, 30.0, 50.0, 60.0)
RATE_SHARES = (0.11, 0.07, 0.1, 0.06, 0.12, 0.12, 0.25, 0.06, 0.11)
NOISE = ("clean", "mild", "moderate", "heavy", "mpreal")
NOISE_SHARES = (0.08, 0.17, 0.25, 0.15, 0.35)
STILL_SHARE = 0.15  # of all tracks: somebody who stands or sits still, from a moment of the clip
HOP_SHARE = 0.1  # somebody who jumps up and down, on both legs or on one
STAIRS_SHARE = 0.08  # of those who walk: stairs, up or down
LEGS = slice(25, 33)
FAST = ("run", "sprint", "jump")


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


def read_clip(render: Any, path: Path) -> tuple[Any, Any, dict[str, Any]]:
    """Landmarks (T, 33, 3) in metres, events (E, 3) as in `Track`, and what is known of a clip."""
    clip = np.load(path)
    rows = zip(clip["ev_foot"], clip["ev_type"], clip["ev_t"], strict=True)
    events = np.array([(foot == "R", kind == "TO", time) for foot, kind, time in rows], float).reshape(-1, 3)
    return render.load3d(clip), events, json.loads(str(clip["meta"]))


def _of_clip(gait: Path, variants: int, seed: int, path: Path) -> list[dict[str, Any]]:
    warnings.simplefilter("ignore")  # means of empty slices, in the renderer
    sys.path.insert(0, str(gait))
    render = importlib.import_module("render")
    points, events, meta = read_clip(render, path)
    random = np.random.default_rng([seed, zlib.crc32(path.stem.encode())])
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
    if choice < STILL_SHARE:
        points, events, stretch = stand(points, meta["fps"], random), events[:0], 1.0
    elif choice < STILL_SHARE + HOP_SHARE:
        (points, events), stretch = hop(points, meta["fps"], random), 1.0
    else:
        fast = meta["act"] in FAST
        points, events = other_gait(points, events, meta["fps"], np.array(meta["belt"]), random, fast=fast)
        if "walk" in meta["act"] and random.random() < STAIRS_SHARE:
            points = climb(points, events, meta["fps"], random)
    moved, times = render.resample(
        other_feet(points, random), meta["fps"] / stretch, rate, t0=random.uniform(0, 1 / rate)
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
    mirrored = random.random() < 0.5
    if mirrored:
        marks[..., 0] = size[0] - marks[..., 0]
        marks = marks[:, _mirrored()]
        happened[:, 0] = 1 - happened[:, 0]
    background: Any = None
    if random.random() < 0.5:
        background = _background(render, moved, camera, turn, focal, size, flat, random)
        background[:, 0] *= -1 if mirrored else 1
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
    return float(random.uniform(0.65, 1.25)) if activity in ("run", "sprint") else 1.0


def _hold(marks: Any, background: Any, rate: float, random: np.random.Generator) -> None:
    """Keep the person where they are in the picture, in place: on a treadmill, or by a camera that goes along."""
    hips = np.nanmean(marks[:, 23:25, :2], axis=1)
    known = np.isfinite(hips[:, 0])
    if known.sum() < 4:
        return
    clock = np.arange(len(hips))
    treadmill = random.random() < 0.5
    for axis in (0, 1):
        way = np.interp(clock, clock[known], hips[known, axis])
        way = gaussian_filter1d(way, random.uniform(0.3, 0.8) * rate, mode="nearest") * random.uniform(0.5, 1.0)
        marks[..., axis] -= (way - way[0])[:, None]
        if background is not None and not treadmill:
            background[:, axis] -= way - way[0]


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
