"""Networks of a few hundred bytes that find and tell apart painted faces and see where they look, and the paint.

A painted face is a square of 96 x 96 pixels of 4 x 4 blocks: the middle is red, which the detector looks for, and
eight of the grey blocks around it are the person, which the embedder reads. In an image whose long side is 640 pixels
the detector finds a face where its corner is a multiple of 32, and says exactly where it is. A face looks to where it
has a blue marker, seen from its middle; without one it looks into the lens.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from onnx import TensorProto, helper, numpy_helper, save_model
from scipy.linalg import hadamard

from perceptkit.arrays import Floats, Picture
from perceptkit.face.align import TEMPLATE
from perceptkit.video import Frame, VideoInfo, Writer

__all__ = [
    "FACE_SIDE",
    "blank",
    "face_box",
    "face_landmarks",
    "look",
    "paint",
    "paint_marker",
    "people",
    "write_embedder",
    "write_gaze",
    "write_heads",
    "write_odd_gaze",
    "write_people",
    "write_photo",
    "write_scrfd",
    "write_video",
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


_MARKER = 16  # pixels
_BLUE = np.array([-0.5, -0.5, 1], np.float32)  # how blue a colour is: 1 for pure blue, 0 for any grey
_MEAN, _STD = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)  # ImageNet's
# Which number of the centre of mass, and the degrees at the border: image-left and up are positive.
_AXES = {"x": (0, -60.0), "y": (1, -40.0), "-": (0, 0.0)}


def paint_marker(image: Picture, x: float, y: float) -> Picture:
    """The image with a blue marker in whose middle (x, y) lies, in pixels."""
    painted = image.copy()
    left, top = round(x) - _MARKER // 2, round(y) - _MARKER // 2
    painted[max(top, 0) : top + _MARKER, max(left, 0) : left + _MARKER] = (0, 0, 255)
    return painted


def people(*faces: tuple[int, int, tuple[float, float] | None], height: int = 160) -> Picture:
    """A picture of 640 pixels' width with faces at (x, y), each with its marker (from its corner) or without."""
    image = blank(640, height)
    for number, (x, y, marker) in enumerate(faces):
        image = paint(image, x, y, person=number % 8)
        if marker is not None:
            image = paint_marker(image, x + marker[0], y + marker[1])
    return image


def write_video(
    path: Path, pictures: Sequence[Picture], *, times: Sequence[float] | None = None, sound: Path | None = None
) -> Path:
    """A video of these pictures, 25 a second if no times are given."""
    height, width = pictures[0].shape[:2]
    info = VideoInfo(width, height, Fraction(25), None, None, has_sound=False)
    with Writer(path, info, quality=8, preset="ultrafast", sound=sound) as writer:
        for index, picture in enumerate(pictures):
            writer.write(Frame(index, index / 25 if times is None else times[index], picture))
    return path


def look(x: float, y: float, side: float = FACE_SIDE) -> tuple[float, float]:
    """Yaw and pitch of a face whose marker is at (x, y) from its corner."""
    return _AXES["x"][1] * (2 * x / side - 1), _AXES["y"][1] * (2 * y / side - 1)


def write_gaze(
    path: Path,
    *,
    side: int | None = FACE_SIDE,
    batch: int | None = None,
    axes: str = "xy",
    form: str = "logits",
    spread: float = 1.0,
    names: Sequence[str] = ("yaw", "pitch"),
    mixes: bool = False,
    dies: bool = False,
    forgets: bool = False,
    added: float = 0.0,
) -> Path:
    """A gaze network of the MobileGaze kind: it says where the middle of what is blue lies.

    `axes` says what output 0 and output 1 are: x (yaw), y (pitch) or - (always 0). `form` is logits, whose softmax is
    a bell of `spread` bins, or "radians" (N,) or "column" (N, 1). `mixes`, `dies` and `forgets` are those of
    `write_scrfd`; `added` is added to everything it says.
    """
    nodes, constants = _input_nodes(mixes=mixes, dies=dies, forgets=forgets)
    across = (np.arange(side or FACE_SIDE, dtype=np.float32) + 0.5) / (side or FACE_SIDE) * 2 - 1
    columns, rows = np.meshgrid(across, across)
    constants |= {
        "bluew": (_BLUE * _STD).reshape(1, 3, 1, 1),
        "blueb": np.array([_BLUE @ _MEAN - 0.25], np.float32),
        "moments": np.stack([columns, rows, np.ones_like(rows)])[:, None],
        "mass": np.array([2], np.int64),
        "little": np.array(1e-3, np.float32),
    }
    nodes += [
        helper.make_node("Conv", ["x", "bluew", "blueb"], ["bluish"]),
        helper.make_node("Relu", ["bluish"], ["blue"]),
        helper.make_node("Conv", ["blue", "moments"], ["sums4"]),
        helper.make_node("Flatten", ["sums4"], ["sums"]),
        helper.make_node("Gather", ["sums", "mass"], ["all"], axis=1),
        helper.make_node("Add", ["all", "little"], ["some"]),
    ]
    for name, (index, border) in zip(names, (_AXES[axis] for axis in axes), strict=True):
        constants |= {f"{name}i": np.array([index], np.int64), f"{name}d": np.array(border, np.float32)}
        nodes += [
            helper.make_node("Gather", ["sums", f"{name}i"], [f"{name}s"], axis=1),
            helper.make_node("Div", [f"{name}s", "some"], [f"{name}c"]),
            helper.make_node("Mul", [f"{name}c", f"{name}d"], [f"{name}degrees"]),
        ]
        _say(name, nodes, constants, form=form, spread=spread, added=added)
    return _write(path, nodes, constants, shape=[batch, 3, side, side], outputs=names)


def write_odd_gaze(path: Path, kind: str, *, swapped: bool = False, seed: int = 0, side: int = 64) -> Path:
    """A gaze network that has learned nothing.

    Kind "random" has random weights, "texture" a slow wave over the picture in one output and how rough it is in the
    other.
    """
    nodes, constants = _input_nodes()
    random = np.random.default_rng(seed)
    names = ("pitch", "yaw") if swapped else ("yaw", "pitch")
    if kind == "random":
        constants["filters"] = random.normal(0, 0.5, (16, 3, 5, 5)).astype(np.float32)
        nodes += [
            helper.make_node("Conv", ["x", "filters"], ["filtered"], strides=[4, 4]),
            helper.make_node("Relu", ["filtered"], ["positive"]),
            helper.make_node("AveragePool", ["positive"], ["pooled"], kernel_shape=[5, 5], strides=[5, 5]),
            helper.make_node("Flatten", ["pooled"], ["features"]),
        ]
        for name in names:
            constants[f"{name}w"] = random.normal(0, 0.3, (16 * 9, 90)).astype(np.float32)
            nodes.append(helper.make_node("MatMul", ["features", f"{name}w"], [name]))
    else:
        columns, rows = np.meshgrid(np.arange(side), np.arange(side))
        phases = (np.arange(3) + seed)[:, None, None] * 2.1
        wave = np.cos(2 * np.pi * (columns / (0.4 * side) + rows / (0.28 * side)) + phases) / (3 * side * side)
        constants |= {"wave": wave[None].astype(np.float32), "gain": np.array(8, np.float32)}
        constants |= {"most": np.array(60, np.float32), "middle": np.array(-30, np.float32)}
        constants["edges"] = np.repeat(np.array([[[[0, 1, 0], [1, -4, 1], [0, 1, 0]]]], np.float32), 3, axis=0)
        constants["little"] = np.array(0.1, np.float32)
        nodes += [
            helper.make_node("Conv", ["x", "wave"], ["swell4"]),
            helper.make_node("Flatten", ["swell4"], ["swell"]),
            helper.make_node("Mul", ["swell", "gain"], ["more"]),
            helper.make_node("Tanh", ["more"], ["less"]),
            helper.make_node("Mul", ["less", "most"], ["yawdegrees"]),
            helper.make_node("Conv", ["x", "edges"], ["rough"], group=3),
            helper.make_node("Abs", ["rough"], ["edge"]),
            helper.make_node("ReduceMean", ["edge"], ["energy3"], axes=[1, 2, 3], keepdims=1),
            helper.make_node("Flatten", ["energy3"], ["energy"]),
            helper.make_node("Add", ["energy", "little"], ["some"]),
            helper.make_node("Div", ["energy", "some"], ["share"]),
            helper.make_node("Mul", ["share", "most"], ["spread"]),
            helper.make_node("Add", ["spread", "middle"], ["pitchdegrees"]),
        ]
        for name in names:
            _say(name, nodes, constants)
    return _write(path, nodes, constants, shape=[None, 3, side, side], outputs=names)


def write_heads(path: Path, *widths: int, shape: Sequence[int | None] = (None, 3, 64, 64)) -> Path:
    """A network of that input with an output (N, width) of noughts for each of `widths`."""
    nodes, constants = _input_nodes()
    nodes.append(helper.make_node("ReduceMean", ["x"], ["mean4"], axes=[1, 2, 3], keepdims=1))
    nodes.append(helper.make_node("Flatten", ["mean4"], ["mean"]))
    names = [f"head{number}" for number in range(len(widths))]
    for name, width in zip(names, widths, strict=True):
        constants[f"{name}w"] = np.zeros((1, width), np.float32)
        nodes.append(helper.make_node("MatMul", ["mean", f"{name}w"], [name]))
    return _write(path, nodes, constants, shape=shape, outputs=names)


def write_people(path: Path, family: str, *boxes: tuple[float, float, float, float], side: int = 64) -> Path:
    """A person detector of that family ("yolov8" or "yolox") that always sees people at the same places of its input.

    `boxes` are centre x, centre y, width and height in pixels of its input. The score is the mean of the first channel.
    """
    strides = (8, 16, 32)
    cells = sum((side // stride) ** 2 for stride in strides)
    known, rising = np.zeros((cells, 85), np.float32), np.zeros((cells, 85), np.float32)
    for number, (x, y, width, height) in enumerate(boxes):
        row, column = divmod(number, side // 8)
        if family == "yolox":  # relative to the cell, and the size as a logarithm; object times class
            known[number, :4] = x / 8 - column, y / 8 - row, np.log(width / 8), np.log(height / 8)
            known[number, 4], rising[number, 5] = 1, 1 / 255
        else:
            known[number, :4], rising[number, 4] = (x, y, width, height), 1
    if family == "yolov8":
        known, rising = known[:, :84].T, rising[:, :84].T
    constants: dict[str, np.ndarray[Any, Any]] = {"known": known[None], "rising": rising[None]}
    constants["first"] = np.array([0], np.int64)
    nodes = [
        helper.make_node("Gather", ["input", "first"], ["channel"], axis=1),
        helper.make_node("ReduceMean", ["channel"], ["mean4"], axes=[1, 2, 3], keepdims=1),
        helper.make_node("Squeeze", ["mean4", "first"], ["mean"]),
        helper.make_node("Mul", ["mean", "rising"], ["scores"]),
        helper.make_node("Add", ["scores", "known"], ["output"]),
    ]
    return _write(path, nodes, constants, shape=(1, 3, side, side), outputs=["output"])


def _say(
    name: str,
    nodes: list[Any],
    constants: dict[str, np.ndarray[Any, Any]],
    *,
    form: str = "logits",
    spread: float = 1.0,
    added: float = 0.0,
) -> None:
    """From "NAMEdegrees" (N, 1) to the output NAME.

    A bell around d degrees is exp(-(k - d/4)^2 / 2) at the bins k = -45..44 around 0 degrees; what does not depend on
    k is the same for all bins and falls out of the softmax, so that the logits are linear in d.
    """
    bins = np.arange(-45, 45, dtype=np.float32)
    if form == "logits":
        scale, offset = bins[None] / 4 / spread**2, -(bins**2) / 2 / spread**2
    else:
        scale, offset = np.array([[np.pi / 180]]), np.zeros(1)
    constants |= {f"{name}m": scale.astype(np.float32), f"{name}o": (offset + added).astype(np.float32)}
    nodes.append(helper.make_node("MatMul", [f"{name}degrees", f"{name}m"], [f"{name}n"]))
    if form == "radians":
        constants[f"{name}r"] = np.array([-1], np.int64)
        nodes.append(helper.make_node("Add", [f"{name}n", f"{name}o"], [f"{name}2"]))
        nodes.append(helper.make_node("Reshape", [f"{name}2", f"{name}r"], [name]))
    else:
        nodes.append(helper.make_node("Add", [f"{name}n", f"{name}o"], [name]))


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
