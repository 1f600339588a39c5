"""What is asked and answered about people known by name."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["EnrolForm", "Enrolled", "Identified", "IdentifyForm", "Known"]


class EnrolForm(BaseModel):
    """What a form may say besides the file."""

    name: Annotated[str | None, Field(description="The name of the person. Without it: your own.")] = None
    again: Annotated[bool, Field(description="Replace what is known of the person, instead of adding to it.")] = False


class IdentifyForm(BaseModel):
    """What a form may say besides the file."""

    threshold: Annotated[
        float | None,
        Field(ge=-1, le=1, description="The similarity from which on a face is named. Without it: the embedder's own."),
    ] = None


class Enrolled(BaseModel):
    """What was kept of somebody."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "success": True,
                "status": "enrolled",
                "message": "Anna: 8 faces kept of 120 pictures looked at, 118 with a face; mean quality 0.81; "
                "the head turns from 40 degrees to image-right to 38 degrees to image-left",
                "name": "Anna",
                "frames_used": 8,
                "frames_seen": 118,
                "frames_looked": 120,
                "faces_known": 8,
                "yaw_coverage": [-40.2, 38.1],
                "missing_views": "",
                "mean_quality": 0.81,
                "notes": [],
                "model": "arcface-mbf",
            }
        }
    )

    success: Literal[True] = True
    status: Literal["enrolled"] = "enrolled"
    message: str
    name: str
    frames_used: Annotated[int, Field(description="Faces that were kept of this upload.")]
    frames_seen: Annotated[int, Field(description="Pictures with a face.")]
    frames_looked: Annotated[int, Field(description="Pictures that were looked at.")]
    faces_known: Annotated[int, Field(description="Faces of this person that are kept altogether.")]
    yaw_coverage: Annotated[
        list[float], Field(description="The turns of the head, from and to: degrees, above 0 to image-left.")
    ]
    missing_views: Annotated[str, Field(description="Which turns of the head are missing, in words.")]
    mean_quality: Annotated[float, Field(description="Of the kept faces, 0 to 1.")]
    notes: list[str]
    model: str


class KnownPerson(BaseModel):
    """Somebody who is known by name."""

    name: str
    enrolled: Annotated[str, Field(description="When last (UTC).")]
    faces: int


class Known(BaseModel):
    """Whom you have made known."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "has_embedding": True,
                "cached": True,
                "people": [{"name": "Anna", "enrolled": "2026-01-31T12:00:00+00:00", "faces": 8}],
                "model": "arcface-mbf",
            }
        }
    )

    has_embedding: Annotated[bool, Field(description="Whether anybody is known.")]
    cached: Annotated[bool, Field(description="The same.")]
    people: list[KnownPerson]
    model: Annotated[str | None, Field(description="What made the embeddings.")]


class SeenFace(BaseModel):
    """A face in a photo, or one that was followed through a video, and who it is."""

    name: Annotated[str | None, Field(description="None: nobody who is known.")]
    similarity: float | None
    nearest: Annotated[str | None, Field(description="Who is most alike.")]
    margin: Annotated[float | None, Field(description="By how much, over the next one.")]
    box: Annotated[list[float], Field(description="x1, y1, x2, y2 in pixels.")]
    quality: float
    time: Annotated[float | None, Field(description="When the face was seen best (seconds); None in a photo.")]
    start: float | None
    end: float | None
    track: int | None


class Identified(BaseModel):
    """Who is in a photo or a video."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "faces": [
                    {
                        "name": "Anna",
                        "similarity": 0.71,
                        "nearest": "Anna",
                        "margin": 0.6,
                        "box": [120.5, 80.25, 260.0, 250.75],
                        "quality": 0.9,
                        "time": None,
                        "start": None,
                        "end": None,
                        "track": None,
                    }
                ],
                "threshold": 0.4,
                "notes": [],
            }
        }
    )

    faces: list[SeenFace]
    threshold: float
    notes: list[str]
