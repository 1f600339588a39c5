"""Tells an address that a job has ended."""

from __future__ import annotations

import sqlalchemy as sql

from .settings import Settings

__all__ = ["announce"]


def announce(settings: Settings, engine: sql.Engine, job_id: str) -> None:
    """Tell the address that was given with a job, if one was, that the job has ended."""
