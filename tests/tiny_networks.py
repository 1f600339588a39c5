"""Networks of a few hundred bytes that find and tell apart painted faces, and the paint.

A painted face is a square of 96 x 96 pixels of 4 x 4 blocks: the middle is red, which the detector looks for, and
eight of the grey blocks around it are the person, which the embedder reads. In an image whose long side is 640 pixels
the detector finds a face where its corner is a multiple of 32, and says exactly where it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from onnx import TensorProto, helper, numpy_helper, save_model
from scipy.linalg import hadamard

from perceptkit.arrays import Floats, Picture
from perceptkit.face.align import TEMPLATE

__all__ = [
    "FACE_SIDE",
    "blank",
    "face_box",
    "face_landmarks",
    "paint",
    "write_embedder",
    "write_photo",
    "write_scrfd",
    "write_yunet",
]

FACE_SIDE = 96
_STRIDES = (8, 16, 32)
_PERSON_BLOCKS = (1, 2, 4, 7, 8, 11, 13, 14)  # of the 16, row by row: those beside the middle
_PEOPLE = hadamard(8)  # no two rows are alike in more than half of the blocks


def blank(width: int = 640, height: int = 480, *, grey: int = 128) -> Picture:
    """An image without faces."""
    return np.full((height, width, 3), grey, np.uint8)


def paint(image: Picture, x: int, y: int, *, person: int, noise: int = 0) -> Picture:
    """The image with the face of a person (0..7) whose corner is at (x, y); `noise` makes one sighting of many."""
    blocks = np.full((16, 3), 128, np.uint8)
    blocks[list(_PERSON_BLOCKS)] = np.where(_PEOPLE[person] > 0, 215, 40)[:, None]
    face = cv2.resize(blocks.reshape(4, 4, 3), (FACE_SIDE, FACE_SIDE), interpolation=cv2.INTER_NEAREST)
    grain = np.random.default_rng(noise).integers(-25, 26, (FACE_SIDE, FACE_SIDE, 1)) if noise else 0
    face = np.clip(face.astype(int) + grain, 0, 255).astype(np.uint8)
    face[24:72, 24:72] = (255, 0, 0)
    painted = image.copy()
    painted[y : y + FACE_SIDE, x : x + FACE_SIDE] = face
    return painted


def write_photo(path: Path, *faces: tuple[int, int, int], noise: int = 0) -> Path:
    """A photo with faces (x, y, person), as PNG or whatever else the ending says."""
    image = blank()
    for x, y, person in faces:
        image = paint(image, x, y, person=person, noise=noise)
    assert cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return path


def face_box(x: int, y: int) -> list[float]:
    """The box that the detectors say for a face painted at (x, y)."""
    return [x, y, x + FACE_SIDE, y + FACE_SIDE]


def face_landmarks(x: int, y: int) -> Floats:
    """The landmarks that the detectors say for a face painted at (x, y)."""
    return np.asarray(TEMPLATE * (FACE_SIDE / 112) + (x, y), np.float32)


def write_scrfd(
    path: Path,
    *,
    batch: int | None = 1,
    mixes: bool = False,
    dies: bool = False,
    forgets: bool = False,
    side: int | None = None,
    fixed: bool = False,
) -> Path:
    """A detector of the SCRFD kind: nine heads that end in Transpose(2, 3, 0, 1) and Reshape(-1, C).

    It declares `batch` images a run, and inputs of `side` pixels where given, which with `fixed` it truly needs. With
    `mixes` the images of a batch change each other, with `dies` a batch is more than it can hold, with `forgets` only
    the first image of one is answered.
    """
    nodes, constants = _input_nodes(mixes=mixes, dies=dies, forgets=forgets, side=side if fixed else 0)
    outputs = []
    # Distances from the cell that the red middle fills to the sides of the face, and to its landmarks.
    heads = {"score": [0.0, 0.0], "box": [1.0, 1.0, 2.0, 2.0] * 2, "landmarks": _offsets() * 2}
    for head, bias in heads.items():
        for stride in _STRIDES:
            name = f"{head}{stride}"
            if head == "score":
                # Red minus green; of the two anchors at a cell of 32 pixels the first one has the face.
                weights = np.zeros((2, 3, 1, 1), np.float32)
                weights[0, :2, 0, 0] = (10, -10) if stride == 32 else (0, 0)
                bias = [-15.0 if stride == 32 else -20.0, -20.0]
            else:
                weights = np.zeros((len(bias), 3, 1, 1), np.float32)
            constants |= {f"{name}w": weights, f"{name}b": np.array(bias, np.float32)}
            constants[f"{name}s"] = np.array([-1, len(bias) // 2], np.int64)
            nodes += [
                helper.make_node("AveragePool", ["x"], [f"{name}p"], kernel_shape=[stride] * 2, strides=[stride] * 2),
                helper.make_node("Conv", [f"{name}p", f"{name}w", f"{name}b"], [f"{name}c"]),
                helper.make_node("Transpose", [f"{name}c"], [f"{name}t"], perm=[2, 3, 0, 1]),
                helper.make_node("Reshape", [f"{name}t", f"{name}s"], [f"{name}r"]),
                helper.make_node("Sigmoid" if head == "score" else "Identity", [f"{name}r"], [name]),
            ]
            outputs.append(name)
    return _write(path, nodes, constants, shape=[batch, 3, side, side], outputs=outputs)


def write_yunet(path: Path) -> Path:
    """A detector of the YuNet kind (it takes BGR), of 640 x 640 pixels and one image a run."""
    nodes, constants = _input_nodes()
    outputs = []
    # From the corner of the cell to the centre of the box, its size as a logarithm, and the landmarks.
    heads = {"class": [0.0], "object": [0.0], "box": [0.5, 0.5, *[float(np.log(3))] * 2], "landmarks": _offsets()}
    for head, bias in heads.items():
        for stride in _STRIDES:
            name = f"{head}{stride}"
            weights = np.zeros((len(bias), 3, 1, 1), np.float32)
            if head in ("class", "object"):
                weights[0, 1:, 0, 0] = (-10 / 128, 10 / 128) if stride == 32 else (0, 0)
                bias = [-15.0 if stride == 32 else -20.0]
            constants |= {f"{name}w": weights, f"{name}b": np.array(bias, np.float32)}
            constants[f"{name}s"] = np.array([1, -1, len(bias)], np.int64)
            nodes += [
                helper.make_node("AveragePool", ["x"], [f"{name}p"], kernel_shape=[stride] * 2, strides=[stride] * 2),
                helper.make_node("Conv", [f"{name}p", f"{name}w", f"{name}b"], [f"{name}c"]),
                helper.make_node("Transpose", [f"{name}c"], [f"{name}t"], perm=[0, 2, 3, 1]),
                helper.make_node("Reshape", [f"{name}t", f"{name}s"], [f"{name}r"]),
                helper.make_node("Sigmoid" if head in ("class", "object") else "Identity", [f"{name}r"], [name]),
            ]
            outputs.append(name)
    return _write(path, nodes, constants, shape=[1, 3, 640, 640], outputs=outputs)


def write_embedder(path: Path, *, batch: int | None = None, mixes: bool = False, nan: bool = False) -> Path:
    """An embedder of eight numbers: the brightness of the eight blocks that are the person.

    With `mixes` the faces of a batch change each other; with `nan` it gives no numbers.
    """
    nodes, constants = _input_nodes(mixes=mixes)
    constants["added"] = np.array(np.nan if nan else 0, np.float32)
    constants["blocks"] = np.array([16 + block for block in _PERSON_BLOCKS], np.int64)  # of the green plane
    nodes += [
        helper.make_node("AveragePool", ["x"], ["pooled"], kernel_shape=[28, 28], strides=[28, 28]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gather", ["flat", "blocks"], ["gathered"], axis=1),
        helper.make_node("Add", ["gathered", "added"], ["embedding"]),
    ]
    return _write(path, nodes, constants, shape=[batch, 3, 112, 112], outputs=["embedding"])


def _offsets() -> list[float]:
    """The landmarks of a painted face from the corner of the cell in its middle, in strides of 32 pixels."""
    return [float(value) for value in ((face_landmarks(0, 0) - 32) / 32).ravel()]


def _input_nodes(
    *, mixes: bool = False, dies: bool = False, forgets: bool = False, side: int | None = 0
) -> tuple[list[Any], dict[str, np.ndarray[Any, Any]]]:
    """From "input" to "x": the same, unless there are several images and they are to spoil it."""
    if dies or side:
        fixed = np.array([1, 3, side, side], np.int64)  # for one image of that side no change at all; 0 is any side
        return [helper.make_node("Reshape", ["input", "one"], ["x"])], {"one": fixed}
    if forgets:
        return [helper.make_node("Gather", ["input", "first"], ["x"], axis=0)], {"first": np.array([0], np.int64)}
    if not mixes:
        return [helper.make_node("Identity", ["input"], ["x"])], {}
    nodes = [
        helper.make_node("ReduceMean", ["input"], ["mean"], axes=[0], keepdims=1),
        helper.make_node("Add", ["input", "mean"], ["sum"]),
        helper.make_node("Mul", ["sum", "half"], ["x"]),
    ]
    return nodes, {"half": np.array(0.5, np.float32)}


def _write(
    path: Path,
    nodes: list[Any],
    constants: dict[str, np.ndarray[Any, Any]],
    *,
    shape: Sequence[int | None],
    outputs: Sequence[str],
) -> Path:
    names = ("batch", "channels", "height", "width")
    declared = [name if size is None else size for name, size in zip(names, shape, strict=True)]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, declared)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    save_model(model, str(path))
    return path
