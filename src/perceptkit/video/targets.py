"""Where a video is written to, checked before the work and not after it."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError
from ..files import check_folder, check_not_over

__all__ = ["check_target"]


def check_target(target: str | Path, *sources: str | Path) -> Path:
    """The path to write a video to that is made from `sources`; InputError for one that is no .mp4, cannot be written
    to, or is one of them."""
    target = Path(target).expanduser()
    if target.suffix.lower() not in (".mp4", ".m4v"):
        raise InputError(f"cannot write {target}: the video is written as .mp4; give OUT.mp4")
    check_not_over(target, *sources)
    check_folder(target.parent)
    return target
