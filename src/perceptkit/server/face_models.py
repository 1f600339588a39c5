"""Which models find faces and tell them apart, by the names that our settings and those of other systems use."""

from __future__ import annotations

from ..models import preset_model
from .settings import Settings

__all__ = ["detector_name", "embedder_name"]

# Names of FACE_MODEL and DETECTOR_BACKEND elsewhere -> the row that does that work here.
_DETECTORS = {
    "retinaface": "retinaface-mnet025",
    "mtcnn": "scrfd-500m",
    "opencv": "yunet",
    "ssd": "yunet",
    "scrfd": "scrfd-500m",
}
_EMBEDDERS = {
    "arcface": "arcface-mbf",
    "insightface": "arcface-mbf",
    "facenet": "arcface-mbf",
    "facenet512": "arcface-r50",
    "vgg-face": "arcface-r50",
    "openface": "mobilefacenet",
}


def detector_name(settings: Settings) -> str:
    """The name of the detector: DETECTOR_BACKEND, else what the preset says. InputError for an unknown preset."""
    return _chosen(settings.detector, _DETECTORS) or preset_model("detector", settings.preset)


def embedder_name(settings: Settings) -> str:
    """The name of the embedder: FACE_MODEL, else what the preset says. InputError for an unknown preset."""
    return _chosen(settings.face_model, _EMBEDDERS) or preset_model("embedder", settings.preset)


def _chosen(name: str | None, replaced: dict[str, str]) -> str | None:
    return None if name is None else replaced.get(name.lower(), name)
