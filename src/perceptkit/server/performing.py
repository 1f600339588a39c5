"""What runs in the process of `hands`: it takes tasks from a pipe, does them, and reports."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.synchronize import Event
from typing import Any

from ..errors import DeviceError, InputError, MediaError, MissingExtraError, ModelError, PerceptkitError
from ..output import dumps
from .settings import Settings

__all__ = ["Failure", "Progressed", "Report", "Reporter", "Succeeded", "perform_all", "read_report", "status_of"]

log = logging.getLogger("perceptkit.server")

_EVERY = 0.2  # seconds between two reports of progress


@dataclass(frozen=True, slots=True)
class Progressed:
    """So much is done of `total` (None: it is not known), at a stage that has a name where there are several."""

    done: int
    total: int | None
    stage: str


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


Progress = Callable[[int, int | None], None]


class _Stop(BaseException):
    """Raised where a task reports progress, so that it cleans up and stops. No Exception: nobody is to carry on."""


def perform_all(settings: Settings, pipe: Connection, flag: Event) -> None:
    """Do the tasks that come through `pipe`, until it closes. `flag` is set when the present one is to stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which then stops this one
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    threading.Thread(target=_end_with_parent, name="perceptkit-parent", daemon=True).start()
    os.chdir(settings.data)  # so that paths in messages and results are relative, and tell nobody where we are
    from .tasks import TASKS, Models

    models = Models(settings)
    while True:
        try:
            task, parameters = json.loads(pipe.recv_bytes())
        except (EOFError, OSError):
            return
        report: Report
        try:
            report = Succeeded(TASKS[task](models, parameters, Reporter(pipe, flag)))
        except _Stop:
            report = Failure("stopped", 499, "stopped")
        except PerceptkitError as error:
            report = Failure(str(error), *status_of(error))
        except MemoryError:
            report = Failure("there is not enough memory for this", 503, "out_of_memory")
        except Exception as error:
            log.exception("the task %s failed", task)
            report = Failure(f"an error of ours ({type(error).__name__})", 500, "internal_error")
        pipe.send_bytes(write_report(report))


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


class Reporter:
    """Sends progress, and stops the task that reports it when that is wanted."""

    def __init__(self, pipe: Connection, flag: Event) -> None:
        self._pipe, self._flag = pipe, flag
        self._stage, self._last = "", 0.0

    def stage(self, name: str) -> Progress:
        """What to give to a function of the library as `progress`, while it is at a stage called `name`."""
        self._stage, self._last = name, 0.0
        self(0, None)
        return self

    def __call__(self, done: int, total: int | None) -> None:
        """So much is done."""
        if self._flag.is_set():
            raise _Stop
        now = time.monotonic()
        if now - self._last >= _EVERY or done == total:
            self._last = now
            self._pipe.send_bytes(write_report(Progressed(done, total, self._stage)))


def _end_with_parent() -> None:
    """A killed parent cannot tell us. What is half done is left to the next attempt."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
