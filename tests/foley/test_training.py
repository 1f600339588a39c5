"""What the footstep network is trained on: movements that are changed, and events that go along with them."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared_data import gait_folder

pytestmark = pytest.mark.weights

TRAINING = Path(__file__).resolve().parents[2] / "training" / "footsteps"
HEEL, TOES = 29, 31
WALK = "cmu_35_01"


@pytest.fixture
def clip(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Reads a clip by its name: landmarks in metres, events (foot, is toe-off, seconds), and what is known of it."""
    folder = Path(gait_folder())
    monkeypatch.syspath_prepend(folder)
    monkeypatch.syspath_prepend(TRAINING)
    render = importlib.import_module("render")

    def read(name: str = WALK) -> tuple[Any, Any, dict[str, Any]]:
        data = importlib.import_module("data")
        clip: tuple[Any, Any, dict[str, Any]] = data.read_clip(render, folder / "clips3d" / f"{name}.npz")
        return clip

    return read


def speed(points: Any, point: int, rate: float) -> Any:
    return np.linalg.norm(np.gradient(points[:, point], axis=0) * rate, axis=1)


@pytest.mark.parametrize("name", ["cmu_35_01", "cmu_06_01", "cmu_29_01", "cplx_0403", "oc6_walking2", "ham02_run"])
def test_the_rule_finds_the_strikes_that_the_benchmark_made_with_it(clip: Any, name: str) -> None:
    rule = importlib.import_module("rule")
    points, events, meta = clip(name)
    found = []
    for side, off, time in events:
        foot = rule._foot(points, int(side), meta["fps"], np.array(meta["belt"]))
        if not off:
            found.append((rule._find(foot, False, time, meta["fps"], meta["act"] == "run") or np.inf) - time)
    assert np.mean(np.abs(found) < 0.021) > 0.8  # two frames at 100 a second


def test_a_movement_that_did_not_change_keeps_its_events(clip: Any) -> None:
    rule = importlib.import_module("rule")
    points, events, meta = clip()
    ground = np.zeros((2, 3))
    times = rule.moved_events(points, points, events, events[:, 2], meta["fps"], ground, fast=False)
    np.testing.assert_allclose(times, events[:, 2], atol=1e-9)


def test_events_go_along_with_a_movement_that_is_late(clip: Any) -> None:
    rule = importlib.import_module("rule")
    points, events, meta = clip()
    late = np.concatenate([np.repeat(points[:1], 5, axis=0), points[:-5]])
    inner = (events[:, 2] > 0.5) & (events[:, 2] < len(points) / meta["fps"] - 0.5)
    times = rule.moved_events(points, late, events, events[:, 2], meta["fps"], np.zeros((2, 3)), fast=False)
    np.testing.assert_allclose((times - events[:, 2])[inner], 5 / meta["fps"], atol=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_the_feet_of_another_gait_rest_after_its_strikes_and_move_after_its_toe_offs(clip: Any, seed: int) -> None:
    bodies = importlib.import_module("bodies")
    points, events, meta = clip()
    rate = meta["fps"]
    moved, happened = bodies.other_gait(points, events, rate, np.zeros(3), np.random.default_rng(seed), fast=False)
    assert np.array_equal(happened[:, :2], events[:, :2])
    for side, off, time in happened:
        if not 0.3 < time < len(points) / rate - 0.3:
            continue
        point = (TOES if off else HEEL) + int(side)
        before, after = (speed(moved, point, rate)[round((time + shift) * rate)] for shift in (-0.12, 0.12))
        assert (before < after) if off else (after < before)
        assert min(before, after) < 1.0


def test_each_strike_on_stairs_is_higher_or_lower_than_the_one_before(clip: Any) -> None:
    bodies = importlib.import_module("bodies")
    points, events, meta = clip()
    rate = meta["fps"]
    for seed in range(4):
        stairs = bodies.climb(points, events, rate, np.random.default_rng(seed))
        strikes = events[events[:, 1] == 0]
        order = strikes[strikes[:, 2].argsort()]
        heights = [stairs[round(time * rate), HEEL + int(side), 2] for side, _, time in order]
        rises = np.diff(heights)
        assert (np.abs(rises) > 0.07).all()
        assert np.abs(np.sign(rises).sum()) == len(rises)
        bones = [np.linalg.norm(stairs[:, 25 + side] - stairs[:, 23 + side], axis=1) for side in (0, 1)]
        assert all(np.ptp(bone) < 0.02 for bone in bones)  # thighs keep their length


def test_who_hops_is_in_the_air_between_toe_off_and_strike(clip: Any) -> None:
    bodies = importlib.import_module("bodies")
    points, _, meta = clip()
    rate = meta["fps"]
    for seed in range(6):
        moved, events = bodies.hop(points, rate, np.random.default_rng(seed))
        assert len(events) >= 4
        for side, off, time in events:
            if off:
                continue
            toes = moved[:, TOES + int(side)]
            here = round(time * rate)
            assert toes[here, 2] - toes[:, 2].min() < 0.02
            left = events[(events[:, 0] == side) & (events[:, 1] == 1) & (events[:, 2] < time), 2].max()
            assert toes[round((left + time) / 2 * rate), 2] > toes[here, 2] + 0.005
