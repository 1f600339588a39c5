"""What a long run has done so far, on disk, so that it can be killed and go on.

Two files grow side by side: the embeddings as raw float32, and a line of JSON for every batch of sources, written
after its embeddings. A line that is not whole, or whose embeddings are not all there, does not count.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from ...arrays import Floats
from ...errors import InputError, write_error
from ...locks import take
from ...output import dumps, write_json

__all__ = ["Journal", "Record"]

Record = dict[str, Any]
"""One source: `source`, `stamp` (size and modification time), `faces`, `errors`, `notes`, and `row`, its first
embedding's row. `known` is there, and true, when it was taken over from an earlier result."""

log = logging.getLogger("perceptkit")

_SIDE_BY_SIDE = ("settings.json", "journal.jsonl", "embeddings.f32")


class Journal:
    """The open journal of a run in `folder`. One of other settings is thrown away; one in use is an InputError.

    `records` maps the sources that are done to their records; `dimension` is that of an embedding.
    """

    def __init__(self, folder: Path, settings: dict[str, Any], dimension: int) -> None:
        self.folder = folder
        self.dimension = dimension
        self._rows = 0
        self.records: dict[str, Record] = {}
        settings_path, lines_path, vectors_path = (folder / name for name in _SIDE_BY_SIDE)
        with ExitStack() as files:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                self._lines = files.enter_context(lines_path.open("a+b"))
                self._vectors = files.enter_context(vectors_path.open("a+b"))
                if not take(lines_path, self._lines.fileno()):
                    raise InputError(f"another run is writing to {folder.parent}; wait for it or choose another folder")
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
        data = np.fromfile(self.folder / _SIDE_BY_SIDE[2], np.float32, self._rows * self.dimension)
        return data.reshape(-1, self.dimension)

    def remove(self) -> None:
        """Delete the journal: the run is complete."""
        self._files.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _recover(self) -> None:
        """Take up what is whole and cut off the rest."""
        held = os.fstat(self._vectors.fileno()).st_size // (4 * self.dimension)
        self._lines.seek(0)
        end = 0
        for line in self._lines:
            try:
                entry: dict[str, Any] = json.loads(line) if line.endswith(b"\n") else {"rows": held + 1}
            except ValueError:
                break
            if entry["rows"] > held:
                break
            end += len(line)
            self._rows = entry["rows"]
            self.records.update((record["source"], record) for record in entry["records"])
        self._lines.truncate(end)
        self._vectors.truncate(self._rows * 4 * self.dimension)


def _same_settings(path: Path, settings: dict[str, Any]) -> bool:
    try:
        return bool(json.loads(path.read_bytes()) == json.loads(dumps(settings)))
    except (OSError, ValueError):
        return False
