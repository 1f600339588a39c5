"""Limits that keep hostile or broken media from taking the machine down. Light to import."""

MAX_PIXELS = 100_000_000
"""Photos with more pixels than this are refused before they are decoded."""

MAX_BYTES = 1 << 30
"""Photo files larger than this are refused before they are read."""
