"""What the library says of an upload, in the words of those who have sent it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from clips import write_clip
from perceptkit.errors import InputError, MediaError, MissingExtraError
from perceptkit.images import decode, encode_jpeg, inspect
from perceptkit.server.tasks.naming import called, without_arguments
from perceptkit.video import Limits, info

PATH = Path("uploads/5b0e.jpg")


def test_what_an_upload_is_called_is_said_in_place_of_our_path() -> None:
    with pytest.raises(MissingExtraError) as caught, called("a.heic", PATH):
        raise MissingExtraError("heic", f"{PATH}: reading HEIC")
    assert str(caught.value) == "a.heic: reading HEIC needs an optional package: pip install 'perceptkit[heic]'"
    with pytest.raises(InputError, match=r"^a\.jpg was not used, a\.jpg$"), called("a.jpg", PATH):
        raise InputError(f"{PATH} was not used, {PATH.name}")


def test_advice_that_callers_cannot_follow_is_left_out(tmp_path: Path) -> None:
    photo = encode_jpeg(np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8))
    video = write_clip(tmp_path / "a.mp4", count=10)
    with pytest.raises(MediaError, match=r"^a: the file is damaged or cut short \([^;]*\)$"), called("a", PATH):
        decode(photo[:-200], name=str(PATH))
    with pytest.raises(MediaError, match=r"pixels; make the photo smaller$"), called("a", PATH):
        inspect(photo, name=str(PATH), max_pixels=10)
    for limits in (Limits(pixels=10), Limits(duration=0.1), Limits(frames=3), Limits(rate=1.0)):
        with pytest.raises(MediaError, match=r"limit of .*; [a-z ]+$"), called("a", video):
            info(video, limits=limits)
    assert without_arguments("9 faces were left out (--max-faces)") == "9 faces were left out"
    assert without_arguments("give another name, or --again to go on") == "give another name, or again=true to go on"
