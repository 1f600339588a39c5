"""The unique faces of some photos, found while the caller waits. Nothing of the request is stored."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Self

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, FailFast, Field, model_validator

from ..answers import documented
from ..auth import User
from ..errors import ApiError, request_id_of
from ..incoming.connected import in_thread, while_connected
from ..incoming.photos import Refused, collect
from ..incoming.pictures import PIXEL
from ..incoming.scratch import scratch
from ..incoming.strict import StrictRoute
from ..parts import Given, Parts

__all__ = ["router"]

router = APIRouter(tags=["faces"], route_class=StrictRoute)

_NOTHING: dict[str, Any] = {"faces": [], "seen": 0, "errors": [], "notes": []}


class Image(BaseModel):
    """A photo: its bytes in base64, or its address."""

    model_config = ConfigDict(strict=True)

    image_base64: Annotated[
        str | None, Field(description="The photo in base64, with or without `data:image/jpeg;base64,` before it.")
    ] = None
    image_url: Annotated[
        str | None, Field(description="The address of the photo, where the server allows that (ALLOW_IMAGE_URL).")
    ] = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.image_base64 is None) == (self.image_url is None):
            raise ValueError("give either image_base64 or image_url")
        return self


class Photos(BaseModel):
    """Photos in which to look for people."""

    model_config = ConfigDict(
        strict=True,
        json_schema_extra={
            "example": {
                "images": [{"image_base64": PIXEL}],
                "similarity_threshold": 0.4,
                "min_face_size": 20,
            }
        },
    )

    # One that is wrong is enough to say; all of them could be more than the memory holds.
    images: Annotated[list[Image], FailFast(), Field(min_length=1, description="At most MAX_IMAGES_PER_REQUEST (100).")]
    similarity_threshold: Annotated[
        float,
        Field(
            ge=-1,
            le=1,
            description="Two faces are the same person from this cosine similarity on: a higher one is stricter.",
        ),
    ] = 0.4
    min_face_size: Annotated[
        int | None,
        Field(ge=1, le=1_000_000, description="Smaller faces are dropped (pixels). Without it: MIN_FACE_SIZE, or 20."),
    ] = None


class UniqueFace(BaseModel):
    """The first face of a person, in the order of the photos."""

    embedding: Annotated[list[float], Field(description="Of unit length.")]
    headshot_base64: Annotated[str, Field(description="A JPEG of 160 x 160 pixels, as a data URI.")]
    confidence: Annotated[float, Field(description="Of the detector, 0 to 1.")]
    face_id: Annotated[str, Field(description="The same for the same photo and the same models.")]
    source_index: Annotated[int, Field(description="The photo that it is in, counted from 0.")]
    box: Annotated[list[float], Field(description="x1, y1, x2, y2 in pixels of that photo.")]


class ImageError(BaseModel):
    """A photo that could not be used."""

    index: int
    error: str


class ImageNote(BaseModel):
    """A remark on a photo that was used."""

    index: int
    note: str


class UniqueFaces(BaseModel):
    """The people in the photos, each once."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "faces": [
                    {
                        "embedding": [0.0312, -0.0844],
                        "headshot_base64": "data:image/jpeg;base64,/9j/4AAQSkZJRg...",
                        "confidence": 0.93,
                        "face_id": "4f0c9a1be8d2a7c3",
                        "source_index": 0,
                        "box": [120.5, 80.25, 260.0, 250.75],
                    }
                ],
                "total_faces_detected": 2,
                "unique_faces": 1,
                "images_processed": 2,
                "errors": [{"index": 2, "error": "this is not base64"}],
                "notes": [],
                "request_id": "3f1c1e0a4b0d4b0c8f6c2f3a9d7e5b21",
                "processing_time_ms": 183.2,
            }
        }
    )

    faces: list[UniqueFace]
    total_faces_detected: int
    unique_faces: int
    images_processed: Annotated[int, Field(description="Photos that could be used.")]
    errors: list[ImageError]
    notes: list[ImageNote]
    request_id: str
    processing_time_ms: float


def _only_json(request: Request) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise ApiError(415, "send the photos as JSON, with Content-Type: application/json", "unsupported_media_type")


@router.post(
    "/extract-faces",
    responses={200: {"model": UniqueFaces}, **documented(408, 413, 415, 422)},
    dependencies=[Depends(_only_json)],
    response_class=Response,
)
async def extract_faces(photos: Photos, request: Request, parts: Given, user: User) -> Response:
    """Find the people in photos, each once: the first face of each, with its embedding and a headshot.

    Two faces are the same person if and only if their similarity is at or above the threshold; a higher threshold is
    stricter. A photo that cannot be used is an entry in `errors`, and the others go on; when none can be used, `faces`
    is empty. The status is 400 when all photos are addresses that nothing may be fetched from.
    """
    begun, most = time.monotonic(), parts.settings.max_images
    if len(photos.images) > most:
        raise ApiError(400, f"{len(photos.images):,} photos are too many; send at most {most:,}", "too_many_images")
    answer = await while_connected(request, _extract(photos, parts, user.id))
    answer["request_id"] = request_id_of(request.scope)
    answer["processing_time_ms"] = round((time.monotonic() - begun) * 1000, 1)
    text = await in_thread(lambda: json.dumps(answer, allow_nan=False))
    return Response(text, media_type="application/json")


async def _extract(photos: Photos, parts: Parts, owner: str) -> dict[str, Any]:
    """All of the answer that the photos tell."""
    timeout = parts.settings.request_timeout
    try:
        async with scratch(parts.settings) as folder, asyncio.timeout(timeout):
            sent = [(image.image_base64, image.image_url) for image in photos.images]
            paths, errors = await collect(sent, folder, parts.settings)
            found = await _find(photos, paths, folder, parts, owner) if paths else _NOTHING
    except TimeoutError as error:
        raise ApiError(
            408, f"this took longer than {timeout:g} seconds; send fewer photos at once", "timeout"
        ) from error
    except Refused as refused:
        raise ApiError(400, str(refused), "image_url_refused") from refused
    failed = sorted([*errors, *found["errors"]], key=lambda each: int(each["index"]))
    return {
        "faces": found["faces"],
        "total_faces_detected": found["seen"],
        "unique_faces": len(found["faces"]),
        "images_processed": len(photos.images) - len({each["index"] for each in failed}),
        "errors": failed,
        "notes": found["notes"],
    }


async def _find(
    photos: Photos, paths: Sequence[tuple[int, Path]], folder: Path, parts: Parts, owner: str
) -> dict[str, Any]:
    """What is found in the photos that have come."""
    data, timeout = parts.settings.data, parts.settings.request_timeout
    asked = {
        "photos": [(index, str(path.relative_to(data))) for index, path in paths],
        "folder": str((folder / "faces").relative_to(data)),
        "threshold": photos.similarity_threshold,
        "min_face": photos.min_face_size or parts.settings.min_face,
    }
    found: dict[str, Any] = await parts.quick.perform("extract_faces", asked, timeout=timeout, owner=owner)
    return found
