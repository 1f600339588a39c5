"""The page in a real browser, against the real program: from dropping files to hearing the result."""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, WebSocketRoute, expect, sync_playwright

from perceptkit.video import Frame, Writer, read_photos
from real_walks import write_real_walk
from serving import TOKEN, Program, program, wait_for
from shared_data import MODELS, people_photos

pytestmark = pytest.mark.weights

_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)
_BLOCKED = (
    "https://cdn.redoc.ly/"  # ReDoc wants a picture of its makers, which the policy keeps the browser from fetching
)
_WORK = 120_000  # ms for a job, on a machine that does other things too


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("there is no Chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_OPTIONS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    people_photos()  # skips where the weights and media are not
    with program(tmp_path_factory.mktemp("server") / "data", PERCEPTKIT_MODELS=str(MODELS)) as running:
        yield running


@pytest.fixture
def page(browser: Browser, server: Program) -> Iterator[Page]:
    """A new visitor. What the browser complains of, and what is asked of another host, fails the test."""
    context = browser.new_context(base_url=server.url, viewport={"width": 1280, "height": 800})
    page = context.new_page()
    complaints: list[str] = []

    def said(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and _BLOCKED not in message.text:
            complaints.append(message.text)

    def asked(request: Request) -> None:
        if not request.url.removeprefix("blob:").startswith((server.url, _BLOCKED)):
            complaints.append(f"asked {request.url}")

    page.on("console", said)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", asked)
    yield page
    context.close()
    assert complaints == []


@pytest.fixture
def signed_in(page: Page) -> Page:
    assert page.request.post("/auth/session", data={"token": TOKEN}).ok
    page.goto("/")
    expect(page.get_by_role("button", name="Choose files")).to_be_visible()
    return page


@pytest.fixture
def in_trouble(browser: Browser, server: Program) -> Iterator[Page]:
    """A visitor who is signed in, and whose requests may fail: browsers complain of each."""
    context = browser.new_context(base_url=server.url, viewport={"width": 360, "height": 740})
    page = context.new_page()
    assert page.request.post("/auth/session", data={"token": TOKEN}).ok
    page.goto("/")
    expect(page.get_by_role("button", name="Choose files")).to_be_visible()
    yield page
    context.close()


def start(page: Page, feature: str, files: list[Path]) -> None:
    """Choose a feature and files, and start."""
    page.get_by_role("radio", name=feature).check()
    page.locator("input[type=file]").set_input_files(files)
    page.get_by_role("button", name="Start").click()


def fits(page: Page, width: int = 360) -> bool:
    """Whether nothing has to be scrolled sideways on a screen of this width."""
    page.set_viewport_size({"width": width, "height": 740})
    page.wait_for_timeout(150)
    return int(page.evaluate("document.documentElement.scrollWidth")) <= width


def plays(page: Page) -> bool:
    """Whether the video goes on when it is clicked."""
    page.locator("video").click()
    wait_for(lambda: page.evaluate("document.querySelector('video').currentTime") > 0.2, seconds=10)
    page.locator("video").click()
    return True


def stands_at(page: Page, seconds: float) -> bool:
    """Whether the video comes to stand at this time."""
    where = "document.querySelector('video').currentTime"
    return bool(wait_for(lambda: abs(page.evaluate(where) - seconds) < 0.051, seconds=10))


def smaller(frames: Any, target: Path, *, rate: int) -> Path:
    """A video of these frames in half the width and height."""
    info = replace(frames.info, width=frames.info.width // 2, height=frames.info.height // 2, rate=rate)
    with Writer(target, info) as writer:
        for frame in frames:
            picture = np.ascontiguousarray(frame.image[1::2, 1::2][: info.height, : info.width])
            writer.write(Frame(frame.index, frame.time, picture))
    return target


def test_photos_become_a_gallery_of_people_with_the_keyboard_alone(page: Page) -> None:
    photos = people_photos()
    page.on("filechooser", lambda _: None)  # from now on: the browser may be slow to learn that it is not to show one
    page.goto("/")
    expect(page.get_by_label("Token")).to_be_focused()
    page.keyboard.type("not the token of this server")
    assert fits(page)
    page.keyboard.press("Control+A")
    page.keyboard.type(TOKEN)
    page.keyboard.press("Enter")
    choose = page.get_by_role("button", name="Choose files")
    expect(choose).to_be_visible()
    assert fits(page)
    tab_to(page, "Faces")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="Gaze")).to_be_checked()
    page.keyboard.press("ArrowLeft")
    tab_to(page, "Choose files")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files([photos[0], photos[1], photos[6]])
    tab_to(page, "Start")
    page.keyboard.press("Enter")
    expect(page.locator(".summary")).to_have_text("2 people, 3 faces in 3 photos", timeout=_WORK)
    page.set_viewport_size({"width": 1280, "height": 800})
    rows = page.locator(".person")
    expect(rows).to_have_count(2)
    expect(rows.first.locator(".strip button")).to_have_count(2)
    large = rows.first.locator("img.large")
    before = large.get_attribute("src")
    wait_for(lambda: page.evaluate("document.querySelector('img.large').naturalWidth") == 160, seconds=10)
    rows.first.locator(".strip button[aria-pressed=false]").press("Enter")
    assert large.get_attribute("src") != before
    sources = {photos[0].name, photos[1].name}
    assert rows.first.locator("dd").first.inner_text() in sources
    assert fits(page)


def test_what_cannot_be_used_is_said_and_not_sent_again(in_trouble: Page, tmp_path: Path) -> None:
    page = in_trouble
    names = ["notes.mp4", f"{'a very long name ' * 14}.mp4"]
    for name in names:
        (tmp_path / name).write_text("this is no video\n")
    start(page, "Gaze", [tmp_path / name for name in names])
    rows = page.get_by_role("list", name="Chosen files").get_by_role("listitem")
    expect(page.get_by_role("alert")).to_contain_text("notes.mp4 is a text file")
    expect(rows.first).to_contain_text("cannot be used")
    expect(rows.last.get_by_role("button")).to_be_in_viewport(ratio=1)
    page.get_by_role("button", name="Start").click()
    expect(rows.last).to_contain_text("cannot be used")
    expect(page.get_by_role("button", name="Start")).to_be_disabled()
    page.get_by_role("button", name="Leave out all").click()
    expect(rows).to_have_count(0)
    expect(page.get_by_role("button", name="Choose files")).to_be_focused()


def test_a_server_that_does_not_answer_is_asked_until_it_does(in_trouble: Page) -> None:
    page = in_trouble
    said = page.get_by_text("The server does not answer. Trying again.")
    page.route("**/api/jobs/all", lambda route: route.abort())
    page.reload()
    expect(said).to_be_visible()
    page.unroute("**/api/jobs/all")
    expect(said).to_be_hidden(timeout=10_000)


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the focus is on what has this name."""
    for _ in range(40):
        page.keyboard.press("Tab")
        said = page.evaluate("(document.activeElement.labels?.[0] ?? document.activeElement).textContent")
        if str(said).startswith(name):
            return
    raise AssertionError(f"Tab does not come to {name}")


def test_a_video_is_played_with_its_gaze_and_jumps_where_the_timeline_is_clicked(
    signed_in: Page, tmp_path: Path
) -> None:
    page = signed_in
    with read_photos([people_photos()[0]] * 10, rate=5) as frames:
        clip = smaller(frames, tmp_path / "talk.mp4", rate=5)
    start(page, "Gaze", [clip])
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    timeline = page.locator(".field")
    expect(timeline).to_be_visible(timeout=_WORK)
    assert plays(page)
    box = timeline.bounding_box()
    assert box is not None
    timeline.click(position={"x": box["width"] / 2, "y": 8})
    assert stands_at(page, 1.0)
    bar = timeline.get_by_role("button", name="track 1: at the camera, 0:00.0 to 0:02.0")  # the person of the photo
    bar.click(position={"x": box["width"] / 4, "y": 8})
    assert stands_at(page, 0.5)
    expect(timeline.locator(".pointer")).to_have_text(re.compile(r"0:00\.(49|50|51)"))
    bar.press("Enter")
    assert stands_at(page, 0.0)
    with page.expect_download() as download:
        page.get_by_role("link", name="gaze.csv").click()
    assert len(table(download.value.path())) == 11
    assert fits(page)
    page.goto("/")
    page.reload()
    expect(page.get_by_role("link", name="talk.mp4")).to_be_visible()
    page.get_by_role("button", name="Delete talk.mp4").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("link", name="talk.mp4")).to_have_count(0)


def test_footsteps_are_heard_and_marked_and_the_arrow_keys_go_from_one_to_the_next(
    signed_in: Page, tmp_path: Path
) -> None:
    page = signed_in
    start(page, "Footsteps", [write_real_walk(tmp_path / "walk.mp4")])
    marks = page.locator(".track .mark")
    expect(marks.first).to_be_visible(timeout=_WORK)
    assert marks.count() >= 2
    assert plays(page)
    assert page.evaluate("document.querySelector('video').webkitAudioDecodedByteCount") > 0
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('.track') !== null"):
            break
    page.keyboard.press("Home")
    times = []
    for key in ("ArrowRight", "ArrowDown", "End"):
        page.keyboard.press(key)
        said = str(page.evaluate("document.activeElement.getAttribute('aria-label')"))
        found = re.search(r", 0:(\d\d\.\d+)", said)
        assert found is not None, said
        assert stands_at(page, float(found[1]))
        times.append(found[1])
    assert len(set(times)) > 1
    assert fits(page)


def test_what_is_recorded_survives_a_broken_connection_with_its_directions(signed_in: Page) -> None:
    page = signed_in
    connections: list[list[str | bytes]] = []

    def connected(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        heard: list[str | bytes] = []
        connections.append(heard)

        def pass_on(message: str | bytes) -> None:
            heard.append(message)
            if len(connections) == 1 and len(heard) > 8:
                server.close()
                socket.close(code=1011, reason="the line is cut")
            elif len(connections) > 1 or len(heard) <= 5:  # those between are lost on the way
                server.send(message)

        socket.on_message(pass_on)

    page.route_web_socket(re.compile("/ws/audio/"), connected)
    page.get_by_role("link", name="Recorder").click()
    dial = page.get_by_role("slider", name="Direction of the sound")
    expect(dial).to_be_visible()
    assert fits(page)
    page.set_viewport_size({"width": 1280, "height": 800})
    page.get_by_role("button", name="Record").click()
    expect(page.get_by_text("Connected")).to_be_visible()
    page.wait_for_timeout(400)
    dial.focus()
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    expect(dial).to_have_attribute("aria-valuetext", "20 degrees, in front, to the left")
    page.wait_for_timeout(1500)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Saved")).to_be_visible(timeout=15_000)
    assert len(connections) >= 2
    with page.expect_download() as download:
        page.get_by_role("link", name="WAV").click()
    samples, rate = soundfile.read(download.value.path(), dtype="float32")
    with page.expect_download() as download:
        page.get_by_role("link", name="Angles").click()
    rows = table(download.value.path())
    facts = page.request.get("/api/audio/recordings").json()["recordings"][0]
    gaps = page.request.get(f"/api/audio/recordings/{facts['id']}/facts").json()
    assert samples.ndim == 1
    assert len(samples) / rate == pytest.approx(shown_seconds(page), abs=0.06)
    assert len(samples) / rate > 1.5
    assert np.abs(samples).max() > 0.05
    assert (gaps["gaps"], gaps["missing_chunks"]) == ([], 0)
    assert rows[0] == ["timestamp", "angle"]
    angles = [float(row[1]) for row in rows[1:]]
    assert (angles[0], angles[-1]) == (0.0, 20.0)
    assert angles == sorted(angles)


def table(path: Path) -> list[list[str]]:
    """The rows of a CSV file."""
    return list(csv.reader(path.read_text().splitlines()))


def shown_seconds(page: Page) -> float:
    """How long the recording was, as the page shows it."""
    minutes, seconds = page.locator(".record-time").inner_text().split(":")
    return int(minutes) * 60 + float(seconds)


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_the_documentation_is_drawn_from_this_server_alone(page: Page, path: str) -> None:
    page.goto(path)
    expect(page.get_by_text("/extract-faces").first).to_be_visible(timeout=20_000)
