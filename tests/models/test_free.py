"""Freeing dimensions of an ONNX file without `onnx`, held against what `onnx` reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from perceptkit.models._free import free_dimensions

Size = int | str | None


def network(*inputs: tuple[str, Sequence[Size]], weights: Sequence[str] = ("weights",), doc: str = "") -> Any:
    """y = first input; with weights, and a text in front of everything that a parser has to step over."""
    graph = helper.make_graph(
        [helper.make_node("Identity", [inputs[0][0]], ["y"])],
        "tiny",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.zeros((2, 3), np.float32), name) for name in weights],
        doc_string=doc,
    )
    return helper.make_model(graph, doc_string=doc, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def shape_of(data: bytes, number: int = 0) -> list[Size]:
    """Sizes as numbers, free dimensions as their name (None without one)."""
    dimensions = onnx.load_from_string(data).graph.input[number].type.tensor_type.shape.dim
    return [each.dim_value if each.HasField("dim_value") else each.dim_param or None for each in dimensions]


@pytest.mark.parametrize(
    ("shape", "axes", "expected"),
    [
        ([1, 3, 640, 640], (0,), [None, 3, 640, 640]),
        ([1, 3, 640, 640], (2, 3), [1, 3, "c", "d"]),
        ([1, 3, 640, 640], (0, 2, 3), [None, 3, "c", "d"]),
        ([1, 3, 640, 640], (0, 1, 2, 3), [None, None, "c", "d"]),
        ([1, 3, 640, 640], (), [1, 3, 640, 640]),
        ([1, 3, 640, 640], (4, 17), [1, 3, 640, 640]),
        (["batch", 3, 640, 640], (0, 2), ["batch", 3, "c", 640]),
        ([None, 3, 640, 640], (0, 2, 3), [None, 3, "c", "d"]),
        ([1, None, None, 300_000], (0, 1, 3), [None, None, None, "dd"]),
        ([127, 128, 16_383, 16_384, 2**40], (0, 1, 2, 3, 4), [None, "b", "c", "dd", "eeeee"]),
        ([-1, 3], (0,), ["a" * 9, 3]),
        ([], (0,), []),
    ],
)
def test_chosen_axes_are_free_and_the_others_as_they_were(
    shape: list[Size], axes: tuple[int, ...], expected: list[Size]
) -> None:
    data = network(("x", shape)).SerializeToString()
    freed = free_dimensions(data, axes)
    assert shape_of(freed) == expected
    assert len(freed) == len(data)


def test_nothing_but_the_shape_changes() -> None:
    model = network(("x", [1, 3, 640, 640]), doc="d" * 1000)
    freed = onnx.load_from_string(free_dimensions(model.SerializeToString(), (0, 2, 3)))
    for of in (model, freed):
        del of.graph.input[0].type.tensor_type.shape.dim[:]
    assert freed == model


def test_freeing_again_changes_nothing() -> None:
    freed = free_dimensions(network(("x", [1, 3, 640, 640])).SerializeToString(), (0, 2, 3))
    assert free_dimensions(freed, (0, 2, 3)) == freed


def test_only_the_first_input_is_freed() -> None:
    data = network(("x", [1, 3]), ("scale", [1, 4])).SerializeToString()
    freed = free_dimensions(data, (0, 1))
    assert (shape_of(freed), shape_of(freed, 1)) == ([None, None], [1, 4])


def test_weights_that_are_listed_as_inputs_are_passed_over() -> None:
    """As files from before ONNX IR version 4 do."""
    data = network(("weights", [2, 3]), ("x", [1, 3, 8, 8]), weights=("other", "weights")).SerializeToString()
    freed = free_dimensions(data, (0,))
    assert (shape_of(freed), shape_of(freed, 1)) == ([2, 3], [None, 3, 8, 8])


@pytest.mark.parametrize("length", [1, 120, 200, 300])
def test_meaning_of_an_axis_is_kept(length: int) -> None:
    model = network(("x", [640, 3]))
    model.graph.input[0].type.tensor_type.shape.dim[0].denotation = "D" * length
    freed = free_dimensions(model.SerializeToString(), (0,))
    assert shape_of(freed) == ["a", 3]
    assert onnx.load_from_string(freed).graph.input[0].type.tensor_type.shape.dim[0].denotation == "D" * length


WHOLE = network(("x", [1, 3, 8, 8])).SerializeToString()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html></html>",
        b"version https://git-lfs.github.com/spec/v1\n",
        bytes(100),
        b"\xff" * 1_000_000,
        b"\x80" * 1_000_000,
        b"\x3a\xff\xff\xff\xff\x0f",
        network(("weights", [1, 3])).SerializeToString(),
        onnx.ModelProto().SerializeToString(),
    ],
    ids=["empty", "page", "pointer", "zeros", "ff", "80", "too-long", "no-input", "no-graph"],
)
def test_what_is_no_network_comes_back_unchanged(data: bytes) -> None:
    assert free_dimensions(data, (0, 1, 2, 3)) == data


@pytest.mark.parametrize("end", range(0, len(WHOLE), 3))
def test_network_cut_short_keeps_its_length(end: int) -> None:
    assert len(free_dimensions(WHOLE[:end], (0, 1, 2, 3))) == end


@given(st.binary(max_size=300), st.sets(st.integers(0, 7)))
def test_any_bytes_keep_their_length(data: bytes, axes: set[int]) -> None:
    assert len(free_dimensions(data, axes)) == len(data)


@given(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=4))
def test_network_with_changed_bytes_keeps_its_length(position: int, change: bytes) -> None:
    data = (WHOLE[:position] + change + WHOLE[position + len(change) :])[: len(WHOLE)]
    assert len(free_dimensions(data, (0, 1, 2, 3))) == len(data)
