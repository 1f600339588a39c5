"""The result of an extraction, and the files it becomes."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ...arrays import Floats
from ...files import remove_parts, replacing
from ...output import count, write_json, write_lines
from ..detect import DETECTORS
from ..embed import EMBEDDERS
from ..store import FORMATS, Embeddings, save_embeddings
from ..types import ItemError, Person, Sighting
from .sheet import Card, people_page, people_snippet

__all__ = ["Extraction", "write_results"]


_SHEET_PEOPLE = 2000  # people on the contact sheet, those seen most often
_SHEET_FACES = 24  # headshots of one person on it
_SHEET_HEADSHOTS = 5000  # headshots on it besides the best of each person: about 40 MB

_HEADSHOT = re.compile(r"[0-9a-f]{16}\.jpg")


@dataclass(frozen=True, slots=True, eq=False)
class Extraction:
    """What `extract` found and where it wrote it. In a notebook it shows the people.

    `sightings` are all faces in input order, row by row as in the files; `people` are in order of their numbers, which
    are those of first appearance (0, 1, 2 ...) until the folder grows: then known people keep theirs, new ones go on
    from `next_person`, and the numbers of people who are gone are missing. `photos` and `videos` count all files that
    were meant, `known` those of them that were not read again because an earlier result had them. `errors` holds those
    that could not be used, `notes` and `skipped` are pairs of source and remark. `settings` says which models and
    values made it. As text it is what was found: "28 photos, 1 video, 40 faces, 11 people".
    """

    folder: Path
    sightings: tuple[Sighting, ...]
    people: tuple[Person, ...]
    photos: int
    videos: int
    known: int
    next_person: int
    errors: tuple[ItemError, ...]
    notes: tuple[tuple[str, str], ...]
    skipped: tuple[tuple[str, str], ...]
    settings: Mapping[str, Any]

    def _repr_html_(self) -> str:
        try:
            return people_snippet(_cards(self, faces=1, people=len(self.people)))
        except OSError:  # the headshots have gone, or the notebook has moved to another folder
            return f"<code>{html.escape(repr(self))}</code>"

    def __str__(self) -> str:
        files = [count(self.photos, "photo", "photos")] if self.photos else []
        files += [count(self.videos, "video", "videos")] if self.videos else []
        faces, people = count(len(self.sightings), "face", "faces"), count(len(self.people), "person", "people")
        return ", ".join([*files, faces, people])

    def __repr__(self) -> str:
        return f"Extraction({str(self.folder)!r}: {self}, {count(len(self.errors), 'error', 'errors')})"

    def summary(self) -> dict[str, Any]:
        """Counts, people, errors and settings as plain data: what run.json holds and `--json` prints."""
        return {
            "folder": str(self.folder),
            "photos": self.photos,
            "videos": self.videos,
            "known": self.known,
            "faces": len(self.sightings),
            "people": len(self.people),
            "next_person": self.next_person,
            "errors": [asdict(error) for error in self.errors],
            "notes": [{"source": source, "note": note} for source, note in self.notes],
            "skipped": [{"source": source, "reason": reason} for source, reason in self.skipped],
            "settings": dict(self.settings),
        }


def write_results(
    result: Extraction, vectors: Floats, *, listing: Iterable[Mapping[str, Any]], embeddings: str, started: float
) -> None:
    """Write the files of an extraction to its folder; run.json comes last and says that they are complete.

    `listing` are the lines of sources.jsonl.
    """
    folder, settings = result.folder, result.settings
    (folder / "run.json").unlink(missing_ok=True)
    quality = np.array([sighting.quality.score for sighting in result.sightings], np.float32)
    ids = tuple(sighting.id for sighting in result.sightings)
    sources = tuple(sighting.source for sighting in result.sightings)
    tracks = np.array([sighting.face.track or 0 for sighting in result.sightings], np.int64)
    table = Embeddings(
        settings["embedder"]["name"],
        settings["embedder"]["sha256"],
        ids,
        sources,
        quality,
        vectors,
        tracks if tracks.any() else None,
    )
    save_embeddings(folder / f"embeddings.{embeddings}", table)
    for other in FORMATS:
        if other != embeddings:
            (folder / f"embeddings.{other}").unlink(missing_ok=True)
    write_lines(folder / "faces.jsonl", _lines(result))
    write_lines(folder / "sources.jsonl", listing)
    write_lines(folder / "errors.jsonl", result.errors)
    with replacing(folder / "people.html") as page:
        for piece in people_page(
            _cards(result, faces=_SHEET_FACES, people=_SHEET_PEOPLE),
            title=f"People in your {_media(result)}",
            facts=_facts(result),
        ):
            page.write(piece.encode())
    _clear(folder, {_headshot(sighting) for sighting in result.sightings})
    begun = datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds")
    write_json(folder / "run.json", result.summary() | {"started": begun, "seconds": round(time.time() - started, 3)})


def _media(result: Extraction) -> str:
    kinds = {"photos": result.photos, "videos": result.videos}
    return " and ".join(kind for kind, number in kinds.items() if number)


def _clear(folder: Path, kept: set[str]) -> None:
    """Remove what earlier runs left: headshots of other photos or models, and parts of files that a kill cut short."""
    remove_parts(folder)
    remove_parts(folder / "headshots")
    for path in (folder / "headshots").iterdir():
        if _HEADSHOT.fullmatch(path.name) and f"headshots/{path.name}" not in kept:
            path.unlink(missing_ok=True)


def _lines(result: Extraction) -> Iterator[dict[str, Any]]:
    person_of = {sighting.id: person for person in result.people for sighting in person.sightings}
    for row, sighting in enumerate(result.sightings):
        parts = asdict(sighting.quality)
        yield {
            "face_id": sighting.id,
            "source": sighting.source,
            "time": sighting.time,
            "track": sighting.face.track,
            "box": np.round(sighting.face.box.astype(float), 2),
            "landmarks": np.round(sighting.face.landmarks.astype(float), 2),
            "score": sighting.face.score,
            "quality": parts.pop("score"),
            "quality_parts": parts,
            "person": person_of[sighting.id].id,
            "best": person_of[sighting.id].best is sighting,
            "embedding_row": row,
            "headshot": _headshot(sighting),
            "model": sighting.model,
            "model_sha256": result.settings["embedder"]["sha256"],
        }


def _headshot(sighting: Sighting) -> str:
    """The headshot's path in the folder; copies of one photo share it, so their number is cut off the id."""
    return f"headshots/{sighting.id.partition('-')[0]}.jpg"


def _cards(result: Extraction, *, faces: int, people: int) -> Iterator[tuple[int, list[Card]]]:
    """The people seen most often, each with all cards, the best first and at most `faces` of them with a picture."""
    budget = _SHEET_HEADSHOTS
    for person in sorted(result.people, key=lambda person: -len(person.sightings))[:people]:
        ranked = sorted(person.sightings, key=lambda one: (one is not person.best, -one.quality.score))
        pictures = 1 + min(faces - 1, len(ranked) - 1, budget)
        budget -= pictures - 1
        yield (
            person.id,
            [
                Card(
                    face_id=sighting.id,
                    source=sighting.source,
                    time=sighting.time,
                    quality=sighting.quality.score,
                    score=sighting.face.score,
                    best=sighting is person.best,
                    headshot=(result.folder / _headshot(sighting)).read_bytes() if place < pictures else b"",
                )
                for place, sighting in enumerate(ranked)
            ],
        )


def _facts(result: Extraction) -> dict[str, str]:
    settings = result.settings
    rows = [table.get(settings[role]["name"]) for role, table in (("detector", DETECTORS), ("embedder", EMBEDDERS))]
    licences = dict.fromkeys(row.licence if row else "of the file given by path: unknown" for row in rows)
    facts = {
        "Detector": settings["detector"]["name"],
        "Embedder": settings["embedder"]["name"],
        "Same person from": f"{settings['threshold']:.2f} cosine similarity",
        "Licence of the models": "; ".join(licences),
    }
    if result.errors:
        facts["Files not used"] = f"{len({error.source for error in result.errors}):,} (see errors.jsonl)"
    if len(result.people) > _SHEET_PEOPLE:
        facts["Not shown here"] = f"{len(result.people) - _SHEET_PEOPLE:,} more people (see faces.jsonl)"
    return facts
