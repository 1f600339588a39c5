"""Recordings that know their direction: `Recorder`."""

from __future__ import annotations

import logging
import math
import threading
import time
import weakref
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from ..errors import InputError, PerceptkitError, write_error
from ..threads import Behind
from . import defaults
from .angles import Convention, checked_heading, convention_of
from .facts import Facts
from .framing import Framing, Piece
from .hashing import Hash
from .log import Direction, check_columns
from .names import Names
from .ordering import Chunk, Order
from .reading import read
from .sound import Form, check_whole
from .types import Recording
from .writing import Files

__all__ = ["Recorder"]

log = logging.getLogger("perceptkit")

_LARGEST = 1 << 63
_QUEUE = (1 << 18, 5.0)  # bytes, or seconds of sound if they are more, that wait to be written
_OVERHEAD = 100  # bytes that a piece takes besides its samples
_ENOUGH, _EVERY = 1 << 16, 0.1  # bytes that are worth a write, and seconds after which fewer are, too


class Recorder:
    """Records sound and the directions it comes from: NAME.wav, NAME.csv with the angles, NAME.json with the facts.

        with audio.Recorder("walk.wav", sample_rate=16_000) as recorder:
            recorder.write(samples, angle=45.5)

    While it records, the files are called NAME.wav.part and so on. They can be opened at any moment: a killed process
    loses at most the last second, a power cut too. Many recorders may be open at once, each with its own writer, and
    any thread may call one.

    `convention` is how the angles are meant (a name of `CONVENTIONS` or a `Convention`), `heading` where the front
    looks in degrees from north, if that is known. `columns` asks for more columns in the log (`log.COLUMNS`). `gap`
    says what stands for chunks that never came: silence as long as the chunk before, or nothing ("skip"). `overflow`
    says what happens when the disk is slower than the sound: the caller waits, or what does not fit into 5 seconds of
    memory becomes a gap of silence. After `max_duration` (seconds) or `max_bytes` of samples it is `full`. It leaves
    `min_free` bytes of the disk. `started` is when the first sample was recorded, now by default.

    Raises InputError for a value that cannot be, and for a name that is taken; DeviceError when the disk is full.
    """

    def __init__(
        self,
        path: str | Path,
        sample_rate: int = defaults.SAMPLE_RATE,
        channels: int = defaults.CHANNELS,
        subtype: str = defaults.SUBTYPE,
        *,
        convention: str | Convention = defaults.CONVENTION,
        heading: float | None = None,
        columns: Collection[str] = (),
        gap: Literal["silence", "skip"] = "silence",
        overflow: Literal["wait", "gap"] = "wait",
        max_duration: float | None = None,
        max_bytes: int | None = None,
        min_free: int = defaults.MIN_FREE,
        started: datetime | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        for name, value, choices in (("gap", gap, ("silence", "skip")), ("overflow", overflow, ("wait", "gap"))):
            if value not in choices:
                raise InputError(f"{name} is {value!r}; choose one of: {', '.join(choices)}")
        form = Form(sample_rate, channels, subtype)
        self._names, self._columns = Names.to_write(path), check_columns(columns)
        self._facts = Facts(form, started or datetime.now(UTC), convention_of(convention), checked_heading(heading))
        self._order = Order(form.sample_rate * form.frame, clock=clock)
        most = _most_samples(form, max_duration, max_bytes)
        self._framing = Framing(form, self._facts.gaps, gap=gap, most=most)
        self._overflow = overflow
        self._owed: Piece | None = None  # silence for which there was no room yet
        self._hash = Hash()
        self._lock = threading.RLock()
        self._recording: Recording | None = None
        self._closed = self._abandoned = self._flushed = False
        self._torn = False  # whether Ctrl-C came within a write, so that a sample may be written but not hashed
        self._files = Files(self._names, self._facts, columns=self._columns, min_free=min_free)
        waiting = max(_QUEUE[0], round(_QUEUE[1] * form.sample_rate * form.frame))
        self._writer = Behind(
            partial(_write, self._files, weakref.ref(self)), enough=_ENOUGH, most=waiting, every=_EVERY
        )
        # One that is forgotten: what it was given is written, and its files stay as a kill would leave them.
        self._forgotten = weakref.finalize(self, _leave, self._writer, self._files)

    @property
    def path(self) -> Path:
        """NAME.wav, which is there when the recorder is closed."""
        return self._names.sound

    @property
    def form(self) -> Form:
        """What it records: `sample_rate`, `channels`, `subtype`."""
        return self._facts.form

    @property
    def duration(self) -> float:
        """Seconds that were recorded so far."""
        return self._framing.samples / self._facts.form.sample_rate

    @property
    def full(self) -> bool:
        """Whether its limit is reached, so that it takes no more samples."""
        return self._framing.full

    def write(
        self, samples: object, angle: float | None = None, elevation: float | None = None, seq: int | None = None
    ) -> None:
        """Add samples: an array (samples, channels) or (samples,), float32 in [-1, 1], int16 or int32; or bytes in the
        recorder's own form (interleaved, little endian), which may end within a sample.

        `angle` and `elevation` are where the first of them comes from. An angle that is no finite number is not logged
        but counted, and the samples are kept; one of a turn or more is brought into the range (725 degrees are 5).
        `seq` is the number of the chunk: then chunks may come late, twice or never, see `Order`. Raises InputError for
        samples that do not fit, and when it is closed or full (what fits is recorded); DeviceError when the disk is
        full.
        """
        data, clipped = self._facts.form.encode(samples)
        with self._lock:
            self._check_open()
            if self.full:
                raise InputError(f"{self.path} has reached its limit ({self.duration:g} s); close it and begin another")
            number = None if seq is None else check_whole("seq", seq, 0, _LARGEST)
            heard = self._heard(angle, elevation)
            self._facts.clipped += clipped
            self._torn = True
            for chunk in self._order.put(Chunk(data, heard), number):
                for piece in self._framing.put(chunk):
                    self._hand_on(piece)
            self._torn = False

    def set_angle(self, angle: float, elevation: float | None = None) -> None:
        """The direction of the samples that come next. Raises InputError for an angle that is no finite number."""
        direction = Direction.said(angle, elevation, self._facts.convention)
        with self._lock:
            self._check_open()
            self._refuse_elevation(elevation)
            self._framing.say(direction)

    def lose(self, samples: int) -> None:
        """Sound that was lost before it came here, such as by a microphone that overflowed: silence stands for it."""
        samples = check_whole("samples", samples, 0, _LARGEST)
        with self._lock:
            self._check_open()
            start = self._framing.samples
            pieces = self._framing.silence(samples)
            self._framing.note(start, self._framing.samples - start, "overflow")
            for piece in pieces:
                self._hand_on(piece)

    def close(self, *, error: str | None = None) -> Recording:
        """Finish the files. `error` says why the recording was interrupted, if it was.

        Raises DeviceError when the disk was full: what was recorded before is in the files, which say so. One that was
        itself interrupted can be called again.
        """
        with self._lock:
            if self._recording is not None:
                return self._recording
            if self._abandoned:
                self._check_open()
            self._closed = True
            failure = self._finish(error)
            self._forgotten.detach()
            self._recording = read(self.path)
        if failure is not None:
            raise failure
        return self._recording

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or isinstance(error, KeyboardInterrupt):  # Ctrl-C is how people end a recording
            self.close()
            return
        if self._recording is None and not self._framing.samples and not self._order.waits:
            self._abandon()
            return
        try:
            self.close(error=f"{type(error).__name__}: {error}")
        except PerceptkitError as second:
            if str(second) != str(error):  # the first one goes on
                log.warning("%s", second)

    def _abandon(self) -> None:
        """Leave nothing: nothing was recorded, and the name is free for another attempt."""
        with suppress(OSError):
            self._writer.close()
        self._files.abandon()
        self._forgotten.detach()
        self._closed = self._abandoned = True

    def _hurry(self) -> None:
        """Hand on what has waited too long for other chunks; called by the writer when it has nothing to do."""
        if not self._lock.acquire(blocking=False):
            return  # somebody writes, which does the same
        try:
            if not self._closed:
                for chunk in self._order.overdue():
                    for piece in self._framing.put(chunk):
                        self._hand_on(piece)
        finally:
            self._lock.release()

    def _check_open(self) -> None:
        if self._closed:
            raise InputError(f"{self.path} is closed; begin another recording")

    def _heard(self, angle: object, elevation: object) -> Direction | None:
        """The direction of a chunk; None when there is none, or none that can be used."""
        self._refuse_elevation(elevation)
        if angle is None and elevation is None:
            return None
        try:
            return Direction.said(angle, elevation, self._facts.convention)
        except InputError as error:
            self._facts.refused_angles += 1
            if self._facts.refused_angles == 1:
                log.warning("%s: %s; it is left out, and so are others like it", self.path, error)
            return None

    def _refuse_elevation(self, elevation: object) -> None:
        if elevation is not None and "elevation" not in self._columns:
            raise InputError("this recorder keeps no elevation; ask for it: Recorder(..., columns=['elevation'])")

    def _hand_on(self, piece: Piece) -> None:
        """Give a piece to the writer; when there is no room and nobody may wait, silence comes in its place later."""
        if self._owed is not None and self._given(self._owed):
            self._owed = None
        if self._owed is None and self._given(piece):
            return
        owed = self._owed or Piece(piece.start)
        samples = len(piece.data) // self.form.frame or piece.silence
        if piece.data:
            self._framing.note(piece.start, samples, "overflow")
        self._owed = Piece(owed.start, b"", owed.silence + samples, owed.directions + piece.directions)

    def _given(self, piece: Piece, *, wait: bool = False) -> bool:
        try:
            given = self._writer.give(piece, len(piece.data) + _OVERHEAD, wait=wait or self._overflow == "wait")
        except OSError as error:
            raise self._ended_by(error) from error
        if given:  # here and not in the writer's thread: both have about the same work
            self._hash.add(piece.data)
            self._hash.add_zeros(piece.silence * self.form.frame)
        return given

    def _finish(self, error: str | None) -> PerceptkitError | None:
        """Write all that is left and name the files; what went wrong, if something did."""
        facts = self._facts
        failure: PerceptkitError | None = None
        try:
            if not self._flushed:
                for chunk in self._order.flush():
                    for piece in self._framing.put(chunk):
                        self._hand_on(piece)
                if self._owed is not None:
                    self._given(self._owed, wait=True)
                self._given(self._framing.end(), wait=True)
                self._flushed = True
        except PerceptkitError as early:
            failure = early
        try:
            self._writer.close()
        except OSError as early:
            failure = self._ended_by(early)
        try:
            self._files.end()
        except OSError as early:
            failure = failure or self._ended_by(early)
        facts.duplicates, facts.late, facts.missing = self._order.duplicates, self._order.late, self._order.missing
        facts.sha256 = None if failure or self._torn else self._hash.hexdigest()
        facts.error = str(failure) if failure else error
        facts.state = "interrupted" if facts.error else "complete"
        try:
            self._files.name()
        except OSError as early:
            failure = failure or self._ended_by(early)
        return failure

    def _ended_by(self, error: OSError) -> PerceptkitError:
        """The error to raise when the files could not be written any more."""
        mapped = write_error(self.path, error)
        reason = str(mapped).partition(";")[0]  # without "run the same command again": the name is taken now
        return type(mapped)(f"{reason}; what was recorded before that is kept")


def _leave(writer: Behind[Piece], files: Files) -> None:
    with suppress(OSError):  # there is nobody to tell
        writer.close()
    files.leave()


def _write(files: Files, recorder: weakref.ref[Recorder], pieces: list[Piece]) -> None:
    """What the writer does with the pieces that have come: in as few writes as can be."""
    directions = [said for piece in pieces for said in piece.directions]
    try:
        for is_silent, together in groupby(pieces, key=lambda piece: piece.silence > 0):
            if is_silent:
                files.add_silence(sum(piece.silence for piece in together))
            else:
                files.add(b"".join(piece.data for piece in together))
    except OSError:
        with suppress(OSError):
            files.note([said for said in directions if said[0] <= files.samples])
        raise
    files.note(directions)
    files.keep()
    if not pieces and (caller := recorder()) is not None:
        caller._hurry()


def _most_samples(form: Form, max_duration: float | None, max_bytes: int | None) -> int | None:
    """How many sample frames may be recorded."""
    for name, value in (("max_duration", max_duration), ("max_bytes", max_bytes)):
        if value is not None and not 0 < value < math.inf:
            raise InputError(f"{name} is {value!r}; give more than 0, or nothing")
    most = [] if max_duration is None else [round(max_duration * form.sample_rate)]
    if max_bytes is not None:
        most.append(max_bytes // form.frame)
    if most and min(most) < 1:
        raise InputError(f"max_duration is {max_duration}, max_bytes is {max_bytes}: less than one sample; give more")
    return min(most) if most else None
