"""The job that a request names."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query
from fastapi import Path as PathParameter

from ..auth import User
from ..errors import ApiError
from ..folders import is_id
from ..parts import Given, Parts
from .rows import Job, find

__all__ = ["Asked", "Owned", "find_own"]


def find_own(parts: Parts, owner: str, job_id: str) -> Job:
    """A job of this owner. Raises ApiError 404 when there is none, or it is somebody else's."""
    job = find(parts.engine, job_id, owner=owner) if is_id(job_id) else None
    if job is None:
        raise ApiError(404, "there is no such job; it may have been deleted", "not_found")
    return job


def _in_path(
    job_id: Annotated[str, PathParameter(description="The id of a job of yours.")], user: User, parts: Given
) -> Job:
    return find_own(parts, user.id, job_id)


def _in_query(job_id: Annotated[str, Query(description="The id of a job of yours.")], user: User, parts: Given) -> Job:
    return find_own(parts, user.id, job_id)


Owned = Annotated[Job, Depends(_in_path)]
"""The job `{job_id}` of the path."""

Asked = Annotated[Job, Depends(_in_query)]
"""The job `?job_id=`."""
