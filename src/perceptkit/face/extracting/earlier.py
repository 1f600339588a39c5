"""What an earlier, finished run left in its folder: a later one takes it over, and reads only what is new or changed.

The files are believed together or not at all: run.json, which is there only when the others are whole, must name the
same models and values, and faces.jsonl and the embeddings must say the same of every face. sources.jsonl, a line a
source, says by which size and time of change a file is known again.

While a run writes its results, those of the earlier one are gone; so the numbers of its people lie in the journal's
folder until the run is complete.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from ...arrays import Floats
from ...errors import InputError, MissingExtraError
from ...output import dumps, write_json
from ..store import Embeddings, load_embeddings
from ..types import Quality
from .journal import Journal, Record
from .people import NOBODY, KnownPeople

__all__ = ["outdated_list", "source_lines", "take_over"]

log = logging.getLogger("perceptkit")

_Faces = dict[str, tuple[int, list[dict[str, Any]]]]  # of each source: the row of its first face, and all that is noted
_Sources = list[tuple[Record, Floats]]

_FACE_ID = re.compile(r"[0-9a-f]{16}(-[0-9]{1,9})?")
_LARGE = 1e9  # pixels, seconds: nothing in a result is as large
# The settings that choose faces and leave the headshots of those that are chosen as they are.
_CHOOSING = frozenset({"min_score", "min_face", "max_faces", "video_step", "track_faces", "limits"})
_BATCH = 1000  # sources that are added to the journal together
# What files that somebody has changed, cut short or removed may raise.
_DAMAGED = (
    *(InputError, MissingExtraError, OSError, ValueError),
    *(KeyError, TypeError, AttributeError, OverflowError, RecursionError),
)


def source_lines(records: Iterable[Record]) -> Iterator[dict[str, Any]]:
    """The lines of sources.jsonl: what a later run has to know of each source and faces.jsonl does not say."""
    for record in records:
        counts = {name: len(record[name]) for name in ("faces", "errors")}
        yield {"source": record["source"], "stamp": record["stamp"], **counts, "notes": record["notes"]}


def take_over(
    folder: Path,
    journal: Journal,
    *,
    settings: Mapping[str, Any],
    wanted: Collection[str],
    threshold: float,
    mode: str,
) -> KnownPeople:
    """Add to the journal what an earlier run in `folder` noted of the `wanted` sources; the people whom it knew.

    `settings` are those of `Job`. What the journal has already, and files that failed, are left out; whether the others
    are as they were is not looked at. Nothing is taken from a result of other settings, or one whose files do not fit
    together, and there is nobody known in one of another threshold or mode. All of this is logged.
    """
    now = {"settings": json.loads(dumps(settings)), "threshold": threshold, "mode": mode}
    kept = journal.folder / "people.json"
    if not (folder / "run.json").exists():  # a first run, or one that was stopped while it wrote its results
        people = _kept_people(kept)
    else:
        people, sources = _read(folder, now["settings"], journal.dimension)
        write_json(kept, people)
        missing = [each for each in sources if each[0]["source"] in wanted and each[0]["source"] not in journal.records]
        for start in range(0, len(missing), _BATCH):
            journal.add(missing[start : start + _BATCH])
    numbers, next_number = people.pop("numbers", {}), people.pop("next_person", 0)
    if people == now:
        return KnownPeople(numbers, next_number)
    if people.get("settings") == now["settings"] and numbers:
        log.warning("%s was grouped with another threshold or mode: people are numbered anew", folder)
    return NOBODY


def outdated_list(folder: Path, settings: Mapping[str, Any]) -> Path | None:
    """sources.jsonl of an earlier result in `folder`, if headshots made under `settings` have the names of its own but
    other pixels: when one of them has been written over, a later run must not take it over any more."""
    try:
        before = _job_settings(json.loads((folder / "run.json").read_bytes())["settings"])
    except _DAMAGED:
        return None
    now = json.loads(dumps(settings))
    # A headshot is named after its face, which is named after the photo and the models.
    if any(before[role][0] != now[role][0] for role in ("detector", "embedder")):
        return None
    before, now = ({name: each[name] for name in each.keys() - _CHOOSING} for each in (before, now))
    return None if before == now else folder / "sources.jsonl"


def _read(folder: Path, settings: Mapping[str, Any], dimension: int) -> tuple[dict[str, Any], _Sources]:
    """The people of a finished result, as people.json has them, and its sources; nothing when it cannot be used."""
    try:
        run = json.loads((folder / "run.json").read_bytes())
        if _job_settings(run["settings"]) != settings:
            log.warning("the result in %s was made with other models or settings; starting over", folder)
            return {}, []
        stored = load_embeddings(folder)
        if (stored.model_sha256, stored.vectors.shape[1]) != (settings["embedder"][0], dimension):
            raise ValueError("the embeddings are of another model")
        grouping = {name: run["settings"][name] for name in ("threshold", "mode")}
        people: dict[str, Any] = {"settings": settings, **grouping, "next_person": run["next_person"], "numbers": {}}
        with (folder / "faces.jsonl").open("rb") as lines:
            faces = _read_faces(lines, stored, people["numbers"])
        _check_people(people)
        sources: _Sources = []
        with suppress(FileNotFoundError), (folder / "sources.jsonl").open("rb") as lines:
            sources.extend(_read_sources(lines, faces, stored.vectors))
    except _DAMAGED as error:
        log.warning("the result in %s is damaged (%s); starting over", folder, _fault(error))
        return {}, []
    return people, sources


def _job_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Of the settings in run.json those of `Job`."""
    models = {role: [settings[role]["sha256"], settings[role]["device"]] for role in ("detector", "embedder")}
    return {name: value for name, value in settings.items() if name not in ("threshold", "mode")} | models


def _read_faces(lines: Iterator[bytes], stored: Embeddings, numbers: dict[str, int]) -> _Faces:
    """What faces.jsonl says of the faces of each source, when it fits the embeddings; the numbers of their people are
    added to `numbers`."""
    faces: _Faces = {}
    before: object = None
    tracks = [0] * len(stored.face_ids) if stored.tracks is None else stored.tracks.tolist()
    # The lines come last, so that none is read that has no embedding.
    rows = zip(stored.face_ids, stored.quality.tolist(), tracks, lines, strict=False)
    for number, (identity, quality, track, line) in enumerate(rows):
        row = json.loads(line)
        entry = _entry(row)
        said = (row["face_id"], np.float32(entry["quality"]["score"]), entry.get("track", 0))
        if said != (identity, np.float32(quality), track):
            raise ValueError(f"line {number + 1} of faces.jsonl and the embeddings do not fit together")
        source = row["source"]
        if source != before and source in faces:
            raise ValueError(f"the faces of {source} are not together")
        faces.setdefault(source, (number, []))[1].append(entry)
        numbers[identity] = row["person"]
        before = source
    if len(numbers) != len(stored.face_ids) or next(lines, None) is not None:
        raise ValueError("faces.jsonl and the embeddings are not of the same number of faces")
    return faces


def _entry(row: Mapping[str, Any]) -> dict[str, Any]:
    """What `Job.keep` noted of a face, from its line in faces.jsonl."""
    if not _FACE_ID.fullmatch(row["face_id"]):
        raise ValueError(f"{row['face_id']!r} is not the id of a face")
    parts = {"score": row["quality"], **row["quality_parts"]}
    Quality(**parts)
    entry = {
        "id": row["face_id"].partition("-")[0],
        "box": _numbers(row["box"], 4),
        "landmarks": _numbers(row["landmarks"], 5, 2),
        "score": _number(row["score"]),
        "quality": {name: _number(value) for name, value in parts.items()},
    }
    if row["time"] is None and row["track"] is None:
        return entry
    return entry | {"time": _number(row["time"]), "track": _count(row["track"])}


def _read_sources(lines: Iterable[bytes], faces: _Faces, vectors: Floats) -> Iterator[tuple[Record, Floats]]:
    """The records of the sources in sources.jsonl that did not fail, with the embeddings of each."""
    for row in map(json.loads, lines):
        start, entries = faces.get(row["source"], (0, []))
        notes = row["notes"]
        if len(entries) != row["faces"] or not (isinstance(notes, list) and all(isinstance(one, str) for one in notes)):
            raise ValueError(f"sources.jsonl and faces.jsonl say different things of {row['source']}")
        if not _count(row["errors"]):
            record = {"source": row["source"], "stamp": row["stamp"], "faces": entries, "errors": [], "notes": notes}
            yield record | {"known": True}, vectors[start : start + len(entries)]


def _kept_people(path: Path) -> dict[str, Any]:
    """The people of the result that a stopped run was writing over."""
    try:
        people: dict[str, Any] = json.loads(path.read_bytes())
        if people != {}:
            _check_people(people)
    except FileNotFoundError:
        return {}
    except _DAMAGED as error:
        log.warning("%s is damaged (%s); people are numbered anew", path, _fault(error))
        return {}
    return people


def _check_people(people: Mapping[str, Any]) -> None:
    """Raise ValueError when a number is none, or is not below the next to be given."""
    beyond = max((_count(number) for number in people["numbers"].values()), default=-1)
    if beyond >= _count(people["next_person"]):
        raise ValueError(f"person {beyond} is not below {people['next_person']}, the next to be numbered")


def _fault(error: Exception) -> str:
    """What is wrong with a file, in words."""
    if isinstance(error, KeyError):
        return f"{error} is missing"
    if isinstance(error, (json.JSONDecodeError, UnicodeDecodeError, RecursionError)):
        return "it is not JSON"
    if isinstance(error, (TypeError, AttributeError)):
        return "something in it is of another kind than it was written"
    return str(error)


def _numbers(value: object, *shape: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    with suppress(TypeError, ValueError, OverflowError):
        numbers = np.array(value, np.float64)
        if numbers.shape == shape and (np.abs(numbers) < _LARGE).all():
            return numbers
    raise ValueError(f"{value!r:.99} is not an array of {shape}")


def _number(value: object) -> float:
    if not isinstance(value, (int, float)) or not abs(value) < _LARGE:
        raise ValueError(f"{value!r} is not a number")
    return float(value)


def _count(value: object) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} is not a number from 0")
    return value
