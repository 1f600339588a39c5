"""A local web server that answers like an OpenAI-compatible one, well or badly, and remembers what it was asked."""

from __future__ import annotations

import base64
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from perceptkit.arrays import Picture
from perceptkit.images import decode

ADVICE: dict[str, Any] = {
    "surface": "gravel",
    "environment": "a park",
    "weather": "dry",
    "reasoning": "Small loose stones lie on the path.",
    "suggestions": ["sand", "steps at the verge sound like grass"],
}


@dataclass
class Answer:
    """How one request is answered."""

    content: Any = field(default_factory=lambda: json.dumps(ADVICE))
    """What the model says."""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    """The whole body, in the place of one with the content."""
    pause: float = 0.0
    """Seconds of silence before the answer."""
    drip: float = 0.0
    """Seconds of silence before each byte of the body."""


@dataclass(frozen=True)
class Asked:
    """One request."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    def pictures(self) -> list[Picture]:
        """The pictures that came with it."""
        parts = self.body["messages"][0]["content"]
        urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
        assert all(url.startswith("data:image/jpeg;base64,") for url in urls)
        return [decode(base64.b64decode(url.partition(",")[2], validate=True)) for url in urls]

    def words(self) -> str:
        """The question in words."""
        return "".join(part["text"] for part in self.body["messages"][0]["content"] if part["type"] == "text")


@dataclass
class Server:
    url: str
    host: str
    asked: list[Asked] = field(default_factory=list)


@contextmanager
def answering(*answers: Answer) -> Iterator[Server]:
    """Answer request after request while the block runs, the last answer again and again."""
    waiting = list(answers)
    closing = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.asked.append(Asked(self.path, dict(self.headers), json.loads(body)))
            answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            closing.wait(answer.pause)
            with suppress(ConnectionError):  # The client gives up, as some tests want it to.
                self._send(answer)

        def do_GET(self) -> None:
            """A redirect that is followed ends here."""
            server.asked.append(Asked(self.path, dict(self.headers), {}))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _send(self, answer: Answer) -> None:
            message = {"choices": [{"message": {"role": "assistant", "content": answer.content}}]}
            body = json.dumps(message).encode() if answer.body is None else answer.body
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            for start in range(0, len(body), step := 1 if answer.drip else 1 << 16):
                if closing.wait(answer.drip):
                    return
                self.wfile.write(body[start : start + step])

        def log_message(self, format: str, *args: object) -> None:
            pass

    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.daemon_threads = True
    listener.block_on_close = False
    host = f"127.0.0.1:{listener.server_address[1]}"
    server = Server(f"http://{host}/v1", host)
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        closing.set()
        listener.shutdown()
        listener.server_close()
        thread.join()
