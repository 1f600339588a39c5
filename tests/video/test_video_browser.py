"""What is written plays in Chromium. Skipped where there is none."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from clips import Sound, turn, write_clip
from perceptkit import video

BROWSER = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome", "chrome"])), None)
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--autoplay-policy=no-user-gesture-required", "--dump-dom"),
)
# Plays each video to its end, goes to its middle, and looks for the click in its sound. The picture at the end of the
# page keeps it from being complete before that.
PAGE = """<!doctype html><html><body><pre id="said">{}</pre><img src="/hold"><script>
const said = {};
const happens = (target, name) => new Promise((good, bad) => {
  target.addEventListener(name, good, {once: true});
  target.addEventListener("error", () => bad(new Error(target.error.message)), {once: true});
});
async function look(name) {
  const found = said[name] = {}, player = document.createElement("video");
  try {
    player.muted = true;
    document.body.append(player);
    player.src = name;
    await happens(player, "loadedmetadata");
    Object.assign(found, {width: player.videoWidth, height: player.videoHeight, duration: player.duration});
    player.play();
    await happens(player, "ended");
    found.ended = player.currentTime;
    found.frames = player.getVideoPlaybackQuality().totalVideoFrames;
    player.currentTime = player.duration / 2;
    await happens(player, "seeked");
    found.middle = player.currentTime;
    if (name.includes("sound")) {
      const data = await (await fetch(name)).arrayBuffer();
      const sound = await new OfflineAudioContext(1, 48000, 48000).decodeAudioData(data);
      const samples = sound.getChannelData(0);
      found.click = samples.findIndex(sample => Math.abs(sample) > 0.3) / sound.sampleRate;
      found.channels = sound.numberOfChannels;
    }
  } catch (error) {
    found.error = String(error);
  }
}
Promise.all(NAMES.map(look)).then(() => {
  document.getElementById("said").textContent = JSON.stringify(said);
  fetch("/done");
});
</script></body></html>"""


@contextmanager
def served(files: Mapping[str, Path]) -> Iterator[str]:
    """The address of a page that looks at the files."""
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name, kind = self.path[1:], "text/html"
            body = PAGE.replace("NAMES", json.dumps(list(files))).encode()
            if name in files:
                body, kind = files[name].read_bytes(), "video/mp4"
            elif name == "hold":
                over.wait(30)
            elif name == "done":
                over.set()
            part = re.fullmatch(r"bytes=(\\d+)-(\\d*)", self.headers.get("Range", ""))
            self.send_response(206 if part else 200)
            if part:
                first, last = int(part[1]), int(part[2] or len(body) - 1)
                self.send_header("Content-Range", f"bytes {first}-{last}/{len(body)}")
                body = body[first : last + 1]
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            over.set()
            server.shutdown()
            thread.join()


def browse(address: str, profile: Path) -> dict[str, dict[str, Any]]:
    """What the page says of each video."""
    assert BROWSER
    command = [BROWSER, *OPTIONS, f"--user-data-dir={profile}", address]
    page = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True).stdout
    said = re.search(r'<pre id="said">(.*?)</pre>', page, re.DOTALL)
    assert said, page
    found: dict[str, dict[str, Any]] = json.loads(html.unescape(said[1]))
    return found


SOURCES: dict[str, tuple[str, Mapping[str, Any]]] = {
    "varying": ("a.mkv", {"times": [Fraction(number * number, 200) for number in range(16)]}),
    "29.97-sound": ("b.mp4", {"rate": Fraction(30_000, 1001), "count": 30, "sounds": [Sound()]}),
    "turned": ("c.mp4", {}),
    "odd": ("d.mkv", {"codec": "ffv1", "size": (161, 97)}),
    "pcm-sound": ("e.mov", {"sounds": [Sound("pcm_s16le", layout="stereo")]}),
    "surround-sound": ("f.mkv", {"sounds": [Sound("ac3", layout="5.1")]}),
    "10-bit": ("g.mp4", {"codec": "libx265", "pix_fmt": "yuv420p10le", "options": {"x265-params": "log-level=none"}}),
    "broadcast-sound": ("h.ts", {"sounds": [Sound()], "options": {"bf": "3"}}),
    "longer-sound": ("i.mp4", {"sounds": [Sound(seconds=1.5)]}),
}


@pytest.mark.skipif(BROWSER is None, reason="needs Chromium or Chrome")
def test_videos_play_in_chromium(tmp_path: Path) -> None:
    targets = {}
    for name, (file, options) in SOURCES.items():
        source = write_clip(tmp_path / file, **options)
        if name == "turned":
            turn(source, (0, 1, -1, 0))
        targets[name] = tmp_path / f"{name}.mp4"
        with video.read(source) as frames, video.Writer(targets[name], frames.info, sound=source) as writer:
            for frame in frames:
                writer.write(frame)
    with served(targets) as address:
        found = browse(address, tmp_path / "profile")
    assert {name: said["error"] for name, said in found.items() if "error" in said} == {}
    assert list(found) == list(SOURCES)
    for name, said in found.items():
        about = video.info(targets[name])
        length = {"longer-sound": 1.5, "broadcast-sound": 1.024}.get(name, about.duration or 0)
        assert (said["width"], said["height"]) == (about.width, about.height)
        assert said["duration"] == pytest.approx(length, abs=0.04)
        assert said["ended"] == pytest.approx(length, abs=0.04)
        assert said["middle"] == pytest.approx(length / 2, abs=0.04)
        assert said["frames"] == about.frames
        if name.endswith("sound"):
            assert said["click"] == pytest.approx(0.5, abs=0.03)
            assert said["channels"] == {"pcm-sound": 2, "surround-sound": 6}.get(name, 1)
