"""Somebody who calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["OWNER", "Principal"]

OWNER = "owner"
"""The id of whoever started the server, and of everybody who has its token."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls: the id that owns what is made, a name to show, and how it was proven."""

    id: str
    name: str
    proof: Literal["none", "token", "jwt", "session"]
