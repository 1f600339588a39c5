"""The contact sheet: what it shows, in which order, and that no name in it can run."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser

import pytest

from perceptkit.face.extracting.sheet import Card, people_page, people_snippet

HOSTILE = [
    "<script>alert(1)</script>.jpg",
    "a\"onerror='alert(1)' x=\".jpg",
    "' onfocus='alert(1)",
    "--><img src=x onerror=alert(1)>.jpg",
    "<!--people--><!--totals-->.jpg",
    "]]></style><style>*{display:none}</style>.jpg",
    "javascript:alert(1)",
    "&lt;b&gt;&amp;.jpg",
    "line\nbreak\r\t\0.jpg",
    "صورة عائلية.jpg",
    "spoof\u202egpj.exe",
    "bad\udce9name.jpg",
    "\ud83d alone.jpg",
]


class Page(HTMLParser):
    """What a browser would make of the text: the elements with their attributes, and the text between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def shape(self) -> list[tuple[str, list[str]]]:
        return [(tag, list(attributes)) for tag, attributes in self.elements]

    def having(self, name: str) -> list[dict[str, str]]:
        return [attributes for _, attributes in self.elements if name in attributes]


def card(source: str = "a.jpg", *, face_id: str = "f00d", time: float | None = None, headshot: bytes = b"jpeg") -> Card:
    return Card(face_id, source, time, quality=0.876, score=0.9, best=False, headshot=headshot)


def page(people: Sequence[tuple[int, Sequence[Card]]], **facts: str) -> str:
    return "".join(people_page(people, title="People", facts=facts))


def between(text: str, start: str, end: str) -> str:
    return text.split(start, 1)[1].split(end, 1)[0]


def test_totals_count_faces_people_photos_and_videos() -> None:
    people = [
        (0, [card("a.jpg"), card("a.jpg"), card("b.jpg"), card("v.mp4", time=1.0), card("v.mp4", time=2.0)]),
        (1, [card("a.jpg")]),
    ]
    text = page(people)
    assert '<p id="totals">2 people, 6 faces in 2 photos and 1 video</p>' in text
    assert '<p class="seen">5 faces in 2 photos and 1 video</p>' in text
    assert '<p id="totals">1 person, 1 face in 1 photo</p>' in page([(0, [card()])])


def test_people_seen_once_come_after_the_others() -> None:
    two = [card("a.jpg"), card("b.jpg")]
    text = page([(0, [card()]), (1, two), (2, [card()]), (3, two)])
    assert [found["data-person"] for found in Page(text).having("data-person")] == ["1", "3", "0", "2"]
    assert text.index("Seen more than once") < text.index('id="person-3"') < text.index("Seen once")
    assert "Seen more than once" not in page([(0, [card()])])
    assert "Seen once" not in page([(1, two)])


def test_every_shown_face_is_in_the_page_once() -> None:
    headshots = [bytes([255, 216, number]) for number in range(4)]
    text = page([(5, [card(headshot=headshot) for headshot in headshots])])
    shown = [found["src"] for found in Page(text).having("src")]
    assert [base64.b64decode(url.removeprefix("data:image/jpeg;base64,")) for url in shown] == headshots


def test_faces_without_a_headshot_are_counted_and_found_by_their_file() -> None:
    cards = [card("shown.jpg"), card("shown.jpg"), *(card(f"hidden{n % 2}.jpg", headshot=b"") for n in range(37))]
    text = page([(0, cards)])
    assert '<p class="seen">39 faces in 3 photos</p>' in text
    assert "+ 37 more" in text
    assert Page(text).having("data-others")[0]["data-others"] == "hidden0.jpg\nhidden1.jpg"
    assert "more</li>" not in page([(0, cards[:2])])


def test_a_face_carries_what_its_dialog_shows() -> None:
    face = Card("id7", "trip/v.mp4", 3725.25, quality=0.876, score=1.0, best=True, headshot=b"x")
    shown = Page(page([(4, [face, card("b.jpg")])])).having("data-id")
    assert shown[0] | {"type": "", "class": ""} == {
        "type": "",
        "class": "",
        "data-name": "Person 4, face 1 of 2, the best",
        "data-id": "id7",
        "data-source": "trip/v.mp4",
        "data-time": "1:02:05.2",
        "data-quality": "0.88",
        "data-score": "1.00",
    }
    assert "data-time" not in shown[1]
    assert 'alt="Person 4, face 1 of 2, the best, in v.mp4, quality 0.88"' in page([(4, [face, card("b.jpg")])])


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.0, "0:00.0"), (59.96, "1:00.0"), (83.4, "1:23.4"), (3600.0, "1:00:00.0")]
)
def test_time_in_a_video(seconds: float, shown: str) -> None:
    assert f'data-time="{shown}"' in page([(0, [card("v.mp4", time=seconds)])])


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_only_text(name: str) -> None:
    def render(word: str) -> str:
        people = [
            (0, [card(word, face_id=word), card(word), card(word + "2", headshot=b"")]),
            (1, [card(f"folder/{word}", face_id=word)]),
        ]
        return "".join(people_page(people, title=word, facts={word: word})) + people_snippet(people)

    text = render(name)
    text.encode("utf-8")
    assert Page(text).shape() == Page(render("harmless")).shape()
    assert not re.search("[\u202a-\u202e\u2066-\u2069\0\r]", text)


def test_what_cannot_be_shown_reads_as_an_escape() -> None:
    shown = [
        found["data-source"]
        for found in Page(page([(n, [card(name)]) for n, name in enumerate(HOSTILE)])).having("data-id")
    ]
    assert shown[:8] == HOSTILE[:8]
    assert shown[8:] == [
        r"line\nbreak\r\t\x00.jpg",
        "صورة عائلية.jpg",
        r"spoof\u202egpj.exe",
        r"bad\udce9name.jpg",
        r"\ud83d alone.jpg",
    ]


def test_the_policy_lets_only_our_style_and_script_run() -> None:
    text = page([(0, [card(), card()])])
    policy = Page(text).having("http-equiv")[0]["content"]
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(between(text, f"<{tag}>", f"</{tag}>").encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
        assert text.count(f"<{tag}") == 1
    assert not Page(text).having("style"), "the policy would drop a style attribute"


def test_the_page_needs_nothing_else() -> None:
    text = page([(0, [card()])])
    assert not re.search(r"https?:|@import|url\(", text)
    assert all(found["src"].startswith("data:") for found in Page(text).having("src"))
    assert not re.search(r"<!--\w", text), "a place in the template was not filled"


def test_every_id_is_there_once_and_every_reference_leads_somewhere() -> None:
    text = page([(0, [card(), card()]), (1, [card()])])
    elements = Page(text)
    ids = [found["id"] for found in elements.having("id")]
    assert len(ids) == len(set(ids))
    for name in ("aria-labelledby", "aria-controls", "for", "data-copy"):
        assert {found[name] for found in elements.having(name)} <= set(ids)
    assert set(re.findall(r'byId\("([\w-]+)"\)', text)) <= set(ids)
    assert "#people" in [found["href"] for found in elements.having("href")]


def test_facts_are_shown_in_their_order() -> None:
    text = page([], Detector="yunet", Licence="MIT & more")
    assert between(text, '<dl class="facts">', "</dl>") == (
        "<div><dt>Detector</dt><dd><bdi>yunet</bdi></dd></div>"
        "<div><dt>Licence</dt><dd><bdi>MIT &amp; more</bdi></dd></div>"
    )


def test_nobody() -> None:
    text = page([])
    assert "No faces were found" in text
    assert '<p id="totals"></p>' in text
    assert "No faces were found" not in page([(0, [card()])])


def test_rows_are_written_as_they_are_read() -> None:
    read: list[int] = []

    def people() -> Iterator[tuple[int, list[Card]]]:
        for number in range(3):
            read.append(number)
            yield number, [card(), card()]

    pieces = people_page(people(), title="People", facts={})
    next(pieces)
    assert read == []
    assert 'id="person-0"' in "".join([next(pieces), next(pieces)])
    assert read == [0]


def test_snippet_shows_some_and_counts_all() -> None:
    people = [(number, [card(f"{number}.jpg"), card("v.mp4", time=1.0)]) for number in range(30)]
    text = people_snippet(people, limit=4)
    assert text.count("<img") == 4
    assert "30 people, 60 faces in 30 photos and 1 video" in text
    assert "+ 26 more people" in text
    assert "+ 1 more person<" in people_snippet(people[:3], limit=2)
    assert "more" not in people_snippet(people[:4], limit=4)


def test_snippet_needs_no_script_style_sheet_or_colour_of_its_own() -> None:
    text = people_snippet([(0, [card()])])
    assert {tag for tag, _ in Page(text).elements} == {"div", "p", "img"}
    assert not re.search(r"color|background|class=|id=", text)
    assert "1 person, 1 face in 1 photo" in text


def test_snippet_of_nobody_says_so() -> None:
    assert "No faces were found" in people_snippet([])
