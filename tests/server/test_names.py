"""Names of files as callers give them: clean and short for people, safe in a header."""

from __future__ import annotations

import pytest

from perceptkit.server.incoming.names import content_disposition, display_name, distinct


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("talk.mp4", "talk.mp4"),
        ("../../etc/passwd", "passwd"),
        ("C:\\videos\\talk.mp4", "talk.mp4"),
        ("..%2f..%2Fetc%2fpasswd", "passwd"),
        ("..%5cboot.ini", "boot.ini"),
        ("%252e%252e%252f", "%252e%252e%252f"),  # decoded once only: it is a name like any other
        ("100%25.mp4", "100%25.mp4"),
        ("CON", "_CON"),
        ("con.mp4", "_con.mp4"),
        ("COM1.tar.gz", "_COM1.tar.gz"),
        ("console.mp4", "console.mp4"),
        ("a\0b.mp4", "ab.mp4"),
        ("a%00b.mp4", "ab.mp4"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("zero\u200bwidth\ufeff.png", "zerowidth.png"),
        ("two\r\nSet-Cookie: a=b.mp4", "two Set-Cookie_ a=b.mp4"),
        ("a\u2028b\tc.mp4", "a b c.mp4"),
        ("half\ud800.mp4", "half.mp4"),
        ('<img src="x">.mp4', "_img src=_x__.mp4"),
        ("  . .hidden. ", "hidden"),
        ("Bücher im Sommer.mov", "Bücher im Sommer.mov"),
        ("u\u0308ber.mp4", "über.mp4"),
        ("会議.mp4", "会議.mp4"),
        ("", "unnamed"),
        ("..", "unnamed"),
        ("/", "unnamed"),
        ("\0", "unnamed"),
    ],
)
def test_names_are_clean(given: str, shown: str) -> None:
    assert display_name(given) == shown
    assert display_name(shown) == shown


def test_long_names_keep_their_end() -> None:
    name = display_name("a" * 10_000 + ".mp4")

    assert name == "a" * 116 + ".mp4"
    assert display_name("a/" * 10_000 + "talk.mp4") == "talk.mp4"
    assert len(display_name("." + "b" * 500)) == 120


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("talk.mp4", "attachment; filename=\"talk.mp4\"; filename*=UTF-8''talk.mp4"),
        ("a b.mp4", "attachment; filename=\"a b.mp4\"; filename*=UTF-8''a%20b.mp4"),
        ("über.mp4", "attachment; filename=\"uber.mp4\"; filename*=UTF-8''%C3%BCber.mp4"),
        ("会議.mp4", "attachment; filename=\"download.mp4\"; filename*=UTF-8''%E4%BC%9A%E8%AD%B0.mp4"),
        ('"; evil="1', "attachment; filename=\"__ evil__1\"; filename*=UTF-8''_%3B%20evil%3D_1"),
        ("a\r\nX: y", "attachment; filename=\"a X_ y\"; filename*=UTF-8''a%20X_%20y"),
        ("50%20.mp4", "attachment; filename=\"50_20.mp4\"; filename*=UTF-8''50%2520.mp4"),
    ],
)
def test_downloads_have_a_header_that_is_safe(name: str, header: str) -> None:
    assert content_disposition(name) == header


def test_a_file_can_be_shown_instead() -> None:
    assert content_disposition("talk.mp4", kind="inline").startswith('inline; filename="talk.mp4"')


def test_of_several_files_each_has_a_name_of_its_own() -> None:
    assert distinct(["a", "b", "a", "a (2)", "a"]) == ["a", "b", "a (2)", "a (2) (2)", "a (3)"]
