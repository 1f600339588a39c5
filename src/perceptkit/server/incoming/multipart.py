"""Forms (multipart/form-data) read as they come: text fields into memory, files onwards, nothing held back.

Everything in them is limited: how many fields, how long, how many headers.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from functools import partial
from typing import Protocol
from urllib.parse import unquote_to_bytes

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from ..errors import ApiError
from .connected import in_thread

__all__ = ["EXAMPLE", "Sink", "read_form"]

EXAMPLE = "send a form with the file in it, as in: curl -F file=@talk.mp4 URL"
"""What to do, for those who have sent something else."""

_FIELDS, _FIELD, _NAME = 64, 1 << 16, 100  # text fields; bytes of each; characters of its name
_PARTS = 2000  # text fields and files, also those of no name and no byte
_HEADERS = 8 << 10  # bytes of the headers of a part
_BATCH = 256 << 10  # bytes that are handed to a thread at once
_PATIENCE = 600.0  # seconds within which a batch must have come

_BOUNDARY = re.compile(rb'multipart/form-data\s*;.*?boundary\s*=\s*(?:"([^"]{1,70})"|([^\s;,"]{1,70}))', re.IGNORECASE)
_OPTION = re.compile(rb';[ \t]*(name|filename\*?)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))', re.IGNORECASE)


class Sink(Protocol):
    """Takes the files of a form, one after another. Its methods may block."""

    def begin(self, filename: str) -> None:
        """A file begins; `filename` is what the caller calls it."""

    def write(self, data: memoryview) -> None:
        """Some of it comes."""

    def end(self) -> None:
        """It has come."""


async def read_form(
    chunks: AsyncIterator[bytes], content_type: str, sink: Sink, *, patience: float = _PATIENCE
) -> dict[str, str]:
    """Read a form: its files go to `sink`, in a thread; its text fields are returned.

    Raises ApiError: 415 for a body that is no form, 400 for a form that is wrong, 408 when 256 KiB of it take longer
    than `patience` seconds to come.
    """
    form = _Form(_boundary(content_type), sink)
    async for batch in _batches(chunks, patience):
        await in_thread(partial(form.feed, batch))
    form.finish()
    return form.fields


async def _batches(chunks: AsyncIterator[bytes], patience: float) -> AsyncIterator[bytes]:
    """The chunks joined to what is worth a thread, the last one shorter."""
    ended = False
    while not ended:
        batch = bytearray()
        try:
            async with asyncio.timeout(patience):
                while len(batch) < _BATCH and not ended:
                    chunk = await anext(chunks, None)
                    batch += chunk or b""
                    ended = chunk is None
        except TimeoutError as error:
            raise ApiError(408, "the file comes too slowly; try again", "timeout") from error
        yield bytes(batch)


class _Form:
    """What has been read of a form."""

    def __init__(self, boundary: bytes, sink: Sink) -> None:
        self.fields: dict[str, str] = {}
        self._sink = sink
        self._header, self._headers, self._disposition = (b"", b""), 0, b""
        self._name, self._value, self._is_file = "", bytearray(), False
        self._ended, self._parts = False, 0
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._data,
                "on_part_end": self._end,
                "on_end": self._all,
            },
        )

    def feed(self, data: bytes) -> None:
        """Some more of it."""
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise _wrong(f"the form cannot be read ({error})") from error

    def finish(self) -> None:
        """There is no more."""
        if not self._ended:
            raise _wrong("the form stops before its end")

    def _begin(self) -> None:
        self._headers, self._disposition = 0, b""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        self._header = self._header[0] + data[start:end], b""

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        self._header = self._header[0], self._header[1] + data[start:end]

    def _header_end(self) -> None:
        name, value = self._header
        if name.lower() == b"content-disposition":
            self._disposition = value
        self._header = b"", b""

    def _count(self, size: int) -> None:
        self._headers += size
        if self._headers > _HEADERS:
            raise _wrong("the headers of a part of the form are too long")

    def _headers_finished(self) -> None:
        self._parts += 1
        if self._parts > _PARTS:
            raise _wrong(f"the form has more than {_PARTS:,} parts")
        options = _options(self._disposition)
        if "name" not in options:
            raise _wrong("a part of the form has no name")
        self._name, self._value = options["name"], bytearray()
        filename = options.get("filename*", options.get("filename"))
        self._is_file = filename is not None
        if filename is not None:
            self._sink.begin(filename)
        elif len(self._name) > _NAME or "\0" in self._name:
            raise _wrong(f"the name of a field of the form has more than {_NAME} characters, or none that can be used")
        elif len(self.fields) == _FIELDS:
            raise _wrong(f"the form has more than {_FIELDS} fields")
        elif self._name in self.fields:
            raise _wrong(f"the field {self._name!r} is there twice")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self._sink.write(memoryview(data)[start:end])
            return
        self._value += data[start:end]
        if len(self._value) > _FIELD:
            raise _wrong(f"the field {self._name!r} has more than {_FIELD:,} bytes; a file needs a filename")

    def _end(self) -> None:
        if self._is_file:
            self._sink.end()
            return
        try:
            self.fields[self._name] = self._value.decode()
        except UnicodeDecodeError as error:
            raise _wrong(f"the field {self._name!r} is not text in UTF-8") from error
        if "\0" in self.fields[self._name]:
            raise _wrong(f"the field {self._name!r} holds a zero byte")

    def _all(self) -> None:
        self._ended = True


def _boundary(content_type: str) -> bytes:
    """What separates the parts of a form."""
    if not content_type.lower().startswith("multipart/form-data"):
        said = f"the body is {content_type.split(';')[0][:60] or 'of no type'}, not a form; {EXAMPLE}"
        raise ApiError(415, said, "unsupported_media_type")
    found = _BOUNDARY.match(content_type.encode("latin-1", "replace"))
    if not found:
        raise _wrong("the Content-Type of the form has no boundary that can be used")
    return found[1] or found[2]


def _options(disposition: bytes) -> dict[str, str]:
    """`name`, `filename` and `filename*` of a Content-Disposition, as text."""
    options: dict[str, str] = {}
    for found in _OPTION.finditer(disposition):
        name, value = found[1].decode().lower(), re.sub(rb'\\(["\\])', rb"\1", found[2] or found[3] or b"")
        if name == "filename*":
            # Of RFC 5987: some clients send names that are not ASCII only so.
            charset, _, rest = value.partition(b"'")
            value = unquote_to_bytes(rest.partition(b"'")[2])
            latin = charset.lower() == b"iso-8859-1"
            options[name] = value.decode("latin-1" if latin else "utf-8", "replace")
        else:
            options.setdefault(name, value.decode("utf-8", "replace"))
    return options


def _wrong(said: str) -> ApiError:
    return ApiError(400, f"{said}; {EXAMPLE}", "invalid_form")
