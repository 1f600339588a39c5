"""The arrays of an npz file as they lie in it: mapped into memory instead of read, so that only what is used is loaded.

numpy's own reader copies each array. It can map a lone npy file, and an npz file without compression is these, one
after the other.
"""

from __future__ import annotations

import io
import math
import mmap
import os
import struct
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import numpy as np

__all__ = ["checksums_of", "map_npz", "stored"]

_LOCAL = struct.Struct("<4s22xHH")  # of a part's own header: the signature, the lengths of its name and its extra field
_MOST_HEADER = 65_536  # bytes of an npy header: numpy reads no longer ones
_READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def map_npz(path: Path) -> tuple[dict[str, np.ndarray[Any, Any]], dict[str, int]]:
    """The arrays of an npz file without compression, by name, that cannot be written to, and their checksums.

    All that is read are the headers. An array need not be aligned in memory. The file must not be cut short while an
    array lives; replacing it is harmless, but Windows does not allow it.
    Raises ValueError, zipfile.BadZipFile or OSError for what is no such file: sizes are checked before they are
    believed, and no objects are made. Checksums are as the file notes them: to compare them would be reading it all.
    """
    with path.open("rb") as file:
        members = stored(file)
        memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return {_name(member): _array(memory, member) for member in members}, checksums_of(members)


def checksums_of(members: Iterable[zipfile.ZipInfo]) -> dict[str, int]:
    """The checksums that an npz file notes of its arrays, by their names."""
    return {_name(member): member.CRC for member in members}


def stored(file: IO[bytes]) -> list[zipfile.ZipInfo]:
    """The parts of an npz file when they are stored as they are, no part is there twice, and all fit into the file."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
    except zipfile.BadZipFile as error:
        raise ValueError("it is cut short, or no npz file") from error
    # savez stores without compression, so no part can be larger than the file.
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise ValueError("its parts are compressed, which perceptkit never does")
    if sum(member.file_size for member in members) > os.fstat(file.fileno()).st_size:
        raise ValueError("its parts claim to be larger than the file")
    if len({member.filename for member in members}) < len(members):
        raise ValueError("a part is there twice")
    if any(member.flag_bits & 1 or member.compress_size != member.file_size for member in members):
        raise ValueError("its parts are encrypted")
    return members


def _name(member: zipfile.ZipInfo) -> str:
    return member.filename.removesuffix(".npy")


def _array(memory: mmap.mmap, member: zipfile.ZipInfo) -> np.ndarray[Any, Any]:
    """The array of one part: the part's own header, the npy header, the numbers."""
    begin = member.header_offset
    if not 0 <= begin <= len(memory) - _LOCAL.size:
        raise ValueError(f"{member.filename} is not where it should be")
    signature, *lengths = _LOCAL.unpack_from(memory, begin)
    begin += _LOCAL.size
    name = memory[begin : begin + lengths[0]]
    begin += sum(lengths)
    end = begin + member.file_size
    if signature != b"PK\x03\x04" or name != member.orig_filename.encode() or end > len(memory):
        raise ValueError(f"{member.filename} is not where it should be")
    header = io.BytesIO(memory[begin : min(end, begin + _MOST_HEADER)])
    version = np.lib.format.read_magic(header)
    if version not in _READERS:
        raise ValueError(f"{member.filename} is npy of version {version}")
    shape, by_column, dtype = _READERS[version](header)
    if dtype.kind not in "iufU":
        raise ValueError(f"{member.filename} holds {dtype}, neither numbers nor texts")
    begin += header.tell()
    if any(side < 0 for side in shape) or math.prod(shape) * dtype.itemsize != end - begin:
        raise ValueError(f"{member.filename} is said to be {dtype} {shape}, but has {end - begin:,} bytes")
    return np.ndarray(shape, dtype, buffer=memory, offset=begin, order="F" if by_column else "C")
