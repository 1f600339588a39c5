"""Take one file out of a zip archive that came from the network."""

from __future__ import annotations

import errno
import lzma
import shutil
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from ..errors import ModelError

__all__ = ["extract_member"]

# What zipfile raises for archives that are damaged (names that are no UTF-8 included), encrypted or exotic.
_UNREADABLE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError, RuntimeError)


def extract_member(archive: Path, member: str, target: Path, *, limit_bytes: int) -> None:
    """Write one member of a zip archive to `target`; no other name in the archive is ever used as a path.

    The member is found by its whole name or, where the archive wraps its files in a folder, by its last part.
    Raises ModelError when the archive cannot be read, or has no such member, or only one above `limit_bytes`;
    OSError when `target` cannot be written.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            entry = _find(opened, member)
            # zipfile never gives more than this declared size, so a lying header cannot fill the disk either.
            if entry.file_size > limit_bytes:
                raise ModelError(f"is a zip archive whose {member} has more than {limit_bytes} bytes")
            with opened.open(entry) as source, target.open("wb") as sink:
                shutil.copyfileobj(source, sink)
    except _UNREADABLE as error:
        raise ModelError(f"is not a zip archive that can be read ({error})") from error
    except OSError as error:
        # Damage too: a position outside the file, or a bzip2 stream that is none. Anything else is the disk.
        if error.errno not in (errno.EINVAL, None):
            raise
        raise ModelError(f"is not a zip archive that can be read ({error})") from error


def _find(opened: zipfile.ZipFile, member: str) -> zipfile.ZipInfo:
    entries = opened.infolist()
    for matches in (
        [entry for entry in entries if entry.filename == member],
        [entry for entry in entries if PurePosixPath(entry.filename).name == member],
    ):
        if len(matches) == 1:
            return matches[0]
    raise ModelError(f"is a zip archive without {member}")
