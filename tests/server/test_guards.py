"""What every answer has, also that to a request which meets a bug."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from serving import client_of


def _wrong(_request: Request) -> Response:
    raise RuntimeError("a bug")


def _wrong_later(_request: Request) -> Response:
    def parts() -> Iterator[bytes]:
        yield b"half"
        raise RuntimeError("a late bug")

    return StreamingResponse(parts())


def test_a_bug_is_answered_and_logged_as_everything_else(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "perceptkit.server")
    with client_of(tmp_path) as client:
        routes = client.app.router.routes  # type: ignore[attr-defined] # of a FastAPI
        routes[:0] = [Route("/wrong", _wrong), Route("/late", _wrong_later)]
        answer = client.get("/wrong", headers={"X-Request-ID": "mine"})
        late = client.get("/late", headers={"X-Request-ID": "later"})
        counted = client.get("/metrics").text
    assert (answer.status_code, answer.json()["code"], answer.json()["request_id"]) == (500, "internal_error", "mine")
    assert answer.json()["error"] == "an error of ours; the log has it as mine"
    assert answer.headers["x-request-id"] == "mine"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert (late.status_code, late.content) == (200, b"half")
    said = [record.getMessage() for record in caplog.records if record.name == "perceptkit.server"]
    assert [line.rsplit(" ", 2)[0] for line in said if line.startswith("mine ")] == ["mine GET /wrong 500"]
    assert [line.rsplit(" ", 2)[0] for line in said if line.startswith("later ")] == ["later GET /late 200"]
    bugs = [record for record in caplog.records if record.exc_info and record.getMessage().startswith("request ")]
    assert [record.getMessage() for record in bugs] == ["request mine: a bug", "request later: a late bug"]
    assert 'perceptkit_requests_total{method="GET",route="none",status="500"} 1.0' in counted.replace("/wrong", "none")


def test_what_cannot_be_done_at_an_address_is_told_with_what_can(tmp_path: Path) -> None:
    with client_of(tmp_path) as client:
        answer = client.put("/api/jobs/x")
        page = client.post("/")
    said = "PUT does nothing at this address; there is GET, DELETE"
    assert (answer.status_code, answer.json()["code"], answer.json()["error"]) == (405, "method_not_allowed", said)
    assert answer.headers["allow"] == "GET, DELETE"
    assert (page.status_code, page.json()["error"]) == (405, "POST does nothing at this address; there is GET")
