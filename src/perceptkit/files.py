"""Files on disk: which ones the user means, what they really are, and writing them whole or not at all."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

from .errors import InputError, write_error

__all__ = ["expand", "replacing", "sniff", "write_bytes"]


def expand(paths: Iterable[str | Path], suffixes: Collection[str]) -> tuple[list[Path], list[tuple[Path, str]]]:
    """The files meant by `paths`, each once and in a stable order, and what was skipped with the reason.

    A path is a file (taken whatever its name), a folder (searched recursively for `suffixes`, lower case with the
    dot, in sorted order), a glob pattern, or `@list.txt` (a text file with one of these a line).
    Raises InputError for a path that does not exist.
    """
    found: dict[Path, None] = {}
    skipped: list[tuple[Path, str]] = []
    for path in _read_lists(paths):
        if path.is_dir():
            _walk(path, suffixes, found, skipped)
        elif path.exists():
            _take(path, found, skipped)
        elif glob.has_magic(str(path)):
            for match in sorted(glob.glob(str(path), recursive=True)):  # noqa: PTH207 - absolute patterns too
                if Path(match).is_dir():
                    _walk(Path(match), suffixes, found, skipped)
                elif Path(match).suffix.lower() in suffixes:
                    _take(Path(match), found, skipped)
        elif path.is_symlink():
            skipped.append((path, "a symbolic link that leads nowhere or to itself"))
        else:
            raise InputError(f"no such file or folder: {path}")
    return list(found), skipped


def _read_lists(paths: Iterable[str | Path]) -> Iterator[Path]:
    for path in paths:
        text = str(path)
        if not text.startswith("@") or Path(text).exists():
            yield Path(path).expanduser()
            continue
        listing = Path(text[1:])
        try:
            lines = listing.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        except OSError as error:
            raise InputError(f"cannot read the list {listing}: {error.strerror or error}") from error
        yield from (Path(line.strip()) for line in lines if line.strip() and not line.startswith("#"))


def _walk(folder: Path, suffixes: Collection[str], found: dict[Path, None], skipped: list[tuple[Path, str]]) -> None:
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


def _take(path: Path, found: dict[Path, None], skipped: list[tuple[Path, str]]) -> None:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        skipped.append((path, error.strerror or str(error)))
        return
    if stat.S_ISREG(mode):
        found[path] = None
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
            return name
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

    When the block fails, `path` is as it was and nothing is left beside it. A full disk is a DeviceError, a folder
    that cannot be written to an InputError.
    """
    path = Path(path)
    beside = path.with_name(f".{uuid4().hex}.part")  # not from path.name, which may be 255 bytes long already
    try:
        with beside.open("wb") as file:
            yield file
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise write_error(path, error) from error
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def write_bytes(path: str | Path, data: bytes | memoryview[Any]) -> None:
    """Write a whole file at once, with the promises of `replacing`."""
    with replacing(path) as file:
        file.write(data)
