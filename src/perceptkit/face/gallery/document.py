"""gallery.json: who is in a gallery, a line a person, and checked to the last number when it is read.

Unknown keys are passed over, and are gone when the gallery is next written. The mean is for other programs: it can be
told from the embeddings and their quality, and has to fit them.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, FailFast, Field, ValidationError

from ...errors import InputError
from ...output import dumps
from .people import Enrolled, Gallery

__all__ = ["Document", "bytes_of", "document_of", "read_document"]

_LARGEST = 128 * 1024 * 1024  # bytes: twenty thousand people; to read it takes up to thirty times as much memory


class _Strict(BaseModel):
    # Each list ends at its first fault, and unknown keys are none: else a file of 8 MB has errors for 13 GB.
    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False)


class _Face(_Strict):
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}(-[0-9]{1,9})?$")]
    source: Annotated[str, Field(max_length=65_536)]
    time: Annotated[float, Field(ge=0)] | None
    quality: Annotated[float, Field(ge=0, le=1)] | None
    yaw: Annotated[float, Field(ge=-180, le=180)] | None


class _Person(_Strict):
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    name: str
    enrolled: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\+00:00$")]
    prototypes: Annotated[list[_Face], FailFast(), Field(min_length=1)]
    mean: Annotated[list[float], FailFast()]


class Document(_Strict):
    """What gallery.json says."""

    format: Literal["perceptkit gallery"] = "perceptkit gallery"
    version: Literal[1] = 1
    model: str
    model_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    people: Annotated[list[_Person], FailFast()]


def read_document(path: Path) -> Document:
    """Read gallery.json. Raises FileNotFoundError when it is not there, InputError for anything else that it is not."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > _LARGEST:
                raise InputError(f"{path} has {size:,} bytes; that is no gallery")
            return Document.model_validate_json(file.read())
    except FileNotFoundError:
        raise
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except ValidationError as error:
        raise InputError(f"{path} is not a gallery that this perceptkit reads: {_fault(error)}") from error


def document_of(gallery: Gallery) -> Document:
    """What gallery.json is to say; InputError for what could not be read again."""
    try:
        return Document(
            model=gallery.model, model_sha256=gallery.model_sha256, people=[_person(one) for one in gallery.people]
        )
    except ValidationError as error:
        raise InputError(f"this cannot be kept in a gallery: {_fault(error)}") from error


def bytes_of(document: Document) -> bytes:
    """gallery.json, a line a person. Raises InputError for more people than can be read again."""
    empty = dumps(document.model_copy(update={"people": []}).model_dump())
    lines = [json.dumps(person.model_dump()) for person in document.people]
    data = (empty.removesuffix("]}") + "\n" + ",\n".join(lines) + "\n]}\n").encode()
    if len(data) > _LARGEST:
        raise InputError(
            f"{len(lines):,} people take {len(data):,} bytes; a gallery has at most {_LARGEST:,}. "
            "Put some of them into another gallery"
        )
    return data


def _person(person: Enrolled) -> _Person:
    faces = [
        _Face(id=face.id, source=face.source, time=face.time, quality=face.quality, yaw=face.yaw)
        for face in person.prototypes
    ]
    mean = np.round(person.mean.astype(float), 5).tolist()
    return _Person(id=person.id, name=person.name, enrolled=person.enrolled, prototypes=faces, mean=mean)


def _fault(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"])) or "the whole"
    return f"{where}: {first['msg']}"
