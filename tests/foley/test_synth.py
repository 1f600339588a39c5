"""The sound of one step: what tells surfaces apart, what stays the same, and what never does."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sounds import RATE, features, level, onset

from perceptkit.arrays import Floats
from perceptkit.errors import InputError
from perceptkit.foley import SHOES, SURFACES, step_sound
from perceptkit.foley.sound.contact import ground_reaction
from perceptkit.foley.synth import Gait
from shared_data import footsteps_folder

SOLIDS = ("concrete", "wood", "tile", "carpet")
AGGREGATES = ("gravel", "sand", "snow", "grass", "leaves", "mud", "water")
GAITS: tuple[Gait, Gait] = ("walk", "run")


@cache
def steps(surface: str, shoe: str = "leather", count: int = 24, gait: Gait = "walk") -> list[Floats]:
    """Leather soles change nothing of a surface."""
    return [step_sound(surface, shoe, gait=gait, seed=1000 + seed) for seed in range(count)]


@cache
def medians(surface: str) -> dict[str, float]:
    found = [features(sound) for sound in steps(surface)]
    return {name: float(np.median([each[name] for each in found])) for name in found[0]}


@pytest.mark.parametrize(("surface", "shoe", "gait"), list(itertools.product(SURFACES, SHOES, GAITS)))
def test_every_surface_and_shoe_makes_a_sound_step(surface: str, shoe: str, gait: Gait) -> None:
    for sound in steps(surface, shoe, 6, gait):
        assert sound.dtype == np.float32
        assert np.isfinite(sound).all()
        assert 0.1 < len(sound) / RATE < 2
        assert onset(sound, 0.01) < 0.002 * RATE
        assert abs(sound[-1]) < 1e-4
        assert abs(sound.mean()) < 3e-3
    # No bed of noise, no click: but skin and rubber on tile are short against the steps of leather.
    assert 13 < np.median([features(sound)["crest"] for sound in steps(surface, shoe, 6, gait)]) < 31


@pytest.mark.parametrize("surface", SURFACES)
def test_crest_of_a_surface_is_that_of_steps(surface: str) -> None:
    assert 14 <= medians(surface)["crest"] <= 28


@pytest.mark.parametrize("shoe", ["leather", "sneaker"])
def test_a_classifier_tells_the_surfaces_apart(shoe: str) -> None:
    values, names = [], []
    for surface in SURFACES:
        for seed in range(50):
            sound = step_sound(surface, shoe, gait="run" if seed % 3 == 0 else "walk", seed=seed)
            values.append(list(features(sound).values()))
            names.append(surface)
    table, labels = np.array(values), np.array(names)
    fresh = np.tile(np.arange(50) >= 30, len(SURFACES))
    forest = RandomForestClassifier(200, random_state=0).fit(table[~fresh], labels[~fresh])
    assert (forest.predict(table[fresh]) == labels[fresh]).mean() >= 0.90


def test_surfaces_are_as_bright_as_they_should_be_against_each_other() -> None:
    order = [medians(surface)["centroid"] for surface in ("carpet", "wood", "concrete", "snow", "water", "gravel")]
    assert order == sorted(order)
    assert all(medians(surface)["centroid"] > order[-1] for surface in ("tile", "leaves", "grass"))
    assert all(medians(surface)["hi2k"] < 0.25 for surface in ("carpet", "wood", "mud", "concrete"))
    assert all(medians(surface)["hi2k"] > 0.4 for surface in ("gravel", "grass", "leaves", "tile"))


def test_metal_rings_longer_than_wood_and_wood_longer_than_stone() -> None:
    metal, wood, tile, concrete = (medians(surface)["t60"] for surface in ("metal", "wood", "tile", "concrete"))
    assert metal > wood > max(tile, concrete)


def test_solids_are_a_few_blows_and_aggregates_many() -> None:
    assert all(medians(surface)["peaks"] <= 6 for surface in SOLIDS)
    assert all(medians(surface)["peaks"] >= 15 for surface in AGGREGATES)


@pytest.mark.parametrize("surface", SURFACES)
def test_no_two_steps_are_the_same(surface: str) -> None:
    sounds = steps(surface, count=8)
    alike = max(_correlation(one, other) for one, other in itertools.combinations(sounds, 2))
    if surface == "carpet":  # of which one soft thud is like the other
        assert alike < 0.97
    else:
        assert alike < (0.3 if surface in AGGREGATES else 0.9)
    assert 0.5 < np.std([level(sound) for sound in steps(surface, count=60)]) < 2


def _correlation(one: Floats, other: Floats) -> float:
    """The highest normalised cross-correlation."""
    length = len(one) + len(other)
    peak = np.abs(np.fft.irfft(np.fft.rfft(one, length) * np.fft.rfft(other, length).conj(), length)).max()
    return float(peak / np.sqrt(np.square(one).sum() * np.square(other).sum()))


def test_the_same_seed_gives_the_same_samples_and_another_one_others() -> None:
    for surface in SURFACES:
        first, again, other = (step_sound(surface, seed=seed) for seed in (3, 3, 4))
        assert first.tobytes() == again.tobytes()
        assert first.tobytes() != other.tobytes()


def test_who_runs_is_louder_and_shorter_on_the_ground() -> None:
    for surface in ("gravel", "wood"):
        walking, running = (steps(surface, gait=gait) for gait in GAITS)
        louder = np.mean([level(sound) for sound in running]) - np.mean([level(sound) for sound in walking])
        assert 3 < louder < 6
        assert np.mean([features(sound)["energy90"] for sound in running]) < np.mean(
            [features(sound)["energy90"] for sound in walking]
        )


def test_twice_as_hard_is_six_decibels() -> None:
    soft, hard = (
        np.mean([level(step_sound("sand", strength=strength, seed=seed)) for seed in range(60)])
        for strength in (0.3, 0.6)
    )
    assert hard - soft == pytest.approx(6, abs=0.5)


def test_shoes_change_what_they_should() -> None:
    def bright(shoe: str) -> float:
        return float(np.median([features(sound)["centroid"] for sound in steps("concrete", shoe, 12)]))

    def low(shoe: str) -> float:
        return float(np.median([features(sound)["low200"] for sound in steps("concrete", shoe, 12)]))

    assert bright("sneaker") < bright("leather") < bright("high-heel")
    assert low("boot") > low("leather")


def test_the_longer_the_contact_the_later_the_push_off() -> None:
    short, long = (step_sound("grass", contact=contact, seed=5) for contact in (0.5, 1.0))
    assert len(long) - len(short) == pytest.approx(0.5 * RATE, rel=0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"surface": "lava"}, "unknown surface 'lava'; choose one of: concrete, wood"),
        ({"shoe": "clog"}, "unknown shoe 'clog'; choose one of: sneaker"),
        ({"gait": "hop"}, "unknown gait 'hop'; choose walk or run"),
        ({"strength": 1.5}, "strength is 1.5"),
        ({"contact": 0.0}, "contact is 0.0 s"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        step_sound(**options)  # type: ignore[arg-type]


def test_a_walker_presses_twice_and_a_runner_once() -> None:
    walking, running = (ground_reaction(650, running=running, heel=0) for running in (False, True))
    peaks = [np.count_nonzero((force[1:-1] > force[:-2]) & (force[1:-1] >= force[2:])) for force in (walking, running)]
    assert peaks == [2, 1]
    assert walking.max() == pytest.approx(1.1, abs=0.05)
    assert 0.65 < walking[300:350].min() < 0.85
    assert 2 < running.max() < 2.5
    assert abs(walking[0]) < 0.01
    assert abs(walking[-1]) < 0.01


RECORDED = {
    "sand": ["default_sand_footstep"],
    "mud": ["xr_mud_footstep"],
    "metal": ["default_metal_footstep"],
    "snow": ["default_snow_footstep", "xr_snow_footstep"],
}
PROTOTYPE = {
    "sand": (2275, 0.51, 15.6),
    "mud": (577, 0.03, 16.4),
    "metal": (951, 0.02, 15.4),
    "snow": (1155, 0.09, 16.9),
}
"""Centroid, hi2k and crest of an earlier synthesis: the middle of its range."""


@pytest.mark.weights
@pytest.mark.parametrize("surface", RECORDED)
def test_steps_are_nearer_to_recordings_than_an_earlier_synthesis_was(surface: str) -> None:
    import librosa
    import soundfile

    def distance(one: tuple[float, ...], other: tuple[float, ...]) -> float:
        """Octaves of the centroid, shares of the treble, tens of dB of the crest: about a step that is heard."""
        return float(abs(np.log2(one[0] / other[0]))) + 2 * abs(one[1] - other[1]) + abs(one[2] - other[2]) / 10

    ours = tuple(medians(surface)[name] for name in ("centroid", "hi2k", "crest"))
    distances = []
    for library in RECORDED[surface]:
        found = []
        for path in sorted(footsteps_folder().glob(f"{library}*")):
            sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
            found.append(features(librosa.resample(sound.mean(axis=1), orig_sr=rate, target_sr=RATE)))
        real = tuple(float(np.median([each[name] for each in found])) for name in ("centroid", "hi2k", "crest"))
        distances.append((distance(ours, real), distance(PROTOTYPE[surface], real)))
    nearest = min(distances, key=lambda pair: pair[1])
    assert nearest[0] < nearest[1]
