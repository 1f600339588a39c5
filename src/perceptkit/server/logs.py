"""One readable line a message, on stderr."""

from __future__ import annotations

import asyncio
import logging
import re
import time

__all__ = ["log_to_stderr"]

# They tell whole addresses, with the tickets in them, or who is told about a job; what is wrong they tell as warnings.
_LOUD = ("uvicorn", "websockets", "httpx2", "httpcore2", "asyncio", "sqlalchemy")


def log_to_stderr(level: str) -> None:
    """Write what our own loggers say from `level` on, and the warnings of those of others, to stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Line("%(asctime)s %(levelname)-7s %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("perceptkit").handlers.clear()  # the command line has one that writes lines as they are
    for name in _LOUD:
        logging.getLogger(name).setLevel(logging.WARNING)
    # A request that is cut off when the server stops is counted in a line of its own.
    logging.getLogger("uvicorn.error").addFilter(lambda record: not _cut_off(record))
    logging.getLogger("uvicorn.error").addFilter(_with_traceback)
    logging.getLogger("perceptkit").setLevel(level)
    logging.captureWarnings(True)


def _cut_off(record: logging.LogRecord) -> bool:
    return record.exc_info is not None and isinstance(record.exc_info[1], asyncio.CancelledError)


def _with_traceback(record: logging.LogRecord) -> bool:
    """What fails as the server starts or stops comes as the text of a traceback, whose lines are to stay lines."""
    if isinstance(record.msg, str) and record.msg.startswith("Traceback"):
        record.msg, record.exc_text = "the server failed as it started or stopped", record.msg.rstrip()
    return True


class _Line(logging.Formatter):
    """Times in UTC; what a caller has sent cannot begin a line of its own, nor fill the disk."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        """The line of a message; the traceback below it has lines of its own."""
        line = super().formatMessage(record)[:_LONGEST].rstrip()
        return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], line)


_LONGEST = 2000  # characters: what a caller has sent may be quoted
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
