"""Files as answers: whole or in parts (Range), to be shown or to be saved; and which files a job has."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fastapi.responses import FileResponse
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .errors import ApiError, answer_error
from .folders import attempt_folder
from .incoming.names import content_disposition
from .jobs import Job
from .settings import Settings

__all__ = ["FileAnswer", "ResultFile", "answer_result", "list_results", "media_type", "result_file"]

# What a browser may show; all else is saved.
_SHOWN = {
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".avi": "video/x-msvideo",
    ".mkv": "video/matroska",
    ".webm": "video/webm",
    ".ogv": "video/ogg",
    ".mpg": "video/mpeg",
    ".mts": "video/mp2t",
    ".m2ts": "video/mp2t",
    ".flv": "video/x-flv",
    ".wmv": "video/x-ms-wmv",
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".mp3": "audio/mpeg",
    ".json": "application/json",
}
_SAVED = {
    ".csv": "text/csv; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".jsonl": "application/x-ndjson",
    ".mid": "audio/midi",
    ".txt": "text/plain; charset=utf-8",
    ".zip": "application/zip",
}
_ONE_RANGE = re.compile(r"bytes=\s*([0-9]{0,18})-([0-9]{0,18})\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ResultFile:
    """A file that a job has made: its name, its size in bytes, its media type."""

    name: str
    bytes: int
    type: str


def media_type(name: str) -> str:
    """What is in a file, by its name."""
    suffix = Path(name).suffix.lower()
    return (_SHOWN | _SAVED).get(suffix, "application/octet-stream")


def list_results(settings: Settings, job: Job) -> list[ResultFile]:
    """The files that a job has made, by name. Raises ApiError 409 for a job that has not completed."""
    found = []
    for path in _result_paths(settings, job):
        with suppress(FileNotFoundError):  # the job is being deleted
            found.append(ResultFile(path.name, path.stat().st_size, media_type(path.name)))
    return found


def result_file(settings: Settings, job: Job, name: str) -> Path:
    """A file that a job has made. Raises ApiError 409 for a job that has not completed, 404 for another name."""
    # The name is compared with those that are there, and never becomes part of a path.
    for path in _result_paths(settings, job):
        if path.name == name:
            return path
    raise ApiError(404, "the job has no such file", "not_found")


def answer_result(settings: Settings, job: Job, name: str, *, save_as: str | None = None) -> FileAnswer:
    """A file that a job has made: to be saved under a name, or without one to be shown if a browser may show it."""
    path = result_file(settings, job, name)
    shown = save_as is None and path.suffix.lower() in _SHOWN
    return FileAnswer(path, save_as or name, disposition="inline" if shown else "attachment")


class FileAnswer(FileResponse):
    """A file, or the part of it that was asked for. Raises ApiError 404 when the file has gone.

    What HTTP lets a server ignore is ignored: several parts at once, and a Range that says nothing (RFC 9110, 14.2).
    """

    def __init__(self, path: Path, filename: str, *, disposition: Literal["attachment", "inline"]) -> None:
        try:
            status = path.stat()
        except FileNotFoundError:
            raise ApiError(404, "the file has been deleted", "not_found") from None
        super().__init__(
            path,
            media_type=media_type(path.name),
            stat_result=status,
            headers={
                "Cache-Control": "private, no-cache",
                "Content-Disposition": content_disposition(filename, kind=disposition),
            },
        )
        self._size = status.st_size

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        headers = Headers(scope=scope)
        if self.headers["etag"] in re.findall(r'"[^"]*"', headers.get("if-none-match", "")):
            kept = {name: self.headers[name] for name in ("etag", "last-modified", "cache-control")}
            await Response(status_code=304, headers=kept)(scope, receive, send)
            return
        asked = _ONE_RANGE.fullmatch(headers.get("range", ""))
        first, last = (_number(part) for part in asked.groups()) if asked else (None, None)
        if not _says_something(first, last):
            scope = _without_range(scope)
        elif self._is_current(headers) and self._is_beyond(first, last):
            said = f"the file has {self._size:,} bytes; there is no such part of it"
            whole = {"Content-Range": f"bytes */{self._size}"}
            await answer_error(scope, 416, said, "no_such_range", headers=whole)(scope, receive, send)
            return
        await super().__call__(scope, receive, send)

    def _is_current(self, headers: Headers) -> bool:
        """Whether who asks for a part has the others of this same file."""
        return headers.get("if-range", self.headers["etag"]) in (self.headers["etag"], self.headers["last-modified"])

    def _is_beyond(self, first: int | None, last: int | None) -> bool:
        """Whether nothing of the file is in the part; without `first`, `last` counts bytes from the end."""
        return last == 0 or self._size == 0 if first is None else first >= self._size


def _result_paths(settings: Settings, job: Job) -> list[Path]:
    if job.state != "completed":
        said = f"the job is not finished: its status is {job.state}, and there are results only of completed ones"
        raise ApiError(409, said, "not_finished")
    try:
        found = sorted(attempt_folder(settings, job).iterdir())
    except FileNotFoundError:
        raise ApiError(404, "the results of this job have been deleted", "not_found") from None
    return [path for path in found if path.is_file() and not path.is_symlink()]


def _number(digits: str) -> int | None:
    return int(digits) if digits else None


def _says_something(first: int | None, last: int | None) -> bool:
    if first is None:
        return last is not None
    return last is None or first <= last


def _without_range(scope: Scope) -> dict[str, Any]:
    return {**scope, "headers": [(name, value) for name, value in scope["headers"] if name != b"range"]}
