"""Live sessions that nobody uses any more are closed, even when nobody begins another: each holds memory."""

from __future__ import annotations

import asyncio
import logging

from .errors import ApiError
from .processes.hands import Died, TaskError
from .processes.quick import Quick

__all__ = ["tidy_live"]

log = logging.getLogger("perceptkit.server")

_EVERY = 60.0  # seconds
_LONGEST = 20.0  # seconds for it, waiting included


async def tidy_live(live: Quick, *, every: float = _EVERY) -> None:
    """Have the process of the live sessions close those that are over, as long as there is one, for ever."""
    while True:
        await asyncio.sleep(every)
        if not live.running:
            continue
        try:
            await live.perform("live-tidy", {}, timeout=_LONGEST)
        except (ApiError, TaskError, Died) as error:  # a minute later it is tried again
            log.warning("the live sessions could not be tidied up: %s", error)
