"""The error tree: what each error is, what the command line ends with, and what the messages tell to do."""

from __future__ import annotations

import errno
import inspect
import os

import pytest

from perceptkit import errors
from perceptkit.errors import (
    DeviceError,
    InputError,
    MediaError,
    MissingExtraError,
    ModelError,
    PerceptkitError,
    write_error,
)

TREE: dict[type[PerceptkitError], tuple[tuple[type[Exception], ...], int]] = {
    PerceptkitError: ((Exception,), 1),
    InputError: ((PerceptkitError, ValueError), 2),
    MediaError: ((InputError,), 2),
    ModelError: ((PerceptkitError,), 4),
    DeviceError: ((PerceptkitError,), 1),
    MissingExtraError: ((PerceptkitError, ImportError), 4),
}


def test_tree_is_as_drawn() -> None:
    exported = {getattr(errors, name) for name in errors.__all__}
    assert {each for each in exported if inspect.isclass(each)} == set(TREE)
    assert {each: (each.__bases__, each.exit_code) for each in TREE} == TREE


@pytest.mark.parametrize("error", TREE, ids=lambda error: error.__name__)
def test_every_error_is_in_the_drawing_with_the_parents_it_can_be_caught_by(error: type[PerceptkitError]) -> None:
    drawing = errors.__doc__ or ""
    (line,) = [line for line in drawing.splitlines() if f" {error.__name__}" in line]
    for parent in (ValueError, ImportError):
        if parent in error.__bases__:
            assert parent.__name__ in line


def test_missing_extra_gives_the_pip_command() -> None:
    error = MissingExtraError("heic", "a.heic: reading HEIC")
    assert str(error) == "a.heic: reading HEIC needs an optional package: pip install 'perceptkit[heic]'"


@pytest.mark.parametrize(
    ("code", "kind", "advice"),
    [
        (errno.ENOSPC, DeviceError, "the disk is full, over quota, or the file-size limit is reached; free some space"),
        (errno.EDQUOT, DeviceError, "the disk is full, over quota, or the file-size limit is reached; free some space"),
        (errno.EFBIG, DeviceError, "the disk is full, over quota, or the file-size limit is reached; free some space"),
        (errno.EROFS, DeviceError, "Read-only file system; choose another output folder"),
        (errno.EIO, DeviceError, "Input/output error; choose another output folder"),
        (errno.EACCES, InputError, "Permission denied; choose another output folder"),
        (errno.ENOENT, InputError, "No such file or directory; choose another output folder"),
        (errno.ENAMETOOLONG, InputError, "File name too long; choose another output folder"),
    ],
    ids=lambda value: errno.errorcode.get(value) if isinstance(value, int) else None,
)
def test_failed_write_is_the_fault_of_the_disk_or_of_the_caller(
    code: int, kind: type[PerceptkitError], advice: str
) -> None:
    error = write_error("out/faces.jsonl", OSError(code, os.strerror(code)))
    assert type(error) is kind
    assert str(error).startswith(f"cannot write out/faces.jsonl: {advice}")


def test_failed_write_without_a_number_keeps_its_message() -> None:
    error = write_error("a.jpg", OSError("the share went away"))
    assert str(error) == "cannot write a.jpg: the share went away; choose another output folder"
