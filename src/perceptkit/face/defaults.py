"""The defaults of the face functions, written once. Light to import, so that the command line can show them."""

from ..limits import MAX_PIXELS

__all__ = [
    "EMBEDDINGS",
    "FOLDER",
    "HEADSHOT_SIDE",
    "MAX_FACES",
    "MAX_PIXELS",
    "MIN_FACE",
    "MIN_SCORE",
    "MODE",
    "TOP",
    "TRACK_FACES",
    "VIDEO_STEP",
]

MIN_SCORE = 0.5
"""Detections with a lower score (0..1) are dropped."""

MIN_FACE = 20
"""Faces whose box is smaller than this on its shorter side (pixels) are dropped."""

MAX_FACES = 1000
"""Faces kept in one photo, those with the best score."""

HEADSHOT_SIDE = 160
"""Width and height of a headshot in pixels."""

MODE = "people"
"""How faces are grouped: "people" or "first" (see `face.grouping`)."""

FOLDER = "perceptkit-faces"
"""Where `extract` writes when no folder is given."""

EMBEDDINGS = "npz"
"""File format of the embeddings: "npz" or "parquet"."""

TOP = 5
"""Matches that a search returns for a face."""

VIDEO_STEP = 0.2
"""Seconds from one frame of a video that is looked at to the next."""

TRACK_FACES = 5
"""Faces kept of one track in a video, those of the best quality."""
