"""The face detectors a user may name.

    detect = face.load_detector("yunet")
    faces = detect([image])[0]            # list[Face], best score first

To add a detector: a module with `split` and `candidates`, its `Architecture` here, and its rows in `DETECTORS`.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from ..errors import ModelError
from ..models import Model, Session, WeightsFile, open_session
from . import _retinaface, _scrfd, _yolov8, _yunet
from ._detector import INPUT_SIDE, Architecture, Detector
from ._sources import INSIGHTFACE_LICENCE, INSIGHTFACE_RELEASES, OPENCV_ZOO, UNIFACE_RELEASES
from .defaults import MIN_SCORE

__all__ = ["DETECTORS", "INPUT_SIDE", "Detector", "open_detector"]

SCRFD = Architecture(
    _scrfd.split,
    _scrfd.candidates,
    (1, 1, 1, 4, 4, 4, 10, 10, 10),
    mean=(127.5,) * 3,
    divisor=128.0,
    bgr=False,
    one_factor=True,
)
YUNET = Architecture(
    _yunet.split,
    _yunet.candidates,
    (1, 1, 1, 1, 1, 1, 4, 4, 4, 10, 10, 10),
    mean=(0.0,) * 3,
    divisor=1.0,
    bgr=True,
    certain=0.8,  # OpenCV's own programs take 0.6 to 0.9: hair and clothes reach 0.7
)
RETINAFACE = Architecture(
    _retinaface.split, _retinaface.candidates, (2, 4, 10), mean=(104.0, 117.0, 123.0), divisor=1.0, bgr=True
)
YOLOV8_FACE = Architecture(
    _yolov8.split, _yolov8.candidates, (_yolov8.CHANNELS,) * 3, mean=(0.0,) * 3, divisor=255.0, bgr=False
)


ARCHITECTURES = (SCRFD, YUNET, RETINAFACE, YOLOV8_FACE)
"""What a file given by its path may be."""


def open_detector(
    path: str | Path,
    *,
    name: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    min_score: float = MIN_SCORE,
) -> Detector:
    """A detector from a file of any of the architectures here, told by its outputs; ModelError for another file."""
    architecture = _recognise(open_session(path, device=device, threads=threads))
    return Detector(path, architecture=architecture, name=name, device=device, threads=threads, min_score=min_score)


def _recognise(session: Session) -> Architecture:
    """The architecture whose outputs a file has, judged by running it once."""
    shape = tuple(size or INPUT_SIDE for size in session.inputs[0][1][2:])
    if len(shape) == 2:
        outputs = session(np.zeros((1, 3, *shape), np.float32))
        # The number of values: the last axis of a list of cells, the second of a map (batch, channels, rows, columns).
        marks = tuple(sorted(output.shape[1 if output.ndim == 4 else -1] for output in outputs if output.ndim))
        for architecture in ARCHITECTURES:
            if marks == architecture.outputs:
                return architecture
    raise ModelError(f"{session.path} is not a face detector of a known kind (SCRFD, YuNet, RetinaFace, YOLOv8-face)")


def _scrfd_row(name: str, urls: tuple[str, ...], sha256: str, size: int) -> Model:
    return Model(
        build=partial(Detector, architecture=SCRFD),
        files=(WeightsFile(name, urls, sha256, size),),
        licence=INSIGHTFACE_LICENCE,
        commercial=False,
        source="https://github.com/deepinsight/insightface/tree/master/model_zoo",
    )


def _retinaface_row(name: str, upstream: str, sha256: str) -> Model:
    return Model(
        build=partial(Detector, architecture=RETINAFACE),
        files=(WeightsFile(name, (f"{UNIFACE_RELEASES}/{upstream}",), sha256, None),),
        licence="MIT (yakhyo/retinaface-pytorch), trained on WIDER FACE, whose own terms are unclear",
        commercial=None,
        source="https://github.com/yakhyo/retinaface-pytorch",
    )


def _yunet_row(name: str, upstream: str, sha256: str, size: int) -> Model:
    urls = tuple(f"{base}/face_detection_yunet/{upstream}" for base in OPENCV_ZOO)
    return Model(
        build=partial(Detector, architecture=YUNET),
        files=(WeightsFile(name, urls, sha256, size),),
        licence="MIT",
        commercial=True,
        source="https://github.com/opencv/opencv_zoo/tree/main/models/face_detection_yunet",
    )


DETECTORS: dict[str, Model] = {
    "scrfd-500m": _scrfd_row(
        "scrfd-500m.onnx",
        (f"{UNIFACE_RELEASES}/scrfd_500m_kps.onnx", f"zip:{INSIGHTFACE_RELEASES}/buffalo_sc.zip#det_500m.onnx"),
        "5e4447f50245bbd7966bd6c0fa52938c61474a04ec7def48753668a9d8b4ea3a",
        2_524_817,
    ),
    "scrfd-2.5g": _scrfd_row(
        "scrfd-2.5g.onnx",
        (f"zip:{INSIGHTFACE_RELEASES}/buffalo_m.zip#det_2.5g.onnx",),
        "041f73f47371333d1d17a6fee6c8ab4e6aecabefe398ff32cca4e2d5eaee0af9",
        3_292_009,
    ),
    "scrfd-10g": _scrfd_row(
        "scrfd-10g.onnx",
        (f"{UNIFACE_RELEASES}/scrfd_10g_kps.onnx", f"zip:{INSIGHTFACE_RELEASES}/buffalo_l.zip#det_10g.onnx"),
        "5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91",
        16_923_827,
    ),
    "retinaface-mnet025": _retinaface_row(
        "retinaface-mnet025.onnx",
        "retinaface_mv1_0.25.onnx",
        "b7a7acab55e104dce6f32cdfff929bd83946da5cd869b9e2e9bdffafd1b7e4a5",
    ),
    "retinaface-mnet-v2": _retinaface_row(
        "retinaface-mnet-v2.onnx",
        "retinaface_mv2.onnx",
        "3ca44c045651cabeed1193a1fae8946ad1f3a55da8fa74b341feab5a8319f757",
    ),
    "retinaface-r18": _retinaface_row(
        "retinaface-r18.onnx",
        "retinaface_r18.onnx",
        "e8b5ddd7d2c3c8f7c942f9f10cec09d8e319f78f09725d3f709631de34fb649d",
    ),
    "retinaface-r34": _retinaface_row(
        "retinaface-r34.onnx",
        "retinaface_r34.onnx",
        "bd0263dc2a465d32859555cb1741f2d98991eb0053696e8ee33fec583d30e630",
    ),
    "retinaface-r50": _retinaface_row(
        "retinaface-r50.onnx",
        "retinaface_r50.onnx",
        "905eac744dc165dbcd62960938a191de3fecea6bef198fb1c5e13e690bc6a828",
    ),
    "yunet": _yunet_row(
        "yunet.onnx",
        "face_detection_yunet_2023mar.onnx",
        "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
        232_589,
    ),
    "yunet-int8": _yunet_row(
        "yunet-int8.onnx",
        "face_detection_yunet_2023mar_int8.onnx",
        "321aa5a6afabf7ecc46a3d06bfab2b579dc96eb5c3be7edd365fa04502ad9294",
        100_416,
    ),
    "yunet-int8bq": _yunet_row(
        "yunet-int8bq.onnx",
        "face_detection_yunet_2023mar_int8bq.onnx",
        "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
        122_489,
    ),
    "yolov8n-face": Model(
        build=partial(Detector, architecture=YOLOV8_FACE),
        files=(
            WeightsFile(
                "yolov8n-face.onnx",
                ("https://github.com/yakhyo/yolov8-face-onnx-inference/releases/download/weights/yolov8n-face.onnx",),
                "33f3951af7fc0c4d9b321b29cdcd8c9a59d0a29a8d4bdc01fcb5507d5c714809",
                None,
            ),
        ),
        licence="GPL-3.0 (derronqi/yolov8-face; Ultralytics code AGPL-3.0): copyleft",
        commercial=None,
        source="https://github.com/yakhyo/yolov8-face-onnx-inference",
    ),
}
"""Every detector a user can name."""
