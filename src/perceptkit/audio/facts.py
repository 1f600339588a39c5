"""The facts of a recording, NAME.json: what its samples and angles mean, and what happened while it was made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from .. import __version__
from ..errors import MediaError
from .angles import AZIMUTH, Convention, check_angle, convention_of
from .sound import Form
from .types import Gap, State

__all__ = ["Facts", "read_facts"]

_MOST_GAPS = 10_000  # that are listed; all of them are counted


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

    @property
    def counts(self) -> dict[str, int]:
        """What was refused, cut, double, late or missing: how often."""
        return {
            "refused_angles": self.refused_angles,
            "clipped_samples": self.clipped,
            "duplicate_chunks": self.duplicates,
            "late_chunks": self.late,
            "missing_chunks": self.missing,
        }

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
            **self.counts,
            "gap_count": len(self.gaps),
            "gaps": [asdict(gap) for gap in self.gaps[:_MOST_GAPS]],
            "samples_sha256": self.sha256,
        }


def read_facts(path: Path) -> Facts:
    """The facts in a NAME.json, also one that is still written. Raises MediaError for what is no such file."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return Facts(
            form=Form(document["sample_rate"], document["channels"], document["subtype"]),
            started=document["started"] and datetime.fromisoformat(document["started"]),
            convention=convention_of(document["convention"]),
            heading=None if document.get("heading") is None else check_angle(document["heading"], name="heading"),
            state=_state(document["state"]),
            error=None if document.get("error") is None else str(document["error"]),
            samples=int(document.get("samples", 0)),
            angles=int(document.get("angles", 0)),
            refused_angles=int(document.get("refused_angles", 0)),
            clipped=int(document.get("clipped_samples", 0)),
            duplicates=int(document.get("duplicate_chunks", 0)),
            late=int(document.get("late_chunks", 0)),
            missing=int(document.get("missing_chunks", 0)),
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
