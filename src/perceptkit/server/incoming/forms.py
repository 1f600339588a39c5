"""The fields of a form, beside the files in it, and whatever else callers say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

__all__ = ["checked", "read_fields"]

T = TypeVar("T", bound=BaseModel)


def checked(kind: type[T], values: Mapping[str, Any]) -> T:
    """What some values say. RequestValidationError (422) for what they cannot say."""
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_url=False, include_context=False)) from error


def read_fields(kind: type[T], fields: Mapping[str, str]) -> T:
    """What the fields of a form say; an empty one says nothing. RequestValidationError (422) for what they cannot."""
    return checked(kind, {name: text for name, text in fields.items() if text})
