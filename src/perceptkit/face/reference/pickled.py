"""Pickled data of the system that came before: arrays, strings, numbers and the containers around them, nothing else.

A pickle is a program, and Python's own reader runs whatever it names. Nothing is run here: this is a reader of its own
that knows the instructions plain data is written with, and knows numpy's few names by sight. They make notes of what an
array is, and the array is made here, when its parts fit together. Any other name or instruction ends the reading.

What is read cannot be larger than the file said: containers are trees (one that is used twice, or holds itself, is
refused), bytes and texts may be used again but not made into something new again and again, and there are limits to the
depth, to the number of instructions, and to the file.
"""

from __future__ import annotations

import pickletools
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...files import sniff
from .arrays import CALLS, NAMES, ArrayPlace, ArrayType, Name, complete_array, complete_type

__all__ = ["MAX_INSTRUCTIONS", "MAX_PICKLE", "load_pickle"]

MAX_PICKLE = 256 * 2**20
"""Bytes of the largest pickle that is read."""

MAX_INSTRUCTIONS = 1_000_000
"""Instructions of the longest pickle that is read: ten for an array, and one for a number that is not in an array."""

_DEPTH = 12
_INTEGER = 2**63
_SHARED = 8  # items of a tuple that may be used twice: shapes are
_MADE = 2  # bytes that are made of one in the file: before protocol 3, text makes bytes, and these make an array
# What pickletools raises for files that are damaged, and what our stack and memo raise for programs that are.
_DAMAGED = (ValueError, IndexError, KeyError, OverflowError, MemoryError)


def load_pickle(path: str | Path, *, max_bytes: int = MAX_PICKLE, max_instructions: int = MAX_INSTRUCTIONS) -> Any:
    """The data in a pickle, of protocol 0 to 5: dict, list, tuple, str, bytes, int, float, bool, None, numpy arrays.

    Keys of a dict are strings. Arrays are of numbers or strings and not to be written to. Raises InputError for a file
    that cannot be read, is larger or longer than the limits, is no pickle, is damaged, or holds anything else.
    """
    data = _read(Path(path), max_bytes)
    try:
        return _run(data, max_instructions)
    except _DAMAGED as error:
        reason = str(error) if isinstance(error, ValueError) else "it is damaged"
        what = "a pickle of plain data" if data[:1] in (b"\x80", b"(", b"]", b"}", b"c") else f"a pickle: {_seen(data)}"
        raise InputError(
            f"{path} is not {what}: {reason}. Only dicts, lists, tuples, strings, numbers and numpy arrays are read; "
            "enrol the people again from their photos or videos, or save the cache as npz"
        ) from error


def _read(path: Path, max_bytes: int) -> bytes:
    try:
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):
            raise InputError(f"cannot read {path}: it is not a regular file")
        if facts.st_size > max_bytes:
            raise InputError(f"{path} has {facts.st_size:,} bytes; pickles of at most {max_bytes:,} are read")
        with path.open("rb") as file:
            return file.read(facts.st_size)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def _seen(data: bytes) -> str:
    return f"it is {sniff(data[:64])}"


@dataclass(slots=True, eq=False)
class _Machine:
    """What a pickle works on: a stack, the stacks below its marks, what it keeps, and bytes it may still use to make
    something."""

    budget: int
    stack: list[Any] = field(default_factory=list)
    below: list[list[Any]] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)

    def pop_marked(self) -> list[Any]:
        items, self.stack = self.stack, self.below.pop()
        return items

    def spend(self, *parts: Any) -> None:
        """Pay for the bytes and texts of which something is about to be made: that takes memory, and time to check."""
        self.budget -= sum(len(part) for part in parts if type(part) in (bytes, bytearray, str))
        if self.budget < 0:
            raise ValueError("it makes more bytes than it has")

    def top(self, kind: type) -> Any:
        if type(self.stack[-1]) is not kind:
            raise ValueError(f"it adds to what is no {kind.__name__}")
        return self.stack[-1]


def _run(data: bytes, most: int) -> Any:
    machine = _Machine(budget=_MADE * len(data))
    end = 0
    for number, (opcode, argument, place) in enumerate(pickletools.genops(data)):
        if number >= most:
            raise ValueError(f"it has more than {most:,} instructions")
        if opcode.name not in _OPERATIONS:
            raise ValueError(f"it uses the instruction {opcode.name}, which plain data does not need")
        _OPERATIONS[opcode.name](machine, argument)
        end = (place or 0) + 1
    if end != len(data):
        raise ValueError("there is more after its end")
    if machine.below or len(machine.stack) != 1:
        raise ValueError("it does not end with one value")
    return _plain(machine.stack[0], _DEPTH)


def _plain(value: Any, depth: int) -> Any:
    """The value without our notes in it."""
    if depth < 0:
        raise ValueError(f"it is nested deeper than {_DEPTH} levels")
    if isinstance(value, dict):
        return {key: _plain(each, depth - 1) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(each, depth - 1) for each in value)
    if isinstance(value, ArrayPlace) and value.values is not None:
        return value.values
    if isinstance(value, (Name, ArrayType, ArrayPlace)):
        raise ValueError("it holds a name, a type or an array without content where a value belongs")
    return value


def _push(machine: _Machine, value: Any) -> None:
    if isinstance(value, int) and not -_INTEGER <= value < 2 * _INTEGER:
        raise ValueError("it has a whole number of more than 64 bits")
    machine.stack.append(value)


def _mark(machine: _Machine, _: Any) -> None:
    if len(machine.below) > 4 * _DEPTH:
        raise ValueError(f"it is nested deeper than {_DEPTH} levels")
    machine.below.append(machine.stack)
    machine.stack = []


def _append(machine: _Machine, _: Any) -> None:
    value = machine.stack.pop()
    machine.top(list).append(value)


def _appends(machine: _Machine, _: Any) -> None:
    items = machine.pop_marked()
    machine.top(list).extend(items)


def _set_item(machine: _Machine, _: Any) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    machine.top(dict).update(_paired([key, value]))


def _set_items(machine: _Machine, _: Any) -> None:
    items = machine.pop_marked()
    machine.top(dict).update(_paired(items))


def _paired(items: list[Any]) -> dict[str, Any]:
    if any(type(key) is not str for key in items[::2]):
        raise ValueError("it has a dict whose keys are not all strings")
    return dict(zip(items[::2], items[1::2], strict=True))


def _made(make: Callable[[list[Any]], Any]) -> Callable[[_Machine, Any], None]:
    def operation(machine: _Machine, _: Any) -> None:
        items = machine.pop_marked()
        machine.stack.append(make(items))

    return operation


def _take(count: int) -> Callable[[_Machine, Any], None]:
    def operation(machine: _Machine, _: Any) -> None:
        machine.stack.append(tuple(machine.stack.pop() for _ in range(count))[::-1])

    return operation


def _put(machine: _Machine, index: int) -> None:
    machine.memo[index] = machine.stack[-1]


def _get(machine: _Machine, index: int) -> None:
    value = machine.memo[index]
    # Else a few lines could hold more than any memory: lists of lists of lists, each ten times in the next.
    if isinstance(value, (list, dict)) or (isinstance(value, tuple) and not _small(value)):
        raise ValueError("it uses one container twice")
    machine.stack.append(value)


def _small(items: tuple[Any, ...]) -> bool:
    return len(items) <= _SHARED and not any(isinstance(item, (list, dict, tuple)) for item in items)


def _name(machine: _Machine, text: str) -> None:
    name = text.replace(" ", ".")
    if name not in NAMES:
        raise ValueError(f"it names {name[:100]!r}")
    machine.stack.append(Name(name))


def _name_from_stack(machine: _Machine, _: Any) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    _name(machine, f"{module} {name}" if type(module) is type(name) is str else "something that is no name")


def _reduce(machine: _Machine, _: Any) -> None:
    arguments, name = machine.stack.pop(), machine.stack.pop()
    if not isinstance(name, Name) or name.text not in CALLS or type(arguments) is not tuple:
        raise ValueError("it calls what cannot be called")
    machine.spend(*arguments)
    machine.stack.append(CALLS[name.text](arguments))


def _build(machine: _Machine, _: Any) -> None:
    state, target = machine.stack.pop(), machine.stack[-1]
    if isinstance(target, ArrayType) and not target.built:
        complete_type(target, state)
    elif isinstance(target, ArrayPlace) and target.values is None:
        if type(state) is tuple and state:
            machine.spend(state[-1])
            if type(state[-1]) is str:  # bytes, as Python 2 wrote them
                state = (*state[:-1], state[-1].encode("latin-1"))
        complete_array(target, state)
    else:
        raise ValueError("it gives a state to what has none")


_VALUES = (
    "INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING UNICODE BINUNICODE "
    "SHORT_BINUNICODE BINUNICODE8 BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8"
)
_OPERATIONS: dict[str, Callable[[_Machine, Any], None]] = {
    **dict.fromkeys(_VALUES.split(), _push),
    "PROTO": lambda machine, version: None,
    "FRAME": lambda machine, size: None,
    "STOP": lambda machine, _: None,
    "NONE": lambda machine, _: machine.stack.append(None),
    "NEWTRUE": lambda machine, _: machine.stack.append(True),
    "NEWFALSE": lambda machine, _: machine.stack.append(False),
    "EMPTY_LIST": lambda machine, _: machine.stack.append([]),
    "EMPTY_DICT": lambda machine, _: machine.stack.append({}),
    "EMPTY_TUPLE": lambda machine, _: machine.stack.append(()),
    "MARK": _mark,
    "LIST": _made(list),
    "DICT": _made(_paired),
    "TUPLE": _made(tuple),
    "TUPLE1": _take(1),
    "TUPLE2": _take(2),
    "TUPLE3": _take(3),
    "APPEND": _append,
    "APPENDS": _appends,
    "SETITEM": _set_item,
    "SETITEMS": _set_items,
    "PUT": _put,
    "BINPUT": _put,
    "LONG_BINPUT": _put,
    "MEMOIZE": lambda machine, _: _put(machine, len(machine.memo)),
    "GET": _get,
    "BINGET": _get,
    "LONG_BINGET": _get,
    "GLOBAL": _name,
    "STACK_GLOBAL": _name_from_stack,
    "REDUCE": _reduce,
    "BUILD": _build,
}
