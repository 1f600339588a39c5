"""Fit the network of perceptkit.foley.network to tracks, with gradients from JAX."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from data import Track

from perceptkit.foley.network import DILATIONS, TAPS

WIDTH = 32  # signals between the layers
LENGTH = 160  # moments in a training example
BATCH = 24  # tracks in a step; both feet of each
RATE = 3e-3
SPREAD = 0.02  # seconds around an event in which its target fades (standard deviation)
EDGE = 0.08  # seconds at the ends of a track that are not learned from
BALANCE = 0.5  # 0: each second counts the same; 1: each person
NOISE, DROPOUT = 0.03, 0.1

Weights = dict[str, Any]


def fit(tracks: Sequence[Track], *, seed: int, steps: int) -> Weights:
    """Weights that suit the tracks, as perceptkit.foley.network reads them."""
    random = np.random.default_rng(seed)
    values = [track.signals.values for track in tracks]
    goals = [targets(track) for track in tracks]
    share = _shares(tracks)
    sample = np.concatenate([each.reshape(-1, each.shape[-1]) for each in values[::5]])
    mean, scale = sample.mean(axis=0), sample.std(axis=0) + 0.1 * sample.std()
    weights: Weights = jax.tree.map(jnp.asarray, _begin(random, sample.shape[1]))
    schedule = optax.warmup_cosine_decay_schedule(0.0, RATE, 200, steps, 1e-5)
    optimiser = optax.adamw(schedule, weight_decay=1e-3)
    state = optimiser.init(weights)

    def update(weights: Weights, state: Any, batch: Any) -> Any:
        change, state = optimiser.update(jax.grad(_loss)(weights, *batch), state, weights)
        return optax.apply_updates(weights, change), state

    step = jax.jit(update)
    for _ in range(steps):
        chosen = random.choice(len(tracks), BATCH, p=share)
        batch = _batch([(values[each], *goals[each]) for each in chosen], mean, scale, random)
        weights, state = step(weights, state, batch)
    return _unscaled(jax.tree.map(np.asarray, weights), mean, scale)


def targets(track: Track) -> tuple[Any, Any]:
    """What the network should say, (2, N, 3) of strike, toe-off and contact for both feet, and how much it counts."""
    clock = track.signals.times
    goal = np.zeros((2, len(clock), 3), np.float32)
    count = np.ones_like(goal)
    goal[..., 2] = 1
    for foot in (0, 1):
        events = track.events[track.events[:, 0] == foot]
        events = events[events[:, 2].argsort()]
        for _, kind, when in events:
            near = np.exp(-0.5 * ((clock - when) / SPREAD) ** 2)
            goal[foot, :, int(kind)] = np.maximum(goal[foot, :, int(kind)], near)
        if len(events):
            goal[foot, :, 2] = events[0, 1]
            for _, kind, when in events:
                goal[foot, clock >= when, 2] = 1 - kind
        elif len(track.events):
            count[foot, :, 2] = 0
    count[:, (clock < clock[0] + EDGE) | (clock > clock[-1] - EDGE)] = 0
    count[:, ~track.seen] = 0
    count[:, ~track.signals.valid] *= 0.3
    count[..., :2] *= 1 + 6 * goal[..., :2]
    count[..., 2] *= 0.15
    return goal, count


def _shares(tracks: Sequence[Track]) -> Any:
    """How often each track is shown.

    Longer ones more often; those of somebody who was recorded often more seldom, so that the network does not learn how
    one person walks; those without events at most a quarter of the time.
    """
    share = np.array([min(track.signals.times[-1] - track.signals.times[0], 5.0) + 0.7 for track in tracks])
    _, whose = np.unique([track.subject for track in tracks], return_inverse=True)
    share /= np.bincount(whose, share)[whose] ** BALANCE
    empty = np.array([len(track.events) == 0 for track in tracks])
    share[empty] *= min(1.0, 0.33 * share[~empty].sum() / share[empty].sum())
    return share / share.sum()


def _begin(random: np.random.Generator, channels: int) -> Weights:
    weights: Weights = {"head": random.standard_normal((WIDTH, 3)) * 0.1, "head_bias": np.array([-3.0, -3.0, 0.0])}
    for index in range(len(DILATIONS)):
        inputs = TAPS * (WIDTH if index else channels)
        spread = np.sqrt((1 if index else 2) / inputs)
        weights[f"weights{index}"] = random.standard_normal((inputs, WIDTH)) * spread
        weights[f"bias{index}"] = np.zeros(WIDTH)
    return {name: value.astype(np.float32) for name, value in weights.items()}


def _forward(weights: Weights, state: Any, kept: Any) -> Any:
    """The network's logits, as in perceptkit.foley.network, with some of the last signals left out."""
    for index, dilation in enumerate(DILATIONS):
        reach, count = TAPS // 2 * dilation, state.shape[1]
        padded = jnp.pad(state, ((0, 0), (reach, reach), (0, 0)), mode="edge")
        taps = [padded[:, tap * dilation : tap * dilation + count] for tap in range(TAPS)]
        change = jax.nn.relu(jnp.concatenate(taps, axis=2) @ weights[f"weights{index}"] + weights[f"bias{index}"])
        state = state + change if index else change
    return (state * kept) @ weights["head"] + weights["head_bias"]


def _loss(weights: Weights, values: Any, goal: Any, count: Any, kept: Any) -> Any:
    """Cross-entropy."""
    losses = optax.sigmoid_binary_cross_entropy(_forward(weights, values, kept), goal)
    return (losses * count).sum() / (count.sum() + 1) * 3


def _batch(chosen: Sequence[tuple[Any, Any, Any]], mean: Any, scale: Any, random: np.random.Generator) -> Any:
    """A piece of each track, all of one length: what is short goes on as it ends, and does not count there."""
    channels = chosen[0][0].shape[-1]
    values = np.zeros((2 * len(chosen), LENGTH, channels), np.float32)
    goal, count = np.zeros((2, 2 * len(chosen), LENGTH, 3), np.float32)
    for index, (track, wanted, weight) in enumerate(chosen):
        length = track.shape[1]
        start = int(random.integers(0, max(length - LENGTH, 0) + 1))
        piece, rows = slice(start, start + LENGTH), slice(2 * index, 2 * index + 2)
        kept = min(length, LENGTH)
        values[rows, :kept], values[rows, kept:] = track[:, piece], track[:, piece][:, -1:]
        goal[rows, :kept], count[rows, :kept] = wanted[:, piece], weight[:, piece]
    values = (values - mean) / scale + random.standard_normal(values.shape, np.float32) * np.float32(NOISE)
    kept = (random.random((len(values), 1, WIDTH)) > DROPOUT).astype(np.float32) / (1 - DROPOUT)
    return values, goal, count, kept


def _unscaled(weights: Weights, mean: Any, scale: Any) -> Weights:
    """The same network for values that are not standardised."""
    first = weights["weights0"].reshape(TAPS, len(mean), WIDTH) / scale[:, None]
    bias = weights["bias0"] - np.einsum("c,tch->h", mean, first)
    return {**weights, "weights0": first.reshape(-1, WIDTH).astype(np.float32), "bias0": bias.astype(np.float32)}
