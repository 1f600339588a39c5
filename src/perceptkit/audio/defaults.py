"""The defaults of the audio functions, written once. Light to import, so that the command line can show them."""

__all__ = [
    "CHANNELS",
    "CONVENTION",
    "FLOOR",
    "HOP",
    "MAX_GAP",
    "MIN_FREE",
    "SAMPLE_RATE",
    "SPACING",
    "SPEED_OF_SOUND",
    "SUBTYPE",
    "WINDOW",
]

SAMPLE_RATE, CHANNELS, SUBTYPE = 16_000, 1, "PCM_16"
"""What a recording is made of, where nobody says otherwise."""

CONVENTION = "azimuth"
"""Angles count from the front, counter-clockwise."""

MAX_GAP = 1.0
"""Seconds between two angles up to which the direction is taken to have moved steadily; over longer ones it is held."""

MIN_FREE = 1 << 16
"""Bytes that a recording leaves free on the disk, so that its marks and facts can still be written."""

SPACING = 0.2
"""Metres between two microphones."""

SPEED_OF_SOUND = 343.0
"""Metres a second, in air of 20 degrees Celsius."""

WINDOW, HOP = 0.3, 0.1
"""Seconds of sound behind one direction, and from one direction to the next."""

FLOOR = -70.0
"""dBFS (root mean square; a full-scale sine has -3) below which a window is silence: BS.1770 takes the same."""
