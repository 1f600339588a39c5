"""Footsteps from a file that a person has edited, and footsteps moved in time: `read_events`, `moved`."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import sniff
from .types import Event, Foot, Footstep

__all__ = ["moved", "read_events"]

_MOST_BYTES, _MOST_LINES = 1_000_000_000, 10_000_000
_DAY = 86_400.0  # seconds: timecode counts no further
_MOST_PEOPLE = 65_534  # a MIDI file has no more tracks

_FEET: dict[str, Foot] = {"left": "left", "l": "left", "right": "right", "r": "right"}
_EVENTS: dict[str, Event] = {
    **dict.fromkeys(("heelstrike", "strike", "hs"), "heel_strike"),
    **dict.fromkeys(("toeoff", "off", "to"), "toe_off"),
}
_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_NOTHING = "is empty; its first line must name the columns, like: time_seconds,foot"
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


def read_events(path: str | Path) -> list[Footstep]:
    """Read footsteps back from an events.csv or events.json, edited or not, in order of time.

    To edit one, delete lines, change times, add lines. Only the columns `time_seconds` (or `time`, in seconds) and
    `foot` (left, right, l, r) are needed; `event` (heel_strike, toe_off, strike, off, hs, to), `confidence`, `person`,
    `strength`, `inferred`, `x`, `y` and `height` have the values of a plain heel strike where the column is missing or
    the cell is empty. Other columns are not looked at, `frame` and `timecode` among them: who moves an event changes
    its `time_seconds`. Cells stand between commas, semicolons or tabs, decimals have a point, the text is UTF-8.

    Raises InputError for anything else, with the line and the column.
    """
    path = Path(path).expanduser()
    text = _read_text(path)
    if path.suffix.lower() == ".json" or text.lstrip().startswith(("{", "[")):
        entries = _json_entries(path, text)
    else:
        entries = _csv_entries(path, text)
    return sorted((_footstep(where, cells) for where, cells in entries), key=lambda step: step.time)


def moved(events: Iterable[Footstep], seconds: float) -> list[Footstep]:
    """The events so many seconds later, earlier when negative.

    Those that would come before 0 are left out: there is no such moment in the video. InputError for NaN and infinity.
    """
    if not math.isfinite(seconds):
        raise InputError(f"events cannot be moved by {seconds} seconds; give a number")
    # Rounded, so that 0.3 moved by -0.3 is 0 whatever binary fractions make of it.
    shifted = (replace(event, time=round(event.time + seconds, 9)) for event in events)
    return [event for event in shifted if event.time >= 0]


def _read_text(path: Path) -> str:
    try:
        if not path.is_file():
            raise InputError(f"no such file: {path}; give an events.csv or events.json")
        size = path.stat().st_size
        if size > _MOST_BYTES:
            raise InputError(f"{path} has {size:,} bytes, and lists of footsteps at most {_MOST_BYTES:,}")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    kind = sniff(data[:64])
    if kind == "an empty file" or not data.strip():
        raise InputError(f"{path} {_NOTHING}")
    if kind != "a text file":
        raise InputError(
            f"{path} is {kind}, not a list of footsteps; give an events.csv or events.json,"
            " and from a spreadsheet save it as CSV UTF-8"
        )
    lines = max(data.count(b"\n"), data.count(b"\r"))
    if lines > _MOST_LINES:
        raise InputError(f"{path} has {lines:,} lines, and lists of footsteps at most {_MOST_LINES:,}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}, line {line}: this is not UTF-8; save the file as CSV UTF-8") from error


def _csv_entries(path: Path, text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The lines of a table that say something, as (where, {column: cell})."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    names: list[str] | None = None
    line = 1
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            where, line = f"{path}, line {line}", reader.line_num + 1
            if not any(cells):
                continue
            if names is None:
                names = _header(where, cells)
                continue
            if any(cells[len(names) :]):
                raise InputError(
                    f"{where}: {len(cells)} cells under {len(names)} columns; write decimals with a point,"
                    " and put text with a delimiter in it in quotes"
                )
            yield where, dict(zip(names, cells, strict=False))
    except csv.Error as error:
        raise InputError(f"{path}, line {line}: this is no CSV ({error}); check the quotes") from error
    if names is None:
        raise InputError(f"{path} {_NOTHING}")


def _delimiter(text: str) -> str:
    """What stands between the cells: that which makes most known columns of the first line."""
    header = re.search(r"\S[^\r\n]*", text)
    names = header.group() if header else ""
    return max(",;\t", key=lambda mark: sum(_key(cell.strip(' "')) in _KNOWN for cell in names.split(mark)))


def _header(where: str, cells: list[str]) -> list[str]:
    names = [_key(cell) for cell in cells]
    while names and not names[-1]:
        names.pop()
    if not _KNOWN & set(names):
        raise InputError(f"{where}: there is no header; the first line must name the columns, like: time_seconds,foot")
    for name in names:
        if name in _KNOWN and names.count(name) > 1:
            raise InputError(f"{where}: two columns are named {cells[names.index(name)]}; delete one of them")
    _check_needed(where, names, "column")
    return names


def _json_entries(path: Path, text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The events of a document, as (where, {column: cell})."""
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        place = f"{path}, line {error.lineno}, column {error.colno}"
        raise InputError(f"{place}: this is no JSON ({error.msg}); correct it or give an events.csv") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no JSON that can be read ({error}); give an events.csv") from error
    events = document.get("events") if isinstance(document, dict) else None
    if not isinstance(events, list):
        raise InputError(f'{path} is no list of footsteps; it must be {{"events": [...]}}, as in an events.json')
    for number, event in enumerate(events, start=1):
        where = f"{path}, event {number}"
        if not isinstance(event, dict):
            raise InputError(f'{where}: this is no event; write {{"time_seconds": 1.25, "foot": "left"}}')
        cells = {_key(name): "" if value is None else str(value).strip() for name, value in event.items()}
        _check_needed(where, cells, "value")
        yield where, cells


def _check_needed(where: str, names: Iterable[str], kind: str) -> None:
    there = set(names)
    missing = ([] if there & {"timeseconds", "time"} else ["time_seconds"]) + ([] if "foot" in there else ["foot"])
    if missing:
        raise InputError(f"{where}: there is no {kind} named {' and none named '.join(missing)}; add it")


def _footstep(where: str, cells: Mapping[str, str]) -> Footstep:
    time = "time" if "timeseconds" not in cells else "time_seconds"
    values: dict[str, Any] = {"time": _take(where, cells, time, _time), "event": "heel_strike", "confidence": 1.0}
    for column, reading in _COLUMNS.items():
        if column == "foot" or cells.get(_key(column)):
            values[column] = _take(where, cells, column, reading)
    return Footstep(**values)


def _take(where: str, cells: Mapping[str, str], column: str, reading: Callable[[str], Any]) -> Any:
    cell = cells.get(_key(column), "")
    try:
        return reading(cell)
    except (ValueError, KeyError) as error:
        said = f"{cell[:40]!r} is" if cell else "an empty cell is"
        raise InputError(f"{where}, column {column}: {said} not {_WANTED[column]}") from error


def _time(cell: str) -> float:
    return _number(cell, _DAY)


def _share(cell: str) -> float:
    return _number(cell, 1.0)


def _number(cell: str, most: float = math.inf) -> float:
    """A number from 0 to `most`; ValueError for anything else."""
    value = float(cell) if _NUMBER.fullmatch(cell) else math.nan
    if not (0 <= value <= most and math.isfinite(value)):
        raise ValueError(cell)
    return abs(value)  # -0 is 0


def _person(cell: str) -> int:
    value = _number(cell, _MOST_PEOPLE)
    if value < 1 or value != int(value):
        raise ValueError(cell)
    return int(value)


def _key(text: str) -> str:
    """A name or word without what people write differently: case, spaces, hyphens, underscores."""
    return re.sub(r"[\s_-]+", "", text).lower()


_COLUMNS: dict[str, Callable[[str], Any]] = {
    "foot": lambda cell: _FEET[_key(cell)],
    "event": lambda cell: _EVENTS[_key(cell)],
    "confidence": _share,
    "person": _person,
    "strength": _share,
    "inferred": lambda cell: _TRUTHS[cell.lower()],
    "x": _share,
    "y": _share,
    "height": _number,
}
_KNOWN = {"timeseconds", "time", *_COLUMNS}

_SECONDS = "seconds from the start of the video, from 0 to a day; write it like 12.5, with a point"
_SHARE = "a number from 0 to 1; write it like 0.5, with a point"
_WANTED = {
    "time_seconds": _SECONDS,
    "time": _SECONDS,
    "foot": "a foot; write left or right",
    "event": "an event; write heel_strike or toe_off",
    "confidence": _SHARE,
    "person": f"the number of a person; write 1 to {_MOST_PEOPLE}",
    "strength": _SHARE,
    "inferred": "true or false; write one of them",
    "x": _SHARE,
    "y": _SHARE,
    "height": "a share of the height of the picture; write it like 0.5, or leave the cell empty",
}
"""What stands in a column, for who wrote something else."""
