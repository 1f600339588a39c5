"""Keeps the secrets."""

from __future__ import annotations

import sqlalchemy as sql

from ..settings import Settings

__all__ = ["Keeper"]


class Keeper:
    """Stub."""

    def __init__(self, settings: Settings, engine: sql.Engine) -> None:
        self.settings = settings
