"""The colours of tracks, the same in every frame, picture and page."""

from __future__ import annotations

__all__ = ["TRACK_COLOURS", "Colour", "track_colour"]

Colour = tuple[int, int, int]
"""Red, green and blue, 0..255."""

TRACK_COLOURS: tuple[Colour, ...] = (
    (86, 180, 233),
    (213, 94, 0),
    (0, 158, 115),
    (204, 121, 167),
    (0, 114, 178),
    (230, 159, 0),
)
"""One for each track, and from the start again after the last: the colours of Okabe and Ito, which colour-blind people
can tell apart (https://jfly.uni-koeln.de/color/), without the black and the yellow."""


def track_colour(track: int | None) -> Colour:
    """The colour of a track, the same in every frame and picture. Faces without a track share the first one."""
    return TRACK_COLOURS[(track or 0) % len(TRACK_COLOURS)]
