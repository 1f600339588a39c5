"""What there is to choose from, where the table of it brings more than the web process should hold."""

from __future__ import annotations

from typing import Any

from ..processes.performing import Reporter
from .models import Models

__all__ = ["choices"]


def choices(_models: Models, _parameters: dict[str, Any], _reporter: Reporter) -> dict[str, Any]:
    """The names of the gaze models. Loads none."""
    from ...gaze import GAZE_MODELS

    return {"gaze_models": list(GAZE_MODELS)}
