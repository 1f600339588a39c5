"""What a run has found so far, frame by frame on disk, so that it can be stopped and go on.

`OUT/.partial/gaze.jsonl`: a line with the settings, then a line a frame with what the networks said, before following
and smoothing, which are quick and are done again. Numbers are written so that they come back bit by bit.
"""

from __future__ import annotations

import json
import shutil
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from ..errors import InputError, write_error
from ..face import Face
from ..locks import take
from ..output import dumps
from .directions import direction
from .reading import Known, Reading
from .types import Gaze

__all__ = ["Journal"]


class Journal:
    """The open journal of a run in `folder`; `known` is what an earlier run of the same settings has left.

    Without `resume` nothing of it is used. One that another run is writing to, or of other settings, is an InputError.
    A run that fails before its first frame leaves no journal.
    """

    def __init__(self, folder: Path, settings: dict[str, Any], *, resume: bool) -> None:
        self._folder = folder
        path = folder / "gaze.jsonl"
        header = dumps(settings).encode() + b"\n"
        self._first = not folder.parent.exists()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+b")
        except OSError as error:
            raise write_error(folder, error) from error
        with ExitStack() as failed:
            failed.callback(self._file.close)
            try:
                if not take(path, self._file.fileno()):
                    raise InputError(f"another run is writing to {folder.parent}; wait for it or choose another output")
                self.known = self._recover(header) if resume else Known()
                self._empty = not self.known.gazes
                if self._empty:
                    self._file.truncate(0)
                    self._write(header)
            except OSError as error:
                raise write_error(path, error) from error
            failed.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and self._empty:  # nothing to go on with
            self.remove()
            if self._first:
                with suppress(OSError):  # there are other things in it now
                    self._folder.parent.rmdir()
        with suppress(OSError):
            self._file.close()

    def add(self, reading: Reading) -> None:
        """Note a frame."""
        index = reading.frame.index
        if index in self.known.gazes:
            return
        found = None if reading.found is None else [_face_values(face) for face in reading.found]
        gazes = [[gaze.yaw, gaze.pitch, gaze.sigma_yaw, gaze.sigma_pitch, gaze.state] for gaze in reading.seen.raw]
        try:
            self._write(dumps([index, found, gazes]).encode() + b"\n")
        except OSError as error:
            raise write_error(self._folder, error) from error
        self._empty = False

    def remove(self) -> None:
        """Delete the journal: the run is complete, or there is nothing in it."""
        with suppress(OSError):
            self._file.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _write(self, line: bytes) -> None:
        self._file.write(line)
        self._file.flush()

    def _recover(self, header: bytes) -> Known:
        """What is whole of an earlier run; what was cut short is cut off."""
        self._file.seek(0)
        first = self._file.readline()
        if not first.endswith(b"\n"):
            return Known()
        if first != header:
            raise InputError(
                f"the run in {self._folder.parent} was begun on another file or with other models or settings, "
                "so that it cannot go on; give the same, or leave out --resume to start over"
            )
        faces: dict[int, list[Face]] = {}
        gazes: dict[int, list[Gaze]] = {}
        end = len(first)
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            try:
                index, found, said = json.loads(line)
            except ValueError:  # lost with the power
                break
            end += len(line)
            gazes[index] = [_gaze(*values) for values in said]
            if found is not None:
                faces[index] = [_face(*values) for values in found]
        self._file.truncate(end)
        return Known(faces, gazes)


def _face_values(face: Face) -> list[Any]:
    return [face.box, face.score, face.landmarks]


def _face(box: list[float], score: float, landmarks: list[list[float]]) -> Face:
    return Face(np.array(box, np.float32), score, np.array(landmarks, np.float32))


def _gaze(yaw: float, pitch: float, sigma_yaw: float | None, sigma_pitch: float | None, state: Any) -> Gaze:
    return Gaze(yaw, pitch, sigma_yaw, sigma_pitch, direction(yaw, pitch), state)
