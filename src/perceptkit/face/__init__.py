"""Find the unique people in photos and videos.

    from perceptkit import face

    result = face.extract("photos/", "out", preset="permissive")     # files on disk -> people, files on disk
    sightings = face.find_faces([image])                             # arrays in memory -> faces
    detect = face.load_detector("yunet"); embed = face.load_embedder("mobilefacenet")

    face.enrol("Anna", "scan.mp4", gallery="staff")               # a video in which the head turns -> known by name
    face.identify("party/", gallery="staff")                      # whose faces they are
    face.track("film.mp4", gallery="staff", target="Anna")        # followed, found and lost

Names are loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import load_names

if TYPE_CHECKING:
    from . import gallery
    from .align import align_faces, similarity
    from .approximate import Index, load_index
    from .calibrating.calibration import Calibration, OperatingPoint, calibrate
    from .detect import DETECTORS, Detector
    from .embed import EMBEDDERS, Embedder
    from .enrolling.enrolment import Enrolment, enrol
    from .extracting.extraction import Extraction, extract
    from .finding import find_faces
    from .gallery import Gallery, Identity, load_gallery
    from .grouping import group
    from .identifying import Identification, Seen, identify
    from .loading import load_detector, load_embedder
    from .matching import Comparison, Match, Query, compare, dedupe, search
    from .reference.functions import (
        blur_score,
        extract_embeddings_from_image,
        extract_embeddings_from_video,
        frontal_score,
        load_embeddings_cache,
        save_embeddings_cache,
    )
    from .store import Embeddings, load_embeddings, open_embeddings, save_embeddings
    from .tracking.annotation import Tracking, track
    from .tracking.live import watch
    from .tracking.voting import Track
    from .types import Face, ItemError, Person, Quality, Sighting

_HOMES = {
    "align": ("align_faces", "similarity"),
    "approximate": ("Index", "load_index"),
    "calibrating.calibration": ("Calibration", "OperatingPoint", "calibrate"),
    "detect": ("DETECTORS", "Detector"),
    "embed": ("EMBEDDERS", "Embedder"),
    "enrolling.enrolment": ("Enrolment", "enrol"),
    "extracting.extraction": ("Extraction", "extract"),
    "finding": ("find_faces",),
    "gallery": (),
    "gallery.files": ("load_gallery",),
    "gallery.identity": ("Identity",),
    "gallery.people": ("Gallery",),
    "grouping": ("group",),
    "identifying": ("Identification", "Seen", "identify"),
    "tracking.live": ("watch",),
    "loading": ("load_detector", "load_embedder"),
    "matching": ("Comparison", "Match", "Query", "compare", "dedupe", "search"),
    "reference.functions": (
        "blur_score",
        "extract_embeddings_from_image",
        "extract_embeddings_from_video",
        "frontal_score",
        "load_embeddings_cache",
        "save_embeddings_cache",
    ),
    "store": ("Embeddings", "load_embeddings", "open_embeddings", "save_embeddings"),
    "tracking.annotation": ("Tracking", "track"),
    "types": ("Face", "ItemError", "Person", "Quality", "Sighting"),
    "tracking.voting": ("Track",),
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
    "Index",
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
    "blur_score",
    "calibrate",
    "compare",
    "dedupe",
    "enrol",
    "extract",
    "extract_embeddings_from_image",
    "extract_embeddings_from_video",
    "find_faces",
    "frontal_score",
    "gallery",
    "group",
    "identify",
    "load_detector",
    "load_embedder",
    "load_embeddings",
    "load_embeddings_cache",
    "load_gallery",
    "load_index",
    "open_embeddings",
    "save_embeddings",
    "save_embeddings_cache",
    "search",
    "similarity",
    "track",
    "watch",
]

__getattr__, __dir__ = load_names(__name__, _HOMES)
