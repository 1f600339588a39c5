from __future__ import annotations

from pathlib import Path

import pytest

from perceptkit.errors import InputError
from perceptkit.server import read_settings
from perceptkit.server.errors import ApiError
from perceptkit.server.limiting import Limiter, Sessions
from serving import TOKEN, client_of

BEARER = {"Authorization": f"Bearer {TOKEN}"}


def test_one_request_too_many_is_told_when_to_come_back(tmp_path: Path) -> None:
    with client_of(tmp_path, auth=True, open_registration=True, rate_limit="3/minute") as client:
        token = client.post("/auth/register", json={"username": "ada", "password": "a long password"}).json()["token"]
        answers = [client.get("/auth/verify", headers=BEARER) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
        assert answers[-1].json()["code"] == "too_many_requests"
        # Somebody else is not held up, and neither is what asks nobody.
        assert client.get("/auth/verify", headers={"Authorization": f"Bearer {token}"}).status_code == 200
        assert client.get("/health").status_code == 200


def test_a_request_with_a_body_counts_once(tmp_path: Path) -> None:
    with client_of(tmp_path, rate_limit="1/minute") as client:
        answers = [client.post("/extract-faces", json={"images": []}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [400, 429]


def test_passwords_cannot_be_tried_out(tmp_path: Path) -> None:
    with client_of(tmp_path, auth=True) as client:
        tried = [client.post("/auth/session", json={"token": f"guess-{number}"}).status_code for number in range(11)]
        assert tried == [401] * 10 + [429]
        answer = client.post("/auth/login", json={"username": "ada", "password": "a long password"})
        assert (answer.status_code, answer.json()["code"]) == (429, "too_many_requests")
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        register = {"username": "ada", "password": "a long password"}
        assert client.post("/auth/register", json=register, headers=BEARER).status_code == 429


def test_sign_ins_are_counted_by_network_and_by_name() -> None:
    limiter = Limiter(read_settings({}, data=Path("data")))
    for number in range(10):
        limiter.check_address(f"2001:db8::{number}")
        limiter.check_name("ada")
    with pytest.raises(ApiError, match="too often: 10 are allowed within 60 s"):
        limiter.check_address("2001:db8::ffff")
    with pytest.raises(ApiError, match="too often"):
        limiter.check_name("ada")
    limiter.check_address("2001:db8:0:1::1")
    limiter.check_address("192.0.2.1")
    limiter.check_address("::ffff:192.0.2.2")
    limiter.check_name("eve")


def test_sessions_at_once() -> None:
    sessions = Sessions(read_settings({}, data=Path("data"), max_sessions=2))
    sessions.take("ada")
    sessions.take("ada")
    with pytest.raises(ApiError, match="2 sessions are open already") as raised:
        sessions.take("ada")
    assert raised.value.status_code == 429
    sessions.take("eve")
    sessions.give("ada")
    sessions.take("ada")


@pytest.mark.parametrize("rate", ["often", "0/minute", "-1/minute", "5/minute;10/hour", "5/fortnight"])
def test_a_rate_that_makes_no_sense_is_refused_at_start(rate: str) -> None:
    with pytest.raises(InputError, match=r"RATE_LIMIT is .* 6000/minute"):
        read_settings({"RATE_LIMIT": rate}, data=Path("data"))
