"""The best moments of a track: which are kept, that they are apart in time, and that few are held."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from perceptkit.face.moments import APART, Moments


def chosen(offers: Sequence[tuple[float, float]], count: int) -> list[float]:
    """The times that are kept of moments (time, quality)."""
    moments = Moments[float](count)
    for time, quality in offers:
        moments.offer(time, quality, lambda time=time: time)  # type: ignore[misc] # bound now
    assert moments.offered == len(offers)
    return moments.best()


def at(rate: float, seconds: float) -> list[float]:
    return [float(time) for time in np.arange(round(seconds * rate)) / rate]


def test_the_best_are_kept_in_order_of_time() -> None:
    assert chosen([(0, 0.5), (1, 0.9), (2, 0.1), (3, 0.8), (4, 0.7)], 3) == [1, 3, 4]


def test_of_moments_nearer_than_half_a_second_the_better_one_counts() -> None:
    assert chosen([(0.0, 0.6), (0.2, 0.9), (0.4, 0.8), (0.6, 0.85), (1.0, 0.1), (1.6, 0.2)], 3) == [0.2, 1.0, 1.6]


def test_where_there_are_too_few_apart_near_ones_fill_up() -> None:
    assert chosen([(0.0, 0.6), (0.2, 0.9), (0.4, 0.8)], 2) == [0.2, 0.4]
    assert chosen([(0.0, 0.6)], 5) == [0.0]
    assert chosen([], 5) == []


def test_of_equals_the_earlier_ones_are_kept() -> None:
    assert chosen([(time, 0.5) for time in at(5, 10)], 3) == [0.0, 0.6, 1.6]


@pytest.mark.parametrize("rate", [5, 12.5, 25, 30, 60])
@pytest.mark.parametrize("rises", [1, -1], ids=["better and better", "worse and worse"])
def test_a_quality_that_changes_all_the_time_does_not_bring_the_moments_together(rate: float, rises: int) -> None:
    times = at(rate, 20)
    kept = chosen([(time, 0.5 + rises * time / 100) for time in times], 5)
    assert len(kept) == 5
    assert np.diff(kept).min() >= APART - 1e-6
    assert times[-1 if rises > 0 else 0] in kept
    assert np.ptp(kept) < 6, "they are still the best"


def test_a_good_moment_is_kept_however_long_ago_it_was() -> None:
    times = at(25, 600)
    qualities = np.random.default_rng(3).uniform(0, 0.5, len(times))
    for best in (7, 7000, 14_999):
        qualities[best] = 0.9
    kept = chosen(list(zip(times, qualities.tolist(), strict=True)), 5)
    assert {times[7], times[7000], times[14_999]} < set(kept)


def test_only_what_is_kept_is_made_and_little_is_held() -> None:
    made, held = [], []

    class Content:
        def __init__(self, time: float) -> None:
            made.append(time)
            held.append(self)

    moments = Moments[Content](3)
    for number in range(1000):
        moments.offer(number / 5, 0.9 if number < 20 else 0.1, lambda number=number: Content(number))  # type: ignore[misc] # bound now
    assert len(made) < 30
    assert len(moments.best()) == 3
