"""Where a video is written to, checked before the work and not after it."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError
from ..files import check_folder

__all__ = ["check_target"]


def check_target(source: str | Path, target: str | Path) -> Path:
    """The path to write a video made from `source` to; InputError for one that is no .mp4, cannot be written to, or is
    the source itself."""
    source, target = Path(source).expanduser(), Path(target).expanduser()
    if target.suffix.lower() not in (".mp4", ".m4v"):
        raise InputError(f"cannot write {target}: the video is written as .mp4; give OUT.mp4")
    if source.exists() and target.exists() and target.samefile(source):
        raise InputError(f"{target} would be written over by what is made of it; choose another output")
    check_folder(target.parent)
    return target
