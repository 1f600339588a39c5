"""Every model of every feature in one view: what there is, on what terms, and whether it is on this machine.

A feature adds its tables to `MODELS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from .errors import InputError
from .face import DETECTORS, EMBEDDERS
from .foley import PERSON_DETECTORS, POSE_MODELS
from .gaze import GAZE_MODELS
from .models import PRESETS, FileState, Model, cache_folder, fetch, locate, models_folder, verify

__all__ = ["MODELS", "choose", "describe", "fetch_all", "folders", "verify_all"]

MODELS: Mapping[str, Mapping[str, Model]] = {
    "face detector": DETECTORS,
    "face embedder": EMBEDDERS,
    "gaze": GAZE_MODELS,
    "person detector": PERSON_DETECTORS,
    "pose": POSE_MODELS,
}
"""The tables of models, by what the models do."""

_COMMERCIAL = {True: "yes", False: "no", None: "unclear"}


def describe() -> list[dict[str, Any]]:
    """All models as plain data: name, role, bytes (None: not published), licence, commercial, source, paths.

    `commercial` is yes, no or unclear; `paths` is None for weights that are not on this machine.
    """
    return [
        {
            "name": name,
            "role": role,
            "bytes": None if any(file.bytes is None for file in row.files) else sum(f.bytes or 0 for f in row.files),
            "licence": row.licence,
            "commercial": _COMMERCIAL[row.commercial],
            "source": row.source,
            "paths": locate(row),
        }
        for role, table in MODELS.items()
        for name, row in table.items()
    ]


def choose(names: Iterable[str], *, preset: str | None = None) -> dict[str, Model]:
    """The rows of some names and of a preset. Raises InputError for unknown ones, and when there is nothing."""
    rows = _rows()
    if preset is not None and preset not in PRESETS:
        raise InputError(f"unknown preset {preset!r}; choose one of: {', '.join(PRESETS)}")
    wanted = [*names, *(PRESETS[preset].values() if preset else ())]
    if not wanted:
        raise InputError("name some models (see: perceptkit models list) or a preset (--preset permissive)")
    if unknown := [name for name in wanted if name not in rows]:
        raise InputError(f"unknown model {unknown[0]!r}; choose from: {', '.join(rows)}")
    return {name: rows[name] for name in wanted}


def fetch_all(rows: Mapping[str, Model], *, progress: Callable[[int, int | None], None] | None = None) -> list[Path]:
    """The paths of all files of some models, downloaded where needed (see `models.fetch`)."""
    return [path for row in rows.values() for path in fetch(row, progress=progress, alternatives=_rows())]


def verify_all(names: Iterable[str]) -> list[tuple[str, FileState]]:
    """The state of each file of the named models; without names, of every model that has a file on this machine."""
    wanted = list(names)
    rows = choose(wanted) if wanted else _rows()
    states = [(name, state) for name, row in rows.items() for state in verify(row)]
    return states if wanted else [(name, state) for name, state in states if state.state != "missing"]


def folders() -> dict[str, Path | str]:
    """Where weights are looked for, in order."""
    return {"your folder (PERCEPTKIT_MODELS)": models_folder() or "not set", "cache (PERCEPTKIT_CACHE)": cache_folder()}


def _rows() -> dict[str, Model]:
    return {name: row for table in MODELS.values() for name, row in table.items()}
