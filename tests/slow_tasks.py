"""Tasks for tests of what goes wrong: they need no models, and last as long as is wanted."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from perceptkit.errors import DeviceError, MediaError
from perceptkit.server.processes.performing import Reporter, Tasks

__all__ = ["TASKS"]


def _count(_models: Any, parameters: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Counts frames, as slowly as is wanted; keeps a list of the processes that began it, and leaves a file."""
    with Path("begun.txt").open("a") as begun:
        begun.write(f"{os.getpid()}\n")
    progress = reporter.stage("frames")
    frames = parameters["frames"]
    for frame in range(frames):
        progress(frame, frames)
        time.sleep(parameters.get("seconds", 0.05))
    if "folder" in parameters:
        Path(parameters["folder"], "counted.txt").write_text(str(frames))
    return {"frames": frames, "process": os.getpid()}


def _deaf(_models: Any, parameters: dict[str, Any], _reporter: Reporter) -> dict[str, Any]:
    """Says nothing for a while, and so does not hear that it is to stop."""
    end = time.monotonic() + parameters["seconds"]
    while time.monotonic() < end:
        time.sleep(0.05)
    return {"late": True}


def _die(_models: Any, parameters: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Ends the process, the first `times` that it is done."""
    marks = Path("deaths.txt")
    dead = len(marks.read_text()) if marks.exists() else 0
    if dead < parameters["times"]:
        marks.write_text("x" * (dead + 1))
        os._exit(9)
    return _count(_models, {"frames": 1, **parameters}, reporter)


def _fail(_models: Any, parameters: dict[str, Any], _reporter: Reporter) -> dict[str, Any]:
    """Fails as it is told to."""
    raise {
        "media": MediaError("walk.mp4 is empty"),
        "device": DeviceError("the GPU has gone"),
        "full": OSError(28, "No space left on device"),
        "bug": ValueError("of ours"),
        "eof": EOFError("not the pipe's"),
        "memory": MemoryError(),
    }[parameters["how"]]


def _fill(_models: Any, parameters: dict[str, Any], _reporter: Reporter) -> dict[str, Any]:
    """Writes more than there is room for."""
    with Path(parameters["folder"], "large.bin").open("wb") as file:
        for _ in range(parameters["megabytes"]):
            file.write(bytes(1 << 20))
    return {}


def _strange(_models: Any, _parameters: dict[str, Any], _reporter: Reporter) -> Any:
    """Gives what is no JSON."""
    return {"confidence": float("nan")}


def _place(_models: Any, _parameters: dict[str, Any], _reporter: Reporter) -> dict[str, Any]:
    """Where it looks for weights."""
    return {"models": os.environ["PERCEPTKIT_MODELS"], "folder": str(Path.cwd())}


TASKS: Tasks = {
    "count": _count,
    "deaf": _deaf,
    "die": _die,
    "fail": _fail,
    "fill": _fill,
    "place": _place,
    "strange": _strange,
}
