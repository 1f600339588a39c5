"""What a client says while it records, and what it is answered.

    binary                                          samples: 16 bit, little endian, interleaved
    {"audio_data": base64, "angle": 45.5, "seq": 7} the same with the direction it comes from, and its number
    {"angle": 45.5}                                 the direction of what comes next
    {"command": "stop"}                             the end

What cannot be used is answered with an error, and the recording goes on; with "stop" it ends all the same.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from ... import audio
from ...errors import InputError, PerceptkitError, is_disk_full
from ..incoming.strict import parse_json
from .recorded import shown
from .recording import OpenRecording

__all__ = ["Heard", "hear"]

_LARGEST = 1 << 63
_LONGEST = 300  # characters of an error


@dataclass(frozen=True, slots=True)
class Heard:
    """What to answer, if anything; whether the recording is to end, and what interrupted it."""

    reply: dict[str, Any] | None
    ends: bool = False
    interrupted: str | None = None


@dataclass(frozen=True, slots=True)
class _Said:
    data: bytes | None = None
    angle: Any = None
    seq: int | None = None


class _WrongError(Exception):
    """A message that cannot be used."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def hear(session: OpenRecording, message: bytes | str) -> Heard:
    """Do what a message says. May take as long as the disk does."""
    stop = False
    try:
        if isinstance(message, bytes):
            said = _Said(message)
        else:
            asked = _parse(message)
            stop = asked.get("command") == "stop"
            said = _Said(_decoded(asked.get("audio_data")), asked.get("angle"), _number(asked.get("seq")))
        reply = _take(session.recorder, said)
    except _WrongError as error:
        return Heard(_error(error.code, str(error)), stop)
    except PerceptkitError as error:  # of the disk, or it has ended by other means
        reason = shown(str(error), session.recorded, session.recorder.path)
        full = is_disk_full(error.__cause__)
        return Heard(_error("disk_full" if full else "disk_error", reason), True, reason)
    if stop:
        return Heard(reply if said.data or said.angle is not None else None, True)
    if session.recorder.full:
        limit = f"the recording has reached its limit of {session.recorder.duration:g} seconds; begin another"
        return Heard(_error("limit_reached", limit), True)
    return Heard(reply)


def _take(recorder: audio.Recorder, said: _Said) -> dict[str, Any]:
    """Record what was said: the reply."""
    wrong = None
    if said.angle is not None:
        try:
            audio.check_angle(said.angle)
        except InputError as error:
            if said.data is None:
                raise _WrongError("bad_angle", str(error)) from error
            wrong = _error("bad_angle", f"{error}; the sound of the message is kept")
    if said.data is not None:
        recorder.write(said.data, angle=said.angle, seq=said.seq)
    elif said.angle is not None:
        recorder.set_angle(said.angle)
    reply: dict[str, Any] = wrong or {"status": "received"}
    reply |= {"bytes": len(said.data or b""), "duration": recorder.duration}
    return reply if said.seq is None else reply | {"seq": said.seq}


def _parse(text: str) -> dict[str, Any]:
    try:
        said = parse_json(text)
    except ValueError as error:
        raise _WrongError("bad_json", f"the message is not JSON that can be used: {error}") from error
    if not isinstance(said, dict) or not any(said.get(key) is not None for key in ("audio_data", "angle", "command")):
        raise _WrongError("bad_message", 'send {"audio_data": ...}, {"angle": ...} or {"command": "stop"}')
    if said.get("command") not in (None, "stop"):
        raise _WrongError("unknown_command", f'there is no command {said["command"]!r}; the only one is "stop"')
    return said


def _number(seq: Any) -> int | None:
    if seq is not None and (isinstance(seq, bool) or not isinstance(seq, int) or not 0 <= seq <= _LARGEST):
        raise _WrongError("bad_seq", f"seq is {seq!r}; give a whole number from 0; nothing of this was recorded")
    return seq


def _decoded(text: Any) -> bytes | None:
    if text is None:
        return None
    try:
        if isinstance(text, str):
            return base64.b64decode(text, validate=True)
    except ValueError:
        pass
    raise _WrongError("bad_audio", "audio_data is not base64; nothing of this message was recorded")


def _error(code: str, message: str) -> dict[str, Any]:
    return {"status": "error", "code": code, "error": message[:_LONGEST]}
