"""How many jobs of one user may wait, so that those of others are done as well."""

from __future__ import annotations

import sqlalchemy as sql

from ..database import jobs
from ..errors import ApiError
from ..parts import Parts

__all__ = ["check_waiting"]


def check_waiting(parts: Parts, owner: str) -> None:
    """Raises ApiError 429 when so many jobs of this user wait already that no other may."""
    most = parts.settings.max_waiting
    waiting = sql.select(sql.func.count()).where(jobs.c.owner == owner, jobs.c.state == "pending")
    with parts.engine.connect() as connection:
        if connection.execute(waiting).scalar_one() < most:
            return
    said = f"{most:,} jobs of yours wait already; try again when some of them are done, or cancel some"
    raise ApiError(429, said, "too_many_waiting", headers={"Retry-After": "60"})
