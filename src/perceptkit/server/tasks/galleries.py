"""The people whom a user has made known by name."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from ..processes.performing import Reporter
from .models import Models
from .naming import called, without_arguments

if TYPE_CHECKING:
    from ...face import Embedder, Gallery, Seen

__all__ = ["enrol_face", "forget_faces", "identify_faces", "known_people"]

_GALLERY = "the gallery"


def enrol_face(models: Models, parameters: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Make somebody called `name` known with the upload `source`, in the gallery of a user."""
    from ... import face

    source, gallery = Path(parameters["source"]), Path(parameters["gallery"])
    reporter.stage("models")
    with called(parameters["filename"], source), called(_GALLERY, gallery):
        detector, embedder = models.face_detector(), _embedder(models, _load(gallery))
        result = face.enrol(
            parameters["name"],
            source,
            gallery=gallery,
            again=parameters["again"],
            detector=detector,
            embedder=embedder,
            names={str(source): parameters["filename"]},
            progress=reporter.stage("pictures"),
        )
    return {
        "message": str(result),
        "name": result.name,
        "frames_used": len(result.kept),
        "frames_seen": result.seen,
        "frames_looked": result.looked,
        "faces_known": result.known,
        "yaw_coverage": list(result.yaw),
        "missing_views": result.missing,
        "mean_quality": result.quality,
        "notes": [without_arguments(note).replace(str(source), parameters["filename"]) for note in result.notes],
        "model": embedder.name,
    }


def known_people(_models: Models, parameters: dict[str, Any], _reporter: Reporter) -> dict[str, Any]:
    """Who is in a gallery, and which embedder made it; nobody where there is none."""
    from ...face import gallery

    folder = Path(parameters["gallery"])
    with called(_GALLERY, folder):
        made = _load(folder)
        if made is None:
            return {"people": [], "model": None}
        known = [{key: each[key] for key in ("name", "enrolled", "faces")} for each in gallery.describe(folder)]
    return {"people": known, "model": made.model}


def identify_faces(models: Models, parameters: dict[str, Any], reporter: Reporter) -> dict[str, Any] | None:
    """Whose faces are in the upload `source`; None when nobody is known yet."""
    from ... import face

    source, gallery = Path(parameters["source"]), Path(parameters["gallery"])
    reporter.stage("models")
    with called(parameters["filename"], source), called(_GALLERY, gallery):
        known = _load(gallery)
        if known is None or not known.people:
            return None
        result = face.identify(
            source,
            gallery=known,
            detector=models.face_detector(),
            embedder=_embedder(models, known),
            threshold=parameters["threshold"],
            progress=reporter.stage("pictures"),
        )
        if result.errors:
            raise InputError(result.errors[0].message)
    notes = [without_arguments(note).replace(str(source), parameters["filename"]) for _, note in result.notes]
    return {"faces": [_seen(each) for each in result.faces], "threshold": result.threshold, "notes": notes}


def forget_faces(_models: Models, parameters: dict[str, Any], _reporter: Reporter) -> bool:
    """Erase every trace of the person called `name`, or without a name of everybody: whether anybody was there."""
    from ...face import gallery
    from ...face.gallery.files import is_gallery

    folder, name = Path(parameters["gallery"]), parameters["name"]
    if not is_gallery(folder):
        return False
    if name is None:
        gallery.erase_everybody(folder)
        return True
    known = unicodedata.normalize("NFC", name).strip() in gallery.load_gallery(folder).names
    if known:
        gallery.erase(folder, name)
    return known


def _load(folder: Path) -> Gallery | None:
    from ...face import load_gallery
    from ...face.gallery.files import is_gallery

    return load_gallery(folder) if is_gallery(folder) else None


def _embedder(models: Models, made: Gallery | None) -> Embedder:
    """The embedder that made a gallery; where one is only beginning, the one that is set."""
    from ...face import EMBEDDERS

    return models.embedder(made.model if made is not None and made.model in EMBEDDERS else None)


def _seen(seen: Seen) -> dict[str, Any]:
    identity = seen.identity
    return {
        "name": identity.name,
        "similarity": identity.similarity,
        "nearest": identity.nearest,
        "margin": identity.margin,
        "box": [round(float(value), 2) for value in seen.box],
        "quality": seen.quality,
        "time": seen.time,
        "start": seen.start,
        "end": seen.end,
        "track": seen.track,
    }
