"""Photos whose label may be wrong: they spoil a calibration, and only a person can tell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .labelled import LabelledFace
from .pairs import Closest, Tail

__all__ = ["suspects"]

_COPY = 0.9  # what photos of two people do not reach, unless they are the same photo or twins
_MOST = 20  # that are named, of each kind


def suspects(
    faces: Sequence[LabelledFace], closest: Closest, tail: Tail, threshold: float
) -> tuple[list[tuple[str, str]], list[str]]:
    """Photos whose label may be wrong, the most suspicious first, each with the reason; and remarks about all.

    Suspicious are a face that matches none of its own label at the threshold, and two of different labels that are as
    alike as copies of one photo.
    """
    notes: list[tuple[str, str]] = []
    remarks = []
    strangers = np.flatnonzero(np.isfinite(closest.own) & (closest.own < threshold))
    # The worst are more like somebody else than like themselves.
    strangers = strangers[np.argsort(closest.own[strangers] - closest.other[strangers], kind="stable")]
    for row in strangers[:_MOST]:
        face, other = faces[row], faces[closest.other_face[row]]
        note = (
            f"the label may be wrong: matches no other photo of {face.photo.label!r} (best {closest.own[row]:.2f}); "
            f"nearest is {other.photo.path.name} of {other.photo.label!r} ({closest.other[row]:.2f})"
        )
        if face.faces > 1:
            note += f"; the largest of its {face.faces} faces was used"
        notes.append((str(face.photo.path), note))
    copies = int(np.searchsorted(-tail.similarity, -_COPY, side="right"))
    for similarity, first, second in zip(tail.similarity[:_MOST], tail.first, tail.second, strict=False):
        if similarity >= _COPY:
            one, other = faces[first].photo, faces[second].photo
            note = (
                f"a label may be wrong: {one.label!r} here, but as alike as a copy ({similarity:.2f}) is {other.path}"
            )
            notes.append((str(one.path), f"{note} of {other.label!r}"))
    if len(strangers) > _MOST:
        remarks.append(
            f"{len(strangers):,} photos match no other of their label; the {_MOST} most suspicious are named"
        )
    if copies > _MOST:
        remarks.append(f"{copies:,} pairs of two labels are as alike as copies; the {_MOST} most alike are named")
    return notes, remarks
