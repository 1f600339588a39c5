"""Small files that promise much: headers without what they say is behind them."""

from __future__ import annotations

import struct
import zlib

__all__ = ["gif", "mp4", "png"]

_MATRIX = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)


def png(width: int, height: int) -> bytes:
    """A photo of this size, with a thousand of its pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def gif(width: int, height: int) -> bytes:
    """A photo of this size without a pixel."""
    image = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02L\x01\x00"
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6) + image + b";" + bytes(64)


def mp4(*, frames: int, seconds: float = 1.0, size: int = 64, reference: bytes | None = None) -> bytes:
    """A film of so many frames, each a byte, in a hundred bytes; or in another file, at `reference`."""
    duration, step = round(seconds * 1000), max(1, round(seconds * 1000 / frames))
    head = _full(b"mvhd", struct.pack(">IIIIIH", 0, 0, 1000, duration, 1 << 16, 1 << 8), bytes(10), _MATRIX, bytes(28))
    track = _full(b"tkhd", struct.pack(">IIIII", 0, 0, 1, 0, duration), bytes(16), _MATRIX, bytes(8), flags=7)
    media = _full(b"mdhd", struct.pack(">IIIIHH", 0, 0, 1000, duration, 0, 0))
    video = struct.pack(">HHIIIH32xHh", size, size, 72 << 16, 72 << 16, 0, 1, 24, -1)
    table = _box(
        b"stbl",
        _full(b"stsd", struct.pack(">I", 1), _box(b"mp4v", bytes(7), b"\1", bytes(16), video)),
        _full(b"stts", struct.pack(">III", 1, frames, step)),
        _full(b"stsc", struct.pack(">IIII", 1, 1, frames, 1)),
        _full(b"stsz", struct.pack(">II", 1, frames)),
        _full(b"stco", struct.pack(">II", 1, 28)),
    )
    place = _full(b"url ", flags=1) if reference is None else _full(b"url ", reference, b"\0")
    where = _box(b"dinf", _full(b"dref", struct.pack(">I", 1), place))
    handler = _full(b"hdlr", bytes(4), b"vide", bytes(13))
    content = _box(b"minf", _full(b"vmhd", bytes(8)), where, table)
    film = _box(b"moov", head, _box(b"trak", track, _box(b"mdia", media, handler, content)))
    return _box(b"ftyp", b"isom", bytes(4), b"isom") + _box(b"mdat", bytes(100)) + film


def _box(name: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I", 8 + len(content)) + name + content


def _full(name: bytes, *parts: bytes, flags: int = 0) -> bytes:
    return _box(name, struct.pack(">I", flags), *parts)
