"""The shortest part of a real walk in which several steps are found, small enough for tests of the whole way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from perceptkit import video
from perceptkit.video import Frame, Writer
from shared_data import video_file

__all__ = ["real_walk", "write_real_walk"]

_START, _END, _EVERY, _SMALLER = 1.5, 3.0, 2, 4


def real_walk() -> Iterator[Frame]:
    """A second and a half of somebody who walks on grass: 45 pictures, from time 0 on."""
    with video.read(video_file("walk-grass-side.mp4"), start=_START, end=_END, every=_EVERY) as frames:
        for frame in frames:
            image = frame.image[::_SMALLER, ::_SMALLER][:248, :442]
            yield Frame(frame.index, frame.time - _START, np.ascontiguousarray(image))


def write_real_walk(target: Path) -> Path:
    """The same as a video without sound."""
    info = replace(video.info(video_file("walk-grass-side.mp4")), width=442, height=248, rotation=0, rate=Fraction(30))
    with Writer(target, info) as writer:
        for frame in real_walk():
            writer.write(frame)
    return target
