"""The unique people in photos and videos: at once, for a caller who waits, and as a job."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import MediaError, MissingExtraError, ModelError
from ...face.defaults import MAX_FACES
from ...files import write_bytes
from ...output import count, write_json, write_lines
from ..face_models import detector_name, embedder_name
from ..folders import ID, UPLOADS
from ..processes.performing import Reporter
from .models import Models
from .naming import reworded, without_arguments

if TYPE_CHECKING:
    from ...face import Extraction, Sighting

__all__ = ["extract_faces", "faces", "missing_weights"]

_MOST = 10_000  # faces of a request, which is answered from memory
_PATH = re.compile(rf"(?:{UPLOADS}[/\\])?({ID}\.[0-9a-z]+)")


def extract_faces(models: Models, parameters: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """The unique faces in `photos` (pairs of an index and a path), the first of each person, with embedding and
    headshot; `folder` is for what is needed meanwhile."""
    from ... import face

    index_of = {path: index for index, path in parameters["photos"]}
    reporter.stage("models")
    detector, embedder = models.face_detector(), models.embedder()
    result = face.extract(
        list(index_of),
        parameters["folder"],
        detector=detector,
        embedder=embedder,
        threshold=parameters["threshold"],
        mode="first",
        min_face=parameters["min_face"],
        max_faces=max(1, min(MAX_FACES, _MOST // len(index_of))),
        progress=reporter.stage("photos"),
    )
    return {
        "faces": [_unique(result, person.best, index_of) for person in result.people],
        "seen": len(result.sightings),
        "errors": [
            {
                "index": index_of[error.source],
                "error": without_arguments(error.message.removeprefix(f"{error.source}: ")),
            }
            for error in result.errors
        ],
        "notes": [{"index": index_of[source], "note": without_arguments(note)} for source, note in result.notes],
    }


def faces(models: Models, parameters: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Group the faces of some uploads by person; what `face.extract` writes, under the names that people know.

    `files` are all that were sent, in their order, each under a name of its own: with the `path`, or with the `error`
    that it was refused for.
    """
    from ... import face

    folder, files = Path(parameters["folder"]), parameters["files"]
    names = {str(Path(file["path"])): file["filename"] for file in files if "path" in file}
    reporter.stage("models")
    detector, embedder = models.face_detector(), models.embedder()
    with reworded(lambda text: _named(text, names)):
        result = face.extract(
            list(names),
            folder,
            detector=detector,
            embedder=embedder,
            threshold=parameters["threshold"],
            min_face=parameters["min_face"],
            progress=reporter.stage("pictures"),
        )
    errors = _all_errors(files, [_named(asdict(error), names) for error in result.errors])
    _rename(folder, names, errors)
    return {
        "warnings": _warnings(errors, len(files)),
        "model": embedder.name,
        "photos": result.photos,
        "videos": result.videos,
        "faces": len(result.sightings),
        "people": len(result.people),
    }


def missing_weights(models: Models, _parameters: dict[str, Any], _reporter: Reporter) -> list[str]:
    """What keeps the models for faces from being loaded, as sentences. Nothing is loaded, and nothing hashed."""
    from ...face import DETECTORS, EMBEDDERS
    from ...models import locate

    said = []
    chosen = ((detector_name(models.settings), DETECTORS), (embedder_name(models.settings), EMBEDDERS))
    for (name, rows), role in zip(chosen, ("detector", "embedder"), strict=True):
        if name in rows and locate(rows[name]) is None:
            said.append(f"the weights of {name} are not on this machine; run: perceptkit models pull {name}")
        elif name not in rows and not Path(name).is_file():
            said.append(f"there is no {role} {Path(name).name!r}; choose one of: {', '.join(rows)}")
    return said


def _unique(result: Extraction, sighting: Sighting, index_of: Mapping[str, int]) -> dict[str, Any]:
    headshot = result.folder / "headshots" / f"{sighting.id.partition('-')[0]}.jpg"
    return {
        "embedding": sighting.embedding.tolist(),
        "headshot_base64": "data:image/jpeg;base64," + base64.b64encode(headshot.read_bytes()).decode(),
        "confidence": round(float(sighting.face.score), 4),
        "face_id": sighting.id,
        "source_index": index_of[sighting.source],
        "box": [round(float(value), 2) for value in sighting.face.box],
    }


def _all_errors(files: Sequence[Mapping[str, str]], found: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """The errors of files that were refused and of those that were looked at, in the order in which they were sent."""
    refused = [
        {
            "source": file["filename"],
            "error": (MissingExtraError if file["code"] == "missing_extra" else MediaError).__name__,
            "message": f"{file['filename']}: {file['error']}",
        }
        for file in files
        if "error" in file
    ]
    order = {file["filename"]: place for place, file in enumerate(files)}
    return sorted([*refused, *found], key=lambda error: order[error["source"]])


def _warnings(errors: Sequence[Mapping[str, str]], sent: int) -> list[str]:
    """How many files are missing from a result; and what went wrong with single faces, by their embeddings."""
    faces = [error for error in errors if error["error"] == ModelError.__name__]
    files = {error["source"] for error in errors} - {error["source"] for error in faces}
    said = [f"{len(files):,} of {count(sent, 'file', 'files')} could not be used"] if files else []
    return said + [error["message"] for error in faces]


def _rename(folder: Path, names: Mapping[str, str], errors: Sequence[dict[str, str]]) -> None:
    """Put the names in the place of our paths, in every file of a result, and all errors there are."""
    from ...face import load_embeddings, save_embeddings

    for lines in (folder / "faces.jsonl", folder / "sources.jsonl"):
        rows = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
        write_lines(lines, [_named(row, names) for row in rows])
    run = _named(json.loads((folder / "run.json").read_text(encoding="utf-8")), names)
    write_lines(folder / "errors.jsonl", errors)
    write_json(folder / "run.json", {**run, "folder": ".", "errors": errors})
    page = (folder / "people.html").read_text(encoding="utf-8")
    shown = _named(page, {path: escape(name) for path, name in names.items()})
    write_bytes(folder / "people.html", shown.encode())
    table = load_embeddings(folder / "embeddings.npz")
    sources = tuple(names[source] for source in table.sources)
    save_embeddings(folder / "embeddings.npz", replace(table, sources=sources))


def _named(value: Any, names: Mapping[str, str]) -> Any:
    """The same plain data, with the names in the place of paths."""
    if isinstance(value, str):
        said = without_arguments(value)
        return _PATH.sub(lambda found: names.get(str(Path(UPLOADS, found[1])), found[0]), said)
    if isinstance(value, list):
        return [_named(each, names) for each in value]
    if isinstance(value, dict):
        return {key: _named(each, names) for key, each in value.items()}
    return value
