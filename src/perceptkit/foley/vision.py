"""Pictures and a question to a vision model at an OpenAI-compatible endpoint, and its answer as JSON.

Pictures leave this machine only where there is a key, or where somebody has named the endpoint.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from ipaddress import ip_address
from typing import Any, TypeVar
from urllib.error import URLError
from urllib.parse import SplitResult, urlsplit
from urllib.request import HTTPErrorProcessor, ProxyHandler, Request, build_opener

from ..arrays import Picture
from ..errors import InputError
from ..images import encode_jpeg

__all__ = ["Endpoint", "NoAnswerError", "Send", "ask", "choose_endpoint"]

log = logging.getLogger("perceptkit")

T = TypeVar("T")

Send = Callable[[Request, float], HTTPResponse]
"""Sends a request with a time limit in seconds, and returns the answer whatever its status, following no redirect.

Raises what `urllib.request.urlopen` raises where there is no answer."""

_OPENROUTER = "https://openrouter.ai/api/v1"
_MODEL = "google/gemini-3.1-flash-lite"  # cheap, and it looks at pictures and keeps to a schema
_SERVICES = {  # by host: the variable with its key, without which it need not be asked, and its model
    "openrouter.ai": ("OPENROUTER_API_KEY", _MODEL),
    "api.openai.com": ("OPENAI_API_KEY", "gpt-6-luna"),
}
_MOST_BYTES = 1 << 20  # of an answer
_MOST_TEXT = 64 << 10  # characters of it that are searched for JSON
_PAUSE, _LONGEST_PAUSE = 0.5, 10.0  # seconds before a request is sent again
_REFUSALS = {
    401: "refused the key",
    402: "wants to be paid first",
    403: "refused the key",
    404: "has no such address or model",
    413: "takes no such large request",
    429: "is asked too much",
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a model is asked, and with which key; `lacks` is the variable without whose key it need not be asked."""

    url: str
    host: str
    model: str
    key: str = field(repr=False)
    lacks: str | None
    loopback: bool


class NoAnswerError(Exception):
    """An endpoint gave no good answer; after `pause` seconds it may be asked once more, where that is not None."""

    def __init__(self, reason: str, pause: float | None = _PAUSE) -> None:
        super().__init__(reason)
        self.pause = pause


class _NoSchemaError(NoAnswerError):
    """The endpoint does not know `response_format`."""


def choose_endpoint(endpoint: str | None, model: str | None, key: str | None) -> Endpoint:
    """The endpoint that is named here or in the environment, or else OpenRouter.

    Raises InputError for what is no address and no key, and for a key that would go over plain http to another machine.
    """
    parts = _split((endpoint or os.environ.get("PERCEPTKIT_VISION_ENDPOINT") or _OPENROUTER).strip())
    name = parts.hostname or ""
    variable, usual = _SERVICES.get(name, (None, _MODEL))
    if key is None:
        key = os.environ.get("PERCEPTKIT_VISION_KEY") or (os.environ.get(variable) if variable else None)
    key = (key or "").strip()
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise InputError("the key has characters that no key has; copy it again, without quotes and line breaks")
    loopback = _is_loopback(name)
    if key and parts.scheme == "http" and not loopback:
        raise InputError(
            f"the key would go to {parts.netloc} for everybody to read; give an https:// endpoint, or no key"
        )
    path = parts.path.rstrip("/").removesuffix("/chat/completions") + "/chat/completions"
    return Endpoint(
        url=parts._replace(path=path, fragment="").geturl(),
        host=parts.netloc,
        model=model or os.environ.get("PERCEPTKIT_VISION_MODEL") or usual,
        key=key,
        lacks=None if key else variable,
        loopback=loopback,
    )


def ask(
    endpoint: Endpoint,
    question: str,
    *,
    pictures: Iterable[Picture],
    fields: Mapping[str, Any],
    read: Callable[[dict[str, Any]], T],
    timeout: float,
    send: Send | None = None,
) -> T:
    """What `read` makes of the model's answer, a JSON object with the first of `fields` (name: JSON schema) at least.

    The request is sent once more when the endpoint is busy or silent (for `timeout` seconds), and when the answer is
    not to be understood. Raises NoAnswerError, as `read` may.
    """
    send = send or _opener(endpoint)
    body = _request(endpoint.model, question, pictures, fields)
    again = True
    while True:
        try:
            return read(_understand(_exchange(endpoint, body, timeout=timeout, send=send), next(iter(fields))))
        except _NoSchemaError:
            del body["response_format"]
        except NoAnswerError as error:
            if error.pause is None or not again:
                raise
            again = False
            log.info("the endpoint %s %s; asking again in %g s", endpoint.host, error, error.pause)
            time.sleep(error.pause)


def _split(endpoint: str) -> SplitResult:
    """The parts of an address. Errors do not repeat it: it may be a key that somebody put into the wrong place."""
    wanted = "give its address, such as http://localhost:11434/v1"
    try:
        parts = urlsplit(endpoint)
        usable = parts.port != 0 and bool(parts.hostname) and endpoint.isascii() and endpoint.isprintable()
    except ValueError as error:
        raise InputError(f"the endpoint is no address; {wanted}") from error
    if parts.scheme not in ("http", "https") or not usable or " " in endpoint:
        raise InputError(f"the endpoint is no http:// or https:// address; {wanted}")
    if "@" in parts.netloc:
        raise InputError("the endpoint has a user name in it; leave that out, and give the key by itself")
    return parts


def _is_loopback(name: str) -> bool:
    try:
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:  # a name, and no number
        return False


def _request(model: str, question: str, pictures: Iterable[Picture], fields: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a request."""
    schema = {"type": "object", "properties": fields, "required": [*fields], "additionalProperties": False}
    content: list[dict[str, Any]] = [{"type": "text", "text": question}]
    for picture in pictures:
        url = f"data:image/jpeg;base64,{base64.b64encode(encode_jpeg(picture)).decode()}"
        content.append({"type": "image_url", "image_url": {"url": url}})
    return {
        "model": model,
        "messages": [{"role": "user", "content": content}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}},
    }


class _EveryAnswer(HTTPErrorProcessor):
    """Takes an answer of any status as it is, so that no redirect is followed: a key goes to one host only."""

    def http_response(self, request: Request, response: HTTPResponse) -> HTTPResponse:
        return response

    https_response = http_response


def _opener(endpoint: Endpoint) -> Send:
    # What is meant for this machine must not leave it through a proxy that the environment names.
    opener = build_opener(_EveryAnswer, *([ProxyHandler({})] if endpoint.loopback else []))
    return lambda request, timeout: opener.open(request, timeout=timeout)


def _exchange(endpoint: Endpoint, body: Mapping[str, Any], *, timeout: float, send: Send) -> bytes:
    """Send a request, and return the body of a good answer."""
    headers = {"User-Agent": "perceptkit", "Content-Type": "application/json", "Accept": "application/json"}
    request = Request(endpoint.url, json.dumps(body).encode(), headers, method="POST")
    if endpoint.key:
        request.add_unredirected_header("Authorization", f"Bearer {endpoint.key}")
    deadline = time.monotonic() + timeout
    try:
        with send(request, timeout) as response:
            status, asked_pause = response.status, response.headers.get("Retry-After", "")
            answer = _receive(response, deadline)
    except (OSError, HTTPException, ValueError) as error:  # ValueError: the host or the framing is broken
        cause = error.reason if isinstance(error, URLError) and isinstance(error.reason, Exception) else error
        if isinstance(cause, TimeoutError):
            raise NoAnswerError(f"gave no answer within {timeout:g} s") from error
        detail = (cause.strerror if isinstance(cause, OSError) else None) or type(cause).__name__
        raise NoAnswerError(f"gave no answer ({detail})") from error
    if status == HTTPStatus.OK:
        return answer
    if status in (400, 422) and "response_format" in body and re.search(b"response_format|json_schema", answer):
        raise _NoSchemaError(f"refused the request ({status})")
    busy = status in (408, 429) or status >= 500
    raise NoAnswerError(f"{_refusal(status, endpoint)} ({status})", _pause(asked_pause) if busy else None)


def _receive(response: HTTPResponse, deadline: float) -> bytes:
    """The body of an answer, as long as it is not too large and not too slow."""
    body = bytearray()
    while chunk := response.read1(64 << 10):
        body += chunk
        if len(body) > _MOST_BYTES:
            raise NoAnswerError(f"sent more than {_MOST_BYTES >> 20} MB", None)
        if time.monotonic() > deadline:
            raise TimeoutError
    return bytes(body)


def _refusal(status: int, endpoint: Endpoint) -> str:
    """What a status means. What the server says of it is left out: some repeat the key."""
    if 300 <= status < 400:
        return "sends the request on to another address, and a key does not go there"
    if status in (401, 403) and not endpoint.key:
        return "wants a key"
    return _REFUSALS.get(status, "failed" if status >= 500 else "refused the request")


def _pause(asked: str) -> float | None:
    """Seconds to wait before asking again, None when it would take too long; `asked` is the header Retry-After."""
    seconds = float(asked) if re.fullmatch("[0-9]+", asked) else _PAUSE
    return seconds if seconds <= _LONGEST_PAUSE else None


def _understand(answer: bytes, needed: str) -> dict[str, Any]:
    """The first JSON object with the field `needed` in an answer, which may have other words around it."""
    try:
        content = json.loads(answer)["choices"][0]["message"]["content"]
        if isinstance(content, list):  # of parts
            content = "".join(part.get("text", "") for part in content)
        return next(found for found in _objects(content[:_MOST_TEXT]) if needed in found)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, StopIteration) as error:
        raise NoAnswerError("gave an answer that is not to be understood") from error


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """The JSON objects in a text, and those in them."""
    decoder = json.JSONDecoder()
    for brace in re.finditer("{", text):
        with suppress(ValueError):
            yield decoder.raw_decode(text, brace.start())[0]
