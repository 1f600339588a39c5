"""Names of files as callers give them, made fit for people to read and for headers. They are never used as a path."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Literal
from urllib.parse import quote

__all__ = ["content_disposition", "display_name", "distinct"]

_LONGEST = 120  # characters
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}\Z")
# Browsers write quotes and line breaks so; separators and control characters come so only from those who try tricks.
_ESCAPED = re.compile(r"%([01][0-9A-F]|2[2EF]|5C|7F)", re.IGNORECASE)
_RESERVED = re.compile(r"(CON|PRN|AUX|NUL|(COM|LPT)[0-9¹²³])(?=\.|\Z)", re.IGNORECASE)  # devices of Windows


def display_name(text: str) -> str:
    """A clean, short name of one line: "../../etc/passwd" becomes "passwd", what is left of nothing "unnamed"."""
    text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text[-16 * _LONGEST :])
    text = re.split(r"[/\\]", text)[-1]
    text = unicodedata.normalize("NFC", text)
    # Other: control characters, marks that turn the direction of writing, halves of characters, unassigned ones.
    kept = (" " if each.isspace() else each for each in text if each.isspace() or unicodedata.category(each)[0] != "C")
    text = re.sub(r'[<>:"|?*]', "_", " ".join("".join(kept).split())).strip(". ")
    text = _RESERVED.sub(r"_\g<0>", text, count=1) if _RESERVED.match(text) else text
    return _shortened(text) or "unnamed"


def distinct(names: Iterable[str]) -> list[str]:
    """The same names, so that each is there once: the second "a.jpg" becomes "a.jpg (2)"."""
    found: dict[str, None] = {}
    numbers: dict[str, int] = {}
    for name in names:
        unique = name
        while unique in found:
            numbers[name] = numbers.get(name, 1) + 1
            unique = f"{name} ({numbers[name]})"
        found[unique] = None
    return list(found)


def content_disposition(name: str, *, kind: Literal["attachment", "inline"] = "attachment") -> str:
    """The header that gives a download its name, for every browser (RFC 6266)."""
    name = display_name(name)
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9 ._()-]", "_", plain).strip()
    plain = plain if plain.strip(". ") and not plain.startswith(".") else f"download{plain}"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _shortened(text: str) -> str:
    """The name without its middle where it is too long; the suffix stays."""
    found = _SUFFIX.search(text)
    suffix = found[0] if found else ""
    stem = text[: len(text) - len(suffix)]
    return text if len(text) <= _LONGEST else stem[: _LONGEST - len(suffix)].rstrip(". ") + suffix
