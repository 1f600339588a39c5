"""A window on the screen that shows pictures as they come."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import cv2

from ..arrays import Picture
from ..errors import DeviceError

__all__ = ["Show", "open_window"]

Show = Callable[[Picture], bool]
"""Shows a picture, RGB uint8 (H, W, 3); False when no more are wanted."""

_QUIT = (ord("q"), 27)  # 27: Escape


@contextmanager
def open_window(title: str, instead: str) -> Iterator[Show]:
    """A window, closed at the end; q, Escape and its cross end it.

    Raises DeviceError where there is no screen, which says what to do `instead`.
    """
    cannot = f"a window cannot be opened here; {instead}"

    def show(picture: Picture) -> bool:
        cv2.imshow(title, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        closed = cv2.getWindowProperty(title, cv2.WND_PROP_VISIBLE) < 1
        return cv2.waitKey(1) & 0xFF not in _QUIT and not closed

    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise DeviceError(cannot)  # Qt would end the whole process
    try:
        cv2.namedWindow(title, cv2.WINDOW_NORMAL)
        yield show
        cv2.destroyWindow(title)
    except cv2.error as error:
        raise DeviceError(f"{cannot} ({error.err})") from error
