"""A look at what was sent, before anything is done with it: what its header says, within the limits of the library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...limits import MAX_FRAME_PIXELS, MAX_PIXELS
from ..processes.performing import Reporter
from .models import Models
from .naming import called

__all__ = ["look"]

_ANY = 1 << 48  # pixels: what is over our limit is told apart from what is damaged


def look(_models: Models, parameters: dict[str, Any], _reporter: Reporter) -> dict[str, Any]:
    """The `facts` of the header of a file, a video or a photo (`kind`); or, as `over`, that it has too many pixels.

    Raises MediaError, with `filename` in the place of `path`, for what cannot be read or is over another limit.
    """
    path, name = parameters["path"], parameters["filename"]
    with called(name, Path(path)):
        return _photo(path, name) if parameters["kind"] == "image" else _video(path, name)


def _photo(path: str, name: str) -> dict[str, Any]:
    from ... import images

    info = images.inspect(images.load(path), name=path, max_pixels=_ANY)
    if info.width * info.height > MAX_PIXELS:
        return _over(name, info.width, info.height, MAX_PIXELS)
    facts = {"width": info.width, "height": info.height, "frames": info.frames, "format": info.format}
    return {"facts": {"kind": "image", **facts}}


def _video(path: str, name: str) -> dict[str, Any]:
    from ... import video
    from ...video.opening import open_video

    container, stream = open_video(path, video.Limits(pixels=_ANY))
    with container:
        width, height = stream.codec_context.width, stream.codec_context.height
    if width * height > MAX_FRAME_PIXELS:
        return _over(name, width, height, MAX_FRAME_PIXELS)
    info = video.info(path)
    facts = {
        "kind": "video",
        "width": info.width,
        "height": info.height,
        "frames": info.expected_frames,
        "duration": info.duration,
        "rate": float(info.rate),
        "has_sound": info.has_sound,
    }
    return {"facts": facts}


def _over(name: str, width: int, height: int, most: int) -> dict[str, Any]:
    return {"over": f"{name}: {width} x {height} pixels is over the limit of {most:,} pixels; make it smaller"}
