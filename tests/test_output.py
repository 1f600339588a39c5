"""Results as JSON: what goes in comes out again, and what JSON cannot hold is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perceptkit.errors import InputError
from perceptkit.output import count, dumps, write_json, write_lines


@dataclass(frozen=True, slots=True)
class Point:
    x: float
    y: np.float32


@dataclass(frozen=True, slots=True)
class Photo:
    source: Path
    points: tuple[Point, ...]
    box: np.ndarray[Any, Any]
    size: np.int64
    sharp: np.bool_
    note: str | None = None


PHOTO = Photo(
    Path("trip/a.jpg"), (Point(1.5, np.float32(0.25)),), np.array([[1, 2], [3, 4]]), np.int64(7), np.bool_(True)
)
AS_JSON = {
    "source": "trip/a.jpg",
    "points": [{"x": 1.5, "y": 0.25}],
    "box": [[1, 2], [3, 4]],
    "size": 7,
    "sharp": True,
    "note": None,
}


@pytest.mark.parametrize("indent", [None, 2])
def test_results_are_written_field_by_field(indent: int | None) -> None:
    assert json.loads(dumps(PHOTO, indent=indent)) == AS_JSON
    assert json.loads(dumps({"photos": [PHOTO, None]}, indent=indent)) == {"photos": [AS_JSON, None]}
    assert list(json.loads(dumps(PHOTO))) == list(AS_JSON)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.zeros((0, 4)), []),
        (np.float64(0.1), 0.1),
        (np.array([0.1], np.float32), [0.10000000149011612]),
        (np.array([True, False]), [True, False]),
        (np.uint8(255), 255),
        (np.array(["é"]), ["é"]),
        ((1, (2, 3)), [1, [2, 3]]),
        (2**60 + 1, 2**60 + 1),
        (1e-300, 1e-300),
    ],
)
def test_numbers_keep_their_value(value: object, expected: object) -> None:
    assert json.loads(dumps(value)) == expected


@pytest.mark.parametrize(
    "name", ["bad\udce9name.jpg", "\ud83d alone", "new\nline\t\0", "写真 📷 é", "\u2028\u2029", '"\\', "</script>"]
)
def test_every_file_name_survives(name: str) -> None:
    text = dumps({"source": Path(name), name: name})
    assert text.isascii()
    assert "\n" not in text
    assert json.loads(text) == {"source": name, name: name}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
        lambda of: st.lists(of) | st.dictionaries(st.text(), of),
    )
)
def test_plain_values_come_back_as_they_were(value: object) -> None:
    assert json.loads(dumps(value)) == value


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_is_refused(number: float) -> None:
    for value in (
        number,
        [1.0, number],
        {"a": {"b": number}},
        np.array([0.0, number]),
        np.float32(number),
        Point(0, np.float32(number)),
    ):
        with pytest.raises(InputError, match="a result is not a number and cannot be written as JSON"):
            dumps(value)


@pytest.mark.parametrize("value", [object(), b"bytes", {1, 2}, 1j, Photo])
def test_what_is_no_result_is_a_mistake_in_the_program(value: object) -> None:
    with pytest.raises(TypeError, match=r"(object|bytes|set|complex|type) cannot be written as JSON"):
        dumps([value])


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 faces"), (1, "1 face"), (2, "2 faces"), (1234, "1,234 faces"), (10**6, "1,000,000 faces")],
)
def test_count_has_its_noun(number: int, text: str) -> None:
    assert count(number, "face", "faces") == text


def test_document_is_one_line_a_field_and_ends_with_a_line_end(tmp_path: Path) -> None:
    write_json(tmp_path / "run.json", {"faces": 2, "source": "é"})
    assert (tmp_path / "run.json").read_bytes() == b'{\n  "faces": 2,\n  "source": "\\u00e9"\n}\n'


def lines_of(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_lines_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "faces.jsonl"
    rows = [{"source": "new\nline.jpg"}, [1, 2], "bad\udce9name", None, 0.1]
    write_lines(path, rows)
    assert len(path.read_bytes().splitlines()) == 5
    assert lines_of(path) == rows
    write_lines(path, [])
    assert path.read_bytes() == b""


@pytest.mark.parametrize("error", [InputError, ValueError])
def test_lines_that_cannot_all_be_written_leave_the_old_file(tmp_path: Path, error: type[Exception]) -> None:
    path = tmp_path / "faces.jsonl"
    write_lines(path, ["old"])

    def rows() -> Iterator[Any]:
        yield "new"
        if error is ValueError:
            raise ValueError("a result is not there")
        yield float("nan")

    with pytest.raises(error, match="a result is not"):
        write_lines(path, rows())
    with pytest.raises(InputError, match="a result is not a number"):
        write_json(path, float("nan"))
    assert lines_of(path) == ["old"]
    assert list(tmp_path.iterdir()) == [path]
