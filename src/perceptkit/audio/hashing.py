"""The SHA-256 of samples that come in small pieces."""

from __future__ import annotations

import hashlib

__all__ = ["Hash"]

_ENOUGH = 1 << 16  # bytes: for each of many small pieces, threads would wait for each other
_ZEROS = bytes(_ENOUGH)


class Hash:
    """A hash of bytes, and of silence."""

    def __init__(self) -> None:
        self._made = hashlib.sha256()
        self._waiting: list[bytes] = []
        self._size = 0

    def add(self, data: bytes) -> None:
        """Bytes that follow."""
        self._waiting.append(data)
        self._size += len(data)
        if self._size >= _ENOUGH:
            self._made.update(b"".join(self._waiting))
            self._waiting, self._size = [], 0

    def add_zeros(self, size: int) -> None:
        """So many zero bytes that follow."""
        for start in range(0, size, _ENOUGH):
            self.add(_ZEROS[: size - start])

    def hexdigest(self) -> str:
        """The hash of all of it."""
        self._made.update(b"".join(self._waiting))
        self._waiting, self._size = [], 0
        return self._made.hexdigest()
