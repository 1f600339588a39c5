"""What the server says of itself in /openapi.json: that it is whole, and that it is true.

A description that is not true is worse than none. Here every operation is asked what it says that it can be asked, and
some of what it cannot be; every answer must have a status, a type and a shape that are written there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import hypothesis
import jsonschema_rs
import pytest
import requests
import schemathesis
import sqlalchemy as sql
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance
from starlette.testclient import TestClient

from perceptkit.server import read_settings
from perceptkit.server.database import open_database, uploads
from perceptkit.server.folders import attempt_folder
from perceptkit.server.footsteps.options import Options
from perceptkit.server.jobs import claims, submit
from perceptkit.server.tasks.foley import ANNOTATED, EVENTS, HEARD
from perceptkit.server.tasks.foley import TABLE as STEPS
from perceptkit.server.tasks.gaze import DATA, SUMMARY, TABLE
from serving import TOKEN, client_of, program
from shared_data import MODELS, model_file

CASES = 3  # of an operation, those that fit its description; as many of those that do not

ENDPOINTS = """
POST /extract-faces
GET /health
GET /ready
POST /api/face/upload-video
POST /api/face/upload-image
GET /api/face/cache-status
POST /auth/register
POST /auth/login
GET /auth/verify
POST /api/audio/start-stream
POST /api/audio/stop-stream/{}
GET /api/audio/recordings
GET /api/audio/active-sessions
GET /api/audio/recordings/{}
GET /api/audio/recordings/{}/angles
POST /api/upload
GET /api/jobs/{}
GET /api/jobs/all
GET /api/download/{}
GET /api/download-data/{}
GET /api/progress
GET /api/jobs/{}/events
GET /api/play_video/{}
GET /api/play_original/{}
DELETE /api/jobs/{}
GET /api/health
POST /api/upload-video
POST /api/process/{}
GET /api/status/{}
POST /api/generate-video/{}
GET /api/video-status/{}
GET /api/download-video/{}
GET /api/export-csv/{}
GET /api/export-json/{}
POST /api/generate-audio-video/{}
GET /api/audio-video-status/{}
GET /api/download-audio-video/{}
POST /api/live/capture-floor
POST /api/live/detect-frame/{}
POST /api/live/generate-audio/{}
POST /api/live/stop-session/{}
POST /api/jobs/{}/cancel
GET /metrics
""".strip().splitlines()

PUBLIC = {
    *("GET /health", "GET /api/health", "GET /ready"),
    *("POST /auth/login", "POST /auth/session", "DELETE /auth/session"),
}

STATUSES = {
    "GET /health": "200 400 500 503",
    "POST /auth/login": "200 400 401 403 408 413 415 422 429 500 503",
    "POST /auth/register": "201 400 401 403 408 409 413 415 422 429 500 503",
    "POST /extract-faces": "200 400 401 403 408 413 415 422 429 500 503",
    "POST /api/upload": "200 400 401 403 408 409 413 415 422 429 500 503",
    "POST /api/face/upload-image": "200 400 401 403 408 409 413 415 422 429 500 501 503",
    "GET /api/jobs/{job_id}": "200 400 401 404 422 429 500 503",
    "DELETE /api/jobs/{job_id}": "204 400 401 403 404 409 413 422 429 500 503",
    "GET /api/play_video/{job_id}": "200 206 304 400 401 404 409 416 422 429 500 503",
    "POST /api/process/{task_id}": "200 400 401 403 404 409 413 422 429 500 503",
}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with client_of(tmp_path_factory.mktemp("openapi"), auth=True) as client:
        yield client


@pytest.fixture(scope="module")
def description(client: TestClient) -> dict[str, Any]:
    described: dict[str, Any] = client.get("/openapi.json").json()
    return described


@pytest.fixture(scope="module")
def operations(description: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By their method and address."""
    return {
        f"{method.upper()} {path}": operation
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    }


def test_it_is_valid(description: dict[str, Any]) -> None:
    assert description["openapi"].startswith("3.1.")
    schemathesis.openapi.from_dict(description).validate()


def test_all_endpoints_are_in_it(operations: dict[str, dict[str, Any]], client: TestClient) -> None:
    there = {re.sub(r"\{\w+\}", "{}", name) for name in operations}
    assert [each for each in ENDPOINTS if each not in there] == []
    # OpenAPI knows no WebSockets: that of a recording is told where it begins.
    assert "/ws/audio/{session_id}" in operations["POST /api/audio/start-stream"]["description"]
    for page in ("/", "/docs", "/redoc"):
        assert client.get(page).headers["content-type"] == "text/html; charset=utf-8"


def test_every_operation_says_in_words_what_it_does(
    description: dict[str, Any], operations: dict[str, dict[str, Any]]
) -> None:
    groups = {each["name"] for each in description["tags"]}
    assert all(each["description"].endswith(".") for each in description["tags"])
    for name, operation in operations.items():
        assert 3 < len(operation["summary"]) < 100, name
        assert "`" not in operation["summary"], f"{name}: it is shown as plain text"
        assert " " in operation["description"], name
        assert operation["description"].startswith(operation["summary"].split()[0]), name
        assert len(operation["tags"]) == 1, name
        assert operation["tags"][0] in groups, name
        for status, answer in operation["responses"].items():
            assert int(status) >= 400 or len(answer["description"]) > 3, (name, status)
            assert answer.get("description") != "Successful Response", (name, status)
    assert len({operation["operationId"] for operation in operations.values()}) == len(operations)
    assert {operation["tags"][0] for operation in operations.values()} == groups, "no group is empty"


def test_no_name_of_it_tells_where_our_code_is(description: dict[str, Any]) -> None:
    assert [name for name in description["components"]["schemas"] if not re.fullmatch("[A-Z][A-Za-z]+", name)] == []


def test_every_error_is_documented_in_the_one_shape(
    description: dict[str, Any], operations: dict[str, dict[str, Any]]
) -> None:
    shapes = description["components"]["schemas"]
    assert set(shapes["ErrorAnswer"]["required"]) == {"error", "code", "request_id", "timestamp"}
    assert set(shapes["NotReady"]["required"]) > set(shapes["ErrorAnswer"]["required"])
    for name, operation in operations.items():
        for status, answer in operation["responses"].items():
            if int(status) >= 400 and (name, status) != ("GET /ready", "503"):
                assert answer == {"$ref": f"#/components/responses/{status}"}, (name, status)
    for status, answer in description["components"]["responses"].items():
        assert list(answer["content"]) == ["application/json"], status
        assert answer["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/ErrorAnswer"}, status
        assert answer["description"].endswith("."), status


def test_the_statuses_are_those_that_can_be(operations: dict[str, dict[str, Any]]) -> None:
    assert {name: " ".join(operations[name]["responses"]) for name in STATUSES} == STATUSES
    for name, operation in operations.items():
        said = operation["responses"].keys()
        assert (name in PUBLIC) == ("security" not in operation), name
        assert name in PUBLIC or {"401", "429"} <= said, name
        assert name.startswith("GET ") or {"403", "413"} <= said, name
        assert not name.startswith("GET ") or ("403" in said) == (name == "GET /metrics"), name
        assert "_id}" not in name or {"404", "422"} <= said, name
        assert "requestBody" not in operation or {"408", "413", "415", "422"} <= said, name


def test_what_is_said_of_all_is_so(operations: dict[str, dict[str, Any]], client: TestClient) -> None:
    told = {"Authorization": f"Bearer {TOKEN}"}
    for name, operation in operations.items():
        method, _, path = name.partition(" ")
        path = re.sub(r"\{\w+\}", str(uuid4()), path) + ("?job_id=x" if path == "/api/progress" else "")
        if name not in PUBLIC | {"POST /auth/register"}:  # who registers may be nobody yet
            assert_error(client.request(method, path), 401, "unauthorized")
        assert_error(client.request(method, path, headers={"Host": "elsewhere"}), 400, "unknown_host")
        if method != "GET":
            assert_error(client.request(method, path, headers={"Origin": "http://elsewhere"}), 403, "foreign_origin")
            large = {"Content-Length": str(1 << 40)} | told
            assert_error(client.request(method, path, headers=large), 413, "too_large")
        if "application/json" in operation.get("requestBody", {}).get("content", {}):
            form = {"Content-Type": "multipart/form-data; boundary=x"}
            if "multipart/form-data" not in operation["requestBody"]["content"]:
                assert_error(client.request(method, path, content=b"--x--", headers=told | form), 415)


def assert_error(answer: Any, status: int, code: str | None = None) -> None:
    said = answer.json()
    assert (answer.status_code, said.keys()) == (status, {"error", "code", "request_id", "timestamp"}), answer.url
    assert code is None or said["code"] == code, answer.url


def test_bodies_and_answers_in_json_have_an_example_that_is_one(
    description: dict[str, Any], operations: dict[str, dict[str, Any]]
) -> None:
    for name, operation in operations.items():
        errors = description["components"]["responses"].values()
        bodies = [operation.get("requestBody", {}), *operation["responses"].values(), *errors]
        for said in [each.get("content", {}).get("application/json") for each in bodies]:
            if said is not None:
                example = said.get("example", example_of(said.get("schema", {}), description))
                assert example, name
                shape = said.get("schema", {}) | {"components": description["components"]}
                jsonschema_rs.validate(shape, example)


def example_of(schema: dict[str, Any], description: dict[str, Any]) -> Any:
    """The example that a schema has, or None."""
    if "$ref" in schema:
        return example_of(description["components"]["schemas"][schema["$ref"].rpartition("/")[2]], description)
    if "anyOf" in schema:
        return next((found for each in schema["anyOf"] if (found := example_of(each, description))), None)
    if schema.get("type") == "array":
        return [example_of(schema["items"], description)]
    return schema.get("example")


# ---- What it says is so


@pytest.mark.weights
def test_every_answer_is_as_it_is_documented(tmp_path: Path) -> None:
    model_file(".")  # where there are no weights, 503 would be right
    data = tmp_path / "data"
    ids = seeded(data)
    with (
        program(data, PERCEPTKIT_MODELS=str(MODELS)) as server,
        requests.Session() as session,
        server.client() as client,
    ):
        ids["recording_id"] = client.post("/api/audio/start-stream").json()["session_id"]
        client.post(f"/api/audio/stop-stream/{ids['recording_id']}")
        ids["session_id"] = client.post("/api/live/capture-floor", json={"surface_type": "wood"}).json()["session_id"]
        described: Any = schemathesis.openapi.from_url(f"{server.url}/openapi.json", config=without_security())
        failures = []
        for operation in [each.ok() for each in described.get_all_operations()]:
            failures += failures_of(operation, GenerationMode.POSITIVE, session, ids)
            if operation.body or operation.query:  # else nothing can be asked wrongly: any text might be an id
                failures += failures_of(operation, GenerationMode.NEGATIVE, session, ids)
        assert client.get("/health").status_code == 200
    assert not failures, "\n\n".join(failures)
    assert "Traceback" not in server.log.read_text()


def failures_of(operation: Any, mode: GenerationMode, session: requests.Session, ids: dict[str, str]) -> list[str]:
    """What is wrong with the answers of an operation."""
    failures: list[str] = []
    # What is read is asked of things that are there every second time; what changes them is asked of none that is.
    turns = iter(range(1000))

    @hypothesis.settings(
        max_examples=CASES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        if next(turns) % 2 and operation.method == "get":
            known = {name: ids[name] for name in case.path_parameters if name in ids}
            if "/faces/" in operation.path:
                known["job_id"] = ids["faces_id"]
            case.path_parameters.update(known)
        if mode is GenerationMode.NEGATIVE and case.headers:  # a key that was used before gives its job, whatever comes
            case.headers.pop("Idempotency-Key", None)
        answer = case.call(session=session, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30)
        try:
            # Off is that what fits is accepted: no schema says what makes a file a video, or two fields one too many.
            case.validate_response(answer, excluded_checks=[positive_data_acceptance])
        except FailureGroup as error:
            failures.append(f"{operation.label} ({mode.value}): {error.exceptions}")

    ask()
    return failures


def without_security() -> Any:
    """Who calls is always told: what is answered to nobody is tested above."""
    return schemathesis.Config.from_dict({"generation": {"with-security-parameters": False}})


def seeded(data: Path) -> dict[str, str]:
    """A server's folder with something done of each kind: its ids, by the names of parameters."""
    settings = read_settings({}, data=data)
    data.mkdir()
    engine = open_database(settings.database_url)
    task = str(uuid4())
    row = {"id": task, "owner": "owner", "filename": "walk.mp4", "suffix": ".mp4", "bytes": 0, "sha256": ""}
    options = Options(create_annotated=True, add_audio=True).model_dump()
    with engine.begin() as connection:
        connection.execute(sql.insert(uploads).values(row | {"facts": {"foley": options}, "created_at": 0.0}))
    timeline = json.dumps({"start": 0.0, "end": 1.0, "lanes": []}).encode()
    done: dict[str, tuple[dict[str, bytes], dict[str, Any]]] = {
        "gaze": (
            {ANNOTATED: b"drawn", SUMMARY: b"{}", DATA: b"{}\n", TABLE: b"frame\n", "timeline.json": timeline},
            {},
        ),
        "faces": (
            {"run.json": b'{"photos": 0, "videos": 0, "notes": []}', "faces.jsonl": b"", "errors.jsonl": b""},
            {},
        ),
        "foley-detect": (
            {EVENTS: b'{"events": []}', STEPS: b"frame\n", ANNOTATED: b"drawn", HEARD: b"heard"},
            {"statistics": {"steps": {"all": 0, "left": 0, "right": 0}}, "detection": {}, "video": {}, "warnings": []},
        ),
    }
    ids = {}
    for kind, (files, result) in done.items():
        submit(engine, kind=kind, owner="owner", filename="walk.mp4", parameters=options, upload=task, task=task)
        job = claims.claim(engine)
        assert job is not None
        ids[kind] = job.id
        folder = attempt_folder(settings, job)
        folder.mkdir(parents=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        claims.end(engine, job, "completed", result=result)
    engine.dispose()
    return {"job_id": ids["gaze"], "faces_id": ids["faces"], "task_id": task}
