"""JSON as strict as it should be: no NaN, no infinity, no key twice, no depth that exhausts the stack, no number of
values that exhausts the memory, and none that never comes to its end."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Coroutine
from typing import Any

from anyio.to_thread import run_sync
from fastapi import Request, Response
from fastapi.routing import APIRoute

from ..auth.who import current_user, possible_user
from ..errors import ApiError
from ..guards import SMALL, body_limit
from ..parts import parts_of

__all__ = ["StrictRoute", "parse_json"]

_NO_FORM = "unsupported_media_type"
_LARGE = 1 << 16  # bytes from which parsing would hold up other requests
_VALUES = 100_000  # in one text: each takes a hundred times the memory of its two letters
_SOON, _LATE = 10.0, 600.0  # seconds within which a small body has to come, and a large one


def parse_json(data: bytes | str) -> Any:
    """The value that JSON holds; JSONDecodeError (a ValueError) says what is wrong."""

    def refuse(constant: str) -> Any:
        raise json.JSONDecodeError(f"{constant} is no number", "", 0)

    def finite(text: str) -> float:
        number = float(text)
        if not math.isfinite(number):
            raise json.JSONDecodeError("a number is too large", "", 0)
        return number

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise json.JSONDecodeError("a key is there twice", "", 0)
        return found

    values = data.count(",") if isinstance(data, str) else data.count(b",")
    if values > _VALUES:
        raise json.JSONDecodeError(f"it holds more than {_VALUES:,} values", "", 0)
    try:
        return json.loads(data, parse_constant=refuse, parse_float=finite, object_pairs_hook=once)
    except json.JSONDecodeError:
        raise
    except RecursionError as error:
        raise json.JSONDecodeError("it is nested too deeply", "", 0) from error
    except ValueError as error:  # not UTF-8, or an integer of thousands of digits
        raise json.JSONDecodeError("it is not text in UTF-8, or holds too long a number", "", 0) from error


class _StrictRequest(Request):
    async def body(self) -> bytes:
        # A form may be as large as a film, and is never read into memory; who sends it may be anybody yet.
        if self.headers.get("content-type", "").lower().startswith("multipart/"):
            raise ApiError(415, "this takes no form; send JSON, with Content-Type: application/json", _NO_FORM)
        large = body_limit(self.scope, parts_of(self).settings) > SMALL
        if large:
            await current_user(await possible_user(self))  # the route asks who calls only when it has the body
        try:
            async with asyncio.timeout(_LATE if large else _SOON):
                return await super().body()
        except TimeoutError as error:
            raise ApiError(408, "the body of the request comes too slowly; try again", "timeout") from error

    async def json(self) -> Any:
        if not hasattr(self, "_json"):
            body = await self.body()
            self._json = await run_sync(parse_json, body) if len(body) > _LARGE else parse_json(body)
        return self._json


class StrictRoute(APIRoute):
    """A route whose JSON body is read strictly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of the route."""
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await handle(_StrictRequest(request.scope, request.receive))

        return strict
