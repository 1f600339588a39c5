"""How the API describes itself in /openapi.json: its groups, a line for each operation, and the answers that every
operation of a kind can give."""

from __future__ import annotations

import re
from typing import Any

from fastapi import FastAPI

from .answers import error_answers

__all__ = ["ABOUT", "GROUPS", "DescribedApp"]

ABOUT = """Perception data from photos, video and sound.

Say who you are by `Authorization: Bearer TOKEN`, with the token that the server printed when it started, or one from
`/auth/login`. On the page `/docs`, **Authorize** takes it.

What takes long is a job: the answer gives its `job_id`, `/api/jobs/{job_id}/events` tells how far it is, and
`/api/jobs/{job_id}/files` what it has made.

Every error is JSON: `error` says what was wrong and what to do, `code` the same as a word for programs, `request_id`
finds it in the log of the server.
"""

GROUPS: dict[str, str] = {
    "faces": "Who is in photos and videos: every person once, with a headshot and an embedding.",
    "people": "People whom you make known by name, and who of them is in a photo or a video.",
    "gaze": "Where everybody in a video looks: drawn into it, and as data.",
    "foley": "The footsteps in a video: found, drawn into it, heard, and as a table.",
    "live": "Footsteps before a camera, while they happen.",
    "audio": "Recordings of sound with the direction that it comes from.",
    "jobs": "What takes long: see how far it is, cancel it, fetch what it has made, delete it.",
    "who calls": "Tokens and accounts: for programs, browsers and WebSockets.",
    "server": "Whether the server is there and can work, and what it has done.",
}
"""The groups of operations, in the order in which somebody new needs them."""

_CHANGING = frozenset({"post", "put", "patch", "delete"})
_FIRST = re.compile(r"(.+?)(?:[.:;](?:\s|\Z)|\Z)", re.DOTALL)
_JSON = "application/json"
_SUCCESS = "Successful Response"  # what FastAPI says of each
_OTHERS = ("HTTPValidationError", "ValidationError")  # FastAPI's own shapes of errors, which are never sent


class DescribedApp(FastAPI):
    """An application whose description says all of this."""

    def openapi(self) -> dict[str, Any]:
        """The description, as OpenAPI."""
        if self.openapi_schema is None:
            self.openapi_schema = _completed(super().openapi())
        return self.openapi_schema


def _completed(description: dict[str, Any]) -> dict[str, Any]:
    description["tags"] = [{"name": name, "description": said} for name, said in GROUPS.items()]
    shapes = description["components"]["schemas"]
    description["components"]["responses"] = error_answers()
    for operations in description["paths"].values():
        for method, operation in operations.items():
            _complete(method, operation, shapes)
    for name in _OTHERS:
        shapes.pop(name, None)
    for shape in shapes.values():
        if "example" in shape:
            shape["example"] = _with_nulls(shape["example"], shape, shapes)
    return description


def _complete(method: str, operation: dict[str, Any], shapes: dict[str, Any]) -> None:
    first = _FIRST.match(operation["description"])
    assert first is not None
    operation["summary"] = " ".join(first[1].replace("`", "").split())
    answers = operation["responses"]
    usual = {status for status, answer in answers.items() if _shape(answer) == "ErrorAnswer"}
    for status in usual | _general(method, operation):
        answers[status] = {"$ref": f"#/components/responses/{status}"}
    for answer in answers.values():
        if answer.get("description") == _SUCCESS:
            answer["description"] = shapes.get(_shape(answer), {}).get("description", operation["summary"])
    operation["responses"] = dict(sorted(answers.items()))


def _shape(answer: dict[str, Any]) -> str:
    """What the schema of an answer is called, or nothing."""
    schema = answer.get("content", {}).get(_JSON, {}).get("schema", {})
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _with_nulls(example: Any, shape: dict[str, Any], shapes: dict[str, Any]) -> Any:
    """An example as it was written: FastAPI has left out what is null."""
    if "$ref" in shape:
        return _with_nulls(example, shapes[shape["$ref"].rpartition("/")[2]], shapes)
    if isinstance(example, list):
        return [_with_nulls(each, shape.get("items", {}), shapes) for each in example]
    if not isinstance(example, dict):
        return example
    known = shape.get("properties", {})
    nulls = {name: None for name in shape.get("required", ()) if name not in example}
    return {name: _with_nulls(each, known.get(name, {}), shapes) for name, each in example.items()} | nulls


def _general(method: str, operation: dict[str, Any]) -> set[str]:
    """What is answered before an operation is reached, or where its values are read."""
    found: set[str] = set()
    if "security" in operation:
        found |= {"401", "429"}
    if method in _CHANGING:
        found |= {"403", "413"}  # the guard: pages of other sites, large bodies
    if "parameters" in operation:
        found |= {"422"}
    if "requestBody" in operation:
        found |= {"408", "415", "422"}  # what comes too slowly, what is of another type, what makes no sense
    return found
