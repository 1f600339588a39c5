"""A process that holds the models and does one task after another, and the side of it that gives the tasks.

The server itself loads no model and opens no media: what callers send is touched in such a process only, which can be
stopped whatever it is doing.

    hands = Hands(settings, name="jobs")
    result = hands.perform("gaze", {...}, progress=print, stopped=lambda: False)
"""

from __future__ import annotations

import math
import multiprocessing
import threading
import time
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any

from ..settings import Settings
from .performing import Failure, Progressed, Succeeded, Tasks, perform_all, read_report, write_order, write_stop

__all__ = ["Died", "Hands", "Stopped", "TaskError"]

_context = multiprocessing.get_context("spawn")

_POLL = 0.1  # seconds
_TERMINATE = 2.5  # seconds that a process has to end after SIGTERM


class TaskError(Exception):
    """A task failed. `status` is the HTTP status that fits, `code` a word for programs."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.status, self.code = failure.status, failure.code


class Stopped(Exception):  # noqa: N818 - not an error: it was asked for
    """A task was stopped because `stopped` said so."""


class Died(Exception):  # noqa: N818 - what happened, not what was wrong
    """The process ended while it had a task, as one does that is killed or runs out of memory; or it never began."""


class Hands:
    """One process, started when it is first needed, and again when it has died. It does one task at a time; threads
    that come at the same time wait for each other.

    It knows the tasks of the package, unless others are given: functions that can be pickled. One that is asked to stop
    has `patience` seconds for it. On every CPU there is, the process gives way to others by `nice`. Where the system
    can see to that (Linux), it gets so many bytes of `memory`, and what needs more fails.
    """

    def __init__(
        self,
        settings: Settings,
        name: str,
        *,
        tasks: Tasks | None = None,
        patience: float = 5.0,
        nice: int = 0,
        memory: int | None = None,
    ) -> None:
        self._settings, self._name, self._tasks, self._patience = settings, name, tasks, patience
        self._nice, self._memory = nice, memory
        self._process: SpawnProcess | None = None
        self._pipe: Connection | None = None
        self._number = 0
        self._closed = False
        self._busy = threading.Lock()  # held while a task is under way
        self._life = threading.Lock()  # held while the process is started or ended

    @property
    def process_id(self) -> int | None:
        """Of the process, while there is one."""
        process = self._process
        return process.pid if process is not None and process.is_alive() else None

    def perform(
        self,
        task: str,
        parameters: Mapping[str, Any],
        *,
        progress: Callable[[Progressed], None] | None = None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Any:
        """Do a task (`tasks.TASKS`) and wait for what comes of it, plain data as in JSON.

        `progress` is called with how far the task is. `stopped` is asked ten times a second; when it says True, the
        task is asked to stop, then told to, then killed, within 8 seconds.
        Raises TaskError when the task failed, Stopped, and Died.
        """
        with self._busy:
            limit = _Limit(stopped, self._patience)
            pipe = self._start()
            self._number += 1
            try:
                pipe.send_bytes(write_order(self._number, task, parameters))
                ending = self._await(pipe, progress, limit)
            except (EOFError, OSError) as error:
                code = self._end(0.0)
                if limit.asked:
                    raise Stopped from error
                raise Died(f"the process ended by itself (exit code {code})") from error
            except BaseException:  # its time is over; or what was called failed, and nobody waits for the task
                self._end(_TERMINATE)
                raise
        if isinstance(ending, Succeeded):
            return ending.result
        raise Stopped if ending.code == "stopped" else TaskError(ending)

    def close(self) -> None:
        """End the process, whatever it is doing, for good. Takes up to 2.5 seconds; any thread may do it."""
        self._closed = True
        self._end(_TERMINATE)

    def _await(
        self, pipe: Connection, progress: Callable[[Progressed], None] | None, limit: _Limit
    ) -> Succeeded | Failure:
        """Follow a task to its end."""
        told = False
        while True:
            report = read_report(pipe.recv_bytes()) if pipe.poll(_POLL) else None
            if isinstance(report, Succeeded | Failure):
                return report
            if report is not None and progress:
                progress(report)
            if limit.asked and not told:
                told = True
                pipe.send_bytes(write_stop(self._number))
            if limit.over:
                raise Stopped

    def _start(self) -> Connection:
        """The pipe to the process, which is started if there is none."""
        with self._life:
            if self._closed:
                raise Died("the server stops")
            if self._pipe is not None and self._process is not None and self._process.is_alive():
                return self._pipe
            if self._pipe is not None:
                self._pipe.close()
                self._pipe = None
            try:
                self._process, self._pipe = self._spawn()
            except OSError as error:
                raise Died(f"the process could not be started: {error.strerror or error}") from error
            return self._pipe

    def _spawn(self) -> tuple[SpawnProcess, Connection]:
        ours, theirs = _context.Pipe()
        # A daemon: it ends with this process, also when this one is killed (it watches for that itself).
        process = _context.Process(
            target=perform_all,
            args=(self._settings, self._tasks, theirs, self._nice, self._memory),
            name=f"perceptkit-{self._name}",
            daemon=True,
        )
        try:
            process.start()
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        return process, ours

    def _end(self, grace: float) -> int | None:
        """End the process, which gets so many seconds for it: its exit code. The pipe stays open: it may be in use."""
        with self._life:
            process, self._process = self._process, None
            if process is None:
                return None
            if grace:
                process.terminate()
                process.join(grace)
            process.kill()
            process.join()
            return process.exitcode


class _Limit:
    """Whether a task was asked to stop, and whether it has had its time to do so."""

    def __init__(self, stopped: Callable[[], bool], patience: float) -> None:
        self._stopped, self._patience, self._since = stopped, patience, math.inf

    @property
    def asked(self) -> bool:
        if self._since == math.inf and self._stopped():
            self._since = time.monotonic()
        return self._since < math.inf

    @property
    def over(self) -> bool:
        return time.monotonic() - self._since > self._patience
