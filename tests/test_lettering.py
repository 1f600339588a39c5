"""Names stay as they are written where a font has their letters, and are readable where it has not."""

# ruff: noqa: RUF001 - names have letters that look like others

from __future__ import annotations

import sys
import unicodedata

import pytest

from perceptkit.lettering import font_for, showable

NAMES = [
    "Müller",
    "Çelik",
    "Łukasz Żółć",
    "Đặng Thị Hương",
    "İsmail Işık",
    "Þórður Æsa",
    "Ștefan Țîrlea",
    "Ōtani",
    "Αλέξης",
    "Юлия Ёлкина",
    "Գևորգ",
    "თამარ",
    "O’Brien–Smith",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_stays_as_it_is(name: str) -> None:
    assert showable(name) == name
    assert showable(unicodedata.normalize("NFD", name)) == name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("山田", "??"),
        ("علي", "???"),
        ("Eve 😀!", "Eve ?!"),
        ("Ｅｖｅ", "Eve"),  # wide letters
        ("Ludwig Ⅷ", "Ludwig VIII"),
        ("𝓔ve", "Eve"),
        ("q̌", "q"),  # there is no such letter with a caron
        ("a\tb\u3000c\nd", "a b c d"),
        ("evil\u202etxt.exe\x00\u200b", "eviltxt.exe"),
        ("\ud800", "?"),
        ("", ""),
    ],
)
def test_what_no_font_has_is_the_base_letter_or_a_question_mark(text: str, shown: str) -> None:
    assert showable(text) == shown


@pytest.mark.parametrize("name", NAMES)
def test_no_letter_of_a_name_is_drawn_as_a_missing_one(name: str) -> None:
    font = font_for(name, 40)
    missing = font.getmask("\U0010ffff")
    for letter in name.replace(" ", ""):
        drawn = font.getmask(letter)
        assert (drawn.size, bytes(drawn)) != (missing.size, bytes(missing))
        assert any(drawn)


def test_plain_texts_are_in_one_font_and_others_in_another() -> None:
    plain, other = font_for("Anna 12.5 °", 20), font_for("Änna", 20)
    assert font_for("~", 20) is plain
    assert font_for("Łukasz", 20) is other
    assert plain is not other


def test_every_character_there_is_can_be_asked_for() -> None:
    characters = "".join(map(chr, range(0, sys.maxunicode + 1, 61)))
    assert showable(characters).isprintable()
