"""From probabilities to events: peaks, the likeliest sequence, one foot after the other, bouts, and missed strikes."""

from __future__ import annotations

import numpy as np
import pytest

from perceptkit.foley.rhythm import (
    OFF,
    STRIKE,
    Candidate,
    believable,
    candidates,
    filled,
    likely_sequence,
    one_after_the_other,
)


def strikes(*times: float, probability: float = 0.9) -> list[Candidate]:
    return [Candidate(STRIKE, time, probability) for time in times]


def times(events: list[Candidate]) -> list[float]:
    return [each.time for each in events]


@pytest.mark.parametrize("peak", [1.0, 1.004, 1.0083, 1.0125])
def test_peaks_lie_between_the_moments(peak: float) -> None:
    clock = np.arange(0, 2, 1 / 60)
    share = 0.8 * np.exp(-0.5 * ((clock - peak) / 0.02) ** 2).clip(1e-6)
    logits = np.log(share / (1 - share))
    found = candidates(clock, np.stack([logits, np.full_like(logits, -9)], axis=1).astype(np.float32))
    (one,) = found
    assert one.kind == STRIKE
    assert one.time == pytest.approx(peak, abs=0.0005)
    assert one.probability == pytest.approx(0.8, abs=0.06)


def test_strikes_and_toe_offs_take_turns_at_the_pace_of_feet() -> None:
    walk = [Candidate(number % 2, 0.6 * number, 0.9) for number in range(8)]
    false = [Candidate(STRIKE, 1.25, 0.5), Candidate(OFF, 2.0, 0.4)]
    found = likely_sequence(sorted([*walk, *false], key=lambda each: each.time), 0.3)
    assert found == walk


def test_an_event_that_is_missing_does_not_end_the_sequence() -> None:
    walk = [Candidate(number % 2, 0.6 * number, 0.9) for number in range(8) if number != 3]
    assert likely_sequence(walk, 0.3) == walk


def test_the_threshold_is_where_an_event_speaks_for_itself() -> None:
    assert likely_sequence(strikes(1.0, probability=0.35), 0.3)
    assert not likely_sequence(strikes(1.0, probability=0.25), 0.3)
    assert likely_sequence([], 0.3) == []


def test_after_a_long_pause_everything_begins_anew() -> None:
    events = [*strikes(0.0, 1.1), *strikes(9.0, 10.1), *strikes(30.0)]
    assert likely_sequence(events, 0.3) == events


def test_what_is_unlikely_within_a_pause_costs_nobody_the_steps_around_it() -> None:
    walks = [*strikes(0.0, 1.1, 2.2), *strikes(6.2, 7.3)]
    shadows = [*strikes(3.9, probability=0.09), *strikes(4.6, probability=0.1)]
    assert likely_sequence(sorted([*walks, *shadows], key=lambda each: each.time), 0.3) == walks


def test_a_strike_that_takes_the_other_foot_for_its_own_is_left_out() -> None:
    left, right = strikes(0.0, 1.1, 2.2, 3.3), strikes(0.55, 1.12, 1.65, 2.75)
    assert one_after_the_other(left, right) == (left, [right[0], *right[2:]])
    unsure = [Candidate(STRIKE, 1.1, 0.4) if each.time == 1.1 else each for each in left]
    assert one_after_the_other(unsure, right)[0] == unsure, "it is its turn, however likely the other one is"


def test_who_jumps_comes_down_with_both_feet() -> None:
    left, right = strikes(0.0, 0.8, 1.6, 2.4), strikes(0.02, 0.81, 1.58, 2.41)
    assert one_after_the_other(left, right) == (left, right)


def test_a_bout_needs_evidence() -> None:
    shadow, walk = strikes(1.0, probability=0.6), strikes(10.0, 11.1, 12.2, probability=0.7)
    assert believable([*shadow, *walk], [], 1.5) == (walk, [])
    assert believable([*shadow, *walk], [], 0.2) == ([*shadow, *walk], [])
    sure = strikes(1.0, probability=0.95)
    assert believable([], sure, 1.5) == ([], sure)


def test_a_strike_that_nobody_saw_is_inferred_from_the_rhythm() -> None:
    left, right = strikes(0.0, 1.0, 2.0, 3.0, 4.0), strikes(0.5, 1.5, 3.5)
    _, found = filled(left, right)
    (new,) = (each for each in found if each.inferred)
    assert new.time == pytest.approx(2.5)
    assert new.probability == pytest.approx(0.45)
    assert times(found) == sorted(times(found))


def test_nothing_is_inferred_without_a_rhythm() -> None:
    assert filled(strikes(0.0, 1.0), []) == (strikes(0.0, 1.0), [])
    left, right = strikes(0.0, 1.0, 2.0, 3.9), strikes(0.5, 1.5)
    assert filled(left, right) == (left, right), "a stride of twice the length is a pause"
