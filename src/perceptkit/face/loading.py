"""From what a user typed to a detector or an embedder in memory."""

from __future__ import annotations

from pathlib import Path

from ..models import find_weights
from .defaults import MIN_SCORE
from .detect import DETECTORS, Detector, open_detector
from .embed import EMBEDDERS, Embedder

__all__ = ["load_detector", "load_embedder"]


def load_detector(
    name: str | Path | None = None,
    *,
    preset: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    min_score: float = MIN_SCORE,
) -> Detector:
    """Load a detector by its name in `DETECTORS`, or from a file of one of their architectures.

    Without a name, the preset chooses (see `models.PRESETS`). `threads` is the number of CPU threads of one run,
    by default every CPU this process may use. Raises InputError for an unknown name, ModelError for weights that
    cannot be had or opened, DeviceError for a device that cannot be used.
    """
    name, (path,) = find_weights(
        name, DETECTORS, role="detector", preset=preset, replaced=_DETECTORS_REPLACED, known=DETECTORS | EMBEDDERS
    )
    build = DETECTORS[name].build if name in DETECTORS else open_detector
    detector: Detector = build(path, name=name, device=device, threads=threads, min_score=min_score)
    return detector


def load_embedder(
    name: str | Path | None = None, *, preset: str | None = None, device: str = "auto", threads: int | None = None
) -> Embedder:
    """Load an embedder by its name in `EMBEDDERS`, or from a file of one of their architectures.

    Arguments and errors are those of `load_detector`.
    """
    name, (path,) = find_weights(
        name, EMBEDDERS, role="embedder", preset=preset, replaced=_EMBEDDERS_REPLACED, known=DETECTORS | EMBEDDERS
    )
    build = EMBEDDERS[name].build if name in EMBEDDERS else Embedder
    embedder: Embedder = build(path, name=name, device=device, threads=threads)
    return embedder


# Names that other face systems use -> the rows that do that work here.
_DETECTORS_REPLACED = {
    "retinaface": "retinaface-mnet025, retinaface-mnet-v2 or retinaface-r34",
    "mtcnn": "scrfd-500m (faster) or scrfd-10g (small faces)",
    "opencv": "yunet",
    "ssd": "yunet or scrfd-500m",
    "scrfd": "scrfd-500m, scrfd-2.5g or scrfd-10g",
}

_EMBEDDERS_REPLACED = {
    "arcface": "arcface-mbf (fast) or arcface-r50 (accurate)",
    "insightface": "arcface-mbf or arcface-r50",
    "facenet": "arcface-mbf, or mobilefacenet for commercial use",
    "facenet512": "arcface-r50",
    "vgg-face": "arcface-r50",
    "openface": "mobilefacenet",
}
