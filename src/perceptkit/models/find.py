"""From what a user typed to a file of weights."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

from ..errors import InputError
from .fetch import fetch
from .presets import preset_model
from .row import Model

__all__ = ["find_weights"]


def find_weights(
    name: str | Path | None,
    rows: Mapping[str, Model],
    *,
    role: str,
    preset: str | None = None,
    replaced: Mapping[str, str],
    known: Mapping[str, Model],
) -> tuple[str, Path]:
    """The name to call a model by, and its file: a row of `rows` (fetched when needed), or a path taken as it is.

    Without a name the preset chooses. `replaced` maps names that other systems use to advice on what to take
    here; `known` are all rows of the feature, by which an error says what could be used instead.
    Raises InputError for a name that is neither a row nor a file, ModelError for weights that cannot be had.
    """
    chosen = preset_model(role, preset) if name is None else str(name)
    if chosen in rows:
        return chosen, fetch(rows[chosen], alternatives=known)[0]
    path = Path(chosen).expanduser()
    if path.is_file():
        return path.stem, path
    raise InputError(
        f"unknown {role} {chosen!r}{_hint(chosen.lower(), rows, replaced)} - "
        f"Choose one of: {', '.join(rows)}; or give the path of a file"
    )


def _hint(name: str, rows: Mapping[str, Model], replaced: Mapping[str, str]) -> str:
    if name in replaced:
        return f"; what does its work here: {replaced[name]}"
    close = get_close_matches(name, rows, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
