"""Run a network file on the best runtime this machine really has."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DeviceError, MissingExtraError, ModelError
from ._free import free_dimensions
from .content import disguise

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["DEVICES", "PRECISIONS", "Session", "check_device", "check_precision", "cpu_count", "open_session"]

log = logging.getLogger("perceptkit")

# What a user may ask for -> the onnxruntime provider. "auto" takes the first that truly loads, else the CPU.
_PROVIDERS = {
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
_AUTO = ("cuda",)  # CoreML recompiles for every input size, so it is used only when asked for.
DEVICES = ("auto", *_PROVIDERS, "openvino")
PRECISIONS = ("f32", "bf16")
_FATAL = 4  # onnxruntime's log severity: its warnings on declared output shapes are noise here


@dataclass(frozen=True, slots=True, eq=False)
class Session:
    """A network in memory: call it with one array per input, get the list of its outputs.

    `inputs` are pairs of name and shape (free dimensions are None), `outputs` the output names in order,
    `device` what it runs on, `sha256` the digest of the file as it is on disk (of an IR, of `.xml` and `.bin`).
    """

    path: Path
    sha256: str
    device: str
    inputs: tuple[tuple[str, tuple[int | None, ...]], ...]
    outputs: tuple[str, ...]
    _run: Callable[[Sequence[NDArray[Any]]], list[NDArray[Any]]]

    def __call__(self, *arrays: NDArray[Any]) -> list[NDArray[np.float32]]:
        """Run the network; ModelError when it refuses the input."""
        return self._run(arrays)


def check_device(device: str) -> None:
    """Raise DeviceError for the name of a device that there is not."""
    if device not in DEVICES:
        raise DeviceError(f"unknown device {device!r}; choose one of: {', '.join(DEVICES)}")


def check_precision(precision: str, device: str) -> None:
    """Raise DeviceError for a precision that there is not, or not on that device."""
    if precision not in PRECISIONS:
        raise DeviceError(f"unknown precision {precision!r}; choose one of: {', '.join(PRECISIONS)}")
    if precision != "f32" and device != "openvino":
        raise DeviceError(f"precision {precision!r} needs device 'openvino', not {device!r} (--device openvino)")


def open_session(
    path: str | Path,
    *,
    device: str = "auto",
    threads: int | None = None,
    free: Collection[int] = (),
    precision: str = "f32",
) -> Session:
    """Open an ONNX (or, on `openvino`, an OpenVINO IR `.xml`) file.

    `threads` is the number of CPU threads of one run; the default is every CPU this process may use. `free` names
    axes of the first input (of an IR: of all) whose fixed size is to be made free (see `_free`). `precision` "bf16"
    computes with 8 bits of mantissa instead of 24, which only `openvino` can, and which is faster only on CPUs made
    for it. Raises ModelError for a file that is no network, DeviceError for a device or a precision that cannot be
    had.
    """
    check_device(device)
    check_precision(precision, device)
    path = Path(path)
    try:
        if problem := disguise(path):
            raise ModelError(f"{path} {problem}")
        data = path.read_bytes()
        weights = path.with_suffix(".bin").read_bytes() if path.suffix == ".xml" else b""
    except OSError as error:
        raise ModelError(f"cannot read {error.filename}: {error.strerror or error}") from error
    sha256 = hashlib.sha256(data + weights).hexdigest()
    threads = threads or cpu_count()
    if device == "openvino":
        return _open_openvino(path, data=data, sha256=sha256, threads=threads, free=free, precision=precision)
    return _open_onnxruntime(path, data=data, sha256=sha256, device=device, threads=threads, free=free)


def cpu_count() -> int:
    """CPUs this process may really use: its affinity mask, cut to the quota of its control group."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(usable, _cgroup_cpus() or usable))


def _cgroup_cpus(root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int | None:
    """Whole CPUs that the quotas of this process's control group and those above it allow; None without a quota."""
    try:
        # Version 2 has one line, "0::/PATH"; in a container the path is often "/" and the root is our own group.
        path = next((line[3:] for line in own.read_text().splitlines() if line.startswith("0::")), "/")
    except OSError:
        path = "/"
    group = root / path.strip("/")
    folders = [group, *(parent for parent in group.parents if parent.is_relative_to(root))]
    quotas = [_quota(folder / "cpu.max") for folder in folders]
    quotas.append(_quota(root / "cpu/cpu.cfs_quota_us", root / "cpu/cpu.cfs_period_us"))  # version 1
    return min((quota for quota in quotas if quota is not None), default=None)


def _quota(*files: Path) -> int | None:
    try:
        quota, period = " ".join(file.read_text() for file in files).split()
        return max(1, int(quota) // int(period)) if int(quota) > 0 else None
    except (OSError, ValueError):  # "max" is no quota
        return None


def _open_onnxruntime(
    path: Path, *, data: bytes, sha256: str, device: str, threads: int, free: Collection[int]
) -> Session:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _FATAL
    # Spinning threads burn the CPU that decoding needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    wanted = _AUTO if device == "auto" else (device,)
    loadable = [name for name in wanted if _loadable(name, onnxruntime)]
    if not loadable and device != "auto":
        raise DeviceError(_no_device(device, onnxruntime))
    providers = [_PROVIDERS[name] for name in [*loadable[:1], "cpu"]]
    try:
        opened = onnxruntime.InferenceSession(
            free_dimensions(data, free) if free else data, options, providers=list(dict.fromkeys(providers))
        )
    except Exception as error:
        raise ModelError(f"{path} is not a network that onnxruntime can open: {_reason(error)}") from error
    used = next(name for name, provider in _PROVIDERS.items() if provider == opened.get_providers()[0])
    if used == "cpu" and loadable and loadable[0] != "cpu":
        if device != "auto":
            raise DeviceError(_no_device(device, onnxruntime))
        log.warning("a GPU is present but onnxruntime cannot use it; running on the CPU. %s", _no_device("cuda", None))
    names = [entry.name for entry in opened.get_inputs()]

    def run(arrays: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        try:
            outputs: list[NDArray[Any]] = opened.run(None, dict(zip(names, arrays, strict=True)))
        except Exception as error:
            raise ModelError(f"{path.name} cannot run on this input: {_reason(error)}") from error
        return outputs

    shapes = [tuple(size if isinstance(size, int) else None for size in entry.shape) for entry in opened.get_inputs()]
    outputs = tuple(entry.name for entry in opened.get_outputs())
    return Session(path, sha256, used, tuple(zip(names, shapes, strict=True)), outputs, run)


def _loadable(device: str, onnxruntime: Any) -> bool:
    """Whether a provider is compiled in and, for CUDA, NVIDIA's driver is there."""
    if _PROVIDERS[device] not in onnxruntime.get_available_providers():
        return False
    if device != "cuda":
        return True
    import ctypes

    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    if hasattr(onnxruntime, "preload_dlls"):  # finds NVIDIA's pip packages; it prints what it does not find
        import contextlib
        import io

        with contextlib.redirect_stdout(io.StringIO()):
            onnxruntime.preload_dlls()
    return True


def _no_device(device: str, onnxruntime: Any) -> str:
    advice = {
        "cuda": "CUDA needs an NVIDIA driver and: pip install 'perceptkit[cuda]'",
        "coreml": "CoreML needs macOS",
    }[device]
    if onnxruntime is None:
        return advice
    there = [name for name, provider in _PROVIDERS.items() if provider in onnxruntime.get_available_providers()]
    usable = [name for name in there if name == "cpu" or (name != device and _loadable(name, onnxruntime))]
    if importlib.util.find_spec("openvino"):
        usable.append("openvino")
    return f"device {device!r} cannot be used here. {advice}. Usable here: auto, {', '.join(usable)}"


def _open_openvino(
    path: Path, *, data: bytes, sha256: str, threads: int, free: Collection[int], precision: str
) -> Session:
    try:
        import openvino
    except ImportError as error:
        raise MissingExtraError("openvino", "--device openvino") from error
    core = openvino.Core()
    # Runs of several threads go side by side only in streams of their own; each has `threads` CPUs.
    streams = max(1, cpu_count() // threads)
    settings = {
        "INFERENCE_NUM_THREADS": threads * streams,
        "NUM_STREAMS": streams,
        "INFERENCE_PRECISION_HINT": precision,
    }
    try:
        if path.suffix == ".xml":
            model = core.read_model(path)
            # Of an IR these axes of every input: the networks with several inputs take them side by side.
            model.reshape(
                {
                    port: [-1 if axis in free else size for axis, size in enumerate(port.partial_shape)]
                    for port in model.inputs
                }
            )
        else:
            model = core.read_model(free_dimensions(data, free))
        compiled = core.compile_model(model, "CPU", settings)
    except RuntimeError as error:
        raise ModelError(f"{path} is not a network that OpenVINO can open: {_reason(error)}") from error
    inputs = tuple(
        (port.any_name, tuple(size.get_length() if size.is_static else None for size in port.partial_shape))
        for port in model.inputs
    )

    requests: list[Any] = []  # those that no call is using: making one holds up the calls of other threads

    def run(arrays: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        try:
            request = requests.pop()
        except IndexError:
            request = compiled.create_infer_request()
        try:
            results = request.infer(list(arrays), share_inputs=True)
        except RuntimeError as error:
            raise ModelError(f"{path.name} cannot run on this input: {_reason(error)}") from error
        copied = [results[port].copy() for port in compiled.outputs]
        requests.append(request)
        return copied

    return Session(path, sha256, "openvino", inputs, tuple(port.any_name for port in model.outputs), run)


def _reason(error: BaseException) -> str:
    """What a runtime says, in one line, without the places in its source code."""
    lines = (line.strip() for line in str(error).splitlines())
    said = " ".join(line for line in lines if line and not line.startswith(("Exception from ", "Check '")))
    return said[:300] or repr(error)
