"""What GET /metrics says."""

from __future__ import annotations

from pathlib import Path

from perceptkit.server import read_settings
from perceptkit.server.database import open_database
from perceptkit.server.jobs import claims
from perceptkit.server.jobs import rows as jobs
from serving import TOKEN, client_of


def test_requests_and_jobs_are_counted(tmp_path: Path) -> None:
    with client_of(tmp_path) as client:
        engine = open_database(read_settings({}, data=tmp_path).database_url)
        given = {"owner": "owner", "filename": "walk.mp4", "parameters": {}}
        made = [jobs.submit(engine, kind=kind, **given) for kind in ("gaze", "gaze", "foley-detect")]  # type: ignore[arg-type] # of several types
        claims.claim(engine)
        engine.dispose()
        client.get("/health")
        client.get("/health")
        client.get(f"/api/jobs/{made[0].id}")
        client.get(f"/api/jobs/{made[1].id}")
        client.get("/wp-admin/1")
        client.request("PROPFIND", "/wp-admin/2")
        client.post("/health", headers={"Origin": "http://elsewhere"})
        answer = client.get("/metrics")
    lines = answer.text.splitlines()
    assert answer.headers["content-type"].startswith("text/plain")
    for line in (
        'perceptkit_requests_total{method="GET",route="/health",status="200"} 2.0',
        'perceptkit_requests_total{method="GET",route="/api/jobs/{job_id}",status="200"} 2.0',
        'perceptkit_requests_total{method="GET",route="none",status="404"} 1.0',
        'perceptkit_requests_total{method="other",route="none",status="404"} 1.0',
        'perceptkit_requests_total{method="POST",route="none",status="403"} 1.0',
        'perceptkit_request_seconds_count{method="GET",route="/health"} 2.0',
        'perceptkit_jobs{kind="foley-detect",state="pending"} 1.0',
        'perceptkit_jobs{kind="gaze",state="pending"} 1.0',
        'perceptkit_jobs{kind="gaze",state="processing"} 1.0',
        "perceptkit_jobs_waiting 2.0",
        "perceptkit_jobs_running 1.0",
        "perceptkit_uploads 0.0",
        "perceptkit_upload_bytes 0.0",
        "perceptkit_recordings_open 0.0",
    ):
        assert line in lines, line
    assert "_created" not in answer.text
    assert made[0].id not in answer.text
    assert "wp-admin" not in answer.text
    assert "process_start_time_seconds" in answer.text


def test_numbers_are_for_those_who_have_the_token(tmp_path: Path) -> None:
    said = {"username": "ada", "password": "a long password"}
    with client_of(tmp_path, auth=True, open_registration=True) as client:
        assert client.get("/metrics").status_code == 401
        assert client.post("/auth/register", json=said).status_code == 201
        token = client.post("/auth/login", json=said).json()["access_token"]
        answer = client.get("/metrics", headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.json()["code"]) == (403, "not_yours")
        assert "only those who have the server's token" in answer.json()["error"]
        assert client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
