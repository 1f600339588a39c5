"""What a long run has done so far, on disk, so that it can be killed and go on.

Two files grow side by side: the embeddings as raw float32, and a line of JSON for every batch of sources, written
after its embeddings. A line that is not whole, or whose embeddings are not all there, does not count.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from io import BufferedRandom
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from ...arrays import Floats
from ...errors import InputError, write_error
from ...locks import is_at, take
from ...output import dumps, write_json

__all__ = ["Journal", "Record"]

Record = dict[str, Any]
"""One source: `source`, `stamp` (size and modification time), `faces`, `errors`, `notes`, and `row`, its first
embedding's row. `known` is there, and true, when it was taken over from an earlier result."""

log = logging.getLogger("perceptkit")

_SETTINGS, _LINES, _VECTORS = "settings.json", "journal.jsonl", "embeddings.f32"
_ATTEMPTS = 100  # at opening what others remove meanwhile


class Journal:
    """The open journal of a run in `folder`. One of other settings is thrown away; one in use is an InputError.

    `records` maps the sources that are done to their records; `dimension` is that of an embedding.
    """

    def __init__(self, folder: Path, settings: dict[str, Any], dimension: int) -> None:
        self.folder = folder
        self.dimension = dimension
        self._rows = 0
        self.records: dict[str, Record] = {}
        settings_path = folder / _SETTINGS
        with ExitStack() as files:
            try:
                self._lines = files.enter_context(_held_lines(folder))
                self._vectors = files.enter_context((folder / _VECTORS).open("a+b"))
                if not _same_settings(settings_path, settings):
                    if settings_path.exists():
                        log.warning("%s was begun with other models or settings; starting over", folder.parent)
                    self._lines.truncate(0)
                    self._vectors.truncate(0)
                    write_json(settings_path, settings)
                self._recover()
            except OSError as error:
                raise write_error(folder, error) from error
            self._files = files.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # of a full disk, which `add` has reported: what is still to be written does not count
            self._files.close()

    def add(self, batch: Sequence[tuple[Record, Floats]]) -> None:
        """Note a batch of sources with their embeddings (faces of each, D)."""
        records = []
        for record, vectors in batch:
            records.append(record | {"row": self._rows})
            self._rows += len(vectors)
        try:
            for _, vectors in batch:
                self._vectors.write(np.ascontiguousarray(vectors, np.float32).tobytes())
            self._vectors.flush()
            self._lines.write(dumps({"rows": self._rows, "records": records}).encode() + b"\n")
            self._lines.flush()
        except OSError as error:
            raise write_error(self.folder, error) from error
        self.records.update((record["source"], record) for record in records)

    def vectors(self) -> Floats:
        """All embeddings noted so far (rows, D)."""
        self._vectors.seek(0)
        return np.fromfile(self._vectors, np.float32, self._rows * self.dimension).reshape(-1, self.dimension)

    def remove(self) -> None:
        """Delete the journal: the run is complete.

        The lines come last, whose lock keeps others out: what is there after them is the journal of another run.
        """
        self._vectors.close()  # Windows deletes no open file
        for path in self.folder.glob("*"):
            if path.name != _LINES:
                with suppress(OSError):
                    path.unlink()
        if os.name == "nt":
            self._files.close()
        with suppress(OSError):  # the next run has begun
            (self.folder / _LINES).unlink()
            self.folder.rmdir()
        self._files.close()

    def _recover(self) -> None:
        """Take up what is whole and cut off the rest."""
        held = os.fstat(self._vectors.fileno()).st_size // (4 * self.dimension)
        self._lines.seek(0)
        end = 0
        for line in self._lines:
            entry = _entry(line)
            if entry is None or not self._rows <= entry["rows"] <= held:
                break
            end += len(line)
            self._rows = entry["rows"]
            self.records.update((record["source"], record) for record in entry["records"])
        self._lines.truncate(end)
        self._vectors.truncate(self._rows * 4 * self.dimension)


def _held_lines(folder: Path) -> BufferedRandom:
    """The file of lines, open and locked. One that its holder removed before it was ours is opened again."""
    path = folder / _LINES
    for attempt in range(_ATTEMPTS):
        with ExitStack() as failed:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                file = failed.enter_context(path.open("a+b"))
            except (FileNotFoundError, FileExistsError):  # the folder went while it was made, or before the file was
                if attempt == _ATTEMPTS - 1:
                    raise
                continue
            if not take(path, file.fileno()):
                break
            if is_at(path, file.fileno()):
                failed.pop_all()
                return file
    raise InputError(f"another run is writing to {folder.parent}; wait for it or choose another folder")


def _entry(line: bytes) -> dict[str, Any] | None:
    """What a line says of a batch; None for a line that is not whole or no such line."""
    try:
        entry = json.loads(line) if line.endswith(b"\n") else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict) or not _is_row(entry.get("rows")) or not isinstance(entry.get("records"), list):
        return None
    return entry if all(_is_record(record, entry["rows"]) for record in entry["records"]) else None


def _is_record(record: object, rows: int) -> bool:
    """Whether it is a record whose embeddings are among the first `rows`."""
    return (
        isinstance(record, dict)
        and isinstance(record.get("source"), str)
        and all(isinstance(record.get(name), list) for name in ("stamp", "faces", "errors", "notes"))
        and all(isinstance(each, dict) for each in (*record["faces"], *record["errors"]))
        and _is_row(record.get("row"))
        and record["row"] + len(record["faces"]) <= rows
    )


def _is_row(value: object) -> bool:
    return type(value) is int and value >= 0


def _same_settings(path: Path, settings: dict[str, Any]) -> bool:
    try:
        return bool(json.loads(path.read_bytes()) == json.loads(dumps(settings)))
    except (OSError, ValueError, RecursionError):
        return False
