"""From what a user typed to a detector or an embedder in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from ..errors import InputError
from ..models import find_weights
from .defaults import MIN_SCORE
from .detect import DETECTORS, Detector, open_detector
from .embed import EMBEDDERS, Embedder

__all__ = ["load_detector", "load_embedder", "load_embedder_of"]


def load_detector(
    name: str | Path | Detector | None = None,
    *,
    preset: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    min_score: float = MIN_SCORE,
) -> Detector:
    """Load a detector by its name in `DETECTORS`, or from a file of one of their architectures; one that is loaded
    already is given back as it is.

    Without a name, the preset chooses (see `models.PRESETS`). `threads` is the number of CPU threads of one run,
    by default every CPU this process may use. Raises InputError for an unknown name, ModelError for weights that
    cannot be had or opened, DeviceError for a device that cannot be used.
    """
    if isinstance(name, Detector):
        return name
    name, (path,) = find_weights(
        name, DETECTORS, role="detector", preset=preset, replaced=_DETECTORS_REPLACED, known=DETECTORS | EMBEDDERS
    )
    build = DETECTORS[name].build if name in DETECTORS else open_detector
    detector: Detector = build(path, name=name, device=device, threads=threads, min_score=min_score)
    return detector


def load_embedder(
    name: str | Path | Embedder | None = None,
    *,
    preset: str | None = None,
    device: str = "auto",
    threads: int | None = None,
) -> Embedder:
    """Load an embedder by its name in `EMBEDDERS`, or from a file of one of their architectures; one that is loaded
    already is given back as it is.

    Arguments and errors are those of `load_detector`.
    """
    if isinstance(name, Embedder):
        return name
    name, (path,) = find_weights(
        name, EMBEDDERS, role="embedder", preset=preset, replaced=_EMBEDDERS_REPLACED, known=DETECTORS | EMBEDDERS
    )
    build = EMBEDDERS[name].build if name in EMBEDDERS else Embedder
    embedder: Embedder = build(path, name=name, device=device, threads=threads)
    return embedder


class Marked(Protocol):
    """What an embedder made: a file of embeddings, or a gallery."""

    @property
    def model(self) -> str: ...
    @property
    def model_sha256(self) -> str: ...
    def require_model(self, name: str, sha256: str) -> None: ...


def load_embedder_of(
    made: Marked | None,
    embedder: str | Path | Embedder | None = None,
    *,
    preset: str | None = None,
    device: str = "auto",
    threads: int | None = None,
) -> Embedder:
    """The embedder that made some embeddings, or the one asked for if it is the same; when nothing was made yet, as
    `load_embedder`.

    Raises InputError for another one, or when they were made by a file of somebody's own, which has to be given again.
    """
    if made is None:
        return load_embedder(embedder, preset=preset, device=device, threads=threads)
    if embedder is None and preset is None:
        if made.model not in EMBEDDERS:
            raise InputError(
                f"the gallery was made by {made.model}, a file given by its path: give it again (embedder)"
            )
        embedder = made.model
    loaded = load_embedder(embedder, preset=preset, device=device, threads=threads)
    made.require_model(loaded.name, loaded.sha256)
    return loaded


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
