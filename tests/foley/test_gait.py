"""Statistics of footsteps, of walks whose numbers are known."""

from __future__ import annotations

from typing import Any

import pytest

from perceptkit.foley import Footstep, statistics


def walk(
    start: float, count: int, *, pace: float = 0.5, stance: float = 0.65, person: int = 1, limp: float = 0.0
) -> list[Footstep]:
    """Steps `pace` seconds apart, left first; `stance` is the share of a stride on the ground; right feet come late."""
    steps = []
    for number in range(count):
        foot = "right" if number % 2 else "left"
        time = start + number * pace + (limp if number % 2 else 0)
        steps.append(Footstep(time, foot, "heel_strike", 0.9, person=person))  # type: ignore[arg-type]
        steps.append(Footstep(time + stance * 2 * pace, foot, "toe_off", 0.9, person=person))  # type: ignore[arg-type]
    return sorted(steps, key=lambda step: step.time)


def of_one(steps: list[Footstep], start: float = 0.0, end: float = 10.0) -> dict[str, Any]:
    found: dict[str, Any] = statistics(steps, {1: (start, end)})["people"]["1"]
    return found


def test_a_walk_is_counted() -> None:
    found = of_one(walk(1.0, 11), 0.5, 7.0)
    assert found["steps"] == {"left": 6, "right": 5, "inferred": 0}
    assert found["cadence"] == 120.0
    assert found["symmetry"] == pytest.approx(1.0, abs=1e-3)
    assert found["spans"] == [{"kind": "walking", "start": 1.0, "end": 6.0}]
    assert [second for second, _ in found["cadence_over_time"]] == [1, 2, 3, 4, 5, 6]
    assert {cadence for _, cadence in found["cadence_over_time"]} == {120.0}


def test_pauses_are_standing_and_do_not_change_the_cadence() -> None:
    found = of_one([*walk(3.0, 5), *walk(15.0, 5)], 0.0, 25.0)
    assert found["cadence"] == 120.0
    assert [(span["kind"], span["start"], span["end"]) for span in found["spans"]] == [
        ("standing", 0.0, 3.0),
        ("walking", 3.0, 5.0),
        ("standing", 5.0, 15.0),
        ("walking", 15.0, 17.0),
        ("standing", 17.0, 25.0),
    ]


def test_who_is_in_the_air_runs() -> None:
    assert of_one(walk(0.0, 12, pace=0.35, stance=0.35))["spans"][0]["kind"] == "running"
    assert of_one(walk(0.0, 12, pace=0.35, stance=0.6))["spans"][0]["kind"] == "walking"
    strikes = [step for step in walk(0.0, 12, pace=0.33) if step.event == "heel_strike"]
    assert of_one(strikes)["spans"][0]["kind"] == "running", "by the cadence where toe-offs are not known"


def test_a_limp_is_not_even() -> None:
    assert of_one(walk(0.0, 12, limp=0.1))["symmetry"] == pytest.approx(0.4 / 0.6, abs=0.01)


def test_who_takes_no_step_stands() -> None:
    found = statistics([], {3: (1.0, 4.0)})
    assert found["steps"] == {"left": 0, "right": 0, "all": 0}
    about = found["people"]["3"]
    assert (about["cadence"], about["symmetry"], about["cadence_over_time"]) == (None, None, [])
    assert about["spans"] == [{"kind": "standing", "start": 1.0, "end": 4.0}]


def test_people_are_told_apart() -> None:
    found = statistics([*walk(0, 4), *walk(0, 6, person=2)], {1: (0, 5), 2: (0, 5)})
    assert found["steps"]["all"] == 10
    assert found["people"]["2"]["steps"] == {"left": 3, "right": 3, "inferred": 0}
