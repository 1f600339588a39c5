"""From what a user typed to a file of weights."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path

from ..errors import InputError
from .fetch import fetch
from .presets import preset_model
from .row import Model

__all__ = ["find_weights"]

log = logging.getLogger("perceptkit")

_EVERY = 5.0  # seconds between two remarks on a download


def find_weights(
    name: str | Path | None,
    rows: Mapping[str, Model],
    *,
    role: str,
    preset: str | None = None,
    replaced: Mapping[str, str],
    known: Mapping[str, Model],
) -> tuple[str, tuple[Path, ...]]:
    """The name to call a model by, and its files: a row of `rows` (fetched when needed), or a path taken as it is.

    Without a name the preset chooses. A path is the row whose registered digest it has; another file is called by its
    file name, ending and all, which is never the name of a row. `replaced` maps names that other systems use to
    advice on what to take here; `known` are all rows of the feature, by which an error says what could be used.
    Raises InputError for a name that is neither a row nor a file, ModelError for weights that cannot be had.
    """
    by_preset = preset_model(role, preset)  # a preset that does not exist is an error even where it is not needed
    chosen = by_preset if name is None else str(name)
    if chosen in rows:
        return chosen, fetch(rows[chosen], progress=_remarks(chosen), alternatives=known)
    path = Path(chosen).expanduser()
    if path.is_file():
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        registered = (
            row_name
            for row_name, row in rows.items()
            if digest == row.files[0].sha256 or digest in dict(row.files[0].others)
        )
        return next(registered, path.name), (path,)
    raise InputError(
        f"unknown {role} {chosen!r}{_hint(chosen.lower(), rows, replaced)}. "
        f"Choose one of: {', '.join(rows)}; or give the path of a file"
    )


def _hint(name: str, rows: Mapping[str, Model], replaced: Mapping[str, str]) -> str:
    if name in replaced:
        return f"; what does its work here: {replaced[name]}"
    close = get_close_matches(name, rows, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _remarks(name: str) -> Callable[[int, int | None], None]:
    """A progress function that logs now and then how far a download is."""
    last = time.monotonic()

    def progress(done: int, total: int | None) -> None:
        nonlocal last
        if time.monotonic() - last >= _EVERY:
            last = time.monotonic()
            of = f" of {total / 1e6:.1f}" if total else ""
            log.info("%s: %.1f%s MB", name, done / 1e6, of)

    return progress
