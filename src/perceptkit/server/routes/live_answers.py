"""What the routes for live sessions take, and the shapes of their answers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..footsteps.options import LiveOptions

__all__ = ["Event", "Events", "Floor", "Picture", "Session", "StoppedSession"]

_SESSION = "6a0c1a52-7b7e-4e0b-9a53-0d3a4d3c2b1e"


class Floor(LiveOptions):
    """How a session begins."""

    image: str | None = None


class Picture(BaseModel):
    """A frame, and when it was taken."""

    image: str
    timestamp: Annotated[
        float | None,
        Field(
            description="When it was taken, in seconds of a clock of yours. Else: when it has come.",
            ge=-1e11,
            le=1e11,
            allow_inf_nan=False,
        ),
    ] = None


class Session(BaseModel):
    """A session, and what people walk on."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "session_id": _SESSION,
                "surface": "grass",
                "environment": "outdoors",
                "weather": "unknown",
                "reasoning": "a guess: 90% of the patches in the lowest third are green and uneven",
                "suggestions": ["leaves", "mud"],
                "origin": "guess",
                "note": "no key for openrouter.ai; guessed grass from the colours in the lowest third",
            }
        }
    )

    session_id: str
    surface: str
    environment: str
    weather: str
    reasoning: str
    suggestions: list[str]
    origin: Literal["request", "model", "guess", "default"] = Field(description="Who says so.")
    note: str


class Event(BaseModel):
    """A foot that comes down, or leaves the ground."""

    number: int = Field(description="Counts the events of the session.")
    foot: Literal["left", "right"]
    event: Literal["heel_strike", "toe_off"]
    time: float = Field(description="Seconds, by the clock of the frames.")
    confidence: float
    person: int
    strength: float
    x: float = Field(description="Where in the picture, 0 to 1.")
    y: float


class Events(BaseModel):
    """What has become certain with a frame."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "events": [
                    {
                        "number": 3,
                        "foot": "left",
                        "event": "heel_strike",
                        "time": 1.292,
                        "confidence": 0.977,
                        "person": 1,
                        "strength": 0.76,
                        "x": 0.37,
                        "y": 0.45,
                    }
                ],
                "frame": 41,
                "time": 1.333,
                "people": 1,
            }
        }
    )

    events: list[Event]
    frame: int = Field(description="How many frames have come.")
    time: float = Field(description="Of this frame, in seconds.")
    people: int = Field(description="How many people are seen in it.")


class StoppedSession(BaseModel):
    """What a session saw."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "session_id": _SESSION,
                "status": "stopped",
                "frames": 230,
                "seconds": 7.63,
                "steps": 9,
                "left_steps": 5,
                "right_steps": 4,
                "people": 1,
                "surface": "grass",
            }
        }
    )

    session_id: str
    status: Literal["stopped"]
    frames: int
    seconds: float
    steps: int
    left_steps: int
    right_steps: int
    people: int
    surface: str
