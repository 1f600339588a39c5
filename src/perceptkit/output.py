"""Results as JSON and JSON Lines: the one serialiser for files, the command line and the server."""

from __future__ import annotations

import base64
import dataclasses
import html
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .errors import InputError
from .files import replacing, write_bytes

__all__ = ["count", "dumps", "picture_html", "write_json", "write_lines"]


def dumps(value: Any, *, indent: int | None = None) -> str:
    """Any result as JSON: dataclasses, arrays and paths included. Non-ASCII text is escaped, so that every file name
    survives. Raises InputError for NaN and infinity, which JSON cannot hold."""
    try:
        return json.dumps(value, default=_plain, indent=indent, allow_nan=False)
    except ValueError as error:
        raise InputError(f"a result is not a number and cannot be written as JSON ({error})") from error


def count(number: int, one: str, many: str) -> str:
    """A number with its noun: "1 face", "1,234 faces"."""
    return f"{number:,} {one if number == 1 else many}"


def write_json(path: str | Path, value: Any) -> None:
    """Write one JSON document, whole or not at all."""
    write_bytes(path, (dumps(value, indent=2) + "\n").encode())


def write_lines(path: str | Path, rows: Iterable[Any]) -> None:
    """Write JSON Lines, one row a line, whole or not at all."""
    with replacing(path) as file:
        for row in rows:
            file.write(dumps(row).encode() + b"\n")


def picture_html(path: Path, *, alt: str, otherwise: str) -> str:
    """A picture (PNG) on disk as a notebook shows it, `otherwise` as text where it has gone."""
    try:
        data = base64.b64encode(path.read_bytes()).decode()
    except OSError:  # or the notebook has moved to another folder
        return f"<code>{html.escape(otherwise)}</code>"
    return f'<img src="data:image/png;base64,{data}" style="max-width:100%" alt="{html.escape(alt)}">'


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):  # numpy arrays and scalars
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
