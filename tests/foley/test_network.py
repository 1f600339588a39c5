"""The network that comes with the package: how it is run, and that it still finds the steps of the gait benchmark."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perceptkit import foley
from perceptkit.foley.network import DILATIONS, TAPS, Network, load_network
from perceptkit.foley.signals import CHANNELS
from shared_data import gait_folder


def arrays(channels: int = 7, width: int = 8) -> dict[str, Any]:
    random = np.random.default_rng(0)
    sizes = [TAPS * channels, *[TAPS * width] * (len(DILATIONS) - 1)]
    layers = {f"weights{n}": random.normal(0, 0.2, (size, width)) for n, size in enumerate(sizes)}
    biases = {f"bias{n}": random.normal(0, 0.2, width) for n in range(len(sizes))}
    return {**layers, **biases, "head": random.normal(0, 1, (width, 3)), "head_bias": np.zeros(3)}


def test_a_long_track_gives_the_same_answers_in_pieces() -> None:
    network = Network.of(arrays())
    values = np.random.default_rng(1).normal(0, 1, (2, 9001, 7)).astype(np.float32)
    np.testing.assert_allclose(network(values), network._run(values), atol=1e-5)


def test_an_answer_depends_on_half_a_second_to_each_side() -> None:
    network = Network.of(arrays())
    values = np.random.default_rng(1).normal(0, 1, (1, 201, 7)).astype(np.float32)
    changed = values.copy()
    changed[0, 100] += 1
    moved = np.flatnonzero(np.abs(network(values) - network(changed))[0].max(axis=1) > 1e-7)
    assert (moved[0], moved[-1]) == (70, 130)


def test_the_network_is_small_and_knows_what_it_is_worth() -> None:
    network = load_network()
    assert network.layers[0][0].shape[0] == TAPS * CHANNELS
    assert np.abs(network.delays).max() < 0.05
    assert network.calibration is not None
    assert (np.diff(network.calibration, axis=1) >= 0).all()
    path = Path(foley.__file__).with_name("footsteps.npz")
    assert path.stat().st_size < 200_000


def test_training_and_running_are_the_same_function() -> None:
    pytest.importorskip("jax", reason="the training group is not installed")
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "training" / "footsteps"))
    learn = importlib.import_module("learn")
    weights = {name: value.astype(np.float32) for name, value in arrays().items()}
    values = np.random.default_rng(1).normal(0, 1, (2, 100, 7)).astype(np.float32)
    learned = np.asarray(learn._forward(weights, values, np.float32(1)))
    np.testing.assert_allclose(learned, Network.of(weights)(values), atol=1e-4)


@pytest.mark.weights
def test_the_steps_of_the_benchmark_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most of these people were trained on: this says that nothing broke, not how good it is (see the model card)."""
    monkeypatch.syspath_prepend(gait_folder())
    monkeypatch.syspath_prepend(Path(__file__).resolve().parents[2] / "benchmarks")
    scorer = importlib.import_module("score")
    detect = importlib.import_module("footsteps").detect
    records = scorer.evaluate(detect, scorer.files("dev")[::8])
    walking = [record for record in records if not record["m"]["negative"]]
    for kind in ("HS", "TO"):
        result = scorer.agg([record["S"][kind, 0.1, True] for record in walking])
        assert result["F1"] > 0.95
        assert abs(result["bias_ms"]) < 15
    still = [record for record in records if record["m"]["negative"]]
    assert sum(record["npred"] for record in still) <= sum(record["dur"] for record in still) / 60 + 1
