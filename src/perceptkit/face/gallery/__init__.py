"""People who are known by name: a folder with the embeddings of the faces they were enrolled with.

    gallery = load_gallery("staff")
    [(person.name, len(person.prototypes)) for person in gallery.people]
    rename("staff", "Anna", "Anna Berg")

`face.enrol` adds somebody, `face.identify` and `face.track` recognise them. What the files are is in `files`. Names are
loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...lazy import load_names

if TYPE_CHECKING:
    from .changes import erase, erase_everybody, remove, rename
    from .describing import describe
    from .files import load_gallery
    from .identity import Identity, recognise
    from .importing import import_cache
    from .people import Enrolled, Gallery, Prototype

_HOMES = {
    "changes": ("erase", "erase_everybody", "remove", "rename"),
    "describing": ("describe",),
    "files": ("load_gallery",),
    "identity": ("Identity", "recognise"),
    "importing": ("import_cache",),
    "people": ("Enrolled", "Gallery", "Prototype"),
}

__all__ = [
    "Enrolled",
    "Gallery",
    "Identity",
    "Prototype",
    "describe",
    "erase",
    "erase_everybody",
    "import_cache",
    "load_gallery",
    "recognise",
    "remove",
    "rename",
]

__getattr__, __dir__ = load_names(__name__, _HOMES)
