"""Turn aligned faces into embeddings: embedders as callables on a batch, and the table of those a user may name.

    embed = face.load_embedder("mobilefacenet")
    vectors = embed(crops)                # (N, 112, 112, 3) uint8 RGB -> (N, D) float32, unit length

To add an embedder: an `Architecture` where its input differs, and its row in `EMBEDDERS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ..arrays import Floats, Picture
from ..errors import InputError, ModelError
from ..models import Model, Session, WeightsFile, open_session
from ._sources import INSIGHTFACE_LICENCE, INSIGHTFACE_RELEASES, OPENCV_ZOO, UNIFACE_RELEASES
from .align import CROP_SIDE

__all__ = ["EMBEDDERS", "Embedder", "usual_threshold"]


_BATCH = 32  # faces in one run; more only costs memory


@dataclass(frozen=True, slots=True)
class Architecture:
    """How a family of embedders takes pixels: RGB (x - mean) / divisor by channel; `threshold` is its usual one."""

    mean: tuple[float, float, float]
    divisor: tuple[float, float, float]
    threshold: float


# 0.4: published operating point of w600k_r50 is 0.4078 at a false-accept rate of 1e-6.
ARCFACE = Architecture(mean=(127.5,) * 3, divisor=(127.5,) * 3, threshold=0.40)
# The network normalises its input itself; 0.363 is OpenCV's value for cosine matching (FaceRecognizerSF).
SFACE = Architecture(mean=(0.0,) * 3, divisor=(1.0,) * 3, threshold=0.363)
# ImageNet statistics; trained with the ArcFace loss, matched at the same similarity.
MOBILEFACENET = Architecture(mean=(123.675, 116.28, 103.53), divisor=(58.395, 57.12, 57.375), threshold=0.40)


class Embedder:
    """A face embedder in memory. Call it with aligned crops; get one unit vector each.

    `threshold` is the cosine similarity at or above which two faces are taken for the same person. A face gets the
    same embedding alone and in a batch. An embedding with NaN in it (a broken file or input) comes back as NaN.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        architecture: Architecture | None = None,
        name: str | None = None,
        device: str = "auto",
        threads: int | None = None,
    ) -> None:
        """`architecture` is told from the registered digests and the file's shapes when it is not given."""
        opened = partial(open_session, path, device=device, threads=threads)
        self.session, self._batch = _widest(opened)
        self._architecture = architecture or _recognise(self.session)
        self.dimension = _dimension(self.session)
        self.name = name or Path(path).name
        self.sha256 = self.session.sha256
        self.device = self.session.device
        self.threshold = self._architecture.threshold

    def __repr__(self) -> str:
        return f"Embedder({self.name!r}, device={self.device!r})"

    def __call__(self, crops: Picture) -> Floats:
        """Embeddings (N, D) float32 of unit length of aligned crops (N, 112, 112, 3) uint8 RGB."""
        if crops.shape[1:] != (CROP_SIDE, CROP_SIDE, 3) or crops.dtype != np.uint8:
            raise InputError(
                f"crops must be RGB uint8 (N, {CROP_SIDE}, {CROP_SIDE}, 3), not {crops.dtype} {crops.shape}"
            )
        vectors = np.empty((len(crops), self.dimension), np.float32)
        for start in range(0, len(crops), self._batch):
            part = crops[start : start + self._batch]
            (output,) = self.session(self._tensor(part))
            vectors[start : start + len(part)] = output.reshape(len(part), -1)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(vectors / lengths, np.float32)

    def _tensor(self, crops: Picture) -> Floats:
        mean, divisor = (
            np.array(values, np.float32) for values in (self._architecture.mean, self._architecture.divisor)
        )
        return np.ascontiguousarray(((crops - mean) / divisor).transpose(0, 3, 1, 2))


def usual_threshold(name: str) -> float | None:
    """The threshold of the embedder of that name in `EMBEDDERS`, None for a file of somebody's own."""
    return _architecture(EMBEDDERS[name]).threshold if name in EMBEDDERS else None


def _architecture(row: Model) -> Architecture:
    architecture: Architecture = row.build.keywords["architecture"]  # type: ignore[attr-defined] # a partial
    return architecture


def _widest(opened: Callable[..., Session]) -> tuple[Session, int]:
    """Open a file for batches where it gives the same answer in them, else one by one."""
    try:
        session = opened(free=(0,))
        crops = np.random.default_rng(0).uniform(-1, 1, (2, 3, CROP_SIDE, CROP_SIDE)).astype(np.float32)
        together = session(crops)[0].reshape(2, -1)
        alone = np.stack([session(crop[None])[0].reshape(-1) for crop in crops])
        if np.allclose(alone, together, rtol=1e-4, atol=1e-5):
            return session, _BATCH
    except (ModelError, ValueError):  # ValueError: an output that does not divide by two
        pass
    return opened(), 1


def _dimension(session: Session) -> int:
    """How many values it gives for a face."""
    return int(session(np.zeros((1, 3, CROP_SIDE, CROP_SIDE), np.float32))[0].size)


def _recognise(session: Session) -> Architecture:
    if session.inputs[0][1][2:] != (CROP_SIDE, CROP_SIDE) or len(session.outputs) != 1:
        raise ModelError(f"{session.path} is not a face embedder (one output for a {CROP_SIDE} x {CROP_SIDE} face)")
    for row in EMBEDDERS.values():
        if row.files[0].sha256 == session.sha256:
            return _architecture(row)
    if _dimension(session) == 512:
        return ARCFACE
    return SFACE if session.inputs[0][0] == "data" else MOBILEFACENET


def _arcface_row(name: str, urls: tuple[str, ...], sha256: str, size: int | None) -> Model:
    return Model(
        build=partial(Embedder, architecture=ARCFACE),
        files=(WeightsFile(name, urls, sha256, size),),
        licence=INSIGHTFACE_LICENCE,
        commercial=False,
        source="https://github.com/deepinsight/insightface/tree/master/model_zoo",
    )


def _sface_row(name: str, upstream: str, sha256: str, size: int) -> Model:
    return Model(
        build=partial(Embedder, architecture=SFACE),
        files=(
            WeightsFile(name, tuple(f"{base}/face_recognition_sface/{upstream}" for base in OPENCV_ZOO), sha256, size),
        ),
        licence="Apache-2.0",
        commercial=True,
        source="https://github.com/opencv/opencv_zoo/tree/main/models/face_recognition_sface",
    )


EMBEDDERS: dict[str, Model] = {
    "arcface-mbf": _arcface_row(
        "arcface-mbf.onnx",
        (f"{UNIFACE_RELEASES}/w600k_mbf.onnx", f"zip:{INSIGHTFACE_RELEASES}/buffalo_sc.zip#w600k_mbf.onnx"),
        "9cc6e4a75f0e2bf0b1aed94578f144d15175f357bdc05e815e5c4a02b319eb4f",
        13_616_099,
    ),
    "arcface-r50": _arcface_row(
        "arcface-r50.onnx",
        (f"{UNIFACE_RELEASES}/w600k_r50.onnx", f"zip:{INSIGHTFACE_RELEASES}/buffalo_l.zip#w600k_r50.onnx"),
        "4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43",
        174_383_860,
    ),
    "arcface-r100": _arcface_row(
        "arcface-r100.onnx",
        (f"zip:{INSIGHTFACE_RELEASES}/antelopev2.zip#glintr100.onnx",),
        "4ab1d6435d639628a6f3e5008dd4f929edf4c4124b1a7169e1048f9fef534cdf",
        None,
    ),
    "sface": _sface_row(
        "sface.onnx",
        "face_recognition_sface_2021dec.onnx",
        "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79",
        38_696_353,
    ),
    "sface-int8": _sface_row(
        "sface-int8.onnx",
        "face_recognition_sface_2021dec_int8.onnx",
        "2b0e941e6f16cc048c20aee0c8e31f569118f65d702914540f7bfdc14048d78a",
        9_896_933,
    ),
    "mobilefacenet": Model(
        build=partial(Embedder, architecture=MOBILEFACENET),
        files=(
            WeightsFile(
                "mobilefacenet.onnx",
                ("https://github.com/foamliu/MobileFaceNet/raw/master/weights/MobileFaceNet.onnx",),
                "b7120c095d60094f28a4a54ba6a8bf51b297a6273fb40ef6350dfec1f63d9507",
                3_998_070,
            ),
        ),
        licence="Apache-2.0",
        commercial=True,
        source="https://github.com/foamliu/MobileFaceNet",
    ),
}
"""Every embedder a user can name."""
