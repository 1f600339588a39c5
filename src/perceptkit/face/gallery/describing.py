"""What a gallery holds, as plain data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .files import load_gallery
from .layout import all_pictures, number_of

__all__ = ["describe"]


def describe(folder: str | Path, name: str | None = None) -> list[dict[str, Any]]:
    """What is kept of each person of a gallery, or of one of them: the name, the time of the last enrolment, the number
    of faces, the faces (`Prototype`), and the pictures of the enrolments. Errors are those of `load_gallery`."""
    folder = Path(folder).expanduser()
    gallery = load_gallery(folder)
    pictures: dict[str, list[Path]] = {}
    for path in sorted(all_pictures(folder), key=number_of):
        pictures.setdefault(path.name.partition("-")[0], []).append(path)
    return [
        {
            "name": person.name,
            "id": person.id,
            "enrolled": person.enrolled,
            "faces": len(person.prototypes),
            "prototypes": list(person.prototypes),
            "pictures": pictures.get(person.id, []),
        }
        for person in (gallery.people if name is None else [gallery.person(name)])
    ]
