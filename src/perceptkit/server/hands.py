"""A process that holds the models and does one task after another, and the side of it that gives the tasks.

The server itself loads no model and opens no media: what callers send is touched in such a process only, which can be
stopped whatever it is doing.

    hands = Hands(settings, name="jobs")
    result = hands.perform("gaze", {...}, progress=print, stopped=lambda: False)
"""

from __future__ import annotations

import json
import math
import multiprocessing
import time
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from multiprocessing.synchronize import Event
from typing import Any

from .performing import Failure, Succeeded, perform_all, read_report
from .settings import Settings

__all__ = ["Died", "Hands", "Stopped", "TaskError"]

_spawn = multiprocessing.get_context("spawn")

_POLL = 0.1  # seconds
_FLAG, _TERMINATE = 5.0, 2.5  # seconds that a task has to stop after it was asked to, and after SIGTERM


class TaskError(Exception):
    """A task failed. `status` is the HTTP status that fits, `code` a word for programs."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.status, self.code = failure.status, failure.code


class Stopped(Exception):  # noqa: N818 - not an error: it was asked for
    """A task was stopped because `stopped` said so."""


class Died(Exception):  # noqa: N818 - what happened, not what was wrong
    """The process ended while it had a task, as one does that is killed or runs out of memory."""


class Hands:
    """One process, started when it is first needed, and again when it has died. One task at a time, from any thread
    that holds it alone."""

    def __init__(self, settings: Settings, name: str) -> None:
        self._settings, self._name = settings, name
        self._process: SpawnProcess | None = None
        self._pipe: Connection
        self._flag: Event

    @property
    def process_id(self) -> int | None:
        """Of the process, while there is one."""
        return self._process.pid if self._process is not None and self._process.is_alive() else None

    def perform(
        self,
        task: str,
        parameters: Mapping[str, Any],
        *,
        progress: Callable[[int, int | None, str], None] | None = None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Any:
        """Do a task (`tasks.TASKS`) and wait for what comes of it, plain data as in JSON.

        `progress` is called with what is done, of how many (None: unknown), and the stage. `stopped` is asked ten
        times a second; when it says True, the task is asked to stop, then told to, then killed, within 8 seconds.
        Raises TaskError when the task failed, Stopped, and Died.
        """
        self._start()
        self._flag.clear()
        limit = _Deadline(stopped)
        try:
            self._pipe.send_bytes(json.dumps([task, dict(parameters)]).encode())
            while True:
                report = read_report(self._pipe.recv_bytes()) if self._pipe.poll(_POLL) else None
                if isinstance(report, Succeeded):
                    return report.result
                if isinstance(report, Failure):
                    raise Stopped if report.code == "stopped" else TaskError(report)
                if report is not None and progress:
                    progress(report.done, report.total, report.stage)
                if limit.asked:
                    self._flag.set()
                if limit.over:
                    self.close()
                    raise Stopped
        except (EOFError, OSError) as error:
            code = self._end(at_once=True)
            if limit.asked:
                raise Stopped from error
            raise Died(f"the process ended by itself (exit code {code})") from error

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._end(at_once=False)

    def _start(self) -> None:
        if self.process_id is not None:
            return
        self._end(at_once=True)
        self._pipe, theirs = _spawn.Pipe()
        self._flag = _spawn.Event()
        # A daemon: it ends with this process, also when this one is killed (it watches for that itself).
        self._process = _spawn.Process(
            target=perform_all, args=(self._settings, theirs, self._flag), name=f"perceptkit-{self._name}", daemon=True
        )
        self._process.start()
        theirs.close()

    def _end(self, *, at_once: bool) -> int | None:
        if self._process is None:
            return None
        if not at_once:
            self._process.terminate()
            self._process.join(_TERMINATE)
        self._process.kill()
        self._process.join()
        code, self._process = self._process.exitcode, None
        self._pipe.close()
        return code


class _Deadline:
    """Whether a task was asked to stop, and whether it has had its time to do so."""

    def __init__(self, stopped: Callable[[], bool]) -> None:
        self._stopped, self._since = stopped, math.inf

    @property
    def asked(self) -> bool:
        if self._since == math.inf and self._stopped():
            self._since = time.monotonic()
        return self._since < math.inf

    @property
    def over(self) -> bool:
        return time.monotonic() - self._since > _FLAG
