"""What a file really holds: the registered weights, or something else that can be named."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ..errors import ModelError
from ..files import sniff
from .row import WeightsFile

__all__ = ["damage", "disguise", "looks_right", "mismatch"]

_HEAD_BYTES = 512
# What weights look like: ONNX and most others have no signature, OpenVINO has .xml, MediaPipe's .task is a zip.
_WEIGHTS_LIKE = ("a file of unknown type", "an XML or SVG file", "a ZIP archive")


def mismatch(path: Path, file: WeightsFile) -> str | None:
    """What is wrong with the file at `path`, to be read after its name; None when it is the registered file.

    Raises ModelError when the file cannot be read.
    """
    try:
        with path.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        if digest == file.sha256 or digest in dict(file.others):
            return None
        return damage(path, file) or (
            f"is not the registered file (sha256 expected {file.sha256[:12]}..., got {digest[:12]}...)"
        )
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror or error}") from error


def damage(path: Path, file: WeightsFile) -> str | None:
    """What a file that is not `file` is instead, if that can be told; None when it may be other weights."""
    if problem := disguise(path):
        return problem
    size = path.stat().st_size
    return f"is short: {size} of {file.bytes} bytes" if file.bytes is not None and size < file.bytes else None


def disguise(path: Path) -> str | None:
    """What came in the place of weights, such as "is an HTML page"; None for a file that may be weights."""
    with path.open("rb") as opened:
        kind = sniff(opened.read(_HEAD_BYTES))
    return None if kind in _WEIGHTS_LIKE else f"is {kind}"


def looks_right(path: Path, file: WeightsFile) -> bool:
    """Whether the file at `path` may be `file`, without hashing it: by its size, else by how it begins."""
    try:
        if file.bytes is None:
            return disguise(path) is None
        return path.stat().st_size in (file.bytes, *dict(file.others).values())
    except OSError:
        # A file that cannot be read is of no use; `fetch` and `verify` say why.
        return False
