"""Every error perceptkit raises on purpose, in one tree.

    PerceptkitError
    +-- InputError (also ValueError)       change what you passed
    |   +-- MediaError                     unreadable, truncated, unsupported or too large media
    +-- ModelError                         weights: fetch, verify, open, run
    +-- DeviceError                        GPU, microphone, disk
    +-- MissingExtraError (ImportError)    an optional dependency is not installed

Each message says what was wrong and what to do about it. `exit_code` is what the
command line ends with.
"""

from __future__ import annotations

import errno

__all__ = [
    "DeviceError",
    "InputError",
    "MediaError",
    "MissingExtraError",
    "ModelError",
    "PerceptkitError",
    "is_disk_full",
    "write_error",
]


class PerceptkitError(Exception):
    """Base of all errors that a user can act on."""

    exit_code = 1


class InputError(PerceptkitError, ValueError):
    """What was passed cannot be used: a bad value, a missing file, files that do not fit together."""

    exit_code = 2


class MediaError(InputError):
    """A photo, video or sound cannot be read: empty, truncated, unsupported or larger than the limits."""


class ModelError(PerceptkitError):
    """Weights cannot be found, fetched, verified, opened or run."""

    exit_code = 4


class DeviceError(PerceptkitError):
    """A device failed or is not there: GPU, microphone, a full or read-only disk."""


class MissingExtraError(PerceptkitError, ImportError):
    """An optional dependency is needed; the message has the pip command."""

    exit_code = 4

    def __init__(self, extra: str, purpose: str, *, system: str | None = None) -> None:
        """`extra` is the name in brackets of the pip command; `purpose` reads as in "purpose needs ...".

        `system` is what the package needs of the system and does not find, and how to install it.
        """
        package = f"an optional package: pip install 'perceptkit[{extra}]'"
        super().__init__(f"{purpose} needs {system or package}")


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error says that nothing more can be written: the disk or a quota is full, or a file at its limit."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_error(path: object, error: OSError) -> PerceptkitError:
    """The error to raise when writing `path` failed: a full disk is a device's fault, a bad path the caller's."""
    if is_disk_full(error):
        reason = "the disk is full, over quota, or the file-size limit is reached"
        return DeviceError(f"cannot write {path}: {reason}; free some space and run the same command again")
    if error.errno in (errno.EROFS, errno.EIO):
        return DeviceError(f"cannot write {path}: {error.strerror}; choose another output folder")
    return InputError(f"cannot write {path}: {error.strerror or error}; choose another output folder")
