"""Files on disk: which ones the user means, what they really are, and writing them whole or not at all."""

from __future__ import annotations

import fnmatch
import glob
import os
import re
import stat
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

from .errors import InputError, write_error

__all__ = [
    "check_folder",
    "check_not_over",
    "expand",
    "make_folder",
    "remove_parts",
    "replacing",
    "replacing_path",
    "sniff",
    "write_bytes",
]


def expand(paths: Iterable[str | Path], suffixes: Collection[str]) -> tuple[list[Path], list[tuple[Path, str]]]:
    """The files meant by `paths`, each once and in a stable order, and what was skipped with the reason.

    A path is a file (taken whatever its name), a folder (searched recursively for `suffixes`, lower case with the
    dot, in sorted order), a glob pattern, or `@list.txt` (a text file with one of these a line; `#` begins a comment).
    A file that is reached by two ways or two links is taken by the first. Hidden files are not searched for.
    Raises InputError for a path that does not exist; a line of a list is taken as it is, so that one file that has gone
    since does not stop the others.
    """
    found: dict[str, Path] = {}
    skipped: list[tuple[Path, str]] = []
    for path, listed in _read_lists(paths):
        if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises for a name that is too long
            _walk(path, suffixes, found, skipped)
        elif os.path.lexists(path):
            _take(path, found, skipped)
        elif glob.has_magic(str(path)):
            _match(path, suffixes, found, skipped)
        elif listed:
            found.setdefault(str(path), path)
        else:
            raise InputError(f"no such file or folder: {path}")
    return list(found.values()), skipped


def _read_lists(paths: Iterable[str | Path]) -> Iterator[tuple[Path, bool]]:
    """The paths, and those in the lists among them, each with whether it comes from a list."""
    for path in paths:
        text = str(path)
        if not text:
            raise InputError("an empty path; to search the current folder, give: .")
        if not text.startswith("@") or os.path.lexists(text):
            yield _at_home(text), False
            continue
        listing = Path(text[1:])
        try:
            content = listing.read_text(encoding="utf-8-sig", errors="surrogateescape")
        except OSError as error:
            raise InputError(f"cannot read the list {listing}: {error.strerror or error}") from error
        if "\0" in content:
            raise InputError(f"the list {listing} is not a text file in UTF-8, one path a line")
        lines = map(str.strip, content.split("\n"))
        yield from ((_at_home(line), True) for line in lines if line and not line.startswith("#"))


def _at_home(text: str) -> Path:
    return Path(os.path.expanduser(text))  # noqa: PTH111 - Path.expanduser raises where ~ is only part of a name


def _match(pattern: Path, suffixes: Collection[str], found: dict[str, Path], skipped: list[tuple[Path, str]]) -> None:
    """Add the wanted files that a glob pattern means, or that are in the folders it means."""
    parts = pattern.parts
    # From the first ** on we search ourselves: glob would go round links that lead back.
    depth = parts.index("**") if "**" in parts else len(parts)
    matches = sorted(glob.glob(str(Path(*parts[:depth]))))  # noqa: PTH207 - absolute patterns too
    for match in map(Path, matches):
        if match.is_dir():
            below: dict[str, Path] = {}
            _walk(match, suffixes, below, skipped)
            for identity, path in below.items():
                if _fits(path.relative_to(match).parts, parts[depth:]):
                    found.setdefault(identity, path)
        elif match.suffix.lower() in suffixes:
            _take(match, found, skipped)
    if not matches:
        skipped.append((pattern, "nothing matches this pattern"))


def _fits(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether a path below a folder, or a folder it is in, fits a pattern in which ** stands for any folders."""
    if not pattern:
        return True
    if pattern[0] == "**":
        return any(_fits(parts[skip:], pattern[1:]) for skip in range(len(parts) + 1))
    return bool(parts) and fnmatch.fnmatch(parts[0], pattern[0]) and _fits(parts[1:], pattern[1:])


def _walk(folder: Path, suffixes: Collection[str], found: dict[str, Path], skipped: list[tuple[Path, str]]) -> None:
    """Add the wanted files below `folder`; links to folders are followed, loops are not."""

    def unreadable(error: OSError) -> None:
        skipped.append((Path(error.filename), error.strerror or str(error)))

    seen: set[tuple[int, int]] = set()
    for parent, folders, names in os.walk(folder, onerror=unreadable, followlinks=True):
        identity = Path(parent).stat()
        if (identity.st_dev, identity.st_ino) in seen:
            skipped.append((Path(parent), "a link back to a folder that was searched already"))
            folders.clear()
            continue
        seen.add((identity.st_dev, identity.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in suffixes:  # noqa: PTH122 - hot loop
                _take(Path(parent, name), found, skipped)


def _take(path: Path, found: dict[str, Path], skipped: list[tuple[Path, str]]) -> None:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        broken = "a symbolic link that leads nowhere or to itself"
        skipped.append((path, broken if path.is_symlink() else error.strerror or str(error)))
        return
    if stat.S_ISREG(mode):
        found.setdefault(os.path.realpath(path), path)
    else:
        skipped.append((path, "not a regular file"))


_SIGNATURES = (
    (0, b"version https://git-lfs.github.com/spec", "a Git LFS pointer, not the file itself; run: git lfs pull"),
    (0, b"\xff\xd8\xff", "a JPEG image"),
    (0, b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (0, b"GIF8", "a GIF image"),
    (0, b"BM", "a BMP image"),
    (0, b"II*\0", "a TIFF image"),
    (0, b"MM\0*", "a TIFF image"),
    (8, b"WEBP", "a WebP image"),
    (8, b"WAVE", "a WAV sound"),
    (8, b"AVI ", "a video (AVI)"),
    (4, b"ftypavif", "an AVIF image"),
    (4, b"ftypavis", "an AVIF image"),
    (4, b"ftyphei", "a HEIC image"),
    (4, b"ftyphev", "a HEIC image"),
    (4, b"ftypmif1", "a HEIC image"),
    (4, b"ftypmsf1", "a HEIC image"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 image"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (4, b"ftyp", "a video (MP4 or MOV)"),
    (0, b"\x1aE\xdf\xa3", "a video (Matroska or WebM)"),
    (0, b"OggS", "an Ogg sound or video"),
    (0, b"ID3", "an MP3 sound"),
    (0, b"fLaC", "a FLAC sound"),
    (0, b"%PDF", "a PDF document"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
)


def sniff(head: bytes) -> str:
    """What a file really is, in words, from its first bytes (64 are enough): "a JPEG image", "an HTML page"."""
    if not head:
        return "an empty file"
    for offset, signature, name in _SIGNATURES:
        if head.startswith(signature, offset):
            general = signature in (b"ftypmif1", b"ftypmsf1")  # the brands after it say which kind
            return "an AVIF image" if general and b"avif" in head[16:] else name
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head")):
        return "an HTML page"
    if start.startswith((b"<?xml", b"<svg")):
        return "an XML or SVG file"
    if not any(byte < 9 or 13 < byte < 32 for byte in head):
        return "a text file"
    return "a file of unknown type"


@contextmanager
def replacing(path: str | Path) -> Iterator[IO[bytes]]:
    """A binary file to write to, which takes the place of `path` when the block ends well.

    When the block fails, `path` is as it was and nothing is left beside it. A link stays, and what it leads to is
    replaced. A full disk is a DeviceError, a folder that cannot be written to an InputError.
    """
    with replacing_path(path) as beside, beside.open("wb") as file:
        yield file


@contextmanager
def replacing_path(path: str | Path) -> Iterator[Path]:
    """The path of a file to make, which takes the place of `path` when the block ends well; promises of `replacing`."""
    target = Path(os.path.realpath(path))
    # Renaming would put a file in the place of /dev/null. Not Path.exists, which raises for a name that is too long.
    if os.path.exists(target) and not os.path.isfile(target):  # noqa: PTH110, PTH113
        raise InputError(f"cannot write {path}: it is not a regular file")
    beside = target.with_name(f".{uuid4().hex}.part")  # not from its name, which may be 255 bytes long already
    with ExitStack() as failed:
        failed.callback(_remove, beside)
        try:
            yield beside
            beside.replace(target)
        except OSError as error:
            raise write_error(path, error) from error
        failed.pop_all()


def _remove(path: Path) -> None:
    with suppress(OSError):  # what could not be made cannot be removed
        path.unlink()


def check_folder(path: str | Path) -> Path:
    """A folder that can be written to or made, as its path; InputError otherwise. Nothing is made."""
    folder = Path(path).expanduser()
    there = folder.absolute()
    while not os.path.lexists(there):
        there = there.parent
    if not there.is_dir():
        raise InputError(f"cannot write {path}: {there} is not a folder; choose another output folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise InputError(f"cannot write {path}: {there} may not be written to; choose another output folder")
    return folder


def check_not_over(target: str | Path, *sources: str | Path) -> None:
    """InputError when a file would be written over by what is made of it."""
    for source in sources:
        if os.path.exists(source) and os.path.exists(target) and os.path.samefile(source, target):  # noqa: PTH110, PTH121
            raise InputError(f"{target} would be written over by what is made of it; choose another output")


def make_folder(path: str | Path) -> Path:
    """A folder, made with its parents when it is not there, as its path; the errors of `replacing`."""
    folder = Path(path).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(path, error) from error
    return folder


def remove_parts(folder: Path) -> None:
    """Remove what runs that were killed have left half-written in a folder that nobody else is writing to."""
    for path in folder.glob(".*.part"):
        if _PART.fullmatch(path.name):
            path.unlink(missing_ok=True)


_PART = re.compile(r"\.[0-9a-f]{32}\.part")


def write_bytes(path: str | Path, data: bytes | memoryview[Any]) -> None:
    """Write a whole file at once, with the promises of `replacing`."""
    with replacing(path) as file:
        file.write(data)
