"""What somebody tries who wants more than he may have, against one real program: blocked, bounded in time and memory.

The details of each guard are in the tests of its own.
"""

from __future__ import annotations

import base64
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import jwt
import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

from clips import write_clip
from hostile_files import gif, mp4, png
from serving import TOKEN, Program, program, wait_for
from systems import linux

MEBIBYTE = 1 << 20
LIMIT = 8 * MEBIBYTE
BEARER = {"Authorization": f"Bearer {TOKEN}"}
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "multipart/form-data; boundary=line"}
SECRET = "a secret of the tests, of 32 bytes at least"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    options = ("--allow-image-url", "--open-registration")
    data, limit = tmp_path_factory.mktemp("attacked") / "data", str(LIMIT)
    with program(data, *options, MAX_UPLOAD_BYTES=limit, MAX_WAITING_PER_USER="2", JWT_SECRET=SECRET) as running:
        yield running
        said = running.log.read_text()
    # Nothing that was tried is an error of ours, and no secret is in the log.
    assert "Traceback" not in said
    assert " 500 " not in said
    assert TOKEN not in said
    assert SECRET not in said


@pytest.fixture(scope="module")
def owner(server: Program) -> Iterator[httpx2.Client]:
    with server.client() as client:
        yield client


@pytest.fixture(scope="module")
def nobody(server: Program) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=server.url, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def eve(server: Program) -> Iterator[httpx2.Client]:
    """Somebody else, who has registered."""
    made = httpx2.post(f"{server.url}/auth/register", json={"username": "eve", "password": "eve's own password"})
    with httpx2.Client(base_url=server.url, headers={"Authorization": f"Bearer {made.json()['token']}"}) as client:
        yield client


@pytest.fixture(scope="module")
def idle(server: Program) -> Iterator[dict[str, tuple[float, socket.socket]]]:
    """Connections on which nothing, too little, or too slowly comes; opened before the other tests, looked at last."""
    begun = {
        "nothing": b"",
        "half a header": b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
        "half a body": b"POST /auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b'Content-Length: 100\r\n\r\n{"username": ',
    }
    with ExitStack() as opened:
        made = {}
        for name, data in begun.items():
            connection = opened.enter_context(_connect(server))
            connection.sendall(data)
            made[name] = (time.monotonic(), connection)
        yield made


@pytest.fixture(autouse=True)
def prompt(idle: object, owner: httpx2.Client) -> Iterator[None]:
    """After each attack others are answered at once."""
    yield
    begun = time.monotonic()
    assert owner.get("/auth/verify").status_code == 200
    assert time.monotonic() - begun < 2


# Addresses, and what opens them.


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1/a.jpg", "http://localhost/", "http://[::1]/", "http://0/", "http://127.1/"),
        *("http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "http://[fe80::1%25lo]/"),
        *("http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/", "http://%31%32%37.0.0.1/"),
        *("http://[::ffff:127.0.0.1]/", "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/", "http://224.0.0.1/"),
        *("file:///etc/passwd", "ftp://192.0.2.1/", "http://user@127.0.0.1/", "http://192.0.2.1:22/", "http://xn--a/"),
    ],
)
def test_internal_addresses_are_fetched_for_nobody(owner: httpx2.Client, url: str) -> None:
    answer = owner.post("/extract-faces", json={"images": [{"image_url": url}]})
    assert (answer.status_code, answer.json()["code"]) == (400, "image_url_refused")
    assert answer.elapsed.total_seconds() < 5
    answer = owner.post("/api/faces", files={"file": ("a.jpg", png(8, 8))}, data={"webhook_url": url})
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_webhook")


def test_playlists_open_no_neighbour_and_no_socket(owner: httpx2.Client, server: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.3)
        target = f"http://127.0.0.1:{listening.getsockname()[1]}/a.ts"
        secret = server.log.parent / "data" / "perceptkit.db"
        for text in (
            f"ffconcat version 1.0\nfile '{secret}'\nfile '{target}'\n",
            f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{target}\n#EXTINF:1,\nfile://{secret}\n#EXT-X-ENDLIST\n",
            f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>{target}</BaseURL></MPD>',
            "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nc=IN IP4 127.0.0.1\r\nm=video 5004 RTP/AVP 96\r\n",
            f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{target}"/></svg>',
        ):
            for path in ("/api/upload", "/api/upload-video", "/api/faces", "/api/face/identify"):
                answer = owner.post(path, files={"file": ("film.mp4", text.encode())})
                assert answer.status_code == 415, (path, text)
        for reference in (target, f"file://{secret}"):
            film = mp4(frames=10, reference=reference.encode())
            answer = owner.post("/api/upload-video", files={"file": ("film.mov", film)})
            assert answer.status_code in (200, 422)
        with pytest.raises(TimeoutError):
            listening.accept()


# Paths and names.


@pytest.mark.parametrize(
    "path",
    [
        *("/page/..%2fapp.py", "/page/%2e%2e/app.py", "/docs/..%2f..%2f..%2f..%2fetc%2fpasswd", "//etc/passwd"),
        *("/api/jobs/..%2f..%2fsecret", "/api/jobs/JOB/files/..%2f..%2f..%2fsecret", "/api/jobs/JOB/files/%00"),
        *("/api/faces/JOB/headshots/..%2f..%2fsecret", "/api/audio/recordings/..%2f..%2fsecret"),
        *("/api/download/..%5csecret", "/api/status/..%2fsecret", "/api/play_original/%2fetc%2fpasswd"),
    ],
)
def test_paths_lead_nowhere(owner: httpx2.Client, job: str, path: str) -> None:
    answer = owner.get(path.replace("JOB", job))
    assert answer.status_code in (404, 409)  # the job has not completed
    assert set(answer.json()) == {"error", "code", "request_id", "timestamp"}


def test_names_of_files_are_for_people_only(owner: httpx2.Client, server: Program, film: bytes) -> None:
    # Quotes as they are, line breaks in two ways, a name of Windows, one that turns the direction of writing.
    names = ("../../secret", "..\\..\\secret.mp4", '"><img src=x onerror=alert(1)>.mp4', "a%0d%0aX-Bad: 1.mp4", "CON")
    before = _files(server)
    for name in (*names, "\u202egpj.mp4", "=cmd|' /C calc'!A0.mp4", "x" * 3000):
        escaped = name.replace('"', "%22")
        body = _part(f'name="file"; filename="{escaped}"', film) + b"--line--\r\n"
        answer = owner.post("/api/upload-video", content=body, headers=FORM)
        assert answer.status_code == 200
        task = answer.json()
        shown = task["message"].partition(" is here")[0]
        assert not re.search(r'[/\\<>"\r\n\u202e|]', shown)
        assert len(shown) <= 120
    made = {path.relative_to(server.log.parent / "data").as_posix() for path in _files(server) - before}
    assert all(re.fullmatch(r"uploads/[0-9a-f-]{36}\.mp4", name) for name in made if name.startswith("uploads/"))
    assert not [name for name in made if "secret" in name or "CON" in name]


def test_what_is_said_is_one_line_of_the_log(server: Program, owner: httpx2.Client) -> None:
    owner.get("/%0a2026-01-01T00:00:00.000Z INFO forged%1b[2J", headers={"X-Request-ID": "an id\twith more"})
    owner.get("/long" + "g" * 30_000)
    wait_for(lambda: "/longg" in server.log.read_text())
    lines = server.log.read_text().split("\n")
    (line,) = [line for line in lines if "forged" in line]
    assert re.match(r"20..-..-..T..:..:..\....Z INFO    [0-9a-f]{32} GET /\\n2026", line)
    assert "\x1b" not in line
    assert max(map(len, lines)) < 3000


# Who it is.


def test_forged_tokens(server: Program, nobody: httpx2.Client, eve: httpx2.Client) -> None:
    own = eve.headers["authorization"].removeprefix("Bearer ")
    claims = jwt.decode(own, SECRET, algorithms=["HS256"], audience="perceptkit")
    head, body, signature = own.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    owner = jwt.encode({**claims, "sub": "owner"}, SECRET)
    session = jwt.encode({**claims, "aud": "perceptkit-session"}, SECRET)
    forged = {
        "none": f"{none}.{body}.",
        "unsigned": f"{head}.{body}.",
        "another key": jwt.encode(claims, "k" * 32),
        "another algorithm": jwt.encode(claims, SECRET * 2, algorithm="HS512"),
        "a key of the caller": jwt.encode(claims, "\0" * 32, headers={"kid": "/dev/zero", "jku": server.url}),
        "expired": jwt.encode({**claims, "exp": int(time.time()) - 60}, SECRET),
        "for others": jwt.encode({**claims, "aud": "others"}, SECRET),
        "by others": jwt.encode({**claims, "iss": "others"}, SECRET),
        "without an end": jwt.encode({name: claims[name] for name in claims if name != "exp"}, SECRET),
        "the owner's name": owner,
        "a cookie": session,
        "nobody": jwt.encode({**claims, "sub": "nobody"}, SECRET),
        "another body": f"{head}.{body[:-2]}AA.{signature}",
        "very long": f"{head}.{'a' * 20_000}.{signature}",
    }
    for name, token in forged.items():
        answer = nobody.get("/auth/verify", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401, name
        assert "sign in again" in answer.json()["error"]
        assert "Signature" not in answer.text
    answer = nobody.get("/auth/verify", headers={"Cookie": f"perceptkit_session={own}"})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "rebound.example:8000"},
        {"Host": "127.0.0.1.example"},
        {"Host": "rebound.example", "X-Forwarded-Host": "127.0.0.1", "Forwarded": "host=127.0.0.1"},
        {"Origin": "https://foreign.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
    ],
)
def test_pages_of_others_may_not_call(server: Program, owner: httpx2.Client, headers: dict[str, str]) -> None:
    answer = owner.post("/auth/ws-ticket", headers=headers)
    assert (answer.status_code, answer.json()["code"]) in ((400, "unknown_host"), (403, "foreign_origin"))
    session = owner.post("/api/audio/start-stream").json()["session_id"]
    for name in headers.keys() & {"Origin"}:
        given = {**BEARER, name: headers[name]}
        opening = connect(_socket(server, session), additional_headers=given)
        with opening as opened, pytest.raises(ConnectionClosedError) as closed:
            opened.recv(timeout=5)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4403
    owner.post(f"/api/audio/stop-stream/{session}")


def test_a_cookie_alone_changes_nothing(server: Program, nobody: httpx2.Client) -> None:
    """A form of another site would send it, were it not for SameSite."""
    with httpx2.Client(base_url=server.url) as browser:
        assert browser.post("/auth/session", json={"token": TOKEN}).status_code == 200
        assert browser.get("/auth/verify").status_code == 200
        assert browser.post("/auth/ws-ticket").json()["code"] == "cross_site"
        assert browser.post("/auth/ws-ticket", headers={"Origin": server.url}).status_code == 200
        stolen = browser.cookies["perceptkit_session"]
    answer = nobody.get("/auth/verify", headers={"Authorization": f"Bearer {stolen}"})
    assert answer.status_code == 401


def test_tickets_are_good_once_and_for_their_owner(server: Program, owner: httpx2.Client, eve: httpx2.Client) -> None:
    session = owner.post("/api/audio/start-stream").json()["session_id"]
    ticket = owner.post("/auth/ws-ticket").json()["ticket"]
    with connect(f"{_socket(server, session)}?ticket={ticket}") as opened:
        opened.send('{"angle": 1}')
        assert json.loads(opened.recv(timeout=5))["status"] == "received"
    of_eve = eve.post("/auth/ws-ticket").json()["ticket"]
    for query, code in ((f"?ticket={ticket}", 4401), (f"?ticket={of_eve}", 4404), ("?ticket=guess", 4401), ("", 4401)):
        with connect(_socket(server, session) + query) as opened, pytest.raises(ConnectionClosedError) as closed:
            opened.recv(timeout=5)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == code
    assert owner.post(f"/api/audio/stop-stream/{session}").status_code == 200
    assert ticket not in server.log.read_text()


def test_what_is_somebody_elses_is_not_there(owner: httpx2.Client, eve: httpx2.Client, job: str) -> None:
    recording = owner.post("/api/audio/start-stream").json()["session_id"]
    jobs = ("", "/events", "/files", "/files/annotated.mp4", "/timeline")
    for path in (
        *(f"/api/jobs/{job}{end}" for end in jobs),
        *(f"/api/{what}/{job}" for what in ("download", "download-data", "play_video", "play_original", "status")),
        *(f"/api/{what}/{job}" for what in ("video-status", "download-video", "export-csv", "export-json")),
        *(f"/api/faces/{job}/people", f"/api/faces/{job}/headshots/{'0' * 16}", f"/api/progress?job_id={job}"),
        *(f"/api/audio/recordings/{recording}{end}" for end in ("", "/angles", "/facts")),
    ):
        assert eve.get(path).status_code == 404, path
    assert eve.delete(f"/api/jobs/{job}").status_code == 404
    assert eve.delete(f"/api/audio/recordings/{recording}").status_code == 404
    for path in (f"/api/jobs/{job}/cancel", f"/api/process/{job}", f"/api/audio/stop-stream/{recording}"):
        assert eve.post(path).status_code == 404
    assert eve.get("/api/jobs/all").json() == []
    assert eve.get("/api/audio/recordings").json() == {"recordings": []}
    assert owner.post(f"/api/audio/stop-stream/{recording}").status_code == 200


# Too much.


@linux
@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"images": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
        (b'{"images": [' + b"{}," * 2_000_000 + b"{}]}", "more than 100,000 values"),
        (b'{"images": [' + b"{}," * 90_000 + b"{}]}", r"images\.0: give either"),
        (b'{"images": [], "x": ' + b"9" * 5000 + b"}", "too long a number"),
        (b'{"images": [{"image_base64": "aa"}], "similarity_threshold": 1e999}', "too large"),
        (b'{"images": [{"image_base64": "aa"}], "similarity_threshold": NaN}', "NaN is no number"),
        (b'{"images": [], "images": []}', "twice"),
    ],
    ids=["deep", "many values", "many mistakes", "long number", "large number", "NaN", "twice"],
)
def test_json_takes_no_more_memory_than_it_has_letters(
    server: Program, owner: httpx2.Client, body: bytes, said: str
) -> None:
    before = _memory(server)
    answer = owner.post("/extract-faces", content=body, headers=JSON)
    assert answer.status_code == 400
    assert re.search(said, answer.json()["error"])
    assert answer.elapsed.total_seconds() < 3
    assert _memory(server) - before < 100 * MEBIBYTE


def test_large_bodies_are_refused_announced_or_not(server: Program) -> None:
    lying = b"5\r\n{    \r\n" + b"10000\r\n" + b" " * 65536 + b"\r\n"
    for head, sent in (
        (b"POST /auth/login HTTP/1.1\r\nContent-Length: 1000000000\r\n", b""),
        (b"POST /auth/login HTTP/1.1\r\nTransfer-Encoding: chunked\r\n", lying * 2),
        (b"POST /auth/login HTTP/1.1\r\nContent-Length: " + b"9" * 19 + b"\r\n", b""),
        (b"POST /extract-faces HTTP/1.1\r\nContent-Length: 300000000\r\n", b""),
    ):
        with _connect(server) as connection:
            connection.sendall(head + b"Host: 127.0.0.1\r\nContent-Type: application/json\r\n\r\n" + sent)
            assert connection.recv(100).startswith(b"HTTP/1.1 413 ")
    with _connect(server) as connection:  # two lengths are how requests are smuggled
        connection.sendall(b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}")
        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")


def test_forms_have_so_many_parts_and_so_long_headers(owner: httpx2.Client) -> None:
    empty = _part('name="file"; filename=""', b"")
    for body, said in (
        (empty * 20_000, "more than 2,000 parts"),
        (b"--line\r\n" + b"a: b\r\n" * 100_000, "header"),
        (_part(f'name="{"n" * 5_000_000}"', b""), "header"),
        (b"".join(_part(f'name="{number}"', b"1") for number in range(100)), "more than 64 fields"),
    ):
        answer = owner.post("/api/upload", content=body + b"--line--\r\n", headers=FORM)
        assert answer.status_code == 400
        assert said.lower() in answer.json()["error"].lower()
        assert owner.post("/api/audio/start-stream", content=body + b"--line--\r\n", headers=FORM).status_code == 400


@linux
def test_headers_that_promise_more_than_there_is(server: Program, owner: httpx2.Client) -> None:
    """What looks at a file has its own process, with so much memory; what it refuses is kept nowhere."""
    before, end = _files(server), threading.Event()
    peaks: list[int] = []
    watching = threading.Thread(target=_watch, args=(server, end, peaks))
    watching.start()
    try:
        for name, data, status, said in (
            ("wide.png", png(50_000, 50_000), 413, "over the limit"),
            ("wide.gif", gif(60_000, 60_000), 413, "over the limit"),
            ("long.mp4", mp4(frames=100, seconds=36_000), 422, "36,000 seconds"),
            ("fast.mp4", mp4(frames=10_000, seconds=10), 422, "1,000 frames a second"),
            ("many.mp4", mp4(frames=85_000_000, seconds=1000), 422, ""),
        ):
            answer = owner.post("/api/faces", files={"file": (name, data)})
            assert (answer.status_code, said in answer.json()["error"]) == (status, True), (name, answer.text)
            assert answer.elapsed.total_seconds() < 5
    finally:
        end.set()
        watching.join()
    assert max(peaks) < 1000 * MEBIBYTE  # a list of those frames has 2000
    assert not [path for path in _files(server) - before if path.parent.name == "uploads"]


# Too much for others.


def test_one_user_cannot_queue_more_than_so_many_jobs(
    owner: httpx2.Client, eve: httpx2.Client, film: bytes, job: str
) -> None:
    files = {"file": ("film.mp4", film)}
    answers = [eve.post("/api/upload", files=files) for _ in range(6)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert {answer.json()["code"] for answer in refused} == {"too_many_waiting"}
    assert owner.get(f"/api/jobs/{job}").status_code == 200
    for answer in answers:
        if answer.status_code == 200:
            assert eve.delete(f"/api/jobs/{answer.json()['job_id']}").status_code == 204


def test_a_flood_of_those_whom_nobody_knows_leaves_room_for_others(
    nobody: httpx2.Client, owner: httpx2.Client, film: bytes
) -> None:
    flood = [threading.Thread(target=lambda: [nobody.get("/ready") for _ in range(3)]) for _ in range(40)]
    for thread in flood:
        thread.start()
    try:
        for _ in range(3):
            assert owner.post("/api/upload-video", files={"file": ("film.mp4", film)}).status_code == 200
    finally:
        for thread in flood:
            thread.join()


@linux
def test_thousands_of_connections(server: Program, nobody: httpx2.Client) -> None:
    """Those over the limit are closed unheard, and all of them together take little."""
    before = _memory(server)
    with ExitStack() as opened:
        connections = [opened.enter_context(_connect(server)) for _ in range(1500)]
        wait_for(lambda: sum(map(_closed, connections)) >= 450, seconds=10)
        assert sum(map(_closed, connections)) < 700
        assert _memory(server) - before < 60 * MEBIBYTE
    wait_for(lambda: _answers(nobody), seconds=10)


def test_passwords_are_hashed_so_often_only(nobody: httpx2.Client) -> None:
    """The last of those who sign in: from then on this address has to wait."""
    tried: list[int] = []

    def guess() -> None:
        for _ in range(5):
            given = {"username": f"user {len(tried)}", "password": "a password"}
            tried.append(nobody.post("/auth/login", json=given).status_code)

    threads = [threading.Thread(target=guess) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(tried) == {401, 429}
    assert tried.count(401) <= 10


def test_who_says_nothing_is_not_waited_for(idle: dict[str, tuple[float, socket.socket]]) -> None:
    for name, (begun, connection) in idle.items():
        connection.settimeout(max(0.1, begun + 15 - time.monotonic()))
        said = b""
        with suppress(ConnectionResetError):
            said = connection.recv(1000)
        assert said == b"" if name != "half a body" else said.startswith(b"HTTP/1.1 408 "), name


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_clip(tmp_path_factory.mktemp("film") / "film.mp4").read_bytes()


@pytest.fixture(scope="module")
def job(owner: httpx2.Client, film: bytes) -> str:
    """A job of the owner, whatever becomes of it."""
    return str(owner.post("/api/upload", files={"file": ("film.mp4", film)}).json()["job_id"])


def _connect(server: Program) -> socket.socket:
    address = urlsplit(server.url)
    return socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=10)


def _socket(server: Program, session: str) -> str:
    return f"{server.url.replace('http', 'ws')}/ws/audio/{session}"


def _closed(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def _answers(client: httpx2.Client) -> bool:
    try:
        return client.get("/health").status_code == 200
    except httpx2.TransportError:
        return False


def _files(server: Program) -> set[Path]:
    return {path for path in (server.log.parent / "data").rglob("*") if path.is_file()}


def _memory(server: Program, process: int | None = None) -> int:
    """Bytes of it in memory (RSS)."""
    status = Path(f"/proc/{process or server.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def _watch(server: Program, end: threading.Event, peaks: list[int]) -> None:
    """Note how much memory the processes of the server take, until `end`."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    while not end.wait(0.02):
        for child in [server.process.pid, *map(int, children.read_text().split())]:
            with suppress(FileNotFoundError, IndexError, ProcessLookupError):
                peaks.append(_memory(server, child))


def _part(disposition: str, content: bytes) -> bytes:
    return f"--line\r\nContent-Disposition: form-data; {disposition}\r\n\r\n".encode() + content + b"\r\n"
