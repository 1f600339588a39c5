"""Pickles of plain data are read; anything else is refused, quickly, and nothing in it is run."""

from __future__ import annotations

import io
import os
import pickle
import struct
import time
import tracemalloc
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perceptkit.errors import InputError
from perceptkit.face.reference.pickled import load_pickle

MATRIX = np.arange(12, dtype=np.float32).reshape(3, 4)
ARRAYS = {
    "floats": MATRIX,
    "columns first": np.asfortranarray(MATRIX),
    "every other": MATRIX[:, ::2],
    "doubles, big end first": MATRIX.astype(">f8"),
    "halves": MATRIX.astype(np.float16),
    "integers": np.array([-1, 2**40]),
    "booleans": np.array([True, False]),
    "strings": np.array(["Zoë", "b"]),
    "bytes": np.array([b"x", b"yz"]),
    "nothing": np.zeros((0, 4)),
    "one number": np.array(3.0),
    "not finite": np.array([np.nan, np.inf]),
    "many low bytes": np.zeros(5000),
    "many high bytes": np.full(5000, -1, np.int16),
}
SYSTEM = b"cos\nsystem\n(S'touch %s'\ntR."
PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def written(folder: Path, data: bytes) -> Path:
    path = folder / "cache.pkl"
    path.write_bytes(data)
    return path


def dumped(value: Any, protocol: int, *, package: str = "numpy._core") -> bytes:
    """A pickle as numpy 2 writes it, or as numpy 1 did, whose package is called numpy.core."""
    data = pickle.dumps(value, protocol)
    if package == "numpy._core":
        return data.replace(b"cnumpy.core.", b"cnumpy._core.")
    data = data.replace(b"cnumpy._core.", b"cnumpy.core.")
    for module in (b"multiarray", b"numeric"):  # the names of modules are strings since protocol 4: length, text
        old, new = b"numpy._core." + module, b"numpy.core." + module
        data = data.replace(b"\x8c" + bytes([len(old)]) + old, b"\x8c" + bytes([len(new)]) + new)
    assert b"numpy.core." in data
    assert b"_core" not in data
    return unframed(data)


def unframed(data: bytes) -> bytes:
    """Without the frames of protocol 4, whose lengths are no longer right."""
    if data[:1] != b"\x80" or data[1] < 4:
        return data
    out, rest = data[:2], data[2:]
    return out + (rest[9:] if rest[:1] == b"\x95" else rest)


@pytest.mark.parametrize("package", ["numpy._core", "numpy.core"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_arrays_of_every_protocol_and_of_both_numpys(tmp_path: Path, protocol: int, package: str) -> None:
    loaded = load_pickle(written(tmp_path, dumped(ARRAYS, protocol, package=package)))
    assert loaded.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(loaded[name], array, strict=True)
        assert not loaded[name].flags.writeable


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_plain_data_comes_back_as_it_was(tmp_path: Path, protocol: int) -> None:
    plain = {
        "list": [1, -1, 300, 70000, -(2**40), 2**63, 1.5, True, False, None],
        "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
        "text": ["", "é", "a" * 300, "line\nline"],
        "bytes": [b"", b"\x00\xff" * 200],
        "dicts": {"k": {"deep": [[["here"]]]}},
    }
    given = OrderedDict(plain)
    assert load_pickle(written(tmp_path, pickle.dumps(given, protocol))) == plain


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_numbers_of_numpy_are_numbers(tmp_path: Path, protocol: int) -> None:
    loaded = load_pickle(written(tmp_path, pickle.dumps([np.float32(2.5), np.int64(-3), np.bool_(True)], protocol)))
    assert loaded == [2.5, -3, True]
    assert [type(number) for number in loaded] == [float, int, bool]


def test_an_array_may_be_there_twice(tmp_path: Path) -> None:
    loaded = load_pickle(written(tmp_path, pickle.dumps({"a": MATRIX, "b": [MATRIX, MATRIX]})))
    np.testing.assert_array_equal(loaded["b"][1], MATRIX)


def test_what_python_2_wrote(tmp_path: Path) -> None:
    data = (
        b"\x80\x02}U\x04Annacnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02\x85cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89U\x08" + struct.pack("<2f", 0.5, -2) + b"tbs."
    )
    assert load_pickle(written(tmp_path, data))["Anna"].tolist() == [0.5, -2]


class Runs:
    """What runs a function with arguments when Python's own reader opens it."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "holder", [lambda evil: evil, lambda evil: {"Anna": [evil, MATRIX]}, lambda evil: (MATRIX, evil)]
)
def test_nothing_is_run(tmp_path: Path, protocol: int, holder: Callable[[Any], Any]) -> None:
    made = tmp_path / "made"
    for evil in (Runs(os.system, f"touch {made}"), Runs(eval, f"open({str(made)!r}, 'w')"), Runs(open, str(made), "w"),
                 Runs(os.mkdir, str(made)), Runs(getattr, os, "sep")):  # fmt: skip
        try:
            data = pickle.dumps(holder(evil), protocol)
        except (TypeError, pickle.PicklingError):  # a module
            continue
        with pytest.raises(InputError, match=r"it names '(posix|nt|builtins|__builtin__|_?io)\."):
            load_pickle(written(tmp_path, data))
    assert not made.exists()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_array_of_objects_is_refused(tmp_path: Path, protocol: int) -> None:
    made = tmp_path / "made"
    objects = np.array([Runs(os.mkdir, str(made)), 1], dtype=object)
    with pytest.raises(InputError, match=r"array of type 'O8'|it names"):
        load_pickle(written(tmp_path, pickle.dumps(objects, protocol)))
    with pytest.raises(InputError, match="array of type 'O8'"):
        load_pickle(written(tmp_path, pickle.dumps(np.array([1, None]), protocol)))
    assert not made.exists()


def array(
    code: bytes = b"f4", shape: bytes = b"K\x02\x85", content: bytes = b"C\x0812345678", order: bytes = b"<"
) -> bytes:
    """An array in protocol 3, in which parts can be wrong."""
    kind = b"cnumpy\ndtype\nX" + struct.pack("<I", len(code)) + code + b"K\x00K\x01\x87R"
    state = b"(K\x03X" + struct.pack("<I", len(order)) + order + b"NNNK\x00K\x00K\x00tb"
    empty = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
    return empty + b"(K\x01" + shape + kind + state + b"\x89" + content + b"tb"


def test_the_array_that_the_wrong_ones_are_made_of(tmp_path: Path) -> None:
    assert load_pickle(written(tmp_path, b"\x80\x03" + array() + b".")).shape == (2,)


RECONSTRUCT = b"cnumpy._core.multiarray\n_reconstruct\n"
NO_CHARACTER = array(b"U2", b"K\x01\x85", b"C\x08\xff\xff\xff\xff\x00\x00\x00\x00")
FRACTION = b"G" + struct.pack(">d", 2) + b"\x85"
ROT13 = b"c_codecs\nencode\nX\x01\x00\x00\x00aX\x05\x00\x00\x00rot13\x86R"
SCALAR = b"cnumpy.core.multiarray\nscalar\n"
WRONG = {
    "calls the system": (SYSTEM % b"made", r"it names 'os\.system'"),
    "of posix": (b"cposix\nsystem\n(S'true'\ntR.", r"'posix\.system'"),
    "by names on the stack": (b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.", r"'os\.system'"),
    "a name made of parts": (b"\x80\x04\x8c\x05numpy\x8c\x0cndarray.dump\x93.", "it names"),
    "names that are none": (b"\x80\x04K\x01K\x02\x93.", "something"),
    "evaluates": (b"c__builtin__\neval\n(S'1'\ntR.", r"it names '__builtin__\.eval'"),
    "an object by name": (b"(S'true'\nios\nsystem\n.", "instruction INST"),
    "an object of arguments": (b"(cnumpy\nndarray\no.", "instruction OBJ"),
    "a new object": (b"\x80\x02cnumpy\nndarray\n)\x81.", "instruction NEWOBJ"),
    "a new object with keywords": (b"\x80\x04cnumpy\nndarray\n)}\x92.", "instruction NEWOBJ_EX"),
    "an extension": (b"\x80\x02\x82\x01.", "instruction EXT1"),
    "a large extension": (b"\x80\x02\x84\x01\x00\x00\x00.", "instruction EXT4"),
    "a persistent id": (b"Pweights\n.", "instruction PERSID"),
    "a persistent id on the stack": (b"\x80\x02K\x01Q.", "instruction BINPERSID"),
    "a buffer from outside": (b"\x80\x05\x97.", "instruction NEXT_BUFFER"),
    "a set": (b"\x80\x04\x8f.", "instruction EMPTY_SET"),
    "a frozen set": (b"\x80\x04(\x91.", "instruction FROZENSET"),
    "a call of a string": (b"\x80\x02X\x04\x00\x00\x00eval)R.", "calls what cannot be called"),
    "a call of the class": (b"\x80\x02cnumpy\nndarray\n)R.", "calls what cannot be called"),
    "a call of an array": (b"\x80\x03" + array() + b")R.", "calls what cannot be called"),
    "arguments that are none": (b"\x80\x02cnumpy\ndtype\n]R.", "calls what cannot be called"),
    "too many arguments": (b"\x80\x02" + SCALAR + b"(K\x01K\x02K\x03tR.", "not enough|too many"),
    "a state for a dict": (b"\x80\x02}}b.", "a state to what has none"),
    "a state for a name": (b"\x80\x02cnumpy\nndarray\n}b.", "a state to what has none"),
    "a second state": (b"\x80\x03" + array() + b"(tb.", "a state to what has none"),
    "another class of array": (b"\x80\x02" + RECONSTRUCT + b"cnumpy\ndtype\n\x85R.", "another class"),
    "only a name": (b"\x80\x02cnumpy\nndarray\n.", "a name, a type or an array without content"),
    "only a type": (b"\x80\x02cnumpy\ndtype\nX\x02\x00\x00\x00f4\x85R.", "a name, a type or an array without"),
    "an array without content": (b"\x80\x02" + RECONSTRUCT + b"cnumpy\nndarray\n\x85R.", "without content"),
    "objects": (b"\x80\x03" + array(b"O") + b".", "type 'O'"),
    "objects of 8 bytes": (b"\x80\x03" + array(b"O8") + b".", "type 'O8'"),
    "large voids": (b"\x80\x03" + array(b"V100000000") + b".", "type 'V100000000'"),
    "long strings": (b"\x80\x03" + array(b"U100000000") + b".", "type 'U100000000'"),
    "strings without length": (b"\x80\x03" + array(b"U0") + b".", "type 'U0'"),
    "records": (b"\x80\x03" + array(b"f4,O") + b".", "type 'f4,O'"),
    "fields": (b"\x80\x03" + array().replace(b"NNN", b"N)}") + b".", "array of records"),
    "times": (b"\x80\x03" + array(b"M8") + b".", "type 'M8'"),
    "an odd order of bytes": (b"\x80\x03" + array(order=b"O,<") + b".", "order of bytes"),
    "a negative shape": (b"\x80\x03" + array(shape=b"J\xfe\xff\xff\xff\x85") + b".", r"of shape \(-2,\)"),
    "two negative sides": (b"\x80\x03" + array(shape=b"J\xff\xff\xff\xffJ\xfe\xff\xff\xff\x86") + b".", "of shape"),
    "a shape too large": (b"\x80\x03" + array(shape=b"J\xff\xff\xff\x7f\x85") + b".", r"2147483647,\) f4 in 8 bytes"),
    "rows of nothing": (b"\x80\x03" + array(shape=b"J\xff\xff\xff\x7fK\x00\x86", content=b"C\x00") + b".", "of shape"),
    "a shape of fractions": (b"\x80\x03" + array(shape=FRACTION) + b".", "whose shape is none"),
    "a shape of truth": (b"\x80\x03" + array(shape=b"\x88\x88\x86") + b".", "whose shape is none"),
    "many dimensions": (b"\x80\x03" + array(shape=b"(" + b"K\x01" * 40 + b"t") + b".", "whose shape is none"),
    "objects as content": (b"\x80\x03" + array(content=b"]") + b".", "array of objects"),
    "no such character": (b"\x80\x03" + NO_CHARACTER + b".", "does not exist"),
    "text in another encoding": (b"\x80\x02" + ROT13 + b".", "another way"),
    "a number that is a key": (b"\x80\x02}K\x01K\x02s.", "keys are not all strings"),
    "a key without value": (b"\x80\x02}(X\x01\x00\x00\x00au.", "zip"),
    "an item for a tuple": (b"\x80\x02)K\x01a.", "adds to what is no list"),
    "an item for nothing": (b"\x80\x02K\x01a.", "it is damaged"),
    "a list in itself": (b"\x80\x02]q\x00h\x00a.", "uses one container twice"),
    "a dict in itself": (b"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s.", "uses one container twice"),
    "a large number": (b"\x80\x02\x8a\x09" + b"\xff" * 8 + b"\x7f.", "more than 64 bits"),
    "a very large number": (b"L" + b"9" * 5000 + b"L\n.", "digits|64 bits"),
    "what was never kept": (b"\x80\x02h\x07.", "it is damaged"),
    "the end of nothing": (b"\x80\x02.", "does not end with one value"),
    "two values": (b"\x80\x02K\x01K\x02.", "does not end with one value"),
    "a mark that is open": (b"\x80\x02(K\x02.", "does not end with one value"),
    "more after the end": (b"\x80\x02N.N.", "more after its end"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_refused_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    data, reason = WRONG[name]
    with pytest.raises(InputError, match=reason):
        load_pickle(written(tmp_path, data))
    assert os.listdir(tmp_path) == ["cache.pkl"]  # noqa: PTH208 - everything


def doubling(levels: int) -> bytes:
    """Lists that hold the one before twice: 2^levels items for whoever walks through them."""
    data = b"\x80\x02]q\x00"
    for level in range(levels):
        data += b"]q" + bytes([level + 1]) + b"(h" + bytes([level]) + b"h" + bytes([level]) + b"e"
    return data + b"."


def again(form: bytes, call: bytes, code: bytes, characters: int, times: int) -> bytes:
    """One content that is made into an array again and again."""
    kind = b"cnumpy\ndtype\nX" + struct.pack("<I", len(code)) + code + b"K\x00K\x01\x87R"
    kind += b"(K\x03X\x01\x00\x00\x00<NNNK\x00K\x00K\x00tb"
    content = b"B" + struct.pack("<I", 4 * characters) + "\N{GRINNING FACE}".encode("utf-32-le") * characters
    made = {b"call": call + b"q\x00", b"kind": kind + b"q\x01", b"content": content + b"q\x02"}
    used = {b"call": b"h\x00", b"kind": b"h\x01", b"content": b"h\x02"}
    return b"\x80\x03]" + form % made + b"a" + (form % used + b"a") * times + b"."


BOMBS = {
    "bytes of 4 EB": b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b"abc.",
    "text of 4 GB": b"\x80\x02X\xff\xff\xff\xffabc.",
    "a byte array of 4 EB": b"\x80\x05\x96" + struct.pack("<Q", 2**62) + b"abc.",
    "a frame of 4 EB": b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"cos\nsystem\n.",
    "a number of 2 GB": b"\x80\x02\x8b\xff\xff\xff\x7fabc.",
    "a place far off in the memo": b"\x80\x02Nr\xff\xff\xff\x7fcos\nsystem\n.",
    "doubling lists": doubling(60),
    "tuples in tuples": b"\x80\x02)" + b"\x85" * 60_000 + b".",
    "lists in lists": b"\x80\x02" + b"]" * 60_000 + b"a" * 59_999 + b".",
    "marks in marks": b"\x80\x02" + b"(" * 60_000 + b".",
    "text made into bytes again and again": (
        b"\x80\x02c_codecs\nencode\nq\x00X" + struct.pack("<I", 500_000) + b"a" * 500_000 + b"q\x01"
        b"X\x06\x00\x00\x00latin1q\x02]" + b"h\x00h\x01h\x02\x86Ra" * 10_000 + b"."
    ),
    "a string of numpy made again and again": again(
        b"%(call)b%(kind)b%(content)b\x86R", b"cnumpy.core.multiarray\nscalar\n", b"U9999", 9999, 5000
    ),
    "an array checked again and again": again(
        b"%(call)b(%(content)b%(kind)bJ\x00\x00\x10\x00\x85X\x01\x00\x00\x00CtR",
        *(b"cnumpy.core.numeric\n_frombuffer\n", b"U1", 2**20, 400),
    ),
    "an array built again and again": again(
        b"%(call)bcnumpy\nndarray\n\x85R(K\x01J\x00\x00\x10\x00\x85%(kind)b\x89%(content)btb",
        *(b"cnumpy.core.multiarray\n_reconstruct\n", b"U1", 2**20, 400),
    ),
    "digits": b"I" + b"9" * 1_000_000 + b"\n.",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_quickly_and_in_little_memory(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, BOMBS[name])
    tracemalloc.start()
    began = time.monotonic()
    with pytest.raises(InputError, match="is not a pickle"):
        load_pickle(path)
    took, (_, peak) = time.monotonic() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert took < 6
    assert peak < 60e6


def test_there_are_limits_to_size_and_instructions(tmp_path: Path) -> None:
    path = written(tmp_path, pickle.dumps(MATRIX))
    with pytest.raises(InputError, match=r"has \d+ bytes; pickles of at most 10 are read"):
        load_pickle(path, max_bytes=10)
    long = written(tmp_path, b"\x80\x02(" + b"N" * 1000 + b"l.")
    with pytest.raises(InputError, match="more than 1,000 instructions"):
        load_pickle(long, max_instructions=1000)
    assert load_pickle(long) == [None] * 1000


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_pickle_that_was_cut_off_is_refused_wherever_it_was(tmp_path: Path, protocol: int) -> None:
    data = pickle.dumps({"Anna": MATRIX, "Bo": [1.5, None]}, protocol)
    for end in range(0, len(data), 3):
        with pytest.raises(InputError, match="is not a pickle"):
            load_pickle(written(tmp_path, data[:end]))


def test_damage_is_an_input_error_or_other_plain_data(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    data = bytearray(pickle.dumps({"Anna": MATRIX, "Bo": ["x", np.array(["y"]), 2.5]}, 4))
    for _ in range(400):
        broken = data.copy()
        for place in random.integers(len(data), size=3):
            broken[place] = random.integers(256)
        try:
            loaded = load_pickle(written(tmp_path, bytes(broken)))
        except InputError:
            continue
        assert isinstance(loaded, (dict, list, tuple, str, bytes, int, float, np.ndarray, type(None)))


@pytest.mark.parametrize(
    ("data", "what"),
    [(b"", "an empty file"), (b"hello\n", "a text file"), (b"PK\x03\x04rest", "a ZIP archive"),
     (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer")],
)  # fmt: skip
def test_another_file_is_named(tmp_path: Path, data: bytes, what: str) -> None:
    with pytest.raises(InputError, match=f"is not a pickle: it is {what}"):
        load_pickle(written(tmp_path, data))


def test_a_file_that_is_not_there_or_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*No such file"):
        load_pickle(tmp_path / "none.pkl")
    with pytest.raises(InputError, match="not a regular file"):
        load_pickle(tmp_path)


def test_python_would_have_run_it(tmp_path: Path) -> None:
    """The pickles above do what they say when Python's own reader opens them."""
    made = tmp_path / "made"
    pickle.load(io.BytesIO(pickle.dumps(Runs(os.mkdir, str(made)))))  # noqa: S301 - of our own making
    assert made.is_dir()
