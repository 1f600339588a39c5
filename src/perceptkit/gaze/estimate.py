"""The gaze models a user may name.

    estimate = gaze.load_gaze("mobileone-s0")
    gazes = estimate([crop])              # list[Gaze], one for each face crop

To add a gaze model: a class like `MobileGaze` where it needs one, and its row in `GAZE_MODELS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from ..arrays import Picture
from ..errors import InputError
from ..face import DETECTORS
from ..models import Model, WeightsFile, check_precision, find_weights
from ._adas import Adas
from ._mobilegaze import MobileGaze
from .defaults import MAX_SIGMA, PRECISION
from .types import Gaze

__all__ = ["GAZE_MODELS", "Estimator", "load_gaze"]


class Estimator(Protocol):
    """What `load_gaze` gives: a callable on a batch of face crops (RGB uint8), with what a result should say of it."""

    name: str
    sha256: str
    device: str
    precision: str

    def __call__(self, crops: Sequence[Picture]) -> list[Gaze]:
        """The gaze of each crop."""


def load_gaze(
    name: str | Path | None = None,
    *,
    preset: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    precision: str = PRECISION,
    max_sigma: float = MAX_SIGMA,
) -> Estimator:
    """Load a gaze model by its name in `GAZE_MODELS`, or a network with the contract of MobileGaze from an ONNX file.

    Without a name, the preset chooses (see `models.PRESETS`). `threads` is the number of CPU threads of one run, by
    default every CPU this process may use; `max_sigma` the standard deviation in degrees above which a gaze is
    "unknown". Raises InputError for an unknown name, ModelError for weights that cannot be had or opened, DeviceError
    for a device or precision that cannot be used, MissingExtraError where OpenVINO is needed and not installed.
    """
    if not max_sigma > 0:
        raise InputError(f"max_sigma is {max_sigma}; it must be above 0 degrees")
    check_precision(precision, device)
    name, paths = find_weights(
        name, GAZE_MODELS, role="gaze", preset=preset, replaced=_REPLACED, known=DETECTORS | GAZE_MODELS
    )
    build: Callable[..., Any] = GAZE_MODELS[name].build if name in GAZE_MODELS else MobileGaze
    estimator: Estimator = build(
        *paths, name=name, device=device, threads=threads, precision=precision, max_sigma=max_sigma
    )
    return estimator


_MOBILEGAZE_RELEASES = "https://github.com/yakhyo/gaze-estimation/releases/download/weights"


def _mobilegaze_row(upstream: str, sha256: str) -> Model:
    return Model(
        build=partial(MobileGaze, known=True),
        files=(WeightsFile(upstream, (f"{_MOBILEGAZE_RELEASES}/{upstream}",), sha256, None),),
        licence="MIT (yakhyo/gaze-estimation), trained on Gaze360, whose licence bars commercial use",
        commercial=False,
        source="https://github.com/yakhyo/gaze-estimation",
    )


_OPEN_MODEL_ZOO = "https://storage.openvinotoolkit.org/repositories/open_model_zoo/2022.1/models_bin/3"
# The zoo has this network as ONNX only; these are the bytes of the usual conversion.
_EYES = "https://github.com/FalchLucas/WebCamGazeEstimation/raw/432bb2edcbac08c3b2b6130b1d7e7959d9311142/intel"


def _network(name: str, base: str, xml: tuple[str, int], weights: tuple[str, int]) -> tuple[WeightsFile, ...]:
    """The description of an OpenVINO network and its weights, each with digest and size."""
    return tuple(
        WeightsFile(f"{name}.{suffix}", (f"{base}/{name}/FP16/{name}.{suffix}",), *known)
        for suffix, known in (("xml", xml), ("bin", weights))
    )


# In the order in which `Adas` takes them.
_ADAS_FILES = (
    *_network(
        "landmarks-regression-retail-0009",
        _OPEN_MODEL_ZOO,
        ("8480e50732ae4a174d6540c36e0c37287d283fc8e32306987fea820891024c52", 73_873),
        ("5d74c26cbb836b3de358ab05d4cbd92c4eb713dc74484cff9de82b2deb3d8527", 381_232),
    ),
    *_network(
        "head-pose-estimation-adas-0001",
        _OPEN_MODEL_ZOO,
        ("0fd0a09413d98a32c604669d955efc154ec55f6634b79f9a12ee1005e4d45a7d", 88_191),
        ("a4e66d59e8053681b0c20ef9ee519583d6925e4f6c5002005f36403e414b133e", 3_823_810),
    ),
    *_network(
        "open-closed-eye-0001",
        _EYES,
        ("960bd031eeb4c01be1454705b7c8ba14f831851ffcc6a63e3ce2524847c0da82", 23_084),
        ("4f9eefb146a265e2ec02191eccb7e3e71b7f04c18293181ec35afaeae423ec60", 22_514),
    ),
    *_network(
        "gaze-estimation-adas-0002",
        _OPEN_MODEL_ZOO,
        ("7323bc1a755439c525c15230fcd40e99bb17a154f17835db30aa4a95feb22cb4", 111_481),
        ("0aed599f452258243b07154fadc09b56ef90418b94210bd33f47bbba90cbb98c", 3_764_742),
    ),
)


def _adas(*paths: Path, **options: Any) -> Adas:
    return Adas(*paths[::2], **options)  # the weights lie beside the descriptions


GAZE_MODELS: dict[str, Model] = {
    "mobileone-s0": _mobilegaze_row(
        "mobileone_s0_gaze.onnx", "8b4fdc4e3da44733c9a82e7776b411e4a39f94e8e285aee0fc85a548a55f7d9f"
    ),
    "mobilenetv2": _mobilegaze_row(
        "mobilenetv2_gaze.onnx", "b81312df85c7ac1c1b5f78c573620d22c2719cb839650e15f12dc7eecb7744a4"
    ),
    "resnet18": _mobilegaze_row(
        "resnet18_gaze.onnx", "404fec1efd07ff49f981e47f461c20c2627119e465ec441bbd1c067d3f16e657"
    ),
    "resnet34": _mobilegaze_row(
        "resnet34_gaze.onnx", "c8e6b14f6095d2425241b9302aa663d9a23b7dfb9d43941352b718c91dc7f2cf"
    ),
    "resnet50": _mobilegaze_row(
        "resnet50_gaze.onnx", "bb28d421565adc4dfb665742f8fc80bdef36dd8caa0c87e040e0937f9fdca9a6"
    ),
    "adas": Model(
        build=_adas,
        files=_ADAS_FILES,
        licence="Apache-2.0 (Open Model Zoo)",
        commercial=True,
        source="https://github.com/openvinotoolkit/open_model_zoo/tree/master/models/intel/gaze-estimation-adas-0002",
    ),
}
"""Every gaze model a user can name."""

_REPLACED = {
    "mobilegaze": "mobileone-s0",
    "mobileone": "mobileone-s0",
    "l2cs": "resnet50",
    "gaze-estimation-adas-0002": "adas",
}
