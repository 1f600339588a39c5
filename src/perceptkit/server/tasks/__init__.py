"""What the processes that hold the models can do. A row a task; a module a feature.

A task is a function of the loaded models, its parameters (plain data; paths are relative to the data folder) and a
reporter of progress. What it returns is plain data. It calls the library and holds nothing of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..performing import Reporter
from .models import Models

__all__ = ["TASKS", "Models"]

TASKS: dict[str, Callable[[Models, dict[str, Any], Reporter], Any]] = {}
