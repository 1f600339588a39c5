"""The defaults of the foley functions, written once. Light to import, so that the command line can show them."""

__all__ = [
    "ADVICE_FRAMES",
    "ADVICE_TIMEOUT",
    "CERTAIN_PERSON",
    "DETECTOR",
    "LOUDNESS",
    "MAX_PEOPLE",
    "MIN_PERSON",
    "ORIGINAL",
    "SEARCH_STEP",
    "SENSITIVITY",
    "SHOE",
    "SURFACE",
]

ADVICE_FRAMES = 4
"""Pictures that a vision model is shown."""

ADVICE_TIMEOUT = 30.0
"""Seconds that its answer may take."""

CERTAIN_PERSON = 0.5
"""The score of a box from which on somebody new is followed."""

DETECTOR = "learned"
"""How footsteps are found."""

SENSITIVITY = "medium"
"""Neither few false events nor few missed ones above all."""

SEARCH_STEP = 0.2
"""Seconds from one search for people to the next; in between they are followed."""

MIN_PERSON = 48.0
"""People less high than this (pixels) are left out: nothing can be said of their feet."""

MAX_PEOPLE = 12
"""The largest people in the picture that are followed."""

SURFACE, SHOE = "concrete", "sneaker"
"""What people walk on and wear."""

LOUDNESS = "film"
"""-23 LUFS."""

ORIGINAL = "duck"
"""The original sound is turned down under the steps."""
