"""Limits that keep hostile or broken media from taking the machine down. Light to import."""

MAX_PIXELS = 100_000_000
"""Photos with more pixels than this are refused before they are decoded."""

MAX_BYTES = 1 << 30
"""Photo files larger than this are refused before they are read."""

MAX_FRAME_PIXELS = 36_000_000
"""Videos whose frames have more pixels than this are refused: it allows 8192 x 4320."""

MAX_DURATION = 8 * 3600.0
"""Videos that say they are longer than this (seconds) are refused."""

MAX_FRAMES = 2_000_000
"""Videos that say they have more frames than this are refused: more than 8 hours at 60 frames a second."""

MAX_RATE = 480.0
"""Videos that say they have more frames a second than this are refused."""
