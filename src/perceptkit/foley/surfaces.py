"""What people walk on and what they wear: one row each in `SURFACES` and `SHOES`.

A step is a sum of layers, and a surface says how strong each is and what it sounds like. Levels are in dB against the
impact of the foot. Where the numbers come from: modal frequencies and grain statistics after Cook (PhISEM, 1997;
"Modeling Bill's Gait", 2002) and the Synthesis ToolKit's `Shakers`, layers after Farnell ("Designing Sound", 2010) and
Turchet ("Footstep sounds synthesis", 2016), then set against recordings of single steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import InputError

__all__ = ["SHOES", "SURFACES", "Grains", "Scuff", "Shoe", "Surface", "choose_shoe", "choose_surface"]


@dataclass(frozen=True, slots=True)
class Grains:
    """Many small impacts, of gravel, leaves or drops: `density` a second where the foot presses with its weight.

    Each is a burst of noise that decays in `decay_ms`, heard through a resonance of quality `q` near `frequency`
    (Hz; `spread` is the standard deviation of its logarithm); `sigma` is that of the logarithm of its loudness: 0.3 is
    an even hiss, 1.2 some loud cracks. `crush` is how much of them the first blow of the heel sets off.
    """

    density: float
    frequency: float
    spread: float
    decay_ms: float
    sigma: float
    level: float
    settle: float
    q: float = 2.0
    crush: float = 2.0


@dataclass(frozen=True, slots=True)
class Scuff:
    """The sole that rubs over the ground: noise from `low` to `high` Hz."""

    low: float
    high: float
    level: float


@dataclass(frozen=True, slots=True)
class Surface:
    """What a surface sounds like under a foot.

    `modes` are what the impact makes ring: Hz and T60 in seconds, the higher ones louder by `tilt` dB an octave. The
    contact takes `contact_ms`, and `hard` is how much of a click is in it. `level` is in dB against other surfaces.
    `room` is where one walks on it. The rest are sounds that only some surfaces make.
    """

    about: str
    modes: tuple[tuple[float, float], ...]
    contact_ms: float
    hard: float
    scuff: Scuff
    grains: Grains | None = None
    tilt: float = 0.0
    level: float = 0.0
    room: str = "outdoor"
    creak: float = 0.0
    """How many of the steps make the boards creak, 0..1."""
    rattle: int = 0
    """Up to so many later hits of what lies loose."""
    squeak: float | None = None
    """dB: the chirps of cold snow."""
    suction: float | None = None
    """dB: the pull of mud when the foot leaves it."""
    bubbles: int = 0
    """Air bubbles that ring, about so many."""
    soft_ms: float = 0.0
    """How long a soft ground takes to answer."""


@dataclass(frozen=True, slots=True)
class Shoe:
    """What a shoe does to a step: how long the contact is, how hard, and how the ball follows the heel.

    `contact` and `hard` multiply those of the surface. `treble` and `bass` are in dB above 2 kHz and below 150 Hz,
    `gap_ms` is from heel to ball, and `ball` is how loud the ball is against the heel. `slap` (dB) is the skin's.
    """

    about: str
    contact: float
    hard: float
    gap_ms: tuple[float, float] = (60.0, 110.0)
    ball: float = 0.55
    treble: float = 0.0
    bass: float = 0.0
    slap: float | None = None


_SOIL = ((62.0, 0.07), (95.0, 0.05), (150.0, 0.035))  # the thump of a foot on soft ground

SURFACES: Mapping[str, Surface] = {
    "concrete": Surface(
        "pavement, stone, asphalt",
        ((105, 0.08), (190, 0.07), (410, 0.06), (880, 0.045), (1900, 0.02), (3400, 0.015), (5200, 0.012)),
        contact_ms=1.15,
        hard=0.3,
        tilt=4.5,
        scuff=Scuff(1500, 7000, -26),
        grains=Grains(300, 3200, 0.4, 1.2, 0.8, -23, 0.1),
    ),
    "wood": Surface(
        "boards over a hollow, parquet, a stage",
        ((95, 0.24), (180, 0.22), (330, 0.18), (520, 0.14), (790, 0.10), (1250, 0.06), (2300, 0.03)),
        contact_ms=1.25,
        hard=0.22,
        tilt=5.0,
        scuff=Scuff(600, 3500, -26),
        room="room",
        creak=0.3,
    ),
    "tile": Surface(
        "tiles, marble, polished stone",
        ((620, 0.2), (1350, 0.16), (2450, 0.14), (3900, 0.11), (6100, 0.08), (8200, 0.06)),
        contact_ms=0.3,
        hard=0.3,
        tilt=7.6,
        scuff=Scuff(2500, 10000, -14),
        room="room",
    ),
    "metal": Surface(
        "grating, steel stairs, a container",
        (
            *((164, 0.7), (287, 0.6), (503, 0.5), (871, 0.4)),
            *((1493, 0.3), (2611, 0.22), (4127, 0.18), (6331, 0.15)),
        ),
        contact_ms=0.75,
        hard=0.25,
        tilt=3.4,
        scuff=Scuff(2000, 9000, -20),
        room="room",
        rattle=5,
    ),
    "gravel": Surface(
        "loose stones",
        _SOIL,
        contact_ms=8,
        hard=0.1,
        scuff=Scuff(900, 6000, -6),
        grains=Grains(2600, 2000, 0.5, 2.2, 1.4, 8, 0.22, q=2.5, crush=2),
    ),
    "sand": Surface(
        "a beach, dry sand",
        _SOIL,
        contact_ms=10,
        hard=0.02,
        scuff=Scuff(500, 2400, -2),
        grains=Grains(9000, 850, 0.35, 0.9, 0.25, 8, 0.11, q=1.8, crush=0.5),
        soft_ms=6,
    ),
    "snow": Surface(
        "packed snow",
        _SOIL,
        contact_ms=10,
        hard=0.02,
        scuff=Scuff(250, 1100, -5),
        grains=Grains(1500, 460, 0.3, 5, 0.7, 8, 0.26, crush=0.3),
        squeak=-14,
    ),
    "grass": Surface(
        "lawn, meadow",
        _SOIL,
        contact_ms=9,
        hard=0.02,
        scuff=Scuff(2200, 8000, 0),
        grains=Grains(1200, 4300, 0.45, 2.5, 0.5, 5, 0.34, crush=0.5),
    ),
    "leaves": Surface(
        "dry leaves",
        _SOIL,
        contact_ms=9,
        hard=0.02,
        scuff=Scuff(2500, 9000, -3),
        grains=Grains(750, 3900, 0.5, 5, 1.5, 7, 0.34),
    ),
    "mud": Surface(
        "wet earth",
        _SOIL,
        contact_ms=9,
        hard=0.02,
        scuff=Scuff(250, 2200, -3),
        grains=Grains(300, 800, 0.5, 7, 0.7, 8, 0.28, q=2.5, crush=0.7),
        suction=-9,
    ),
    "water": Surface(
        "puddles, a flooded floor",
        _SOIL,
        contact_ms=8,
        hard=0.05,
        scuff=Scuff(700, 6000, 0),
        grains=Grains(700, 1500, 0.6, 6, 1.0, 5, 0.28),
        bubbles=14,
    ),
    "carpet": Surface(
        "carpet, a thick rug",
        ((70, 0.06), (120, 0.05), (190, 0.045), (310, 0.03)),
        contact_ms=4,
        hard=0.02,
        tilt=5.0,
        scuff=Scuff(250, 1800, -16),
        room="room",
        level=-6,
    ),
}
"""Every surface a user can name."""

SHOES: Mapping[str, Shoe] = {
    "sneaker": Shoe("rubber soles", contact=1.6, hard=0.4, treble=-6),
    "leather": Shoe("leather soles, hard heels", contact=1.0, hard=1.0),
    "high-heel": Shoe("thin hard heels", contact=0.5, hard=1.6, gap_ms=(80, 120), ball=0.5),
    "boot": Shoe("heavy soles", contact=1.1, hard=1.0, ball=0.8, bass=3),
    "barefoot": Shoe("skin", contact=3.0, hard=0.1, treble=-6, slap=-10),
}
"""Every shoe a user can name."""


def choose_surface(name: str) -> Surface:
    """A row of `SURFACES`; InputError for an unknown name."""
    if name not in SURFACES:
        raise InputError(f"unknown surface {name!r}; choose one of: {', '.join(SURFACES)}")
    return SURFACES[name]


def choose_shoe(name: str) -> Shoe:
    """A row of `SHOES`; InputError for an unknown name."""
    if name not in SHOES:
        raise InputError(f"unknown shoe {name!r}; choose one of: {', '.join(SHOES)}")
    return SHOES[name]
