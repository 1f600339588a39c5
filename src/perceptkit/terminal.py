"""How the command line talks: results on stdout, everything else on stderr, progress, and errors as one message."""

from __future__ import annotations

import io
import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Display
from rich.text import Text
from typer.core import TyperGroup

from .errors import PerceptkitError

__all__ = ["INTERRUPTED", "Progress", "ReportingGroup", "accept_any_text", "complain", "progress", "show_log", "stages"]

INTERRUPTED = 130
"""The exit code after Ctrl-C."""

_EVERY = 10.0  # seconds between lines of progress where there is no terminal to draw on

_errors = Console(stderr=True, highlight=False, soft_wrap=True)


class ReportingGroup(TyperGroup):
    """A group of commands that ends with one clear message and the right exit code: the one handler there is."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except PerceptkitError as error:
            complain(str(error))
            raise typer.Exit(error.exit_code) from error
        except KeyboardInterrupt as error:
            complain(
                "interrupted; nothing is left half-written. Run the same command again "
                "(faces extract goes on where it stopped, and gaze with --resume)"
            )
            raise typer.Exit(INTERRUPTED) from error
        except ImportError as error:
            if "shared object" not in str(error):
                raise
            complain(f"a system library is missing: {error}")
            complain("on Debian or Ubuntu: apt-get install -y libgl1 libegl1 libgles2 libglib2.0-0 libgomp1")
            raise typer.Exit(1) from error


def complain(message: str, *, label: str = "error") -> None:
    """One message on stderr."""
    _errors.print(Text.assemble((f"{label}: ", "bold red" if label == "error" else "bold yellow"), message))


def accept_any_text() -> None:
    """Let stdout print file names that its encoding cannot hold, escaped, as stderr does anyway."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def show_log() -> None:
    """Show what the library logs (downloads, licences, fallbacks) on stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("perceptkit")
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)


Progress = Callable[[int, int | None], None]
"""Called with what is done, and how much there is to do, None when nobody knows."""


@contextmanager
def progress(unit: str) -> Iterator[Progress]:
    """A function to call with what is done and the total: it draws a bar, or prints a line now and then.

    Rate and remaining time are shown; where there is no terminal, nothing when all is done within a few seconds. It
    raises KeyboardInterrupt after a Ctrl-C that ended nothing.
    """
    with stages(unit) as (update,):
        yield update


@contextmanager
def stages(*units: str) -> Iterator[list[Progress]]:
    """The same for work that is done in stages, one after the other: a function for each, on one bar."""
    with _drawn() as draw, _interrupts() as raise_lost:

        def stage(unit: str) -> Progress:
            def update(done: int, total: int | None) -> None:
                raise_lost()
                draw(unit, done, total)

            return update

        yield [stage(unit) for unit in units]
        raise_lost()


@contextmanager
def _drawn() -> Iterator[Callable[[str, int, int | None], None]]:
    if not _errors.is_terminal:
        yield _Lines()
    else:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
        )
        with Display(*columns, console=_errors, transient=True) as bar:
            task = bar.add_task("", total=None, rate="", visible=False)
            rate = _Rate()
            now = ""

            def update(unit: str, done: int, total: int | None) -> None:
                nonlocal now
                if unit != now:
                    now = unit
                    bar.reset(task, description=unit, visible=True, rate="")
                    bar.tasks[0].total = None  # which reset leaves as it was
                bar.update(task, completed=done, total=total, rate=f"{rate(done):.1f}/s")

            yield update


@contextmanager
def _interrupts() -> Iterator[Callable[[], None]]:
    """A function that raises the Ctrl-C that Python lost: one that comes while it calls back from C ends nothing."""
    lost: list[type] = []
    before = sys.unraisablehook

    def note(error: Any) -> None:
        if error.exc_type is KeyboardInterrupt:
            lost.append(error.exc_type)
        else:
            before(error)

    def raise_lost() -> None:
        if lost:
            lost.clear()
            raise KeyboardInterrupt

    sys.unraisablehook = note
    try:
        yield raise_lost
    finally:
        sys.unraisablehook = before


class _Rate:
    """Work per second since the first call, which counts what was done before, of one thing after another."""

    def __init__(self) -> None:
        self._start: tuple[float, int] | None = None
        self._last = 0

    def __call__(self, done: int) -> float:
        now = time.monotonic()
        if self._start is None or done < self._last:  # the next file
            self._start = now, done
        since, before = self._start
        self._last = done
        return (done - before) / max(now - since, 1e-3)


class _Lines:
    """Progress for a log file: a line every few seconds."""

    def __init__(self) -> None:
        self._rate, self._last = _Rate(), time.monotonic()

    def __call__(self, unit: str, done: int, total: int | None) -> None:
        rate, now = self._rate(done), time.monotonic()
        if now - self._last >= _EVERY:
            self._last = now
            of = f" of {total:,}" if total else ""
            left = f", {(total - done) / rate:.0f} s left" if total and rate > 0 else ""
            _errors.print(f"{unit}: {done:,}{of}{left} ({rate:.1f}/s)")
