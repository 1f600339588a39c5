"""The fields of a form, beside the files in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

__all__ = ["read_fields"]

Form = TypeVar("Form", bound=BaseModel)


def read_fields(kind: type[Form], fields: Mapping[str, str]) -> Form:
    """What the fields say; an empty one says nothing. RequestValidationError (422) for what they cannot say."""
    try:
        return kind.model_validate({name: text for name, text in fields.items() if text})
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_url=False, include_context=False)) from error
