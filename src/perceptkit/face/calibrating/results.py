"""The result of a calibration, and the files it becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError, write_error
from ...files import make_folder, remove_parts, write_bytes
from ...images import encode_png
from ...output import count, write_json
from ..thresholds import CALIBRATION_VERSION
from ..types import ItemError
from .pairs import PairCounts
from .pictures import roc_picture, scores_picture
from .rates import Interval, OperatingPoint, percent, power

__all__ = ["Calibration", "refuse_strange", "write_calibration"]

_BINS = 200  # of the histograms in calibration.json
_PICTURES = {"roc.png", "scores.png"}


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """What `calibrate` measured. As text it is a table of the operating points.

    `points` are the operating points, that of the highest false match rate first; `chosen` is the one that "calibrated"
    stands for, None when the data can say none. `kept` is the file that later calls take it from. `photos` counts those
    that were meant, `faces` those that could be used. `equal_error_rate` and `area` (under the ROC) are None without
    genuine pairs. `counts` are histograms of similarity. `errors` holds the photos that could not be used, `notes` and
    `skipped` are pairs of source and remark: notes are on photos whose label may be wrong, and on the whole.
    """

    folder: Path
    kept: Path | None
    photos: int
    faces: int
    people: int
    counts: PairCounts
    points: tuple[OperatingPoint, ...]
    chosen: OperatingPoint | None
    equal_error_rate: float | None
    area: float | None
    errors: tuple[ItemError, ...]
    notes: tuple[tuple[str, str], ...]
    skipped: tuple[tuple[str, str], ...]
    settings: Mapping[str, Any]

    @property
    def genuine_pairs(self) -> int:
        """Pairs of photos of one person."""
        return int(self.counts.genuine.sum())

    @property
    def impostor_pairs(self) -> int:
        """Pairs of photos of two people."""
        return int(self.counts.impostor.sum())

    def __str__(self) -> str:
        genuine = count(self.genuine_pairs, "genuine pair", "genuine pairs")
        impostor = count(self.impostor_pairs, "impostor pair", "impostor pairs")
        lines = [
            f"{self.settings['embedder']['name']}: {_measured_on(self)}, {genuine}, {impostor}",
            f"{'FMR':<8}{'threshold':<11}{'95 % interval':<18}{'FNMR':<9}95 % interval",
            *map(_row, self.points),
        ]
        if self.equal_error_rate is not None and self.area is not None:
            lines.append(f"equal error rate {percent(self.equal_error_rate)}, area under the ROC {self.area:.4f}")
        if self.chosen:
            lines.append(f"chosen: {self.chosen.threshold:.4f}, for an FMR of {power(self.chosen.rate)}")
        else:
            lines.append("chosen: none")
        return "\n".join(lines)

    def __repr__(self) -> str:
        chosen = f"{self.chosen.threshold:.4f}" if self.chosen else "nothing chosen"
        return f"Calibration({str(self.folder)!r}: {chosen}, {count(len(self.errors), 'error', 'errors')})"

    def summary(self) -> dict[str, Any]:
        """Everything as plain data: what calibration.json holds and `--json` prints."""
        return self.measured() | {
            "folder": str(self.folder),
            "kept": None if self.kept is None else str(self.kept),
            "errors": [asdict(error) for error in self.errors],
            "notes": [{"source": source, "note": note} for source, note in self.notes],
            "skipped": [{"source": source, "reason": reason} for source, reason in self.skipped],
            "histograms": {
                "edges": np.linspace(-1, 1, _BINS + 1).round(4).tolist(),
                "genuine": self.counts.genuine.reshape(_BINS, -1).sum(axis=1).tolist(),
                "impostor": self.counts.impostor.reshape(_BINS, -1).sum(axis=1).tolist(),
            },
        }

    def measured(self) -> dict[str, Any]:
        """The measured numbers, without the names of photos: what is kept for later calls."""
        return {
            "version": CALIBRATION_VERSION,
            **self.settings,
            "photos": self.photos,
            "faces": self.faces,
            "people": self.people,
            "genuine_pairs": self.genuine_pairs,
            "impostor_pairs": self.impostor_pairs,
            "equal_error_rate": self.equal_error_rate,
            "area": self.area,
            "points": [asdict(point) for point in self.points],
            "chosen": None if self.chosen is None else asdict(self.chosen),
        }


def write_calibration(result: Calibration) -> None:
    """Write the files of a calibration, and keep what later calls need of it."""
    folder = make_folder(result.folder)
    remove_parts(folder)
    title = f"{result.settings['embedder']['name']}: {_measured_on(result)}"
    pairs = result.counts, result.points, result.chosen
    write_bytes(folder / "roc.png", encode_png(roc_picture(*pairs, people=result.people, title=title)))
    usual = result.settings["embedder"]["threshold"]
    write_bytes(folder / "scores.png", encode_png(scores_picture(*pairs, usual=usual, title=title)))
    created = {"created": datetime.now(UTC).isoformat(timespec="seconds")}
    write_json(folder / "calibration.json", result.summary() | created)
    if result.kept is not None:
        make_folder(result.kept.parent)
        write_json(result.kept, result.measured() | created)


def refuse_strange(folder: Path) -> None:
    """Raise InputError for an output folder that holds something other than a calibration."""
    try:
        names = {path.name for path in folder.iterdir() if path.suffix != ".part"} if folder.exists() else set()
    except OSError as error:
        raise write_error(folder, error) from error
    if names - _PICTURES and "calibration.json" not in names:
        raise InputError(f"{folder} is not empty and holds no earlier calibration; choose another output folder")


def _measured_on(result: Calibration) -> str:
    return f"{count(result.faces, 'face', 'faces')} of {count(result.people, 'person', 'people')}"


def _row(point: OperatingPoint) -> str:
    """A line of the table."""
    if point.threshold is None:
        return f"{power(point.rate):<8}{point.reason}"
    row = f"{power(point.rate):<8}{point.threshold:<11.4f}{_interval(point.threshold_interval, '{:.4f}'.format):<18}"
    if point.fnmr is None:
        return row.rstrip()
    interval = _interval(point.fnmr_interval, percent) or "too few people to say"
    return f"{row}{percent(point.fnmr):<9}{interval}"


def _interval(interval: Interval | None, written: Callable[[float], str]) -> str:
    return "" if interval is None else " to ".join(map(written, interval))
