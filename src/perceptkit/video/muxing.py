"""An MP4 being written: it is there whole at the end or not there, and can be played while it is still being loaded."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from fractions import Fraction
from pathlib import Path

import av
from av.container import OutputContainer

from ..errors import MediaError, write_error
from ..files import replacing_path

__all__ = ["of_the_disk", "open_output"]


@contextmanager
def open_output(path: str | Path, unit: Fraction) -> Iterator[OutputContainer]:
    """A container to write to, which takes the place of `path` when the block ends well.

    `unit` is that of the timestamps of the pictures, in seconds. When the block fails, `path` is as it was and nothing
    is left beside it. Raises DeviceError when the disk is full, InputError when `path` cannot be written to.
    """
    with _write_errors(path), replacing_path(path) as beside, ExitStack() as failed:
        # The name is given to the file at the end, and FFmpeg opens it when all streams are known: look at both now.
        with suppress(FileNotFoundError):
            Path(path).lstat()
        beside.touch()
        # What begins later than the file does so by this scale, which is coarse (1/1000 s) unless it is set.
        scale = unit.denominator * (1 + 10_000 // unit.denominator)
        options = {"movflags": "+faststart", "movie_timescale": str(scale)}
        output = av.open(f"file:{beside}", "w", format="mp4", container_options=options)
        failed.callback(_abandon, output, beside)
        yield output
        failed.pop_all()
        output.close()


def _abandon(output: OutputContainer, path: Path) -> None:
    with suppress(OSError):
        path.unlink()  # so that closing does not go to the trouble of finishing it
    with suppress(av.FFmpegError, OSError, ValueError):
        output.close()


def of_the_disk(error: av.FFmpegError) -> bool:
    """Whether the disk is to blame for what FFmpeg says while writing, and not what is written."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)


@contextmanager
def _write_errors(path: str | Path) -> Iterator[None]:
    """What FFmpeg says while writing `path`, as our errors."""
    try:
        yield
    except av.FFmpegError as error:
        if of_the_disk(error):
            raise write_error(path, OSError(error.errno, error.strerror)) from error
        raise MediaError(f"cannot write {path}: {error.strerror}; its pictures or its sound may be damaged") from error
