"""Telling an address that a job has ended."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
import sqlalchemy as sql

from perceptkit.server import Settings, read_settings
from perceptkit.server.database import open_database
from perceptkit.server.errors import ApiError
from perceptkit.server.jobs import claims
from perceptkit.server.jobs import rows as jobs
from perceptkit.server.jobs.webhooks import announce_all, check_webhook
from serving import wait_for

PUBLIC = "93.184.215.14"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sql.Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'jobs.db'}")
    yield engine
    engine.dispose()


def settings_of(folder: Path, *hosts: str) -> Settings:
    return read_settings({"WEBHOOK_HOSTS": ",".join(hosts)}, data=folder)


def ended(engine: sql.Engine, webhook: str, *, filename: str = "walk.mp4") -> jobs.Job:
    """A job that has failed, about whose end somebody wants to be told."""
    made = jobs.submit(engine, kind="gaze", owner="me", filename=filename, parameters={"secret": 1}, webhook=webhook)
    job = claims.claim(engine)
    assert job is not None
    claims.end(engine, job, "failed", error="walk.mp4 is empty", code="media_error")
    return made


class Receiver(httpx2.AsyncBaseTransport):
    """Takes what is sent, and answers with one status after another."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.got: list[httpx2.Request] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.got.append(request)
        status = self.statuses.pop(0) if self.statuses else 204
        if status == 0:
            raise httpx2.ConnectError("refused")
        return httpx2.Response(status)


@contextmanager
def announcing(settings: Settings, engine: sql.Engine, **given: Any) -> Iterator[None]:
    stop = threading.Event()

    async def resolve(_name: str, _port: int) -> list[str]:
        return [PUBLIC]

    def run() -> None:
        announce_all(settings, engine, **{"stop": stop, "resolve": resolve, "pauses": (0.0, 0.01, 0.02), **given})

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_one_who_asked_is_told_once(engine: sql.Engine, tmp_path: Path) -> None:
    receiver = Receiver()
    jobs.cancel(engine, jobs.submit(engine, kind="gaze", owner="me", filename="b.mp4", parameters={}).id)
    made = []
    for times in (1, 2):  # the second server does not tell again what the first has told
        made.append(ended(engine, "https://example.org/hook?key=1").id)
        with announcing(settings_of(tmp_path), engine, transport=lambda: receiver):
            wait_for(lambda: len(receiver.got) >= times)  # noqa: B023 - called at once
    request = receiver.got[0]
    assert str(request.url) == f"https://{PUBLIC}/hook?key=1"
    assert request.headers["host"] == "example.org"
    assert request.extensions["sni_hostname"] == "example.org"
    told = [json.loads(each.content) for each in receiver.got]
    assert [each["job_id"] for each in told] == made
    assert (told[0]["event"], told[0]["status"], told[0]["error"]) == ("job.failed", "failed", "walk.mp4 is empty")
    assert "secret" not in request.content.decode()


def test_a_job_that_is_cancelled_while_it_waits_is_told_of(engine: sql.Engine, tmp_path: Path) -> None:
    receiver = Receiver()
    made = jobs.submit(
        engine, kind="gaze", owner="me", filename="a.mp4", parameters={}, webhook="https://example.org/hook"
    )
    with announcing(settings_of(tmp_path), engine, transport=lambda: receiver):
        jobs.cancel(engine, made.id)
        wait_for(lambda: receiver.got)
    assert json.loads(receiver.got[0].content)["event"] == "job.cancelled"


@pytest.mark.parametrize(
    ("statuses", "calls"),
    [((0, 503, 200), 3), ((0, 429, 500, 200), 3), ((404, 200), 1), ((302, 200), 1)],
)
def test_what_may_pass_is_tried_again(
    engine: sql.Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture, statuses: tuple[int, ...], calls: int
) -> None:
    receiver = Receiver(*statuses)
    ended(engine, "https://example.org/hook?key=1")
    with announcing(settings_of(tmp_path), engine, transport=lambda: receiver):
        wait_for(lambda: len(receiver.got) >= calls)
    assert len(receiver.got) == calls
    assert "key=1" not in caplog.text


def test_what_was_not_told_before_the_end_is_told_after_the_next_start(engine: sql.Engine, tmp_path: Path) -> None:
    ended(engine, "https://example.org/hook")
    first, second = Receiver(0), Receiver()
    with announcing(settings_of(tmp_path), engine, transport=lambda: first, pauses=(0.0, 60.0)):
        wait_for(lambda: first.got)
    with announcing(settings_of(tmp_path), engine, transport=lambda: second):
        wait_for(lambda: second.got)
    assert (len(first.got), len(second.got)) == (1, 1)


def test_a_name_that_leads_to_us_is_not_called(
    engine: sql.Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def resolve(_name: str, _port: int) -> list[str]:
        return [PUBLIC, "169.254.169.254"]

    receiver = Receiver()
    ended(engine, "https://example.org/hook")
    with announcing(settings_of(tmp_path), engine, transport=lambda: receiver, resolve=resolve):
        wait_for(lambda: "the host is not public" in caplog.text)
    assert receiver.got == []


def test_a_host_of_ones_own_is_called_over_a_real_connection(engine: sql.Engine, tmp_path: Path) -> None:
    got: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        url = f"http://localhost:{server.server_port}/ended"
        settings = settings_of(tmp_path, "LocalHost")
        ended(engine, check_webhook(url, settings))
        stop = threading.Event()
        telling = threading.Thread(target=lambda: announce_all(settings, engine, stop=stop))
        telling.start()
        try:
            wait_for(lambda: got)
        finally:
            stop.set()
            telling.join()
            server.shutdown()
    assert json.loads(got[0])["event"] == "job.failed"


def test_discord_is_told_in_its_own_words(engine: sql.Engine, tmp_path: Path) -> None:
    receiver = Receiver()
    ended(engine, "https://discord.com/api/webhooks/1/token", filename="`@everyone`.mp4")
    with announcing(settings_of(tmp_path), engine, transport=lambda: receiver):
        wait_for(lambda: receiver.got)
    assert json.loads(receiver.got[0].content) == {
        "content": "`'@everyone'.mp4` (gaze): failed\nwalk.mp4 is empty",
        "allowed_mentions": {"parse": []},
    }


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://example.org/x", "begins with https"),
        ("https:///x", "begins with https"),
        ("https://example.org:port/", "no address"),
        ("http://example.org/x", "only https on port 443"),
        ("https://example.org:22/x", "only https on port 443"),
        ("https://me:secret@example.org/x", "leave the user name"),
        ("https://127.0.0.1/x", "not public"),
        ("https://localhost/x", "not public"),
        ("https://[::ffff:127.0.0.1]/x", "not public"),
        ("https://2130706433/x", "not written as"),
        ("https://0x7f.1/x", "not written as"),
        ("https://example.org/" + "x" * 2048, "more than 2,048"),
    ],
)
def test_an_address_that_is_not_called_is_refused(tmp_path: Path, url: str, said: str) -> None:
    with pytest.raises(ApiError, match=said) as raised:
        check_webhook(url, settings_of(tmp_path, "hooks.internal"))
    assert (raised.value.status_code, raised.value.code) == (422, "bad_webhook")


@pytest.mark.parametrize(
    "url", ["https://example.org/x", "https://93.184.215.14/x", "http://hooks.internal:8080/x", "http://10.0.0.7/x"]
)
def test_an_address_that_may_be_called_is_taken(tmp_path: Path, url: str) -> None:
    assert check_webhook(url, settings_of(tmp_path, "hooks.internal", "10.0.0.7")) == url
