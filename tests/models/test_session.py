"""Running networks: right answers on every runtime, and errors that name the file, the device and the fix."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from perceptkit.errors import DeviceError, ModelError
from perceptkit.models import DEVICES, cpu_count, open_session
from perceptkit.models.session import _cgroup_cpus
from systems import linux

RUNTIMES = ("cpu", "openvino")
KERNELS = np.random.default_rng(0).normal(size=(4, 3, 3, 3)).astype(np.float32)
MATRIX = np.random.default_rng(1).normal(size=(4, 5)).astype(np.float32)


def convolution(batch: int | str = 1, side: int | str = 8) -> bytes:
    """x (batch, 3, side, side) -> ReLU of a convolution -> mean of each channel -> five numbers; and the ReLU."""
    nodes = [
        helper.make_node("Conv", ["x", "kernels"], ["filtered"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["filtered"], ["positive"]),
        helper.make_node("GlobalAveragePool", ["positive"], ["pooled"]),
        helper.make_node("Reshape", ["pooled", "flat"], ["means"]),
        helper.make_node("MatMul", ["means", "matrix"], ["scores"]),
    ]
    constants = {"kernels": KERNELS, "matrix": MATRIX, "flat": np.array([-1, 4])}
    return network(nodes, {"x": [batch, 3, side, side]}, ["scores", "positive"], constants)


def difference() -> bytes:
    """a - b; the order of the inputs matters."""
    return network([helper.make_node("Sub", ["a", "b"], ["y"])], {"a": [2], "b": [2]}, ["y"], {})


def network(nodes: list[Any], inputs: dict[str, Any], outputs: list[str], constants: dict[str, Any]) -> bytes:
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    data: bytes = model.SerializeToString()
    return data


def expected(x: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The outputs of `convolution`, by its definition."""
    height, width = x.shape[2:]
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    shifted = [padded[:, :, row : row + height, column : column + width] for row in range(3) for column in range(3)]
    positive = np.maximum(np.einsum("knchw,ock->nohw", np.stack(shifted), KERNELS.reshape(4, 3, 9)), 0)
    return positive.mean(axis=(2, 3)) @ MATRIX, positive


def pictures(count: int, side: int = 8) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(2).normal(size=(count, 3, side, side)).astype(np.float32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(convolution())
    return path


@pytest.mark.parametrize("device", RUNTIMES)
def test_network_gives_its_outputs_in_order(path: Path, device: str) -> None:
    session = open_session(path, device=device)
    x = pictures(1)
    outputs = session(x)
    assert session.inputs == (("x", (1, 3, 8, 8)),)
    assert session.outputs == ("scores", "positive")
    assert [output.dtype for output in outputs] == [np.float32] * 2
    for output, value in zip(outputs, expected(x), strict=True):
        np.testing.assert_allclose(output, value, atol=1e-4)


def test_session_knows_its_file_and_device(path: Path) -> None:
    session = open_session(path, device="cpu")
    assert (session.path, session.device) == (path, "cpu")
    assert session.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert open_session(str(path)).path == path
    assert open_session(path).device in DEVICES


def test_digest_is_that_of_the_file_not_of_what_was_freed(path: Path) -> None:
    assert open_session(path, device="cpu", free=(0, 2, 3)).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("device", RUNTIMES)
def test_several_inputs_are_taken_in_order(tmp_path: Path, device: str) -> None:
    path = tmp_path / "difference.onnx"
    path.write_bytes(difference())
    session = open_session(path, device=device)
    assert session.inputs == (("a", (2,)), ("b", (2,)))
    (output,) = session(np.array([5, 5], np.float32), np.array([1, 7], np.float32))
    assert output.tolist() == [4, -2]


@pytest.mark.parametrize("device", RUNTIMES)
def test_fixed_batch_and_size_can_be_made_free(path: Path, device: str) -> None:
    session = open_session(path, device=device, free=(0, 2, 3))
    assert session.inputs == (("x", (None, 3, None, None)),)
    for x in (pictures(1), pictures(5), pictures(2, side=11), pictures(3)):
        for output, value in zip(session(x), expected(x), strict=True):
            np.testing.assert_allclose(output, value, atol=1e-4)


@pytest.mark.parametrize("device", RUNTIMES)
def test_free_dimensions_of_the_file_are_shown_as_none(tmp_path: Path, device: str) -> None:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(convolution("batch", "side"))
    session = open_session(path, device=device)
    assert session.inputs == (("x", (None, 3, None, None)),)
    assert session(pictures(3, side=5))[0].shape == (3, 5)


def test_both_runtimes_give_the_same_answer(path: Path) -> None:
    x = pictures(4)
    answers = [open_session(path, device=device, free=(0,))(x) for device in RUNTIMES]
    for one, other in zip(*answers, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_openvino_reads_its_own_format(path: Path, tmp_path: Path) -> None:
    import openvino

    other = tmp_path / "tiny.xml"
    openvino.save_model(openvino.Core().read_model(path), other, compress_to_fp16=False)
    session = open_session(other, device="openvino")
    assert session.inputs == (("x", (1, 3, 8, 8)),)
    np.testing.assert_allclose(session(pictures(1))[0], expected(pictures(1))[0], atol=1e-4)
    weights = other.with_suffix(".bin")
    weights.write_bytes(weights.read_bytes().replace(MATRIX.tobytes(), (2 * MATRIX).tobytes()))
    doubled = open_session(other, device="openvino")
    np.testing.assert_allclose(doubled(pictures(1))[0], 2 * expected(pictures(1))[0], atol=1e-4)
    assert doubled.sha256 != session.sha256
    weights.unlink()
    with pytest.raises(ModelError, match=r"cannot read .*tiny\.bin: No such file"):
        open_session(other, device="openvino")


@pytest.mark.parametrize("device", RUNTIMES)
def test_answers_are_kept_when_the_session_runs_again(path: Path, device: str) -> None:
    session = open_session(path, device=device)
    first = session(pictures(1))
    kept = [output.copy() for output in first]
    session(pictures(1) * 100)
    for output, value in zip(first, kept, strict=True):
        np.testing.assert_array_equal(output, value)


@pytest.mark.parametrize("device", RUNTIMES)
def test_one_session_may_be_called_from_several_threads(path: Path, device: str) -> None:
    session = open_session(path, device=device, free=(0,), threads=1)
    together = threading.Barrier(4, timeout=10)

    def call(number: int) -> float:
        together.wait()
        x = pictures(number + 1) + number
        return max(float(np.abs(session(x)[0] - expected(x)[0]).max()) for _ in range(20))

    with ThreadPoolExecutor(4) as pool:
        assert max(pool.map(call, range(4))) < 1e-3


@linux
def test_threads_are_as_many_as_asked_for(path: Path) -> None:
    before = len(os.listdir("/proc/self/task"))  # noqa: PTH208 - entries come and go
    sessions = [open_session(path, device="cpu", threads=1)]
    one = len(os.listdir("/proc/self/task"))  # noqa: PTH208
    sessions.append(open_session(path, device="cpu", threads=4))
    four = len(os.listdir("/proc/self/task"))  # noqa: PTH208
    assert (one - before, four - one) == (0, 3)  # the thread that calls is one of them
    assert len(sessions) == 2


@pytest.mark.parametrize("device", RUNTIMES)
@pytest.mark.parametrize(
    "arrays",
    [(pictures(2),), (pictures(1, side=9),), (pictures(1)[0],), (pictures(1)[:, :2],), (), (pictures(1), pictures(1))],
    ids=["batch", "size", "rank", "channels", "none", "two"],
)
def test_wrong_input_is_an_error_that_names_the_file(
    path: Path, device: str, arrays: tuple[np.ndarray[Any, Any], ...]
) -> None:
    session = open_session(path, device=device)
    with pytest.raises(ModelError, match=r"^tiny\.onnx cannot run on this input: ..."):
        session(*arrays)
    assert session(pictures(1))[0].shape == (1, 5)


@pytest.mark.parametrize("device", RUNTIMES)
def test_wrong_size_is_told_with_both_sizes(path: Path, device: str) -> None:
    session = open_session(path, device=device)
    with pytest.raises(
        ModelError, match=r"Got: 3 Expected: 1|shape=\[1,3,8,8\]\) and the tensor \(shape=\(3\.3\.8\.8\)\)"
    ) as refused:
        session(pictures(3))
    assert "src/" not in str(refused.value)


@pytest.mark.parametrize("device", RUNTIMES)
@pytest.mark.parametrize("data", [bytes(range(200)), b"\0" + b"\xff" * 1000, b"\0"], ids=["bytes", "ff", "zero"])
def test_what_is_no_network_is_an_error(tmp_path: Path, device: str, data: bytes) -> None:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(data)
    for free in ((), (0,)):
        with pytest.raises(ModelError, match=r"tiny\.onnx is not a network that (onnxruntime|OpenVINO) can open: \S"):
            open_session(path, device=device, free=free)


@pytest.mark.parametrize("device", RUNTIMES)
def test_network_cut_short_is_an_error(path: Path, device: str) -> None:
    path.write_bytes(convolution()[:400])
    with pytest.raises(ModelError, match=r"tiny\.onnx is not a network"):
        open_session(path, device=device)


@pytest.mark.parametrize("device", RUNTIMES)
@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "is an empty file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:5e4447f5\n", "is a Git LFS pointer.*git lfs pull"),
        (b"<!doctype html><html></html>", "is an HTML page"),
        (b"Not found\n", "is a text file"),
    ],
)
def test_what_came_in_the_place_of_a_network_is_named(tmp_path: Path, device: str, data: bytes, problem: str) -> None:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelError, match=rf"tiny\.onnx {problem}"):
        open_session(path, device=device)


def test_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot read .*gone\.onnx: No such file or directory"):
        open_session(tmp_path / "gone.onnx")
    with pytest.raises(ModelError, match=r"cannot read .*: Is a directory"):
        open_session(tmp_path)


def test_unknown_device_is_an_error_that_lists_the_choices(path: Path) -> None:
    choices = "auto, cuda, coreml, cpu, openvino"
    with pytest.raises(DeviceError, match=f"^unknown device 'gpu'; choose one of: {choices}$"):
        open_session(path, device="gpu")


@pytest.mark.parametrize(
    ("device", "advice"),
    [
        ("cuda", r"CUDA needs an NVIDIA driver and: pip install 'perceptkit\[cuda\]'"),
        ("coreml", "CoreML needs macOS"),
    ],
)
def test_device_that_is_not_here_is_an_error_that_says_what_it_needs(path: Path, device: str, advice: str) -> None:
    try:
        usable = open_session(path, device=device).device == device
    except DeviceError:
        usable = False
    if usable:
        pytest.skip(f"{device} can be used here")
    with pytest.raises(
        DeviceError, match=rf"^device '{device}' cannot be used here\. {advice}\. Usable here: auto, .*cpu"
    ):
        open_session(path, device=device)


def run(program: str, *arguments: str | Path) -> str:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


WITHOUT_OPENVINO = """
import sys
sys.modules["openvino"] = None
from perceptkit.errors import MissingExtraError
from perceptkit.models import open_session
try:
    open_session(sys.argv[1], device="openvino")
except MissingExtraError as error:
    print(error)
"""


def test_openvino_without_the_extra_names_the_pip_command(path: Path) -> None:
    assert run(WITHOUT_OPENVINO, path) == (
        "--device openvino needs an optional package: pip install 'perceptkit[openvino]'"
    )


COUNT = """
import os
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from perceptkit.models import cpu_count
print(cpu_count())
"""


@linux
def test_cpus_are_those_this_process_may_use() -> None:
    assert 1 <= cpu_count() <= len(os.sched_getaffinity(0))
    assert run(COUNT) == "1"


@pytest.mark.parametrize(
    ("files", "cpus"),
    [
        ({"cpu.max": "400000 100000\n"}, 4),
        ({"cpu.max": "250000 100000\n"}, 2),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "300000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 3),
        ({"cpu/cpu.cfs_quota_us": "1000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "300000\n"}, None),
        ({"cpu.max": ""}, None),
        ({"cpu.max": "some words"}, None),
        ({}, None),
    ],
    ids=["v2", "v2-part", "v2-less-than-one", "v2-none", "v1", "v1-less-than-one", "v1-none", "v1-half", *"abc"],
)
def test_quota_of_a_control_group_is_counted_in_whole_cpus(
    tmp_path: Path, files: dict[str, str], cpus: int | None
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert _cgroup_cpus(tmp_path) == cpus
