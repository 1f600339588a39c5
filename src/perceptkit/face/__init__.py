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
    from .calibration import Calibration, OperatingPoint, calibrate
    from .detect import DETECTORS, Detector
    from .embed import EMBEDDERS, Embedder
    from .enrolment import Enrolment, enrol
    from .extraction import Extraction, ItemError, extract
    from .finding import find_faces
    from .gallery import Gallery, Identity, load_gallery
    from .grouping import group
    from .identifying import Identification, Seen, identify
    from .live import watch
    from .loading import load_detector, load_embedder
    from .matching import Comparison, Match, Query, compare, dedupe, search
    from .store import Embeddings, load_embeddings, save_embeddings
    from .tracking import Tracking, track
    from .types import Face, Person, Quality, Sighting
    from .voting import Track

_HOMES = {
    "align": ("align_faces", "similarity"),
    "calibration": ("Calibration", "OperatingPoint", "calibrate"),
    "detect": ("DETECTORS", "Detector"),
    "embed": ("EMBEDDERS", "Embedder"),
    "enrolment": ("Enrolment", "enrol"),
    "extraction": ("Extraction", "ItemError", "extract"),
    "finding": ("find_faces",),
    "gallery": ("Gallery", "Identity", "load_gallery"),
    "grouping": ("group",),
    "identifying": ("Identification", "Seen", "identify"),
    "live": ("watch",),
    "loading": ("load_detector", "load_embedder"),
    "matching": ("Comparison", "Match", "Query", "compare", "dedupe", "search"),
    "store": ("Embeddings", "load_embeddings", "save_embeddings"),
    "tracking": ("Tracking", "track"),
    "types": ("Face", "Person", "Quality", "Sighting"),
    "voting": ("Track",),
}

__all__ = [
    "DETECTORS",
    "EMBEDDERS",
    "Calibration",
    "Comparison",
    "Detector",
    "Embedder",
    "Embeddings",
    "Enrolment",
    "Extraction",
    "Face",
    "Gallery",
    "Identification",
    "Identity",
    "ItemError",
    "Match",
    "OperatingPoint",
    "Person",
    "Quality",
    "Query",
    "Seen",
    "Sighting",
    "Track",
    "Tracking",
    "align_faces",
    "calibrate",
    "compare",
    "dedupe",
    "enrol",
    "extract",
    "find_faces",
    "group",
    "identify",
    "load_detector",
    "load_embedder",
    "load_embeddings",
    "load_gallery",
    "save_embeddings",
    "search",
    "similarity",
    "track",
    "watch",
]

__getattr__, __dir__ = load_names(__name__, _HOMES)
