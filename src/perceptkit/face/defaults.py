"""The defaults of the face functions, written once. Light to import, so that the command line can show them."""

from ..limits import MAX_PIXELS

__all__ = [
    "CALIBRATION_FOLDER",
    "CALIBRATION_QUALITY",
    "CALIBRATION_RATES",
    "CROP_CLOSEST",
    "CROP_DRIFT",
    "CROP_HOLD",
    "CROP_SMOOTHING",
    "EMBEDDINGS",
    "FOLDER",
    "HEADSHOT_SIDE",
    "INDEX",
    "MAX_FACES",
    "MAX_PIXELS",
    "MIN_FACE",
    "MIN_SCORE",
    "MODE",
    "SCAN_FACE",
    "SCAN_FACES",
    "SCAN_STEP",
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

INDEX = "exact"
"""How a search finds them: "exact" or "faiss" (see `face.matching`)."""

VIDEO_STEP = 0.2
"""Seconds from one frame of a video that is looked at to the next."""

TRACK_FACES = 5
"""Faces kept of one track in a video, those of the best quality."""

SCAN_STEP = 0.1
"""Seconds from one frame of a scan that is looked at to the next."""

SCAN_FACES = 10
"""Faces kept of a scan: the best of each of so many parts of equal length."""

SCAN_FACE = 48
"""Pixels that the shorter side of a face must have to enrol somebody with it: less than half of what the embedder sees
would be made up."""

CALIBRATION_FOLDER = "perceptkit-calibration"
"""Where `calibrate` writes when no folder is given."""

CALIBRATION_QUALITY = 0.0
"""Faces of a lower quality (0..1) take no part in a calibration: by default all do, as in a comparison."""

CALIBRATION_RATES = (1e-2, 1e-3, 1e-4, 1e-5)
"""False match rates at which a calibration says a threshold."""

CROP_SMOOTHING = 0.8
"""Seconds in which a crop that follows somebody goes 63 % of the way."""

CROP_HOLD = 1.0
"""Seconds for which a face that is no longer seen still counts for the crop."""

CROP_DRIFT = 2.5
"""Seconds in which the crop goes 63 % of the way back to the whole picture when nobody is there."""

CROP_CLOSEST = 0.4
"""Smallest height of the crop, as a share of the largest: closer, a picture of the size of the video is not sharp."""
