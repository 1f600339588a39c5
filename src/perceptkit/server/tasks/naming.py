"""What the library says, in the words of those who have sent something: names for our paths, fields for arguments."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ...errors import PerceptkitError

__all__ = ["called", "reworded", "without_arguments"]

# Advice about arguments of the library, and options of the command line, that callers cannot give; or give otherwise.
_ADVICE = (
    (re.compile(r"; what is left of it can be used where truncated files are allowed \(allow_truncated\)"), ""),
    (re.compile(r" or raise the limit \(\w+\)"), ""),
    (re.compile(r" \((--max-faces|max_faces)\)"), ""),
    (re.compile(r"--again\b"), "again=true"),
)


@contextmanager
def called(name: str, path: Path) -> Iterator[None]:
    """Errors of the library that name the path of an upload name what the caller has called it."""
    with reworded(lambda text: text.replace(str(path), name).replace(path.name, name)):
        yield


@contextmanager
def reworded(words: Callable[[str], str]) -> Iterator[None]:
    """Errors of the library say `words` of what they said, without advice that callers cannot follow."""
    try:
        yield
    except PerceptkitError as error:
        error.args = tuple(words(without_arguments(str(part))) for part in error.args)
        if isinstance(error, ImportError):  # a MissingExtraError, which shows another copy of its text
            error.msg = "".join(error.args)
        raise


def without_arguments(text: str) -> str:
    """A sentence of the library without advice about arguments that callers cannot give."""
    for advice, instead in _ADVICE:
        text = advice.sub(instead, text)
    return text
