"""From which similarity two faces are the same person, as a user says it: a number, or what a calibration found.

    resolve_threshold("calibrated", model=embed.name, sha256=embed.sha256, usual=embed.threshold)

Calibrations are kept for each user, a file an embedder, named by the digest of its weights: in the folder that
PERCEPTKIT_CALIBRATIONS names, else in the platform's own for the data of programs. Light to import.
"""

from __future__ import annotations

import json
import os
import re
from numbers import Real
from pathlib import Path
from typing import Any, NoReturn

from platformdirs import user_data_path

from ..errors import InputError

__all__ = ["CALIBRATION_VERSION", "calibration_file", "check_threshold", "resolve_threshold"]

CALIBRATION_VERSION = 1
"""The version of calibration.json that is written and read."""

_CALIBRATED = "calibrated"
_COMMAND = "perceptkit faces calibrate LABELLED_DIR"
_MOST_BYTES = 64 << 20  # of a file; a calibration of a million photos that all fail is not larger
_DIGEST = re.compile(r"[0-9a-f]{64}")


def check_threshold(threshold: float | str | None) -> None:
    """Raise InputError for a threshold that is none, whatever the embedder is. No file is looked at."""
    _number(threshold)


def resolve_threshold(threshold: float | str | None, *, model: str, sha256: str, usual: float | None) -> float:
    """The cosine similarity (-1..1) that a threshold means for the embedder `model`, whose weights have that `sha256`.

    None is the `usual` one. A number, or a text that is one, is itself. "calibrated" is what `calibrate` found for
    this very embedder, "calibrated:PATH" what stands in that calibration.json, or in the one of that folder. Raises
    InputError for anything else, where there is no usual threshold or no calibration, and for a calibration that is
    damaged or of other weights.
    """
    if threshold is None and usual is None:
        raise InputError(f"the embeddings were made by {model}, which has no usual threshold: give one")
    number = usual if threshold is None else _number(threshold)
    if number is not None:
        return number
    _, _, named = str(threshold).partition(":")
    # Not Path.expanduser, which raises where there is no such home.
    path = Path(os.path.expanduser(named)) if named else calibration_file(sha256)  # noqa: PTH111
    if path is None or not (named or path.exists()):
        raise InputError(
            f"there is no calibration of {model} (sha256 {sha256[:12]}) on this machine; "
            f"run: {_COMMAND}, or give a number as the threshold"
        )
    return _read(path, model, sha256)


def calibration_file(sha256: str) -> Path | None:
    """Where the user's calibration of an embedder is kept; None for what is not the digest of a file.

    Raises InputError when there is no home folder to keep it in.
    """
    if not _DIGEST.fullmatch(sha256):
        return None
    named = os.environ.get("PERCEPTKIT_CALIBRATIONS")
    try:
        folder = Path(named) if named else user_data_path("perceptkit", appauthor=False) / "calibrations"
        # Not every release of platformdirs refuses to work without a home; some leave a "~" for others to find.
        return folder.expanduser() / f"{sha256}.json"
    except RuntimeError as error:
        raise InputError(
            "there is no home folder to keep calibrations in; set PERCEPTKIT_CALIBRATIONS to a folder for them"
        ) from error


def _number(threshold: float | str | None) -> float | None:
    """The threshold as a number; None where it is still to be found."""
    if threshold is None or (
        isinstance(threshold, str) and (threshold == _CALIBRATED or threshold.startswith(f"{_CALIBRATED}:"))
    ):
        if threshold == f"{_CALIBRATED}:":
            _refuse(threshold)
        return None
    if isinstance(threshold, bool) or not isinstance(threshold, str | Real):
        _refuse(threshold)
    try:
        number = float(threshold)
    except ValueError:
        _refuse(threshold)
    except OverflowError as error:
        raise InputError("the threshold is a huge number; a cosine similarity lies between -1 and 1") from error
    if not -1 <= number <= 1:  # false for NaN too
        raise InputError(f"the threshold is {threshold}; a cosine similarity lies between -1 and 1")
    return number


def _refuse(threshold: object) -> NoReturn:
    raise InputError(
        f"the threshold is {threshold!r}; give a number between -1 and 1, {_CALIBRATED} (what {_COMMAND} found), "
        f"or {_CALIBRATED}:PATH (a calibration.json, or the folder it is in)"
    )


def _read(path: Path, model: str, sha256: str) -> float:
    """The threshold that a file of a calibration gives to an embedder. Nothing in the file is believed unseen."""
    if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises for a name that is too long
        path /= "calibration.json"
    document = _load(path)
    if not isinstance(document, dict) or not isinstance(document.get("embedder"), dict) or "chosen" not in document:
        raise InputError(f"{path} is not a calibration; one is written by: {_COMMAND}")
    if document.get("version") != CALIBRATION_VERSION:
        raise InputError(
            f"{path} is version {document.get('version')!r}, written by another perceptkit; "
            f"this reads {CALIBRATION_VERSION}. Run: {_COMMAND}"
        )
    theirs = document["embedder"]
    if theirs.get("sha256") != sha256:
        raise InputError(
            f"{path} is of {str(theirs.get('name'))[:80]} (sha256 {str(theirs.get('sha256'))[:12]}), not of {model} "
            f"(sha256 {sha256[:12]}); a threshold is only good for the embedder it was measured with. Run: {_COMMAND}"
        )
    chosen = document["chosen"]
    if chosen is None:
        raise InputError(
            f"{path} has no threshold: there were too few people to say one, or their labels were in doubt. "
            "Calibrate with photos of more people, or give a number as the threshold"
        )
    found = chosen.get("threshold") if isinstance(chosen, dict) else None
    if isinstance(found, bool) or not isinstance(found, int | float) or not -1 <= found <= 1:
        raise InputError(f"{path} is damaged: its threshold is {str(found)[:80]}. Run: {_COMMAND}")
    return float(found)


def _load(path: Path) -> Any:
    try:
        if not path.is_file():
            raise InputError(f"cannot read {path}: there is no such file; give a calibration.json, or its folder")
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    if len(data) > _MOST_BYTES:
        raise InputError(f"{path} is not a calibration: it has more than {_MOST_BYTES:,} bytes")
    try:
        return json.loads(data, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not a calibration: {error}") from error


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number")
