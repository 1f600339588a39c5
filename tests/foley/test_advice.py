"""Advice on the surface: what a vision model is shown, how its answers are read, and what is guessed without one."""

from __future__ import annotations

import json
import logging
import re
import socket
import time
from http.client import HTTPResponse
from pathlib import Path
from typing import Any
from urllib.request import Request

import cv2
import numpy as np
import pytest
from chat_server import ADVICE, Answer, answering

from clips import number_of, painted, write_clip
from perceptkit.arrays import Picture
from perceptkit.errors import InputError, MediaError
from perceptkit.foley import Footstep, defaults
from perceptkit.foley.advice import SYNONYMS, Advice, suggest
from perceptkit.foley.ground import LOOKS
from perceptkit.foley.surfaces import SURFACES
from perceptkit.images import encode_png
from shared_data import video_file

KEY = "sk-secret-0123456789"
GREY, GREEN = (128, 128, 128), (86, 125, 70)


@pytest.fixture(autouse=True)
def _nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PERCEPTKIT_VISION_ENDPOINT", "PERCEPTKIT_VISION_MODEL", "PERCEPTKIT_VISION_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("OPENROUTER_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Two seconds of grey cells that tell the number of the frame: no colour says what the ground is."""
    return write_clip(tmp_path / "walk.mp4", count=50)


def ground(colour: tuple[int, int, int], noise: float = 0.0, size: tuple[int, int] = (320, 240)) -> Picture:
    """A sky of grey, and below it ground of one colour, each pixel a little lighter or darker."""
    image = np.full((size[1], size[0], 3), GREY, np.float64)
    grain = np.random.default_rng(7).normal(0, noise, (size[1], size[0], 1))
    image[size[1] // 2 :] = (colour + grain)[size[1] // 2 :]
    return image.clip(0, 255).astype(np.uint8)


def photos(folder: Path, *pictures: Picture) -> Path:
    folder.mkdir()
    for number, picture in enumerate(pictures):
        (folder / f"{number}.png").write_bytes(encode_png(picture))
    return folder


def strike(time: float, x: float = 0.5, y: float = 0.8) -> Footstep:
    return Footstep(time, "left", "heel_strike", 0.9, x=x, y=y, height=0.5)


def never(request: Request, timeout: float) -> HTTPResponse:
    raise AssertionError(f"nothing should be sent, but {request.full_url} was asked")


def everything(advice: Advice, caplog: pytest.LogCaptureFixture) -> str:
    return repr(advice) + caplog.text


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.levelno == logging.WARNING]


# What is sent


def test_the_model_is_shown_frames_of_the_whole_video_and_its_advice_is_taken(
    clip: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with answering(Answer()) as server:
        advice = suggest(clip, endpoint=server.url, model="looker", key=KEY)
    assert advice == Advice(
        "gravel",
        "a park",
        "dry",
        "Small loose stones lie on the path.",
        ("sand", "steps at the verge sound like grass"),
        "model",
        f"asked looker at {server.host} with 4 frames",
    )
    (asked,) = server.asked
    assert asked.path == "/v1/chat/completions"
    assert asked.headers["Authorization"] == f"Bearer {KEY}"
    assert asked.body["model"] == "looker"
    schema = asked.body["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["surface"]["enum"] == list(SURFACES)
    assert set(schema["required"]) == set(schema["properties"]) == set(ADVICE)
    assert all(name in asked.words() for name in SURFACES), "for servers that know no schema"
    assert [number_of(picture) for picture in asked.pictures()] == [7, 19, 32, 44]
    assert KEY not in everything(advice, caplog)
    assert warnings(caplog) == []


def test_frames_are_taken_where_feet_come_down(clip: Path) -> None:
    steps = [strike(time) for time in (0.2, 0.4, 0.8, 1.2, 1.6, 1.8)]
    lifted = Footstep(0.6, "left", "toe_off", 0.9)
    with answering(Answer()) as server:
        suggest(clip, endpoint=server.url, steps=[*steps, lifted], frames=3)
        suggest(clip, endpoint=server.url, steps=[steps[2], strike(99)], frames=3)
    numbers = [[number_of(picture) for picture in asked.pictures()] for asked in server.asked]
    assert numbers == [[10, 30, 45], [13, 20, 38]]


def test_pictures_are_at_most_768_pixels(tmp_path: Path) -> None:
    folder = photos(tmp_path / "photos", *(painted(number, (1200, 1600)) for number in range(6)))
    with answering(Answer()) as server:
        suggest(folder, endpoint=server.url, frames=2)
    pictures = server.asked[0].pictures()
    assert [picture.shape for picture in pictures] == [(768, 576, 3)] * 2
    assert [number_of(picture) for picture in pictures] == [0, 3]


def test_a_video_that_does_not_tell_its_length_is_looked_at_every_second(tmp_path: Path) -> None:
    raw = write_clip(tmp_path / "walk.h264", count=60, form="h264")
    with answering(Answer()) as server:
        suggest(raw, endpoint=server.url)
    assert [number_of(picture) for picture in server.asked[0].pictures()] == [0, 25, 50]


def test_a_single_photo_is_shown_once(tmp_path: Path) -> None:
    folder = photos(tmp_path / "photos", painted(5))
    with answering(Answer()) as server:
        advice = suggest(folder / "0.png", endpoint=server.url)
    assert [number_of(picture) for picture in server.asked[0].pictures()] == [5]
    assert advice.note.endswith("with 1 frame")


def test_the_environment_names_endpoint_model_and_key(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(Answer()) as server:
        monkeypatch.setenv("PERCEPTKIT_VISION_ENDPOINT", f"{server.url}/")
        monkeypatch.setenv("PERCEPTKIT_VISION_MODEL", "looker")
        monkeypatch.setenv("PERCEPTKIT_VISION_KEY", f"{KEY}\n")
        assert suggest(clip).surface == "gravel"
    (asked,) = server.asked
    assert (asked.path, asked.body["model"]) == ("/v1/chat/completions", "looker")
    assert asked.headers["Authorization"] == f"Bearer {KEY}"


def test_a_local_endpoint_is_asked_without_a_key_and_without_a_proxy(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with answering(Answer()) as server:
        assert suggest(clip, endpoint=server.url).origin == "model"
    assert "Authorization" not in server.asked[0].headers


@pytest.mark.parametrize(
    ("endpoint", "variable", "host"),
    [
        (None, "OPENROUTER_API_KEY", "openrouter.ai"),
        ("https://api.openai.com/v1", "OPENAI_API_KEY", "api.openai.com"),
    ],
)
def test_each_service_is_sent_its_own_key_only(
    clip: Path, monkeypatch: pytest.MonkeyPatch, endpoint: str | None, variable: str, host: str
) -> None:
    sent: list[Request] = []

    def send(request: Request, timeout: float) -> HTTPResponse:
        sent.append(request)
        raise ValueError("no network in tests")

    for name in ("OPENROUTER_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, f"key-of-{name}")
    suggest(clip, endpoint=endpoint, send=send)
    assert {request.host for request in sent} == {host}
    assert {request.get_header("Authorization") for request in sent} == {f"Bearer key-of-{variable}"}
    assert all(request.full_url.startswith("https://") for request in sent)


# How answers are read


@pytest.mark.parametrize(
    "content",
    [
        f"```json\n{json.dumps(ADVICE, indent=2)}\n```",
        f"Here {{is}} what I see:\n{json.dumps(ADVICE)}\nHave fun!",
        f'<think>{{"note": 1}} hmm</think>{json.dumps({**ADVICE, "surface": "Gravel"})}',
        [{"type": "text", "text": json.dumps(ADVICE)}],
    ],
)
def test_an_answer_in_fences_or_with_words_around_it_is_understood(clip: Path, content: Any) -> None:
    with answering(Answer(content)) as server:
        advice = suggest(clip, endpoint=server.url)
    assert (advice.surface, advice.weather, advice.origin) == ("gravel", "dry", "model")


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("WOOD", "wood"),
        ("Asphalt road", "concrete"),
        ("hardwood floor", "wood"),
        ("dirt", "mud"),
        ("pebbles", "gravel"),
        ("marble tiles", "tile"),
        ("a field of snow", "snow"),
        *SYNONYMS.items(),
        *((name, name) for name in SURFACES),
    ],
)
def test_other_words_for_a_surface_are_understood(clip: Path, said: str, meant: str) -> None:
    with answering(Answer(json.dumps({"surface": said}))) as server:
        advice = suggest(clip, endpoint=server.url, frames=1)
    assert (advice.surface, advice.origin, advice.environment) == (meant, "model", "unknown")


def test_what_a_model_says_is_one_line_that_is_safe_to_print(clip: Path) -> None:
    said = {"surface": "wood", "reasoning": "\x1b[31mred\n\nboards\ud800", "suggestions": ["a\tb", 5, "", "x" * 9999]}
    with answering(Answer(json.dumps(said))) as server:
        advice = suggest(clip, endpoint=server.url)
    assert advice.reasoning == "[31mred boards"
    assert advice.suggestions == ("a b", "x" * 1000)


def test_a_server_that_refuses_the_schema_is_asked_without_it(clip: Path) -> None:
    refusal = Answer(status=400, body=b'{"error": "response_format is not supported"}')
    with answering(refusal, Answer()) as server:
        advice = suggest(clip, endpoint=server.url)
    assert (advice.surface, advice.origin) == ("gravel", "model")
    assert ["response_format" in asked.body for asked in server.asked] == [True, False]
    assert len(server.asked[1].pictures()) == 4


# What happens when there is no good answer


@pytest.mark.parametrize(
    ("answer", "why", "requests"),
    [
        (Answer("It is gravel, I think."), "gave an answer that is not to be understood", 2),
        (Answer('{"surface": "gravel"'), "gave an answer that is not to be understood", 2),
        (Answer(None), "gave an answer that is not to be understood", 2),
        (Answer(body=b"<html>Sign in</html>"), "gave an answer that is not to be understood", 2),
        (Answer(body=b"[" * 500_000), "gave an answer that is not to be understood", 2),
        (Answer('{"surface":' * 5_000), "gave an answer that is not to be understood", 2),
        (Answer(body=b'{"error": {"code": 502}}'), "gave an answer that is not to be understood", 2),
        (Answer('{"surface": "lava"}'), "named no surface that there is", 2),
        (Answer('{"surface": 7}'), "named no surface that there is", 2),
        (Answer(status=400, body=b"no"), "refused the request (400)", 1),
        (Answer(status=400, body=b"response_format"), "refused the request (400)", 2),
        (Answer(status=401, body=KEY.encode()), "refused the key (401)", 1),
        (Answer(status=402), "wants to be paid first (402)", 1),
        (Answer(status=403), "refused the key (403)", 1),
        (Answer(status=404), "has no such address or model (404)", 1),
        (Answer(status=429, headers={"Retry-After": "0"}), "is asked too much (429)", 2),
        (Answer(status=429, headers={"Retry-After": "3600"}), "is asked too much (429)", 1),
        (Answer(status=500), "failed (500)", 2),
        (Answer(status=503, headers={"Retry-After": "tomorrow"}), "failed (503)", 2),
        (Answer(body=b" " * (2 << 20)), "sent more than 1 MB", 1),
    ],
)
def test_a_bad_answer_gives_the_default_and_says_why(
    clip: Path, caplog: pytest.LogCaptureFixture, answer: Answer, why: str, requests: int
) -> None:
    with answering(answer) as server:
        begun = time.monotonic()
        advice = suggest(clip, endpoint=server.url, key=KEY)
    assert time.monotonic() - begun < 5
    assert (advice.surface, advice.origin) == (defaults.SURFACE, "default")
    assert advice.note.startswith(f"the endpoint {server.host} {why}; not sure of the colours ")
    assert advice.note.endswith("so it is concrete by default")
    assert warnings(caplog) == [advice.note]
    assert len(server.asked) == requests
    assert KEY not in everything(advice, caplog)


def test_an_endpoint_that_wants_a_key_says_so(clip: Path) -> None:
    with answering(Answer(status=401)) as server:
        advice = suggest(clip, endpoint=server.url)
    assert f"{server.host} wants a key (401)" in advice.note


@pytest.mark.parametrize("slow", [Answer(pause=20), Answer(drip=0.1)], ids=["silent", "trickling"])
def test_a_slow_endpoint_is_given_up_in_time(clip: Path, slow: Answer) -> None:
    with answering(slow) as server:
        begun = time.monotonic()
        advice = suggest(clip, endpoint=server.url, timeout=0.3)
    assert time.monotonic() - begun < 3
    assert "gave no answer within 0.3 s; not sure" in advice.note
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    "first",
    [
        Answer(status=429, headers={"Retry-After": "1"}),
        Answer(status=502),
        Answer("what?"),
        Answer(pause=20),
    ],
    ids=["busy", "broken", "malformed", "silent"],
)
def test_a_second_request_may_bring_the_advice(clip: Path, caplog: pytest.LogCaptureFixture, first: Answer) -> None:
    with answering(first, Answer()) as server:
        begun = time.monotonic()
        advice = suggest(clip, endpoint=server.url, timeout=0.5)
    if first.status == 429:
        assert time.monotonic() - begun >= 1
    assert (advice.surface, advice.origin) == ("gravel", "model")
    assert len(server.asked) == 2
    assert warnings(caplog) == []


def test_an_endpoint_that_is_not_there_is_named(clip: Path, caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{unused.getsockname()[1]}"
        advice = suggest(clip, endpoint=f"http://{host}/v1", key=KEY)
    assert re.match(rf"the endpoint {host} gave no answer \(.*refused.*\); ", advice.note)
    assert KEY not in everything(advice, caplog)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_takes_neither_key_nor_pictures_to_another_host(clip: Path, status: int) -> None:
    with answering(Answer()) as other:
        elsewhere = f"{other.url.replace('127.0.0.1', 'localhost')}/chat/completions"
        with answering(Answer(status=status, headers={"Location": elsewhere})) as server:
            advice = suggest(clip, endpoint=server.url, key=KEY)
    assert other.asked == []
    assert len(server.asked) == 1
    assert f"sends the request on to another address, and a key does not go there ({status})" in advice.note


@pytest.mark.parametrize("endpoint", [None, "https://openrouter.ai/api/v1", "https://api.openai.com/v1"])
def test_without_a_key_no_service_is_asked(clip: Path, caplog: pytest.LogCaptureFixture, endpoint: str | None) -> None:
    advice = suggest(clip, endpoint=endpoint, send=never)
    assert (advice.surface, advice.origin, advice.weather) == ("concrete", "default", "unknown")
    assert re.match(r"no key for (openrouter\.ai|api\.openai\.com) \(set PERCEPTKIT_VISION_KEY or \w+\); ", advice.note)
    assert warnings(caplog) == [advice.note]


# What cannot be meant


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://192.168.0.9:11434/v1",
        "http://openrouter.ai/api/v1",
        "http://127.0.0.1.example.org/",
        "HTTP://EXAMPLE.ORG",
    ],
)
def test_a_key_is_not_sent_over_plain_http_to_another_machine(
    clip: Path, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    with pytest.raises(InputError, match="for everybody to read; give an https:// endpoint") as caught:
        suggest(clip, endpoint=endpoint, key=KEY, send=never)
    assert KEY not in str(caught.value)
    monkeypatch.setenv("PERCEPTKIT_VISION_KEY", KEY)
    with pytest.raises(InputError, match="for everybody to read"):
        suggest(clip, endpoint=endpoint, send=never)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"endpoint": "ftp://example.org"}, "no http:// or https:// address; give its address"),
        ({"endpoint": "localhost:11434/v1"}, "no http:// or https:// address"),
        ({"endpoint": KEY}, "no http:// or https:// address"),
        ({"endpoint": "https:///v1"}, "no http:// or https:// address"),
        ({"endpoint": "https://exa mple.org"}, "no http:// or https:// address"),
        ({"endpoint": "https://example.org:port"}, "is no address"),
        ({"endpoint": f"https://me:{KEY}@example.org"}, "has a user name in it"),
        ({"key": f"{KEY}\r\nX: 1"}, "the key has characters that no key has"),
        ({"key": f"“{KEY}”"}, "the key has characters that no key has"),
        ({"frames": 0}, "frames is 0; give 1 to 32"),
        ({"timeout": 0}, "timeout is 0; give seconds"),
        ({"timeout": float("nan")}, "timeout is nan"),
    ],
)
def test_values_that_make_no_sense_are_refused(clip: Path, values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        suggest(clip, **values, send=never)
    assert KEY not in str(caught.value)


def test_a_source_that_cannot_be_read_is_an_error_and_no_guess(tmp_path: Path) -> None:
    (tmp_path / "no.mp4").write_bytes(b"no video")
    with pytest.raises(MediaError, match=r"no\.mp4"):
        suggest(tmp_path / "no.mp4", send=never)
    with pytest.raises(InputError, match="no such file or folder"):
        suggest(tmp_path / "nowhere.mp4", send=never)


# Guesses by the colours of the ground


@pytest.mark.parametrize(
    ("name", "colour", "noise"),
    [
        ("grass", GREEN, 12),
        ("grass", (124, 128, 62), 12),
        ("snow", (228, 238, 252), 2),
        ("sand", (210, 180, 140), 7),
        ("wood", (139, 90, 43), 0),
        ("wood", (160, 110, 70), 2),
    ],
)
def test_painted_ground_is_recognised(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, colour: tuple[int, int, int], noise: float
) -> None:
    advice = suggest(photos(tmp_path / "photos", *[ground(colour, noise)] * 2), send=never)
    assert (advice.surface, advice.origin) == (name, "guess")
    assert advice.reasoning.startswith("a guess: 100% of the patches in the lowest third of the picture are ")
    assert f"; guessed {name} from the colours in the lowest third of the picture" in advice.note
    assert warnings(caplog) == [advice.note]


@pytest.mark.parametrize(
    ("colour", "noise"),
    [
        (GREY, 10),  # asphalt, concrete, gravel, tiles
        ((245, 245, 245), 1),  # a white floor
        ((255, 250, 240), 1),  # warm light on it
        ((20, 20, 22), 3),  # the dark
        ((0, 177, 64), 0),  # a green screen
        ((90, 70, 50), 20),  # earth
        ((150, 40, 40), 5),  # a red carpet
        ((60, 110, 160), 5),  # water, or a blue floor
    ],
)
def test_ground_that_could_be_anything_is_not_guessed(
    tmp_path: Path, colour: tuple[int, int, int], noise: float
) -> None:
    advice = suggest(photos(tmp_path / "photos", ground(colour, noise)), send=never)
    assert (advice.surface, advice.origin) == ("concrete", "default")
    assert "could be those of several surfaces" in advice.reasoning


def test_a_ground_half_of_grass_is_not_guessed(tmp_path: Path) -> None:
    picture = ground(GREEN, 12)
    picture[:, :160] = ground(GREY, 12)[:, :160]
    assert suggest(photos(tmp_path / "photos", picture), send=never).origin == "default"


def test_the_guess_looks_beside_the_feet(tmp_path: Path) -> None:
    """A path of boards goes through the grass, and the feet come down on it."""
    picture = ground(GREEN, 12, (640, 480))
    picture[:, 200:440] = cv2.GaussianBlur(ground((139, 90, 43), 2, (640, 480)), (0, 0), 2)[:, 200:440]
    picture[380:400, 300:340] = 10  # the shoe
    clip = write_clip(
        tmp_path / "boards.mp4", size=(640, 480), paint=lambda number, size: picture, options={"crf": "12"}
    )
    unseen = Footstep(0.5, "left", "heel_strike", 0.5, x=0.1, y=0.8, inferred=True)
    on_boards = suggest(clip, steps=[strike(0.4), unseen, strike(0.8)], send=never)
    assert (on_boards.surface, on_boards.origin) == ("wood", "guess")
    assert "guessed wood from the colours beside the feet" in on_boards.note
    on_grass = suggest(clip, steps=[strike(0.4, x=0.12), strike(0.8, x=0.9)], send=never)
    assert on_grass.surface == "grass"
    below = suggest(clip, steps=[strike(0.4, y=1.0)], send=never)
    assert "in the lowest third" in below.note, "nothing beside the feet is in the picture"


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (200, 1)])
def test_a_photo_of_few_rows_has_a_lowest_third_too(tmp_path: Path, size: tuple[int, int]) -> None:
    advice = suggest(photos(tmp_path / "photos", ground(GREEN, 0, size)), send=never)
    assert "in the lowest third of the picture" in advice.note


def test_a_refused_key_is_told_together_with_the_guess(tmp_path: Path) -> None:
    folder = photos(tmp_path / "photos", ground(GREEN, 12))
    with answering(Answer(status=401)) as server:
        advice = suggest(folder, endpoint=server.url, key=KEY)
    assert advice.note == (
        f"the endpoint {server.host} refused the key (401); "
        "guessed grass from the colours in the lowest third of the picture"
    )
    assert (advice.environment, advice.weather, advice.origin) == ("outdoors", "unknown", "guess")


def test_every_name_in_the_tables_is_a_surface() -> None:
    assert defaults.SURFACE in SURFACES
    assert set(SYNONYMS.values()) <= set(SURFACES)
    assert not set(SYNONYMS) & set(SURFACES)
    for name, about in LOOKS.items():
        assert {name, *about.others} <= set(SURFACES)


def test_no_colour_looks_like_two_surfaces() -> None:
    looks = list(LOOKS.values())
    for number, one in enumerate(looks):
        for other in looks[number + 1 :]:
            ranges = [(one.lightness, other.lightness), (one.chroma, other.chroma), (one.hue, other.hue)]
            ranges.append((one.grain, other.grain))
            assert any(mine[1] <= theirs[0] or theirs[1] <= mine[0] for mine, theirs in ranges)


@pytest.mark.weights
def test_the_lawn_that_a_woman_walks_on_is_grass() -> None:
    places = [(3.30, 0.53, 0.92), (3.88, 0.43, 0.92), (5.73, 0.11, 0.94)]  # where her feet come down
    advice = suggest(
        video_file("walk-grass-side.mp4"), steps=[strike(*place) for place in places], frames=3, send=never
    )
    assert (advice.surface, advice.origin) == ("grass", "guess")
