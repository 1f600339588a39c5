"""What a server is told, and what it does not take."""

from __future__ import annotations

from pathlib import Path

import pytest

from perceptkit.errors import InputError
from perceptkit.server import read_settings


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("MAX_IMAGES_PER_REQUEST", "0", "0; it must be more than 0"),
        ("REQUEST_TIMEOUT", "nan", "nan; it must be more than 0"),
        ("MIN_FREE_BYTES", "-5", "-5; it must be at least 0"),
        ("MAX_UPLOAD_BYTES", "1GiB", "'1GiB': give a whole number$"),
        ("PORT", "abc", "'abc': give a whole number$"),
        ("REQUEST_TIMEOUT", "3 min", "'3 min': give a number$"),
        ("ALLOW_IMAGE_URL", "maybe", "'maybe': give 1 or 0"),
        ("ALLOWED_ORIGINS", "https://a.example, *", r"\*: pages of any site"),
    ],
)
def test_an_error_names_the_variable_that_was_set(name: str, value: str, said: str) -> None:
    with pytest.raises(InputError, match=f"^{name} is {said}"):
        read_settings({name: value}, data=Path("data"))


def test_errors_about_options_name_them() -> None:
    with pytest.raises(InputError, match=r"^--token, or PERCEPTKIT_TOKEN, has fewer than 16"):
        read_settings({}, data=Path("data"), token="short")
    with pytest.raises(InputError, match=r"port 65536 \(--port, PORT\)"):
        read_settings({}, data=Path("data"), port=65536)
    with pytest.raises(InputError, match=r"^--device is 'gpu'; choose one of: auto, .*cpu"):
        read_settings({}, data=Path("data"), device="gpu")


def test_nothing_of_the_disk_may_be_left_free() -> None:
    assert read_settings({"MIN_FREE_BYTES": "0"}, data=Path("data")).min_free == 0


def test_origins_are_kept_as_browsers_send_them() -> None:
    said = "https://a.example/, HTTP://B.example:8080,http://[::1]:3000"
    expected = ("https://a.example", "http://b.example:8080", "http://[::1]:3000")
    assert read_settings({"ALLOWED_ORIGINS": said}, data=Path("data")).allowed_origins == expected


@pytest.mark.parametrize(
    "origin", ["a.example", "https://a.example/page", "https://a.example:port", "null", "https://u@a.example"]
)
def test_what_is_no_origin_is_refused(origin: str) -> None:
    with pytest.raises(InputError, match=f"^ALLOWED_ORIGINS has '{origin}'; an origin is like https://example.org"):
        read_settings({"ALLOWED_ORIGINS": origin}, data=Path("data"))
