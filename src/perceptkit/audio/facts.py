"""The facts of a recording, NAME.json: what its samples and angles mean, and what happened while it was made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from .. import __version__
from ..errors import InputError, MediaError
from .angles import AZIMUTH, Convention, check_angle, convention_of
from .sound import Form
from .types import Gap, State

__all__ = ["Facts", "Names", "read_facts"]

_MOST_GAPS = 10_000  # that are listed; all of them are counted


@dataclass(frozen=True, slots=True)
class Names:
    """The files of a recording: those that are whole, and those that are still written."""

    sound: Path

    @classmethod
    def of(cls, path: str | Path) -> Names:
        """The files of a recording by the name of any of them, with or without .wav."""
        target = Path(path).expanduser()
        if not target.name or "\0" in target.name:
            raise InputError(f"{str(path)!r} is no name for a file; give one such as walk.wav")
        if target.suffix == ".part":
            target = target.with_suffix("")
        return cls(target if target.suffix.lower() == ".wav" else target.with_name(target.name + ".wav"))

    @property
    def log(self) -> Path:
        """The angles."""
        return self.sound.with_suffix(".csv")

    @property
    def facts(self) -> Path:
        """The facts."""
        return self.sound.with_suffix(".json")

    @property
    def all(self) -> tuple[Path, Path, Path]:
        """The three of them; the sound last, since it says that the others are there."""
        return self.log, self.facts, self.sound

    @staticmethod
    def part(path: Path) -> Path:
        """A file while it is written."""
        return path.with_name(path.name + ".part")


@dataclass(slots=True)
class Facts:
    """What is known of a recording while it grows. `read_facts` and `document` are its way from and to NAME.json."""

    form: Form
    started: datetime | None
    convention: Convention = AZIMUTH
    heading: float | None = None
    state: State = "recording"
    error: str | None = None
    samples: int = 0
    angles: int = 0
    refused_angles: int = 0
    clipped: int = 0
    duplicates: int = 0
    late: int = 0
    missing: int = 0
    gaps: list[Gap] = field(default_factory=list)
    sha256: str | None = None

    def document(self) -> dict[str, Any]:
        """As it is written. `sha256` is of the samples, as they lie in the data chunk."""
        low, high = self.convention.range
        return {
            "perceptkit": __version__,
            "state": self.state,
            "error": self.error,
            "sample_rate": self.form.sample_rate,
            "channels": self.form.channels,
            "subtype": self.form.subtype,
            "samples": self.samples,
            "duration": self.samples / self.form.sample_rate,
            "started": self.started and self.started.astimezone(UTC).isoformat(timespec="microseconds"),
            "convention": asdict(self.convention) | {"range": [low, high]},
            "heading": self.heading,
            "angles": self.angles,
            "refused_angles": self.refused_angles,
            "clipped_samples": self.clipped,
            "chunks": {"duplicate": self.duplicates, "late": self.late, "missing": self.missing},
            "gap_count": len(self.gaps),
            "gaps": [asdict(gap) for gap in self.gaps[:_MOST_GAPS]],
            "samples_sha256": self.sha256,
        }


def read_facts(path: Path) -> Facts:
    """The facts in a NAME.json, also one that is still written. Raises MediaError for what is no such file."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        counts = document.get("chunks") or {}
        return Facts(
            form=Form(document["sample_rate"], document["channels"], document["subtype"]),
            started=document["started"] and datetime.fromisoformat(document["started"]),
            convention=convention_of(document["convention"]),
            heading=None if document.get("heading") is None else check_angle(document["heading"], name="heading"),
            state=_state(document["state"]),
            error=document.get("error"),
            samples=int(document.get("samples", 0)),
            angles=document.get("angles", 0),
            refused_angles=document.get("refused_angles", 0),
            clipped=document.get("clipped_samples", 0),
            duplicates=counts.get("duplicate", 0),
            late=counts.get("late", 0),
            missing=counts.get("missing", 0),
            gaps=[_gap(gap) for gap in document.get("gaps", ())],
            sha256=document.get("samples_sha256"),
        )
    except OSError as error:
        raise MediaError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise MediaError(f"{path}: not the facts of a recording: {error}") from error


def _state(given: object) -> State:
    if given not in get_args(State):
        raise ValueError(f"state is {given!r}")
    return given  # type: ignore[return-value] # it is one of them


def _gap(given: Mapping[str, Any]) -> Gap:
    return Gap(float(given["time"]), int(given["samples"]), given["reason"])
