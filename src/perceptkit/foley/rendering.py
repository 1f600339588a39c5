"""Footsteps in, their sound out.

    sound = foley.render(found.steps, foley.Style("gravel", "boot", seed=7))      # float32 (samples, 2), 48 kHz

Each heel strike is a step: how hard by its strength, where by its place in the picture, how far by the height of its
person. Where a sound comes from is a `Voice`: what `synth` makes, or somebody's recordings.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np

from .. import limits
from ..arrays import Floats
from ..errors import InputError
from . import defaults
from .gait import contacts
from .sound.canvas import RATE, Canvas, in_memory
from .sound.loudness import limit, normalise, scale
from .sound.space import add_room, choose_room, distance, far_away, pan
from .surfaces import choose_shoe, choose_surface
from .synth import make_step
from .types import Foot, Footstep

__all__ = [
    "LOUDNESS",
    "MIX",
    "Style",
    "SyntheticVoice",
    "Voice",
    "check_duration",
    "loudness_of",
    "render",
    "render_stems",
    "step_random",
]

LOUDNESS: Mapping[str, float] = {"film": -23.0, "web": -16.0}
"""LUFS by what the sound is for: EBU R 128, and what streaming services play."""

_END = 2.0  # seconds after the last step, where no duration is given
_SHORTEST, _LONGEST = 0.05, 1.6  # seconds on the ground
_RUN = 0.375  # seconds from one foot to the other, of somebody who runs (160 a minute)
_RUN_STANCE, _WALK_STANCE = 0.7, 1.24  # of that time a foot is on the ground (Novacheck 1998; Perry 1992)
_PERSON_SD, _FOOT = 0.03, 0.0075  # how far the feet of people are tuned apart, and the two of one
_RUNS = 0.34  # seconds on the ground: less is a run

_KEPT = 24 << 20  # bytes; at most 32 MB are possible (mallopt(3), M_MMAP_THRESHOLD)

MIX = "mix"
"""What `render_stems` calls the sum."""

Progress = Callable[[int, int | None], None]


class Voice(Protocol):
    """What a step sounds like."""

    def restart(self) -> None:
        """Forget the steps so far: another rendering begins."""

    def __call__(self, step: Footstep, contact: float | None, random: np.random.Generator) -> Floats:
        """The sound (samples,) at 48 kHz of a foot that comes down at its first sample and stays on the ground for
        `contact` seconds; None: nobody knows. All that is random comes from `random`."""


class SyntheticVoice:
    """Steps made from nothing. Each person's feet are tuned a little differently, by the seed.

    Raises InputError for unknown names.
    """

    def __init__(self, surface: str = defaults.SURFACE, shoe: str = defaults.SHOE, *, seed: int = 0) -> None:
        self._surface, self._shoe, self._seed = choose_surface(surface), choose_shoe(shoe), seed

    def restart(self) -> None:
        """There is nothing to forget."""

    def __call__(self, step: Footstep, contact: float | None, random: np.random.Generator) -> Floats:
        """The sound of a step, float32 (samples,) at 48 kHz."""
        own = np.random.default_rng((self._seed, step.person))
        tune = math.exp(own.normal(0, _PERSON_SD) + (_FOOT if step.foot == "left" else -_FOOT))
        running = contact is not None and contact < _RUNS
        return make_step(
            self._surface,
            self._shoe,
            running=running,
            strength=step.strength,
            contact=contact,
            random=random,
            tune=tune,
        )


@dataclass(frozen=True, slots=True)
class Style:
    """What footsteps sound like.

    `surface` and `shoe` are rows of `SURFACES` and `SHOES`; a `voice` (recorded steps) takes their place. `room` is a
    row of `ROOMS`, None that of the surface. The whole is as loud as `loudness` says: film (-23 LUFS), web (-16) or a
    number. All that is random comes from `seed`. Raises InputError for unknown names and values that make no sense.
    """

    surface: str = defaults.SURFACE
    shoe: str = defaults.SHOE
    room: str | None = None
    loudness: str | float = defaults.LOUDNESS
    seed: int = 0
    voice: Voice | None = None

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise InputError(f"seed is {self.seed}; it must be 0 or more")
        choose_shoe(self.shoe)
        loudness_of(self.loudness)
        choose_room(self.room or choose_surface(self.surface).room)


def render(
    steps: Iterable[Footstep],
    style: Style | None = None,
    *,
    duration: float | None = None,
    canvas: Canvas = in_memory,
    progress: Progress | None = None,
) -> Floats:
    """The sound of footsteps, float32 (samples, 2) at 48 kHz, `duration` seconds long (to 2 s after the last step).

    Heel strikes from 0 to `duration` are heard, with a true peak of at most -1 dBTP. The same input gives the same
    samples: the random numbers of a made step come from the seed, its person, its foot and its time in milliseconds, so
    that it stays the same when others are moved or left out, as long as its toe-off is known. An hour takes 2 GB,
    unless `canvas` makes arrays elsewhere. Raises InputError for values that make no sense.
    """
    return _render(list(steps), (), style or Style(), duration, canvas, progress)[MIX]


def render_stems(
    steps: Iterable[Footstep],
    style: Style | None = None,
    *,
    duration: float | None = None,
    canvas: Canvas = in_memory,
    progress: Progress | None = None,
) -> dict[str, Floats]:
    """What `render` gives, as `mix`, and the parts it is the sum of: `person-1-left`, `person-1-right`, ..., dry, and
    `room`, how the room answers to all of them.

    All are as loud as they are in the mix. Where the limiter holds back a peak of the mix, their sum is higher.
    """
    steps = list(steps)
    feet = sorted({(step.person, step.foot) for step in steps if step.event == "heel_strike"})
    return _render(steps, feet, style or Style(), duration, canvas, progress)


def _render(
    steps: list[Footstep],
    feet: Sequence[tuple[int, Foot]],
    style: Style,
    duration: float | None,
    canvas: Canvas,
    progress: Progress | None,
) -> dict[str, Floats]:
    """The mix, and the stems of some feet and the room."""
    voice = style.voice or SyntheticVoice(style.surface, style.shoe, seed=style.seed)
    voice.restart()
    # From then on the C library of Linux keeps pages of this size that are let go of: fresh ones for every array of
    # every step would cost a quarter of the time.
    np.empty(_KEPT, np.uint8)
    landings = [each for each in _landings(steps) if 0 <= each.step.time < (duration or math.inf)]
    if duration is None:
        duration = landings[-1].step.time + _END if landings else _END
    samples = round(check_duration(duration) * RATE)
    mix, sent = canvas(samples, 2), canvas(samples, 0)
    stems = {foot: canvas(samples, 2) for foot in feet}
    for done, landing in enumerate(landings, start=1):
        own = stems.get((landing.step.person, landing.step.foot))
        _place(landing, voice, style.seed, [mix] if own is None else [mix, own], sent)
        if progress:
            progress(done, len(landings))
    named = {f"person-{person}-{side}": stem for (person, side), stem in stems.items()}
    around = choose_room(style.room or choose_surface(style.surface).room)
    if around:
        add_room(mix, sent, around)
        if stems:  # once more, so that the mix is the same bit by bit with stems and without
            named["room"] = canvas(samples, 2)
            add_room(named["room"], sent, around)
    gain = normalise(mix, loudness_of(style.loudness))
    for stem in named.values():
        scale(stem, gain)
        limit(stem)
    return {MIX: mix, **named}


def check_duration(duration: float) -> float:
    """A duration in seconds; InputError for one that no sound can have."""
    if not 0 < duration <= limits.MAX_DURATION:
        raise InputError(f"duration is {duration}; it must be more than 0 and at most {limits.MAX_DURATION:.0f} s")
    return duration


def loudness_of(loudness: str | float) -> float:
    """LUFS, by a name or as a number; InputError for what is neither."""
    if isinstance(loudness, str) and loudness in LOUDNESS:
        return LOUDNESS[loudness]
    try:
        level = float(loudness)
    except ValueError:
        level = math.nan
    if not -60 <= level <= -5:
        raise InputError(f"loudness is {loudness!r}; choose {', '.join(LOUDNESS)} or a number from -60 to -5 (LUFS)")
    return level


@dataclass(frozen=True, slots=True)
class _Landing:
    """A heel strike, and how long the foot stays on the ground."""

    step: Footstep
    contact: float | None


def _landings(steps: Iterable[Footstep]) -> list[_Landing]:
    """The heel strikes in order of time. Where no toe-off was seen, the contact is told by the pace."""
    found = contacts(steps)
    times: dict[int, list[float]] = defaultdict(list)
    for strike, _ in found:
        times[strike.person].append(strike.time)
    paces = {person: iter(_paces(theirs)) for person, theirs in times.items()}
    landings = []
    for strike, end in found:
        pace = next(paces[strike.person])
        seen = 0.0 if end is None else end - strike.time
        landings.append(_Landing(strike, seen if _SHORTEST < seen < _LONGEST else _stance(pace)))
    return landings


def _paces(times: Sequence[float]) -> list[float]:
    """How long after each strike the next one comes; the last is taken to be like the one before."""
    paces = [after - before for before, after in pairwise(times)]
    return [*paces, paces[-1] if paces else math.inf]


def _stance(pace: float) -> float | None:
    """How long a foot is on the ground when the other one comes down after `pace` seconds."""
    if not 0.15 <= pace <= 1.2:
        return None
    return pace * (_RUN_STANCE if pace < _RUN else _WALK_STANCE)


def step_random(step: Footstep, seed: int) -> np.random.Generator:
    """The random numbers of a step: of its person, its foot and its time in milliseconds."""
    side = 0 if step.foot == "left" else 1
    return np.random.default_rng((seed, step.person, side, round(step.time * 1000)))


def _place(landing: _Landing, voice: Voice, seed: int, sounds: Sequence[Floats], sent: Floats) -> None:
    """Add a step to sounds, and to what is sent to the room."""
    step = landing.step
    metres = distance(step.height)
    dry = far_away(voice(step, landing.contact, step_random(step, seed)), metres)
    start = round(step.time * RATE)
    dry = dry[: len(sent) - start]
    span = slice(start, start + len(dry))
    for channel, gain in enumerate(pan(step.x)):
        placed = dry * np.float32(gain)
        for sound in sounds:
            sound[span, channel] += placed
    # What a room answers does not become as soft with the distance as the step itself does.
    sent[span] += dry * np.float32(math.sqrt(metres / 3))
