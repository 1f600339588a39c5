"""What one run of `extract` does with every source, and what it notes of a source and of a face."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ... import __version__
from ...arrays import Floats
from ...errors import ModelError, PerceptkitError
from ...files import write_bytes
from ...video import Limits
from ..detect import Detector
from ..embed import Embedder
from ..finding import face_id
from ..types import Face, Quality
from .journal import Record

__all__ = ["Job", "error_entry", "new_record"]


@dataclass(frozen=True, slots=True)
class Job:
    """What is done with every photo and video."""

    detect: Detector
    embed: Embedder
    min_face: int
    max_faces: int
    max_pixels: int
    headshot_side: int
    allow_truncated: bool
    video_step: float
    track_faces: int
    limits: Limits | None
    headshots: Path
    outdates: Path | None = None
    """sources.jsonl of a result whose headshots may be written over: it goes before the first is."""

    def values(self) -> dict[str, Any]:
        """The numbers that decide which faces are found, and how large their headshots are."""
        limits = asdict(self.limits or Limits())
        return {
            "min_score": self.detect.min_score,
            "min_face": self.min_face,
            "max_faces": self.max_faces,
            "max_pixels": self.max_pixels,
            "headshot_side": self.headshot_side,
            "allow_truncated": self.allow_truncated,
            "video_step": self.video_step,
            "track_faces": self.track_faces,
            "limits": {name: value if math.isfinite(value) else None for name, value in limits.items()},
        }

    def settings(self) -> dict[str, Any]:
        """What the record of a source depends on: work done under other settings cannot be continued."""
        return {
            "perceptkit": __version__,
            "detector": [self.detect.sha256, self.detect.device],
            "embedder": [self.embed.sha256, self.embed.device],
            **self.values(),
        }

    def keep(
        self,
        source: str,
        digest: str,
        face: Face,
        embedding: Floats,
        quality: Quality,
        headshot: bytes,
        *,
        time: float | None = None,
    ) -> dict[str, Any]:
        """Write the headshot (JPEG) of a face; what is noted of the face. `digest` is that of the file it is in.

        Raises ModelError when the embedder gave no numbers for it, or its quality is no number.
        """
        where = f"at {face.box.round().tolist()}" + ("" if time is None else f", {time:.2f} s")
        if not np.isfinite(embedding).all():
            raise ModelError(f"{source}: {self.embed.name} gave no finite embedding for the face {where}")
        if not all(map(math.isfinite, asdict(quality).values())):
            raise ModelError(f"{source}: the quality of the face {where} is not finite")
        if self.outdates is not None:
            self.outdates.unlink(missing_ok=True)
        identity = face_id(digest, face, self.detect.sha256, self.embed.sha256, time=time)
        write_bytes(self.headshots / f"{identity}.jpg", headshot)
        entry = {
            "id": identity,
            "box": np.round(face.box.astype(float), 2),
            "landmarks": np.round(face.landmarks.astype(float), 2),
            "score": round(face.score, 4),
            "quality": {name: round(value, 4) for name, value in asdict(quality).items()},
        }
        return entry if time is None else entry | {"time": time, "track": face.track}

    def stacked(self, vectors: Sequence[Floats]) -> Floats:
        """The embeddings of a source's faces (faces, D), also when there are none."""
        return np.stack(vectors) if len(vectors) else np.empty((0, self.embed.dimension), np.float32)

    def is_done(self, record: Record | None, source: Path) -> bool:
        """Whether nothing is left to do: a file that failed is tried again, and so is one whose headshots are gone."""
        if record is None or record["errors"] or record["stamp"] != _stamp(source):
            return False
        return all((self.headshots / f"{face['id']}.jpg").exists() for face in record["faces"])


def new_record(source: Path) -> Record:
    """The record of a source that is about to be read: what changes meanwhile is read again next time."""
    return {"source": str(source), "stamp": _stamp(source), "faces": [], "errors": [], "notes": []}


def error_entry(error: PerceptkitError) -> dict[str, str]:
    """What is noted of an error."""
    return {"error": type(error).__name__, "message": str(error)}


def _stamp(source: Path) -> list[int]:
    """Size and modification time: when they are as before, so is the file."""
    try:
        status = source.stat()
    except OSError:
        return []
    return [status.st_size, status.st_mtime_ns]
