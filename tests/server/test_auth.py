from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
import sqlalchemy as sql
from fastapi import FastAPI
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from perceptkit.errors import InputError
from perceptkit.server import read_settings
from perceptkit.server.auth import OWNER, Principal, socket_user
from perceptkit.server.auth.greeting import greeting
from perceptkit.server.auth.passwords import NOBODY, check_password, hash_password
from perceptkit.server.auth.secret import read_secret
from perceptkit.server.auth.session import session_from_ticket
from perceptkit.server.auth.tickets import Tickets
from perceptkit.server.auth.users import clean_name
from serving import TOKEN, client_of, program

BEARER = {"Authorization": f"Bearer {TOKEN}"}
PASSWORD = "correct horse battery"
HERE = "http://127.0.0.1"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with client_of(tmp_path / "data", auth=True) as client:
        yield client


def registered(client: TestClient, name: str = "ada") -> dict[str, Any]:
    answer = client.post("/auth/register", json={"username": name, "password": PASSWORD}, headers=BEARER)
    assert answer.status_code == 201
    signed: dict[str, Any] = answer.json()
    return signed


def signed_in(client: TestClient) -> str:
    """The cookie of somebody who signed in with the server's token; the client forgets it."""
    assert client.post("/auth/session", json={"token": TOKEN}).status_code == 200
    cookie = client.cookies["perceptkit_session"]
    client.cookies.clear()
    return cookie


def who_is(client: TestClient, **headers: str) -> Any:
    answer = client.get("/auth/verify", headers=headers)
    return answer.json()["user"]["id"] if answer.status_code == 200 else answer.status_code


# The secret


def test_the_secret_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    settings = read_settings({}, data=tmp_path)
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(read_secret(settings))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert set(found) == {(tmp_path / "secret").read_bytes()}
    assert len(found[0]) == 32
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_a_secret_that_is_short_or_known_to_others_is_refused(tmp_path: Path) -> None:
    settings = read_settings({}, data=tmp_path)
    secret = tmp_path / "secret"
    secret.write_bytes(b"x" * 32)
    secret.chmod(0o640)
    with pytest.raises(InputError, match=r"others can read the secret .* delete it"):
        read_secret(settings)
    secret.write_bytes(b"x" * 31)
    secret.chmod(0o600)
    with pytest.raises(InputError, match="31 bytes of at least 32"):
        read_secret(settings)


def test_a_secret_of_the_environment_takes_the_place_of_the_file(tmp_path: Path) -> None:
    assert read_secret(read_settings({"JWT_SECRET": "s" * 32}, data=tmp_path)) == b"s" * 32
    assert not (tmp_path / "secret").exists()
    with pytest.raises(InputError, match="JWT_SECRET has fewer than 32 bytes"):
        read_settings({"JWT_SECRET": "s" * 31}, data=tmp_path)
    assert "s" * 32 not in repr(read_settings({"JWT_SECRET": "s" * 32, "PERCEPTKIT_TOKEN": "s" * 32}, data=tmp_path))


# Tokens


def handmade(header: dict[str, Any], claims: dict[str, Any], sign: Callable[[bytes], bytes]) -> str:
    def part(data: bytes) -> bytes:
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    text = part(json.dumps(header).encode()) + b"." + part(json.dumps(claims).encode())
    return (text + b"." + part(sign(text))).decode()


def without(claims: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in claims.items() if key != name}


def hs256(secret: bytes, text: bytes) -> bytes:
    return hmac.digest(secret, text, hashlib.sha256)


FORGERIES: dict[str, Callable[[bytes, dict[str, Any]], str]] = {
    "alg none": lambda secret, claims: handmade({"alg": "none", "typ": "JWT"}, claims, lambda text: b""),
    "alg nOnE": lambda secret, claims: handmade({"alg": "nOnE", "typ": "JWT"}, claims, lambda text: b""),
    "no signature": lambda secret, claims: handmade({"alg": "HS256"}, claims, lambda text: b""),
    "no alg": lambda secret, claims: handmade({"typ": "JWT"}, claims, lambda text: hs256(secret, text)),
    "RS256 over HMAC": lambda secret, claims: handmade({"alg": "RS256"}, claims, lambda text: hs256(secret, text)),
    "HS512": lambda secret, claims: jwt.encode(claims, secret * 2, algorithm="HS512"),
    "other key": lambda secret, claims: jwt.encode(claims, b"x" * 32, algorithm="HS256"),
    "expired": lambda secret, claims: jwt.encode({**claims, "exp": claims["iat"] - 60}, secret),
    "not yet": lambda secret, claims: jwt.encode({**claims, "iat": claims["iat"] + 3600}, secret),
    "other audience": lambda secret, claims: jwt.encode({**claims, "aud": "elsewhere"}, secret),
    "other issuer": lambda secret, claims: jwt.encode({**claims, "iss": "elsewhere"}, secret),
    "nobody's": lambda secret, claims: jwt.encode({**claims, "sub": "owner"}, secret),
    "nested deeply": lambda secret, claims: base64.urlsafe_b64encode(b"[" * 1500).decode() + ".e30.AAAA",
    "long": lambda secret, claims: jwt.encode({**claims, "more": "x" * 4096}, secret),
    "no token": lambda secret, claims: "x",
    **{
        f"without {name}": lambda secret, claims, name=name: jwt.encode(without(claims, name), secret)  # type: ignore[misc] # a default
        for name in ("exp", "sub", "aud", "iss", "iat", "jti")
    },
}


def test_no_forged_token_is_accepted_and_none_is_told_why(client: TestClient, tmp_path: Path) -> None:
    user = registered(client)["user"]["id"]
    secret, now = (tmp_path / "data" / "secret").read_bytes(), int(time.time())
    claims = {"sub": user, "aud": "perceptkit", "iss": "perceptkit", "iat": now, "exp": now + 60, "jti": "1"}
    assert who_is(client, Authorization=f"bearer {jwt.encode(claims, secret)}") == user
    for name, forge in FORGERIES.items():
        answer = client.get("/auth/verify", headers={"Authorization": f"Bearer {forge(secret, claims)}"})
        reason = "expired" if name == "expired" else "not valid"
        assert answer.status_code == 401, name
        assert answer.headers["www-authenticate"] == "Bearer"
        assert set(answer.json()) == {"error", "code", "request_id", "timestamp"}
        assert answer.json()["error"] == f"what you send to say who you are is {reason}; sign in again", name


def test_a_cookie_is_no_bearer_token_and_a_bearer_token_is_no_cookie(client: TestClient) -> None:
    cookie, token = signed_in(client), registered(client)["token"]
    assert who_is(client, Cookie=f"perceptkit_session={cookie}") == OWNER
    assert who_is(client, Authorization=f"Bearer {cookie}") == 401
    assert who_is(client, Cookie=f"perceptkit_session={token}") == 401


def test_the_token_of_somebody_who_was_deleted_is_refused(client: TestClient, tmp_path: Path) -> None:
    token = registered(client)["token"]
    assert who_is(client, Authorization=f"Bearer {token}") != 401
    engine = sql.create_engine(f"sqlite:///{tmp_path / 'data' / 'perceptkit.db'}")
    with engine.begin() as connection:
        connection.execute(sql.text("DELETE FROM users"))
    engine.dispose()
    assert who_is(client, Authorization=f"Bearer {token}") == 401


def test_a_token_that_no_header_can_hold_is_refused_at_start(tmp_path: Path) -> None:
    for token in ("sixteen letters, and spaces", "sixteen-letters-\u00f6"):
        with pytest.raises(InputError, match="without spaces"):
            read_settings({}, data=tmp_path, token=token)


# Passwords and names


def test_a_password_is_known_again_by_what_is_kept() -> None:
    kept = hash_password("pass wört")
    assert re.fullmatch(r"scrypt\$32768\$8\$1\$[^$]{24}\$[^$]{44}", kept)
    assert check_password("pass wo\u0308rt", kept)  # the same letter, written in two
    assert not check_password("pass wort", kept)
    assert hash_password("pass wört") != kept
    # A known answer: RFC 7914, section 12, the third example.
    salt = base64.b64encode(b"SodiumChloride").decode()
    known = base64.b64encode(bytes.fromhex("7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2")).decode()
    assert check_password("pleaseletmein", f"scrypt$16384$8$1${salt}${known}")
    assert not check_password("", NOBODY)


@pytest.mark.parametrize("password", ["1234567", "x" * 1025, "ö" * 513])
def test_a_password_of_another_length_is_refused(password: str) -> None:
    with pytest.raises(InputError, match="at least 8 characters, and at most 1024 bytes"):
        hash_password(password)


def test_a_name_is_the_same_however_it_is_written() -> None:
    assert clean_name("  Ada\u0041@X.org ") == "adaa@x.org"
    assert clean_name("Stra\u00dfe") == clean_name("STRASSE")
    assert clean_name("\uff41\u0301") == "\u00e1"
    for name in ("", "  ", "a\0b", "a\nb", "a\u202eb", "a\u200bb", "x" * 256, "\ufdfa" * 100):
        with pytest.raises(InputError, match="1 to 255 characters"):
            clean_name(name)


# Registering and logging in


def test_register_log_in_verify(client: TestClient) -> None:
    signed = registered(client, "Ada@Example.org")
    assert signed["user"]["username"] == "ada@example.org"
    answer = client.post("/auth/login", json={"email": "ADA@example.org", "password": PASSWORD})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    logged_in = answer.json()
    assert logged_in["user"] == signed["user"]
    assert logged_in["token"] == logged_in["access_token"] != signed["token"]
    assert (logged_in["token_type"], logged_in["expires_in"]) == ("bearer", 86400)
    verified = client.get("/auth/verify", headers={"Authorization": f"Bearer {logged_in['access_token']}"})
    assert verified.json() == {"valid": True, "user": signed["user"]}
    again = client.post("/auth/register", json={"username": "ADA@EXAMPLE.ORG", "password": PASSWORD}, headers=BEARER)
    assert (again.status_code, again.json()["code"]) == (409, "name_taken")


def test_a_wrong_password_and_an_unknown_name_sound_the_same(client: TestClient) -> None:
    registered(client)
    wrong = client.post("/auth/login", json={"username": "ada", "password": "wrong password"})
    unknown = client.post("/auth/login", json={"username": "eve", "password": "wrong password"})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json()["error"] == unknown.json()["error"] == "the name or the password is wrong"


def test_registering_needs_the_servers_token_unless_it_is_open(client: TestClient, tmp_path: Path) -> None:
    token = registered(client)["token"]
    someone = {"username": "eve", "password": PASSWORD}
    closed = client.post("/auth/register", json=someone)
    assert (closed.status_code, closed.json()["code"]) == (403, "registration_closed")
    assert "--open-registration" in closed.json()["error"]
    another = client.post("/auth/register", json=someone, headers={"Authorization": f"Bearer {token}"})
    assert another.status_code == 403
    with client_of(tmp_path / "open", auth=True, open_registration=True) as opened:
        assert opened.post("/auth/register", json=someone).status_code == 201
    with client_of(tmp_path / "without") as asks_nobody:
        assert asks_nobody.post("/auth/register", json=someone).status_code == 201


def test_what_cannot_be_registered_is_not_repeated(client: TestClient) -> None:
    for name, password in (
        ("ada", None),
        ("ada", ["secret-value-1"]),
        ("ada", "short-1"),
        ("\0", "secret-value-1"),
        ("ada", "secret-value-1" * 100),
    ):
        answer = client.post("/auth/register", json={"username": name, "password": password}, headers=BEARER)
        assert answer.status_code == 422
        assert "secret-value-1" not in answer.text
        assert "short-1" not in answer.text


# Who calls


def test_who_calls(client: TestClient) -> None:
    assert who_is(client, Authorization=f"Bearer {TOKEN}") == OWNER
    said = (b"Bearer", f"Bearer {TOKEN}x".encode(), f"Basic {TOKEN}".encode(), b"Bearer \xe9\xff")
    for headers in ({}, *({b"Authorization": value} for value in said)):
        answer = client.get("/auth/verify", headers=headers)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), headers
        assert TOKEN not in answer.text


def test_a_server_that_asks_nobody_still_refuses_what_is_wrong(tmp_path: Path) -> None:
    with client_of(tmp_path) as client:
        assert who_is(client) == OWNER
        assert who_is(client, Authorization="Bearer wrong") == 401
        # The cookie of another server of this machine comes by itself, and says nothing.
        assert who_is(client, Cookie="perceptkit_session=wrong") == OWNER


def test_a_session_is_a_cookie_that_only_our_page_can_use(client: TestClient) -> None:
    answer = client.post("/auth/session", json={"token": TOKEN})
    assert answer.json() == {"id": OWNER, "username": "owner"}
    flags = {flag.strip().lower() for flag in answer.headers["set-cookie"].split(";")[1:]}
    assert flags == {"httponly", "samesite=strict", "path=/", "max-age=86400"}
    assert client.get("/auth/verify").status_code == 200
    changing = client.post("/auth/ws-ticket")
    assert (changing.status_code, changing.json()["code"]) == (403, "cross_site")
    assert client.post("/auth/ws-ticket", headers={"Origin": HERE}).status_code == 200
    assert client.post("/auth/ws-ticket", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200
    assert client.post("/auth/ws-ticket", headers={"Sec-Fetch-Site": "same-site"}).status_code == 403
    assert client.post("/auth/ws-ticket", headers={"Origin": "http://evil.example"}).status_code == 403
    assert client.delete("/auth/session").status_code == 204
    assert client.get("/auth/verify").status_code == 401
    over_https = client.post("https://127.0.0.1/auth/session", json={"token": TOKEN})
    assert "; secure" in over_https.headers["set-cookie"].lower()


def test_a_browser_signs_in_with_a_password_too(client: TestClient) -> None:
    user = registered(client)["user"]
    assert client.post("/auth/session", json={"username": "ada", "password": PASSWORD}).json() == user
    assert client.get("/auth/verify").json()["user"] == user
    assert client.post("/auth/session", json={"token": "wrong"}).status_code == 401
    assert client.post("/auth/session", json={"username": "ada"}).status_code == 422


def test_a_name_that_was_pointed_at_us_is_not_answered(client: TestClient) -> None:
    answer = client.get("/auth/verify", headers={**BEARER, "Host": "rebound.example"})
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_host")


# Tickets


def test_a_ticket_is_good_once_and_for_its_time() -> None:
    now = 100.0
    tickets, somebody = Tickets(30, clock=lambda: now), Principal("1", "ada", "jwt")
    first, second, third = (tickets.give(somebody) for _ in range(3))
    assert tickets.take(first) is somebody
    assert tickets.take(first) is None
    now = 129.9
    assert tickets.take(second) is somebody
    now = 130.0
    assert tickets.take(third) is None
    assert tickets.take("") is None


def test_the_greeting_holds_a_link_that_signs_in_once(tmp_path: Path) -> None:
    with client_of(tmp_path, auth=True, token=None) as client:
        parts = client.app.state.parts  # type: ignore[attr-defined] # of a FastAPI
        first, others, link, programs = greeting(parts.keeper, "0.0.0.0", 8000).splitlines()
        assert first == "perceptkit listens at http://127.0.0.1:8000/"
        assert others.startswith(
            "others reach it at http://THIS-MACHINE:8000/ by address; for names set ALLOWED_HOSTS;"
        )
        ticket = link.partition("http://127.0.0.1:8000/?ticket=")[2]
        session = session_from_ticket(parts, ticket)
        assert who_is(client, Cookie=f"perceptkit_session={session}") == OWNER
        assert session_from_ticket(parts, ticket) is None
        # A ticket of one kind is none of the other.
        assert session_from_ticket(parts, parts.keeper.sockets.give(Principal(OWNER, "owner", "token"))) is None
        token = programs.partition("Authorization: Bearer ")[2].partition('"')[0]
        assert who_is(client, Authorization=f"Bearer {token}") == OWNER
        assert greeting(parts.keeper, "::", 8000).startswith("perceptkit listens at http://[::1]:8000/\n")


def test_the_greeting_keeps_what_is_known_already(tmp_path: Path) -> None:
    with client_of(tmp_path / "a", auth=True) as client:
        assert TOKEN not in greeting(client.app.state.parts.keeper, "127.0.0.1", 8000)  # type: ignore[attr-defined] # of a FastAPI
    with client_of(tmp_path / "b", auth=False) as client:
        said = greeting(client.app.state.parts.keeper, "127.0.0.1", 8000)  # type: ignore[attr-defined] # of a FastAPI
        assert said == "perceptkit listens at http://127.0.0.1:8000/"


def test_the_program_says_where_it_is_and_keeps_its_secrets(tmp_path: Path) -> None:
    with program(tmp_path / "data") as running:
        with running.client() as client:
            assert client.get("/auth/verify").json()["user"]["id"] == OWNER
        said = running.log.read_text()
        assert re.search(r"sign in \(once, within 10 minutes\): http://127\.0\.0\.1:\d+/\?ticket=\S{43}\n", said)
        assert TOKEN not in said


# WebSockets


@pytest.fixture
def sockets(client: TestClient) -> TestClient:
    app = client.app
    assert isinstance(app, FastAPI)

    @app.websocket("/ws/tests")
    async def _say_who(websocket: WebSocket) -> None:
        user = await socket_user(websocket)
        if user is not None:
            await websocket.send_text(user.id)
            await websocket.close()

    return client


def connected(client: TestClient, query: str = "", protocols: list[str] | None = None, **headers: str) -> Any:
    """Who the server says that it is, or the code with which it closes; and the subprotocol that it chose."""
    with client.websocket_connect(f"ws://127.0.0.1/ws/tests{query}", subprotocols=protocols, headers=headers) as socket:
        try:
            return socket.receive_text(), socket.accepted_subprotocol
        except WebSocketDisconnect as error:
            return error.code, socket.accepted_subprotocol


def test_who_calls_over_a_websocket(sockets: TestClient) -> None:
    signed, cookie = registered(sockets), signed_in(sockets)
    user, token = signed["user"]["id"], signed["token"]
    assert connected(sockets, Authorization=f"Bearer {TOKEN}") == (OWNER, None)
    assert connected(sockets, Authorization=f"Bearer {token}", Origin=HERE) == (user, None)
    assert connected(sockets, protocols=["perceptkit", f"bearer.{token}"]) == (user, "perceptkit")
    assert connected(sockets, protocols=[f"bearer.{TOKEN}", "perceptkit"]) == (OWNER, "perceptkit")
    assert connected(sockets, Cookie=f"perceptkit_session={cookie}", Origin=HERE) == (OWNER, None)


def test_a_websocket_of_nobody_is_closed(sockets: TestClient) -> None:
    cookie = signed_in(sockets)
    assert connected(sockets) == (4401, None)
    assert connected(sockets, Authorization="Bearer wrong") == (4401, None)
    assert connected(sockets, protocols=["perceptkit", "bearer.wrong"]) == (4401, "perceptkit")
    assert connected(sockets, "?ticket=wrong") == (4401, None)
    assert connected(sockets, f"?ticket={TOKEN}") == (4401, None)
    assert connected(sockets, Cookie="perceptkit_session=wrong") == (4401, None)
    # What is said wrongly is not made good by what comes by itself.
    assert connected(sockets, "?ticket=wrong", Cookie=f"perceptkit_session={cookie}") == (4401, None)


def test_a_ticket_opens_one_websocket_for_whom_it_was_given(sockets: TestClient) -> None:
    signed = registered(sockets)
    answer = sockets.post("/auth/ws-ticket", headers={"Authorization": f"Bearer {signed['token']}"})
    assert answer.json()["expires_in"] == 30
    assert answer.headers["cache-control"] == "no-store"
    ticket = answer.json()["ticket"]
    assert connected(sockets, f"?ticket={ticket}") == (signed["user"]["id"], None)
    assert connected(sockets, f"?ticket={ticket}") == (4401, None)


def test_a_websocket_of_another_sites_page_is_closed(sockets: TestClient) -> None:
    cookie = f"perceptkit_session={signed_in(sockets)}"
    for origin in ("http://evil.example", "null", "http://127.0.0.1:99", "http://127.0.0.1.evil.example"):
        assert connected(sockets, Cookie=cookie, Origin=origin) == (4403, None), origin
    assert connected(sockets, Authorization=f"Bearer {TOKEN}", Host="rebound.example") == (4403, None)
    rebound = connected(sockets, Cookie=cookie, Host="rebound.example", Origin="http://rebound.example")
    assert rebound == (4403, None)


def test_strangers_cannot_have_a_large_body_read(tmp_path: Path) -> None:
    with client_of(tmp_path, auth=True) as client:
        answer = client.post(
            "/extract-faces", content=b"{" + b" " * (2 << 20), headers={"content-type": "application/json"}
        )
        assert answer.status_code == 401  # and not 400: nobody has looked at what is in it
