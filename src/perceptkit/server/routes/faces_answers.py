"""What the form for faces may say, and the shapes of the answers about them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from ..jobs.asking import WebhookUrl

__all__ = ["AcceptedFiles", "FacesForm", "FoundFace", "FoundPerson", "People", "RefusedFile", "UnusedFile"]


class FacesForm(BaseModel):
    """What a form may say besides the files."""

    similarity_threshold: Annotated[
        float | None,
        Field(ge=-1, le=1, description="Two faces are the same person from here on. Without it: the embedder's own."),
    ] = None
    min_face: Annotated[
        int | None, Field(ge=1, le=1_000_000, description="Smaller faces are dropped (pixels). Without it: 20.")
    ] = None
    webhook_url: WebhookUrl = None


class RefusedFile(BaseModel):
    """A file that cannot be used and was not kept: of another kind, empty, damaged, too large."""

    filename: str
    error: Annotated[str, Field(description="What was wrong with it.")]
    code: Annotated[str, Field(description="The same as a word for programs.")]


class AcceptedFiles(BaseModel):
    """That the files will be looked at, but for those that cannot be used."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "job_id": "8a1f9f1e-2b62-4f0e-9c55-5a2f0a1b7c3d",
                "message": "party.jpg and 3 more files are queued; 1 of 5 files could not be used; "
                "follow the job at /api/jobs/8a1f9f1e-2b62-4f0e-9c55-5a2f0a1b7c3d/events",
                "refused": [
                    {
                        "filename": "notes.txt",
                        "error": "notes.txt is a text file; send a video or a photo",
                        "code": "unsupported_media_type",
                    }
                ],
            }
        }
    )

    job_id: str
    message: str
    refused: list[RefusedFile]


class FoundFace(BaseModel):
    """A face of a person."""

    face_id: str
    source: Annotated[str, Field(description="The name of the file.")]
    time: Annotated[float | None, Field(description="When in a video (seconds); None in a photo.")]
    box: Annotated[list[float], Field(description="x1, y1, x2, y2 in pixels.")]
    score: Annotated[float, Field(description="How certain it is that this is a face, 0 to 1.")]
    quality: Annotated[float, Field(description="How usable it is, 0 to 1.")]
    best: Annotated[bool, Field(description="Whether it stands for the person.")]
    headshot: Annotated[str, Field(description="Address of a JPEG.")]


class FoundPerson(BaseModel):
    """A person with all faces, the best first."""

    person: int
    faces: list[FoundFace]


class UnusedFile(BaseModel):
    """A file that could not be used, or not all of it."""

    source: str
    error: str


class People(BaseModel):
    """The people in the files of a job."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "people": [
                    {
                        "person": 0,
                        "faces": [
                            {
                                "face_id": "4f0c9a1be8d2a7c3",
                                "source": "party.jpg",
                                "time": None,
                                "box": [120.5, 80.25, 260.0, 250.75],
                                "score": 0.93,
                                "quality": 0.88,
                                "best": True,
                                "headshot": "/api/faces/8a1f9f1e-.../headshots/4f0c9a1be8d2a7c3",
                            }
                        ],
                    }
                ],
                "photos": 1,
                "videos": 0,
                "errors": [],
                "notes": [],
            }
        }
    )

    people: list[FoundPerson]
    photos: Annotated[int, Field(description="Photos that were looked at.")]
    videos: Annotated[int, Field(description="Videos that were looked at.")]
    errors: Annotated[
        list[UnusedFile],
        Field(description="In the order in which the files were sent; with those that were refused at once."),
    ]
    notes: list[str]
