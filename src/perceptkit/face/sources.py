"""Which files a run is about: photos and videos, in input order, and what was left aside."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError, write_error
from ..files import expand, sniff
from ..images import SUFFIXES as PHOTOS
from ..video import SUFFIXES as VIDEOS

__all__ = ["Sources", "find_sources", "is_video", "refuse_strange", "without_our_own"]


_OUR_OWN = (("headshots", "faces.jsonl"), ("pictures", "gallery.json"))  # folders, and what is beside them


@dataclass(frozen=True, slots=True)
class Sources:
    """All files in input order, those of them that are videos, and what was not taken: paths with the reason.

    `closed` are folders without permission: what is in them is missing from the result.
    """

    paths: tuple[Path, ...]
    videos: frozenset[Path]
    skipped: tuple[tuple[Path, str], ...]
    closed: tuple[tuple[Path, str], ...]


def find_sources(paths: str | Path | Iterable[str | Path], folder: Path) -> Sources:
    """The photos and videos meant by `paths`, for results in `folder`. Raises InputError when there are none."""
    wanted = [paths] if isinstance(paths, (str, Path)) else list(paths)
    found, skipped = expand(wanted, PHOTOS | VIDEOS)
    sources = without_our_own(found, folder)
    if not sources:
        where = ", ".join(map(str, wanted)) or "an empty list of paths"
        reasons = "".join(f"\n  skipped {path}: {reason}" for path, reason in skipped[:10])
        raise InputError(
            f"no photos in {where}; looked for {', '.join(sorted(PHOTOS))}, "
            f"and no videos; looked for {', '.join(sorted(VIDEOS))}{reasons}"
        )
    # What is in a folder without permission is missing from the result, which a loop or a device file is not.
    closed = [(path, why) for path, why in skipped if path.is_dir() and not os.access(path, os.R_OK | os.X_OK)]
    return Sources(
        tuple(sources),
        frozenset(path for path in sources if is_video(path)),
        tuple(each for each in skipped if each not in closed),
        tuple(closed),
    )


def refuse_strange(folder: Path) -> None:
    """Raise InputError for an output folder that holds something other than results of ours."""
    try:
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder} is a file; choose a folder to write to")
        strange = folder.exists() and any(folder.iterdir())
    except OSError as error:
        raise write_error(folder, error) from error
    if strange and not any((folder / name).exists() for name in ("run.json", ".partial")):
        raise InputError(f"{folder} is not empty and holds no earlier result; choose another output folder")


def without_our_own(sources: Sequence[Path], folder: Path | None = None) -> list[Path]:
    """The files without the headshots that runs wrote, to `folder` or elsewhere, and without the pictures of galleries,
    which may lie among them."""
    headshots = None if folder is None else (folder / "headshots").resolve()
    ours = {
        parent
        for parent in {source.parent for source in sources}
        if parent.resolve() == headshots
        or any(parent.name == name and (parent.parent / sign).exists() for name, sign in _OUR_OWN)
    }
    return [source for source in sources if source.parent not in ours]


def is_video(path: Path) -> bool:
    """By its ending, or else by its first bytes; what cannot be read is left to the photos to complain about."""
    suffix = path.suffix.lower()
    if suffix in PHOTOS or suffix in VIDEOS:
        return suffix in VIDEOS
    try:
        with path.open("rb") as file:
            return "video" in sniff(file.read(64))
    except OSError:
        return False
