"""Whether the server is there, and whether it is ready."""

from __future__ import annotations

import time
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from ... import __version__
from ..answers import documented, utc
from ..parts import Given
from ..strict import StrictRoute

__all__ = ["router"]

router = APIRouter(tags=["server"], route_class=StrictRoute)


class Health(BaseModel):
    """That the server is there."""

    status: Literal["healthy"]
    timestamp: str
    version: str
    face_detection_model: str


@router.get("/health", responses=documented())
@router.get("/api/health", responses=documented())
async def health(parts: Given) -> Health:
    """Whether the server is there. Loads no model."""
    return Health(status="healthy", timestamp=utc(time.time()), version=__version__, face_detection_model="")
