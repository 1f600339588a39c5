"""What runs in the process of `hands`: it takes tasks from a pipe, does them, and reports."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from ...errors import DeviceError, InputError, MediaError, MissingExtraError, ModelError, PerceptkitError, is_disk_full
from ...output import dumps
from ..logs import log_to_stderr
from ..settings import Settings

__all__ = [
    "Failure",
    "Progress",
    "Progressed",
    "Report",
    "Reporter",
    "Succeeded",
    "Tasks",
    "perform_all",
    "read_report",
    "status_of",
    "write_order",
    "write_stop",
]

if sys.platform == "linux":
    import resource

log = logging.getLogger("perceptkit.server")

_EVERY = 0.2  # seconds between two reports of progress
_PLACES = {"PERCEPTKIT_MODELS", "PERCEPTKIT_CACHE"}  # folders that may be named as seen from where we were started
_LOOK = 0.02  # seconds between two looks whether to stop


@dataclass(frozen=True, slots=True)
class Progressed:
    """So many frames, or what else is counted, are done of `total` (None: it is not known), at a stage that has a name
    where there are several. `share` is that of the whole task, 0 to 1."""

    done: int
    total: int | None
    stage: str
    share: float


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The task is done."""

    result: Any


@dataclass(frozen=True, slots=True)
class Failure:
    """The task is not done."""

    message: str
    status: int
    code: str


Report = Progressed | Succeeded | Failure

_REPORTS = {kind.__name__: kind for kind in (Progressed, Succeeded, Failure)}


def write_report(report: Report) -> bytes:
    """A report as it goes through the pipe: JSON, so that nothing that comes from foreign media can be executed."""
    return dumps([type(report).__name__, asdict(report)]).encode()


def read_report(data: bytes) -> Report:
    """The report that was written."""
    kind, fields = json.loads(data)
    return _REPORTS[kind](**fields)


def write_order(number: int, task: str, parameters: Mapping[str, Any]) -> bytes:
    """That a task is to be done, as it goes through the pipe. Its number goes up with each."""
    return json.dumps([number, task, dict(parameters)]).encode()


def write_stop(number: int) -> bytes:
    """That the task of this number is to stop, if it has not ended."""
    return json.dumps([number]).encode()


Progress = Callable[[int, int | None], None]


class Reporter:
    """Sends progress, and stops the task that reports it when that is wanted."""

    def __init__(self, send: Callable[[Progressed], None], stopped: Callable[[], bool]) -> None:
        self._send, self._stopped = send, stopped
        self._now = Progressed(0, None, "", 0.0)
        self._sent, self._looked = 0.0, 0.0

    def stage(self, name: str, *, number: int = 1, of: int = 1, counted: bool = True) -> Progress:
        """What to give to a function of the library as `progress`, while it is at a stage called `name`.

        It is the stage `number` of so many, which count as parts of the same size. What it counts is what callers see
        as the frames of the job, unless it is not `counted`: then they see those of the stage before.
        """
        self._sent, self._looked = 0.0, 0.0
        self._tell(replace(self._now, stage=name, share=max(self._now.share, (number - 1) / of)), ends=False)

        def report(done: int, total: int | None) -> None:
            share = max(self._now.share, (number - 1 + min(done / total, 1.0)) / of) if total else self._now.share
            seen = (done, total) if counted else (self._now.done, self._now.total)
            self._tell(Progressed(*seen, name, share), ends=done == total)

        return report

    def _tell(self, progressed: Progressed, *, ends: bool) -> None:
        self._now, now = progressed, time.monotonic()
        if now - self._looked >= _LOOK:
            self._looked = now
            if self._stopped():
                raise _Stop
        if now - self._sent >= _EVERY or ends:
            self._sent = now
            self._send(progressed)


# A task is a function of the loaded models, its parameters and a reporter; see the package `tasks`.
Tasks = Mapping[str, Callable[[Any, dict[str, Any], Reporter], Any]]


class _Stop(BaseException):
    """Raised where a task reports progress, so that it cleans up and stops. No Exception: nobody is to carry on."""


def perform_all(settings: Settings, tasks: Tasks | None, pipe: Connection, nice: int, memory: int | None) -> None:
    """Do the tasks that come through `pipe`, until it closes: those of the package, unless others are given. `nice` is
    how far this gives way to others, `memory` how many bytes it may have (None: as many as there are)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which then stops this one
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    threading.Thread(target=_end_with_parent, name="perceptkit-parent", daemon=True).start()
    log_to_stderr(settings.log_level)
    if hasattr(os, "nice"):
        os.nice(nice)
    if memory is not None and sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    for name in _PLACES & os.environ.keys():
        os.environ[name] = str(Path(os.environ[name]).expanduser().absolute())
    os.chdir(settings.data)  # so that paths in messages and results are relative, and tell nobody where we are
    from ..tasks import TASKS, Models

    models, known, line = Models(settings), TASKS if tasks is None else tasks, _Line(pipe)
    try:
        while True:
            task, parameters = line.next()
            reporter = Reporter(line.send, line.stopped)
            line.send(_perform(task, known, (models, parameters, reporter)))
    except _Gone:
        return


def _perform(task: str, known: Tasks, arguments: tuple[Any, dict[str, Any], Reporter]) -> Report:
    """Do a task: the report of how it ended."""
    try:
        return Succeeded(json.loads(dumps(known[task](*arguments))))  # what is no JSON is noticed here
    except _Stop:
        return Failure("stopped", 499, "stopped")
    except (ModelError, DeviceError) as error:  # what to do about it is for whoever runs the server
        log.error("the task %s: %s", task, error)
        return Failure(str(error).partition("\n")[0], *status_of(error))
    except PerceptkitError as error:
        return Failure(str(error), *status_of(error))
    except MemoryError:
        return Failure("there is not enough memory for this", 503, "out_of_memory")
    except Exception as error:
        if is_disk_full(error):
            return Failure("there is no space left on the disk of the server", 503, "device_error")
        log.exception("the task %s failed", task)
        return Failure(f"an error of ours ({type(error).__name__})", 500, "internal_error")


def status_of(error: PerceptkitError) -> tuple[int, str]:
    """The HTTP status, and the word for programs, that fit an error of the library."""
    for kind, status, code in (
        (MediaError, 422, "media_error"),
        (InputError, 422, "input_error"),
        (ModelError, 503, "model_error"),
        (DeviceError, 503, "device_error"),
        (MissingExtraError, 501, "missing_extra"),
    ):
        if isinstance(error, kind):
            return status, code
    return 500, "internal_error"


class _Gone(BaseException):
    """The server has closed the pipe, or has ended."""


class _Line:
    """The pipe to the server: tasks come through it, and that the present one is to stop; reports go through it."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe, self._number = pipe, 0

    def next(self) -> tuple[str, dict[str, Any]]:
        """Wait for the next task."""
        while True:
            self._number, *order = self._receive()
            if order:  # else it tells a task to stop that has ended in the meantime
                return order[0], order[1]

    def stopped(self) -> bool:
        """Whether the present task is to stop. No other can have come while it is done."""
        try:
            waits = self._pipe.poll()
        except OSError as error:
            raise _Gone from error
        return waits and self._receive() == [self._number]

    def send(self, report: Report) -> None:
        """Tell the server."""
        try:
            self._pipe.send_bytes(write_report(report))
        except OSError as error:
            raise _Gone from error

    def _receive(self) -> list[Any]:
        try:
            order: list[Any] = json.loads(self._pipe.recv_bytes())
        except (EOFError, OSError) as error:
            raise _Gone from error
        return order


def _end_with_parent() -> None:
    """A killed parent cannot tell us. What is half done is left to the next attempt."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
