"""Make fixed input dimensions of an ONNX file free, in memory, without the `onnx` package.

Many published files declare batch 1 (or 640 x 640) although every operator in them works on any size. The
declaration is two or three bytes of protobuf: `dim_value: 1` is `08 01`, `dim_param: ""` is `12 00`. Replacing
one by the other keeps every length in the file as it was. Whether the network really works on other sizes is
for the caller to check with a run.

Protobuf wire format: https://protobuf.dev/programming-guides/encoding/ ; field numbers: onnx/onnx.proto.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

__all__ = ["free_dimensions"]

_GRAPH = 7  # ModelProto.graph
_INPUT, _INITIALIZER = 11, 5  # GraphProto
_NAME, _TYPE = 1, 2  # ValueInfoProto
_TENSOR, _SHAPE, _DIMENSION = 1, 2, 1  # TypeProto.tensor_type, TypeProto.Tensor.shape, TensorShapeProto.dim
_INITIALIZER_NAME = 8  # TensorProto.name
_DIM_VALUE_TAG, _DIM_PARAM_TAG = 0x08, 0x12

Span = tuple[int, int]


def free_dimensions(model: bytes, axes: Collection[int]) -> bytes:
    """The same model with the fixed `axes` of its first input made free.

    An axis that is free already stays as it is. Bytes that are not an ONNX model come back unchanged: the
    runtime will say what is wrong with them.
    """
    patched = bytearray(model)
    try:
        for axis, (start, end) in enumerate(_input_dimensions(model)):
            if axis in axes and start < end and model[start] == _DIM_VALUE_TAG:
                _, end = _varint(model, start + 1)
                # A name for each axis: two axes of one name would have to be equal.
                name = bytes([ord("a") + axis]) * (end - start - 2)
                patched[start:end] = bytes([_DIM_PARAM_TAG, len(name)]) + name
    except (IndexError, StopIteration):
        return model
    return bytes(patched)


def _input_dimensions(model: bytes) -> list[Span]:
    """Where the dimensions of the first real input stand (old files list their weights as inputs too)."""
    graph = _first(model, (0, len(model)), _GRAPH)
    weights = {_text(model, span, _INITIALIZER_NAME) for span in _fields(model, graph, _INITIALIZER)}
    entry = next(span for span in _fields(model, graph, _INPUT) if _text(model, span, _NAME) not in weights)
    shape = _first(model, _first(model, _first(model, entry, _TYPE), _TENSOR), _SHAPE)
    return list(_fields(model, shape, _DIMENSION))


def _first(data: bytes, span: Span, number: int) -> Span:
    return next(_fields(data, span, number))


def _text(data: bytes, span: Span, number: int) -> bytes:
    start, end = next(_fields(data, span, number), (0, 0))
    return data[start:end]


def _fields(data: bytes, span: Span, number: int) -> Iterator[Span]:
    """Spans of the length-delimited fields called `number` in the message at `span`."""
    position, end = span
    while position < end:
        tag, position = _varint(data, position)
        wire = tag & 7
        if wire == 0:
            _, position = _varint(data, position)
        elif wire == 1:
            position += 8
        elif wire == 5:
            position += 4
        elif wire == 2:
            length, position = _varint(data, position)
            if tag >> 3 == number:
                yield position, position + length
            position += length
        else:
            return


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise IndexError("a number of more than ten bytes")
