"""Texts on a page: what fits, in letters that can be read."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from perceptkit.pages import FINER, fitting, text_width, wrapped, write


def test_a_text_that_fits_keeps_its_letters() -> None:
    assert fitting("Müller,  Çelik\nund Łukasz", 20, 1000) == "Müller, Çelik und Łukasz"


def test_a_text_that_does_not_fit_is_cut_with_dots() -> None:
    for text in ("a long title " * 9, "Ä" * 300, "山" * 300, "x" * 100_000):
        cut = fitting(text, 20, 300)
        assert cut.endswith("...")
        assert 200 < text_width(cut, 20) <= 300


def test_lines_are_no_wider_than_asked_for() -> None:
    lines = wrapped("Señor Müller seems to look at Łukasz for most of the time", 20, 200)
    assert len(lines) > 2
    assert all(text_width(line, 20) <= 200 for line in lines)


@pytest.mark.parametrize("text", ["Muller", "Müller", "Łukasz"])
def test_a_text_is_as_wide_as_it_says(text: str) -> None:
    page = Image.new("RGB", (400 * FINER, 100 * FINER), "white")
    write(page, 50, 60, text, 40, (0, 0, 0))
    columns = np.flatnonzero((np.asarray(page.reduce(FINER)) < 128).any(axis=(0, 2)))
    assert columns[0] == pytest.approx(50, abs=5)
    assert columns[-1] == pytest.approx(50 + text_width(text, 40), abs=5)
