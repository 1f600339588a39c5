"""The shapes of answers about recordings."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from ...audio import CONVENTIONS, defaults
from ...audio.types import State
from ..answers import utc
from ..recordings.recorded import Recorded
from ..recordings.recording import OpenRecording

__all__ = [
    "ActiveSession",
    "ActiveSessions",
    "Form",
    "RecordingFacts",
    "RecordingInfo",
    "Recordings",
    "Started",
    "StoppedRecording",
    "active_session",
    "recording_facts",
    "recording_info",
    "stopped",
]

_ID = "8a1f9f1e-2b62-4f0e-9c55-5a2f0a1b7c3d"
_NAME = "recording_20260131_120000_8a1f9f1e.wav"
_STARTED = {"session_id": _ID, "filename": _NAME, "sample_rate": 16000, "channels": 1}
_ACTIVE = _STARTED | {
    "convention": "azimuth",
    "started": "2026-01-31T12:00:00.000Z",
    "duration": 3.2,
    "connected": True,
}
_URLS = {
    "audio": f"/api/audio/recordings/{_ID}",
    "angles": f"/api/audio/recordings/{_ID}/angles",
    "facts": f"/api/audio/recordings/{_ID}/facts",
}
_INFO = {
    "id": _ID,
    "filename": _NAME,
    "state": "complete",
    "duration": 12.5,
    "sample_rate": 16000,
    "channels": 1,
    "samples": 200000,
    "started": "2026-01-31T12:00:00.000Z",
    "convention": "azimuth",
    "angles": 125,
    "bytes": 401154,
    "urls": _URLS,
}
_FACTS = _INFO | {
    "subtype": "PCM_16",
    "error": None,
    "refused_angles": 0,
    "duplicate_chunks": 0,
    "late_chunks": 0,
    "missing_chunks": 1,
    "gaps": [{"time": 3.2, "samples": 320, "reason": "missing"}],
    "warnings": [],
}


def _like(example: dict[str, Any]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"example": example})


class Form(BaseModel):
    """What a recording is made of."""

    sample_rate: Annotated[int, Field(ge=1, le=384_000, description="Samples a second.")] = defaults.SAMPLE_RATE
    channels: Annotated[int, Field(ge=1, le=64, description="How many channels there are.")] = defaults.CHANNELS
    convention: Annotated[
        str,
        Field(
            json_schema_extra={"enum": list(CONVENTIONS)},
            description="How the angles are meant: azimuth (from the front, counter-clockwise), sofa, dial "
            "(from the front, clockwise), compass (from north, clockwise), unit-circle.",
        ),
    ] = defaults.CONVENTION


class Started(BaseModel):
    """A session that has begun: connect to /ws/audio/{session_id} within 60 seconds."""

    model_config = _like({"ok": True, **_STARTED})

    ok: bool
    session_id: str
    filename: str
    sample_rate: int
    channels: int


class ActiveSession(BaseModel):
    """A session that goes on."""

    model_config = _like(_ACTIVE)

    session_id: str
    filename: str
    sample_rate: int
    channels: int
    convention: str
    started: str
    duration: float
    connected: bool


class ActiveSessions(BaseModel):
    """Your sessions that go on."""

    model_config = _like({"sessions": [_ACTIVE]})

    sessions: list[ActiveSession]


class RecordingInfo(BaseModel):
    """A recording. While it goes on, what is counted is 0 or what there is so far."""

    model_config = _like(_INFO)

    id: str
    filename: str
    state: State
    duration: float
    sample_rate: int
    channels: int
    samples: int
    started: str
    convention: str
    angles: Annotated[int, Field(description="How many directions were said.")]
    bytes: Annotated[int, Field(description="The size of the WAV.")]
    urls: dict[str, str]


class Recordings(BaseModel):
    """Your recordings, the newest first."""

    model_config = _like({"recordings": [_INFO]})

    recordings: list[RecordingInfo]


class Gap(BaseModel):
    """Where sound is missing: silence of so many samples stands for it."""

    time: float
    samples: int
    reason: str


class RecordingFacts(RecordingInfo):
    """A recording that has ended, with all that is known of it."""

    model_config = _like(_FACTS)

    subtype: str = defaults.SUBTYPE
    error: Annotated[str | None, Field(description="Why it was interrupted.")] = None
    refused_angles: int = 0
    duplicate_chunks: int = 0
    late_chunks: int = 0
    missing_chunks: int = 0
    gaps: list[Gap] = []
    warnings: list[str] = []


class StoppedRecording(RecordingFacts):
    """A session that has ended, and what was recorded."""

    model_config = _like({"ok": True, "status": "stopped", "session_id": _ID, **_FACTS})

    ok: bool = True
    status: str = "stopped"
    session_id: str


def active_session(session: OpenRecording) -> ActiveSession:
    """What callers see of a session that goes on."""
    recorded = session.recorded
    return ActiveSession(
        session_id=recorded.id,
        filename=recorded.filename,
        sample_rate=recorded.sample_rate,
        channels=recorded.channels,
        convention=recorded.convention,
        started=utc(recorded.created_at),
        duration=session.recorder.duration,
        connected=session.connection is not None,
    )


def recording_info(recorded: Recorded, session: OpenRecording | None = None) -> RecordingInfo:
    """What callers see of a recording; `session`, where it goes on."""
    duration = session.recorder.duration if session else 0.0
    known = {"duration": duration, "samples": round(duration * recorded.sample_rate)}
    return RecordingInfo(**_fields(recorded, known))


def recording_facts(recorded: Recorded) -> RecordingFacts:
    """All that is known of a recording that has ended."""
    return RecordingFacts(**_fields(recorded, {}))


def stopped(recorded: Recorded) -> StoppedRecording:
    """What callers are told of a session that has ended."""
    return StoppedRecording(session_id=recorded.id, **_fields(recorded, {}))


def _fields(recorded: Recorded, known: dict[str, Any]) -> dict[str, Any]:
    path = f"/api/audio/recordings/{recorded.id}"
    facts = {"duration": 0.0, "samples": 0, "angles": 0, **known, **(recorded.facts or {})}
    return facts | {
        "id": recorded.id,
        "filename": recorded.filename,
        "state": recorded.state,
        "sample_rate": recorded.sample_rate,
        "channels": recorded.channels,
        "convention": recorded.convention,
        "started": utc(recorded.created_at),
        "bytes": recorded.bytes or 0,
        "urls": {"audio": path, "angles": f"{path}/angles", "facts": f"{path}/facts"},
    }
