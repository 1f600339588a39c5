"""How a server answers while it works: latencies idle and loaded, and whether a recording loses a sample.

    python benchmarks/server.py [--video VIDEO] [--seconds 20] [--preset permissive]

A real `perceptkit serve` first does nothing, then everything at once: a gaze job of the video, 200 callers who ask for
its status every second, 20 uploads of the video, and 20 recordings in real time (16 kHz, 100 ms a message, an angle a
second). Meanwhile /health is asked 20 times a second. The client runs on the same machine and takes its share of it.
The peer is the same server idle: the ratio says what the load costs those who only want to know whether it is there.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Awaitable, Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx2
import websockets

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"
MODELS = Path(os.environ.get("PERCEPTKIT_MODELS") or SHARED / "models")

_TOKEN = "a-token-for-the-benchmark"
_HEADERS = {"Authorization": f"Bearer {_TOKEN}"}
_POLLS, _UPLOADS, _RECORDINGS = 200, 20, 20
_RATE, _CHUNK = 16_000, 1_600


def main() -> None:
    """Print latencies, errors, and what became of the recordings."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--video", type=Path, default=MODELS.parent / "media" / "video" / "classroom.mp4")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each part lasts")
    parser.add_argument("--preset", default="permissive")
    options = parser.parse_args()
    if not MODELS.is_dir() or not options.video.is_file():
        sys.exit("needs the weights (PERCEPTKIT_MODELS) and a video (--video); see --help")
    os.environ["PERCEPTKIT_MODELS"] = str(MODELS)
    with tempfile.TemporaryDirectory() as folder:
        process, url = _start(Path(folder), options.preset)
        try:
            asyncio.run(_measure(url, options.video, options.seconds))
        finally:
            process.terminate()
            print(f"the server ended with {process.wait(30)}")


async def _measure(url: str, video: Path, seconds: float) -> None:
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx2.AsyncClient(base_url=url, headers=_HEADERS, timeout=120, limits=limits) as client:
        await client.get("/health")
        idle = await _health(client, seconds / 4)
        print(f"{'':22} {'count':>7} {'median':>9} {'p99':>9} {'worst':>9} errors")
        _row("idle, /health", idle)
        job = (await _upload(client, video)).json()["job_id"]
        while (await client.get(f"/api/jobs/{job}")).json()["status"] == "pending":
            await asyncio.sleep(0.1)
        taken: dict[str, list[float]] = {"status": [], "upload": [], "message": []}
        until = time.monotonic() + seconds
        health, recorded, _, _ = await asyncio.gather(
            _health(client, seconds),
            asyncio.gather(*(_record(client, url, until, taken["message"]) for _ in range(_RECORDINGS))),
            asyncio.gather(*(_poll(client, job, until, taken["status"]) for _ in range(_POLLS))),
            asyncio.gather(*(_one_upload(client, video, taken["upload"], seconds) for _ in range(_UPLOADS))),
        )
        still = (await client.get(f"/api/jobs/{job}")).json()
        _row("loaded, /health", health)
        _row(f"status, {_POLLS} callers", taken["status"])
        _row(f"uploads, {_UPLOADS}", taken["upload"])
        _row(f"sound, {_RECORDINGS} sessions", taken["message"])
        print(f"p99 of /health: {_percentile(health, 0.99) / _percentile(idle, 0.99):.1f} times that of an idle server")
        print(f"the job was {still['status']} at the end, {still['progress_percentage']} % done")
        wrong = [each for each in recorded if each]
        print(f"recordings: {_RECORDINGS - len(wrong)} of {_RECORDINGS} hold every sample" + "".join(wrong))


def _start(folder: Path, preset: str) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-m", "perceptkit", "serve", "--data", str(folder), "--port", "0", "--token", _TOKEN]
    environment = {**os.environ, "PERCEPTKIT_PRESET": preset, "LOG_LEVEL": "WARNING"}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stderr is not None
    for line in process.stderr:
        if "http://127.0.0.1:" in line:
            port = line.split("http://127.0.0.1:")[1].split("/")[0]
            return process, f"http://127.0.0.1:{port}"
    raise SystemExit("the server did not start")


async def _timed(request: Callable[[], Awaitable[Any]], taken: list[float]) -> Any:
    """Time a request; one that fails counts as infinitely slow."""
    begun = time.perf_counter()
    try:
        answer = await request()
    except (httpx2.HTTPError, OSError) as error:
        print(f"  {type(error).__name__}: {error}")
        taken.append(float("inf"))
        return None
    failed = answer.status_code >= 400
    if failed:
        print(f"  {answer.status_code}: {answer.text[:200]}")
    taken.append(float("inf") if failed else time.perf_counter() - begun)
    return answer


async def _health(client: httpx2.AsyncClient, seconds: float) -> list[float]:
    taken: list[float] = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        await asyncio.gather(_timed(lambda: client.get("/health"), taken), asyncio.sleep(0.05))
    return taken


async def _poll(client: httpx2.AsyncClient, job: str, until: float, taken: list[float]) -> None:
    await asyncio.sleep(random.random())
    while time.monotonic() < until:
        await asyncio.gather(_timed(lambda: client.get(f"/api/jobs/{job}"), taken), asyncio.sleep(1))


async def _upload(client: httpx2.AsyncClient, video: Path) -> httpx2.Response:
    with video.open("rb") as file:
        return await client.post("/api/upload", files={"file": (video.name, file, "video/mp4")})


async def _one_upload(client: httpx2.AsyncClient, video: Path, taken: list[float], seconds: float) -> None:
    await asyncio.sleep(random.random() * seconds / 2)
    answer = await _timed(lambda: _upload(client, video), taken)
    if answer is not None and answer.status_code == 200:
        await client.post(f"/api/jobs/{answer.json()['job_id']}/cancel")


async def _record(client: httpx2.AsyncClient, url: str, until: float, taken: list[float]) -> str:
    """Record in real time; what is wrong with the recording, nothing when every sample is there."""
    form = {"sample_rate": str(_RATE), "channels": "1"}
    session = (await client.post("/api/audio/start-stream", data=form)).json()["session_id"]
    sent = bytearray()
    address = url.replace("http", "ws") + f"/ws/audio/{session}"
    async with websockets.connect(address, additional_headers=_HEADERS) as socket:
        number, due = 0, time.monotonic()
        while time.monotonic() < until:
            chunk = os.urandom(2 * _CHUNK)
            begun = time.perf_counter()
            if number % 10 == 0:
                await socket.send(json.dumps({"angle": number % 360}))
                await socket.recv()
            await socket.send(chunk)
            await socket.recv()
            taken.append(time.perf_counter() - begun)
            sent += chunk
            number += 1
            due += _CHUNK / _RATE
            await asyncio.sleep(max(due - time.monotonic(), 0))
        await socket.send(json.dumps({"command": "stop"}))
        await socket.recv()
    answer = await client.get(f"/api/audio/recordings/{session}")
    with wave.open(BytesIO(answer.content)) as sound:
        kept = sound.readframes(sound.getnframes())
    return "" if kept == bytes(sent) else f"\n  {session}: {len(kept)} of {len(sent)} bytes, or other ones"


def _percentile(taken: list[float], share: float) -> float:
    ordered = sorted(taken)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def _row(name: str, taken: list[float]) -> None:
    numbers = [_percentile(taken, 0.5), _percentile(taken, 0.99), max(taken)]
    failed = sum(each == float("inf") for each in taken)
    print(f"{name:22} {len(taken):7} " + " ".join(f"{1000 * each:6.0f} ms" for each in numbers) + f" {failed:6}")


if __name__ == "__main__":
    main()
