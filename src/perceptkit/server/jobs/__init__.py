"""Jobs: rows that callers ask for and workers claim, and what happens to them from the first moment to the last."""

from __future__ import annotations

from .rows import ACTIVE, Job, State, cancel, delete, find, list_jobs, read_job, submit

__all__ = ["ACTIVE", "Job", "State", "cancel", "delete", "find", "list_jobs", "read_job", "submit"]
