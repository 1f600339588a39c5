"""Ultralytics checkpoints (.pt), made ONNX once and kept in the cache."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

from ..errors import MissingExtraError, ModelError, write_error
from ..files import replacing
from ..locks import locked
from ..models import cache_folder

__all__ = ["as_onnx"]

_SIDE = 640  # pixels of the input


def as_onnx(path: Path) -> Path:
    """The ONNX file of a checkpoint: from the cache, or exported by Ultralytics, which the `yolo` extra brings.

    Raises MissingExtraError without it, ModelError for a file that it cannot export, DeviceError when the disk is full.
    """
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    target = cache_folder() / f"{path.stem}-{digest[:12]}.onnx"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with locked(target.with_suffix(".lock")):
            if not target.exists():
                _export(path, target)
    except OSError as error:
        raise write_error(target, error) from error
    return target


def _export(path: Path, target: Path) -> None:
    try:
        from ultralytics import YOLO
    except ImportError as error:
        raise MissingExtraError("yolo", f"{path} is an Ultralytics checkpoint; reading it") from error
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        copy = Path(scratch) / path.name  # Ultralytics writes beside the checkpoint
        shutil.copyfile(path, copy)
        try:
            exported = YOLO(str(copy)).export(format="onnx", imgsz=_SIDE, verbose=False)
        except Exception as error:  # it raises whatever torch and its own modules do
            raise ModelError(f"Ultralytics cannot export {path}: {error}") from error
        with Path(exported).open("rb") as made, replacing(target) as file:
            shutil.copyfileobj(made, file)
