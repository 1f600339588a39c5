"""Footsteps before a camera, frame by frame. A task that finds no session answers None: it is over."""

from __future__ import annotations

import base64
import binascii
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from ...files import write_bytes
from ...limits import MAX_FRAME_PIXELS
from ..processes.performing import Reporter
from .models import Models
from .sessions import LiveWalk

if TYPE_CHECKING:
    from ...arrays import Picture
    from ...foley import Advice

__all__ = ["live_floor", "live_frame", "live_open", "live_sound", "live_stop", "live_tidy"]

_PEOPLE = 4  # who are followed, the highest in the picture: each takes memory, and 15 ms a frame
_ADVICE = 10.0  # seconds for a vision model, where one is asked
_SILENCE = 0.1  # seconds of nothing to hear


def live_floor(_models: Models, parameters: dict[str, Any], _reporter: Reporter) -> dict[str, Any]:
    """What the floor in the picture `image` is, and why. It may take as long as a vision model does: not for the
    process of the sessions, which do their frames in turn."""
    advice = _look_at(_decoded(parameters["image"]))
    said = ("surface", "environment", "weather", "reasoning", "suggestions", "origin", "note")
    return {name: getattr(advice, name) for name in said}


def live_open(models: Models, parameters: dict[str, Any], _reporter: Reporter) -> str | None:
    """Begin the session `session_id` of `owner` on a surface: None, or why there is no place for it."""
    from ... import foley

    if full := models.live.full(parameters["owner"], parameters["most"]):
        return full
    surface = parameters["surface"]
    engine = foley.LiveSession(
        models.people(),
        models.pose(),
        style=foley.Style(surface, parameters["shoe"]),
        sensitivity=parameters["sensitivity"],
        max_people=_PEOPLE,
    )
    models.live.add(parameters["session_id"], LiveWalk(parameters["owner"], surface, engine))
    return None


def live_frame(models: Models, parameters: dict[str, Any], _reporter: Reporter) -> dict[str, Any] | None:
    """The events that have become certain with the frame `image`, taken at `timestamp`, or else when it `arrived`."""
    from ...video import Frame

    session_id = parameters["session_id"]
    walk = models.live.find(session_id, parameters["owner"])
    if walk is None:
        return None
    time = walk.time_of(parameters["timestamp"], parameters["arrived"])
    frame = Frame(walk.frames, time, _decoded(parameters["image"]))
    try:
        seen, steps = walk.engine(frame)
    except InputError:  # the frame is refused, and nothing has happened
        raise
    except BaseException:
        models.live.end(session_id)
        raise
    walk.went_on(parameters["timestamp"], parameters["arrived"])
    walk.people.update(pose.person for pose in seen.poses)
    origin = walk.start if walk.clock == "yours" else 0.0
    return {
        "events": [
            {
                "number": number,
                "foot": step.foot,
                "event": step.event,
                "time": round(step.time + origin, 4),
                "confidence": step.confidence,
                "person": step.person,
                "strength": step.strength,
                "x": round(step.x, 4),
                "y": round(step.y, 4),
            }
            for number, step in walk.note(steps)
        ],
        "frame": walk.frames,
        "time": round(time + origin, 4),
        "people": len(seen.poses),
    }


def live_sound(models: Models, parameters: dict[str, Any], _reporter: Reporter) -> dict[str, Any] | None:
    """The sound of the heel strikes since the last call, or of the event `number`: a WAV in base64, and their times."""
    walk = models.live.find(parameters["session_id"], parameters["owner"])
    if walk is None:
        return None
    from ...foley.sound.canvas import RATE, encode_wav, in_memory

    strikes = walk.chosen(parameters["number"])
    sound = walk.engine.sound(strikes) if strikes else in_memory(round(_SILENCE * RATE), 2)
    origin = walk.start if walk.clock == "yours" else 0.0
    return {
        "wav": base64.b64encode(encode_wav(sound)).decode(),
        "steps": len(strikes),
        "start": round(strikes[0].time + origin, 4) if strikes else None,
    }


def live_stop(models: Models, parameters: dict[str, Any], _reporter: Reporter) -> dict[str, Any] | None:
    """End a session; what it saw."""
    walk = models.live.find(parameters["session_id"], parameters["owner"])
    if walk is None:
        return None
    models.live.end(parameters["session_id"])
    left, right = walk.strikes["left"], walk.strikes["right"]
    return {
        "frames": walk.frames,
        "seconds": round(walk.last, 3),
        "steps": left + right,
        "left_steps": left,
        "right_steps": right,
        "people": len(walk.people),
        "surface": walk.surface,
    }


def live_tidy(models: Models, _parameters: dict[str, Any], _reporter: Reporter) -> None:
    """Close the sessions that nobody uses any more."""
    models.live.tidy()


def _decoded(text: str) -> Picture:
    """A picture from base64, or from a data URI of it. Raises InputError and MediaError."""
    from ... import images

    try:
        data = base64.b64decode(text.partition(",")[2] if text.startswith("data:") else text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError(f"image is no base64 ({error}); send the bytes of a JPEG in base64, or a data URI") from error
    images.inspect(data, max_pixels=MAX_FRAME_PIXELS)
    return images.decode(data)


def _look_at(image: Picture) -> Advice:
    """What the floor in a picture is. The picture is written anew, so that nothing but its pixels is looked at."""
    from ... import foley
    from ...images import encode_jpeg

    with tempfile.TemporaryDirectory(prefix="perceptkit-") as folder:
        path = Path(folder) / "floor.jpg"
        write_bytes(path, encode_jpeg(image))
        return foley.suggest(path, timeout=_ADVICE)
