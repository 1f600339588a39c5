"""The page as it is served: whole, checked again by browsers, with nothing from elsewhere."""

from __future__ import annotations

import re
import urllib.parse
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import perceptkit.server
from perceptkit.foley import SURFACES
from perceptkit.gaze import GAZE_MODELS
from serving import TOKEN, client_of

PAGE = Path(perceptkit.server.__file__).parent / "page"
FILES = sorted(path.name for path in PAGE.iterdir())
SCRIPTS = [name for name in FILES if name.endswith(".js")]
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


class Elements(HTMLParser):
    """The elements of a document."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attributes)))


def test_all_files_are_served_as_what_they_are_and_not_again_when_the_browser_has_them(tmp_path: Path) -> None:
    with client_of(tmp_path) as client:
        for name in FILES:
            answer = client.get(f"/page/{name}")
            assert answer.status_code == 200, name
            assert answer.content == (PAGE / name).read_bytes()
            assert answer.headers["content-type"].partition(";")[0] == TYPES[Path(name).suffix]
            assert answer.headers["cache-control"] == "no-cache"
            again = client.get(f"/page/{name}", headers={"If-None-Match": answer.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")


def test_the_page_is_at_the_root_with_a_policy_that_allows_only_this_server(tmp_path: Path) -> None:
    with client_of(tmp_path) as client:
        answer = client.get("/")
        assert answer.content == (PAGE / "index.html").read_bytes()
        assert answer.headers["content-security-policy"].startswith("default-src 'self';")
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert client.get("/favicon.ico").headers["content-type"] == "image/svg+xml"


@pytest.mark.parametrize("name", ["nothing.js", "..%2Fapp.py", "%2E%2E/app.py", "index.html%00"])
def test_nothing_else_of_the_package_is_served(tmp_path: Path, name: str) -> None:
    with client_of(tmp_path) as client:
        answer = client.get(f"/page/{name}")
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".html")])
def test_documents_have_no_scripts_or_styles_within_them(name: str) -> None:
    text = (PAGE / name).read_text()
    elements = Elements(text)
    for tag, attributes in elements.found:
        assert tag != "style"
        assert tag != "script" or attributes.get("src")
        assert not [each for each in attributes if each == "style" or each.startswith("on")]
    assert re.findall(r"<script[^>]*>[^<]+</script>", text) == []


@pytest.mark.parametrize("name", FILES)
def test_nothing_names_another_host(name: str) -> None:
    text = (PAGE / name).read_text().replace("http://www.w3.org/2000/svg", "").replace("https:// pages", "")
    assert re.findall(r"(?:https?:)?//[a-z0-9-]+\.[a-z]+|['\"(]data:|blob:|innerHTML|eval\(|\.cssText", text) == []


def test_what_documents_and_modules_name_is_there() -> None:
    for name in [each for each in FILES if each.endswith(".html")]:
        for _, attributes in Elements((PAGE / name).read_text()).found:
            address = attributes.get("src") or attributes.get("href") or ""
            if address.startswith("/page/"):
                assert address.removeprefix("/page/") in FILES, (name, address)
    for name in SCRIPTS:
        named = re.findall(r'(?:from |import )"\./([\w.]+)"|"/page/([\w.]+\.js)"', (PAGE / name).read_text())
        for module in (one or other for one, other in named):
            assert module in FILES, (name, module)


def test_what_modules_import_is_exported() -> None:
    exported = {
        name: set(re.findall(r"^export (?:async )?(?:function|const|class) (\w+)", (PAGE / name).read_text(), re.M))
        for name in SCRIPTS
    }
    for name in SCRIPTS:
        for names, module in re.findall(r'^import \{ ([^}]+) \} from "\./([\w.]+)"', (PAGE / name).read_text(), re.M):
            assert set(names.split(", ")) <= exported[module], (name, module)


def test_the_icons_that_are_used_are_drawn() -> None:
    drawn = set(re.findall(r'<symbol id="(\w+)"', (PAGE / "icons.svg").read_text()))
    text = "".join((PAGE / name).read_text() for name in SCRIPTS)
    used = set(re.findall(r'(?<!\.)icon\("(\w+)"\)|symbol: "(\w+)"|iconButton\([^,]+, "(\w+)"', text))
    assert {name for names in used for name in names if name} <= drawn
    assert {"faces", "gaze", "footsteps"} <= drawn


def contrast(one: str, other: str) -> float:
    """How two colours differ in brightness, as WCAG 2.2 counts it."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_letters_can_be_read_on_every_ground(scheme: int) -> None:
    css = (PAGE / "base.css").read_text()
    block = re.findall(r":root \{(.*?)\}", css, re.S)[scheme]
    colour: dict[str, str] = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
    letters = [("text", ground) for ground in ("ground", "surface", "sunken", "accent-pale")]
    letters += [("faded", ground) for ground in ("ground", "surface", "sunken")]
    letters += [("accent", "surface"), ("accent", "ground"), ("accent-strong", "accent-pale"), ("on-accent", "accent")]
    letters += [("danger", "surface"), ("danger", "danger-pale"), ("surface", "danger")]
    for one, other in letters:
        assert contrast(colour[one], colour[other]) >= 4.5, (one, other)
    for one, other in [("edge", "surface"), ("accent", "surface"), ("accent-edge", "surface"), ("accent", "ground")]:
        assert contrast(colour[one], colour[other]) >= 3, (one, other)


def test_black_on_white_has_the_contrast_that_it_is_known_to_have() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_the_choices_are_those_of_the_library(tmp_path: Path) -> None:
    with client_of(tmp_path) as client:
        choices: dict[str, Any] = client.get("/page/choices.json").json()
    assert choices["gaze_models"] == list(GAZE_MODELS)
    assert choices["surfaces"] == ["auto", *SURFACES]
    assert choices["surface"] in choices["surfaces"]
    assert choices["sensitivity"] in choices["sensitivities"]


def test_the_page_says_who_is_signed_in(tmp_path: Path) -> None:
    with client_of(tmp_path / "open") as client:
        assert client.get("/page/who.json").json() == {"signed_in": True, "signs_in": False}
    with client_of(tmp_path / "closed", auth=True) as client:
        assert client.get("/page/who.json").json() == {"signed_in": False, "signs_in": True}
        assert client.get("/page/choices.json").status_code == 401
        assert client.post("/auth/session", json={"token": TOKEN}).status_code == 200
        assert client.get("/page/who.json").json() == {"signed_in": True, "signs_in": True}


def test_the_link_of_the_server_signs_a_browser_in_once(tmp_path: Path) -> None:
    from perceptkit.server.auth.greeting import greeting

    with client_of(tmp_path, auth=True) as client:
        said = greeting(client.app.state.parts.keeper, "127.0.0.1", 80)  # type: ignore[attr-defined] # a FastAPI
        link = urllib.parse.urlsplit(re.findall(r"http://\S+\?ticket=\S+", said)[0])
        answer = client.get(f"/?{link.query}", follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert "httponly" in answer.headers["set-cookie"].lower()
        assert client.get("/auth/verify").status_code == 200
        client.cookies.clear()
        again = client.get(f"/?{link.query}", follow_redirects=False)
        assert (again.status_code, again.headers["location"]) == (303, "/#link-used")
        assert "set-cookie" not in again.headers


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_the_documentation_needs_no_other_host(tmp_path: Path, path: str) -> None:
    with client_of(tmp_path) as client:
        page = client.get(path)
        assert page.status_code == 200
        for _, attributes in Elements(page.text).found:
            for address in (attributes.get("src"), attributes.get("href")):
                assert address is None or client.get(address).status_code == 200, address
        assert "unsafe-inline" not in page.headers["content-security-policy"].partition("script-src")[2]
        assert "style-src 'self' 'unsafe-inline'" in page.headers["content-security-policy"]
        missing = client.get("/docs/nothing.js")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
