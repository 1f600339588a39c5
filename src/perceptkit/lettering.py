"""The letters of pictures and pages: which of a text can be shown, and the font to write it in.

Pillow's own font has the letters of ASCII and little else. Texts with other letters are written as a whole in
`letters.ttf`, which has the Latin, Greek, Cyrillic, Armenian and Georgian ones.
"""

from __future__ import annotations

import functools
import importlib.resources
import io
import unicodedata

from PIL import ImageFont

__all__ = ["font_for", "showable"]

_MISSING = "\U0010ffff"  # no font has it: Unicode says that it is not a character
_TRIED = 24  # pixels: large enough that no letter looks like the sign of a missing one


def showable(text: str) -> str:
    """A text in letters that the fonts have: `Müller` as it is, the base letter where only that is there, else "?".

    Every kind of white space becomes a space; what cannot be seen, or only changes the order of letters, is left out.
    """
    return "".join(map(_shown, unicodedata.normalize("NFC", text)))


def font_for(text: str, size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font of `size` pixels to write a text in."""
    return _own_font(size) if all(map(_in_own_font, text)) else _wide_font(size)


@functools.cache
def _shown(letter: str) -> str:
    if letter.isspace():
        return " "
    kind = unicodedata.category(letter)
    if kind in ("Cc", "Cf", "Mn", "Me"):  # unseen, or a mark that found no letter to sit on
        return ""
    if kind in ("Cn", "Co", "Cs"):  # no letter at all
        return "?"
    if _in_own_font(letter) or _in_wide_font(letter):
        return letter
    bases = [part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part)]
    return "".join(base if _in_own_font(base) or _in_wide_font(base) else "?" for base in bases)


@functools.cache
def _in_own_font(letter: str) -> bool:
    return _has(_own_font(_TRIED), letter)


@functools.cache
def _in_wide_font(letter: str) -> bool:
    return _has(_wide_font(_TRIED), letter)


def _has(font: ImageFont.FreeTypeFont | ImageFont.ImageFont, letter: str) -> bool:
    """Whether a letter looks other than the sign that a font draws for all letters it does not have."""
    drawn, missing = font.getmask(letter), font.getmask(_MISSING)
    return (drawn.size, bytes(drawn)) != (missing.size, bytes(missing))


# Reading a font takes longer than writing a label with it.
@functools.lru_cache(maxsize=64)
def _own_font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


@functools.lru_cache(maxsize=64)
def _wide_font(size: float) -> ImageFont.FreeTypeFont:
    data = importlib.resources.files(__package__).joinpath("letters.ttf").read_bytes()
    return ImageFont.truetype(io.BytesIO(data), size)
