"""Draw on a frame who was recognised in it.

Nothing rests on colour alone: everybody has the name beside the box, and an unknown face a box without sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...arrays import Floats, Picture
from ...colours import Colour, track_colour
from ...overlay import Mark, draw_boxes, draw_labels

__all__ = ["TARGET_COLOUR", "Shown", "colour_of", "draw_names"]

TARGET_COLOUR: Colour = (240, 228, 66)
"""The one who is looked for: the yellow of the palette of the tracks, lighter than any of theirs."""


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A face in a frame: its box (4,), its track, and the name of its person.

    `person` is the number of that person in the gallery, which gives the colour; both are None for somebody unknown.
    """

    box: Floats
    track: int
    name: str | None = None
    person: int | None = None
    target: bool = False


def draw_names(image: Picture, faces: Sequence[Shown]) -> Picture:
    """A copy of a frame (H, W, 3) RGB with a box and a label for each face; the frame itself stays as it is.

    The label is the number of the track, and the name of the person if there is one.
    """
    canvas = image.copy()
    marks = [_mark(face) for face in faces]
    draw_boxes(canvas, marks)
    draw_labels(canvas, marks)
    return canvas


def colour_of(face: Shown) -> Colour:
    """The colour of a person, the same throughout, or of the track of somebody unknown."""
    return TARGET_COLOUR if face.target else track_colour(face.track if face.person is None else face.person)


def _mark(face: Shown) -> Mark:
    label = str(face.track) if face.name is None else f"{face.track} {face.name}"
    return Mark.of(face.box, colour_of(face), label=label, sides=face.name is not None)
