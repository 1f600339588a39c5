"""Find the unique people in photos and videos.

    from perceptkit import face

    result = face.extract("photos/", "out", preset="permissive")     # files on disk -> people, files on disk
    sightings = face.find_faces([image])                             # arrays in memory -> faces
    detect = face.load_detector("yunet"); embed = face.load_embedder("mobilefacenet")

Names are loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import load_names

if TYPE_CHECKING:
    from .align import align_faces, similarity
    from .detect import DETECTORS, Detector
    from .embed import EMBEDDERS, Embedder
    from .extraction import Extraction, ItemError, extract
    from .finding import find_faces
    from .grouping import group
    from .loading import load_detector, load_embedder
    from .matching import Comparison, Match, Query, compare, dedupe, search
    from .store import Embeddings, load_embeddings, save_embeddings
    from .types import Face, Person, Quality, Sighting

_HOMES = {
    "align": ("align_faces", "similarity"),
    "detect": ("DETECTORS", "Detector"),
    "embed": ("EMBEDDERS", "Embedder"),
    "extraction": ("Extraction", "ItemError", "extract"),
    "finding": ("find_faces",),
    "grouping": ("group",),
    "loading": ("load_detector", "load_embedder"),
    "matching": ("Comparison", "Match", "Query", "compare", "dedupe", "search"),
    "store": ("Embeddings", "load_embeddings", "save_embeddings"),
    "types": ("Face", "Person", "Quality", "Sighting"),
}

__all__ = [
    "DETECTORS",
    "EMBEDDERS",
    "Comparison",
    "Detector",
    "Embedder",
    "Embeddings",
    "Extraction",
    "Face",
    "ItemError",
    "Match",
    "Person",
    "Quality",
    "Query",
    "Sighting",
    "align_faces",
    "compare",
    "dedupe",
    "extract",
    "find_faces",
    "group",
    "load_detector",
    "load_embedder",
    "load_embeddings",
    "save_embeddings",
    "search",
    "similarity",
]

__getattr__, __dir__ = load_names(__name__, _HOMES)
