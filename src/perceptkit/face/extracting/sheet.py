"""The contact sheet of a set of photos and videos: every person found, as one HTML page or a notebook's fragment.

The page is one file without a link to anything: pictures, style and script are inside, and its content
security policy lets nothing else run. `sheet.html` beside this module is the page without its people.
"""

from __future__ import annotations

import base64
import hashlib
import html
import importlib.resources
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ...output import count

__all__ = ["Card", "people_page", "people_snippet"]

# Characters that UTF-8 cannot hold, that HTML changes, or that reorder the text around them.
_UNSHOWABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Card:
    """One face on the sheet.

    `quality` and `score` are 0..1. An empty `headshot` counts the face and makes its file findable without
    showing it: that is how a caller keeps the sheet small.
    """

    face_id: str
    source: str
    time: float | None
    """Seconds into a video, None for a photo."""
    quality: float
    score: float
    best: bool
    """The face that stands for its person."""
    headshot: bytes
    """JPEG."""


def people_page(people: Iterable[tuple[int, Sequence[Card]]], *, title: str, facts: Mapping[str, str]) -> Iterator[str]:
    """The contact sheet as pieces of one HTML page, to be written to a file as UTF-8 in their order.

    `people` are (person number, all cards of that person, best first); each has at least one card and the first
    has a headshot. People seen more than once come first, in the order given, and are written as they are read;
    the cards of people seen once are kept until the end, where they share one grid. `facts` are shown under the
    title in their order: models, threshold, licence.
    """
    head, tail = _template().split("<!--people-->")
    described = "".join(
        f"<div><dt>{_text(name)}</dt><dd><bdi>{_text(fact)}</bdi></dd></div>" for name, fact in facts.items()
    )
    yield head.replace("<!--title-->", _text(title)).replace("<!--facts-->", described)

    totals = _Totals()
    once: list[tuple[int, Card]] = []
    rows = False
    for number, cards in people:
        totals.add(cards)
        if len(cards) == 1:
            once.append((number, cards[0]))
            continue
        if not rows:
            rows = True
            yield '<section aria-labelledby="often"><h2 id="often">Seen more than once</h2>\n'
        yield _row(number, cards)
    if rows:
        yield "</section>\n"
    if once:
        yield '<section aria-labelledby="once"><h2 id="once">Seen once</h2>\n<ul class="once">\n'
        for number, card in once:
            yield _tile(number, card)
        yield "</ul></section>\n"
    if not totals.people:
        yield _NOBODY
    yield tail.replace("<!--totals-->", str(totals))


def people_snippet(people: Iterable[tuple[int, Sequence[Card]]], *, limit: int = 24) -> str:
    """The best face of each person as a small piece of HTML, for a notebook.

    `people` as for `people_page`; all are counted and the first `limit` are shown. No script and no style
    sheet, and colours that come from the notebook, so it reads in a light and in a dark one.
    """
    totals = _Totals()
    figures: list[str] = []
    for number, cards in people:
        totals.add(cards)
        if len(figures) < limit:
            figures.append(_figure(number, cards))
    more = totals.people - len(figures)
    note = f'<p style="margin:8px 0 0;opacity:.75">+ {count(more, "more person", "more people")}</p>' if more else ""
    return (
        '<div style="font-family:system-ui,sans-serif;font-size:13px;line-height:1.4">'
        f'<p style="margin:0 0 8px">{totals if totals.people else "No faces were found"}</p>'
        f'<div style="display:flex;flex-wrap:wrap;gap:12px">{"".join(figures)}</div>{note}</div>'
    )


_NOBODY = """<div class="nobody"><h2>No faces were found</h2>
<p>Small or uncertain faces are left out: lower the detector's score threshold or the smallest face size to keep
them.</p></div>
"""


@dataclass(slots=True)
class _Totals:
    """What the sheet holds, counted as it is written."""

    people: int = 0
    faces: int = 0
    photos: set[str] = field(default_factory=set)
    videos: set[str] = field(default_factory=set)

    def add(self, cards: Sequence[Card]) -> None:
        self.people += 1
        self.faces += len(cards)
        for card in cards:
            (self.photos if card.time is None else self.videos).add(card.source)

    def __str__(self) -> str:
        return f"{count(self.people, 'person', 'people')}, {self.seen()}" if self.people else ""

    def seen(self) -> str:
        files = [
            count(len(sources), *words)
            for sources, words in ((self.photos, ("photo", "photos")), (self.videos, ("video", "videos")))
            if sources
        ]
        return f"{count(self.faces, 'face', 'faces')} in {' and '.join(files)}"


def _row(number: int, cards: Sequence[Card]) -> str:
    """A person seen more than once: the best face, the counts, and the other faces."""
    totals = _Totals()
    totals.add(cards)
    first, *others = (_face(number, index, cards) for index, card in enumerate(cards) if card.headshot or index == 0)
    strip = "".join(f"<li>{face}</li>" for face in others)
    if hidden := len(cards) - 1 - len(others):
        strip += f'<li class="more">+ {hidden:,} more</li>'
    # The files of faces that are not shown, so that the filter finds the person by them too.
    shown = {card.source for card in cards if card.headshot}
    unshown = dict.fromkeys(_text(card.source) for card in cards if card.source not in shown)
    extra = f' data-others="{"&#10;".join(unshown)}"' if unshown else ""
    return (
        f'<article class="person" id="person-{number}" data-person="{number}" aria-labelledby="name-{number}"{extra}>'
        f'{first}<div><h3 id="name-{number}">Person {number}</h3><p class="seen">{totals.seen()}</p></div>'
        f'<ul class="strip" aria-label="Other faces of person {number}">{strip}</ul></article>\n'
    )


def _tile(number: int, card: Card) -> str:
    """A person seen once."""
    return (
        f'<li id="person-{number}" data-person="{number}">{_face(number, 0, [card])}'
        f'<h3>Person {number}</h3><p><bdi dir="ltr">{_text(_file_name(card.source))}</bdi></p></li>\n'
    )


def _face(number: int, index: int, cards: Sequence[Card]) -> str:
    card = cards[index]
    name = f"Person {number}"
    if len(cards) > 1:
        name += f", face {index + 1} of {len(cards)}" + (", the best" if card.best else "")
    time = "" if card.time is None else f' data-time="{_clock(card.time)}"'
    return (
        f'<button type="button" class="face" data-name="{name}" data-id="{_text(card.face_id)}"'
        f' data-source="{_text(card.source)}"{time} data-quality="{card.quality:.2f}" data-score="{card.score:.2f}">'
        f'<img src="{_data_url(card)}" width="160" height="160" decoding="async"'
        f' alt="{name}, in {_text(_file_name(card.source))}, quality {card.quality:.2f}"></button>'
    )


def _figure(number: int, cards: Sequence[Card]) -> str:
    best = cards[0]
    faces = count(len(cards), "face", "faces")
    return (
        '<div style="width:88px">'
        f'<img src="{_data_url(best)}" width="88" height="88" title="{_text(best.source)}"'
        f' alt="Person {number}, in {_text(_file_name(best.source))}"'
        ' style="display:block;width:88px;height:88px;margin:0 0 4px;object-fit:cover;border-radius:5px">'
        f'<div style="font-weight:600">Person {number}</div><div style="opacity:.75">{faces}</div></div>'
    )


def _template() -> str:
    """The page without its people; its policy names the one style and the one script by their hashes."""
    page = importlib.resources.files("perceptkit.face.extracting").joinpath("sheet.html").read_text(encoding="utf-8")
    for tag in ("style", "script"):
        content = page.split(f"<{tag}>")[1].split(f"</{tag}>")[0]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        page = page.replace(f"<!--{tag}-hash-->", f"sha256-{digest}")
    return page


def _text(text: str) -> str:
    """Any string as HTML text or attribute value; what cannot be shown as it is reads as a Python escape."""
    shown = _UNSHOWABLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
    return html.escape(shown)


def _data_url(card: Card) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(card.headshot).decode()}"


def _file_name(source: str) -> str:
    return re.split(r"[/\\]", source)[-1]


def _clock(seconds: float) -> str:
    """h:mm:ss.t, without the hours where there are none."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    tail = f"{rest / 10:04.1f}"
    return f"{hours}:{minutes:02}:{tail}" if hours else f"{minutes}:{tail}"
