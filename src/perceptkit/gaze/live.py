"""A window that shows where the faces before a camera look, as it happens."""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path

from ..face import load_detector
from ..video import Show, open_source, open_window, read_camera
from . import defaults
from .attention import at_camera
from .drawing import draw
from .estimate import load_gaze
from .reading import read_gaze

__all__ = ["watch"]

_TITLE = "perceptkit gaze (q to quit)"
_INSTEAD = "without --live the result is written to files"


def watch(
    source: int | str | Path = 0,
    *,
    gaze: str | Path | None = None,
    detector: str | Path | None = None,
    preset: str | None = None,
    device: str = "auto",
    precision: str = defaults.PRECISION,
    smooth: bool = True,
    camera_angle: float = defaults.CAMERA_ANGLE,
    show: Show | None = None,
) -> int:
    """Show the gaze of every face before a camera (by its index), or in a video, until q is pressed.

    `show` is called with each annotated picture, by default a window on the screen.
    Every frame is searched as it comes, and one that comes while the last is worked on is left out. Returns how many
    frames were shown. Raises DeviceError where there is no camera or no screen.
    """
    found = load_detector(detector, preset=preset, device=device, min_score=defaults.LOWEST_SCORE)
    estimate = load_gaze(gaze, preset=preset, device=device, precision=precision)
    shown = 0
    with ExitStack() as opened:
        frames = opened.enter_context(read_camera(source) if isinstance(source, int) else open_source(source))
        shows = show or opened.enter_context(open_window(_TITLE, _INSTEAD))
        readings = opened.enter_context(closing(read_gaze(frames, found, estimate, smooth=smooth, workers=1)))
        for reading in readings:
            camera = [at_camera(one, angle=camera_angle) for one in reading.seen.gazes]
            shown += 1
            if not shows(draw(reading.frame.image, reading.seen, camera=camera)):
                break
    return shown
