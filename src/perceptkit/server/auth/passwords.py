"""Passwords: kept as a hash that is dear to guess (scrypt, RFC 7914)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import unicodedata

from ...errors import InputError

__all__ = ["NOBODY", "check_password", "hash_password"]

_COST, _BLOCK, _LANES = 1 << 15, 8, 1  # 32 MiB and about 0.1 s
_SALT, _HASH = 16, 32  # bytes
_SHORTEST, _LONGEST = 8, 1024  # characters; bytes

NOBODY = f"scrypt${_COST}${_BLOCK}${_LANES}${base64.b64encode(bytes(_SALT)).decode()}$"
"""What no password fits, and takes as long to find that out."""


def hash_password(password: str) -> str:
    """The text to keep: the parameters, the salt and the hash. Raises InputError for a length that cannot be."""
    said = _bytes(password)
    if len(password) < _SHORTEST or len(said) > _LONGEST:
        raise InputError(f"a password has at least {_SHORTEST} characters, and at most {_LONGEST} bytes")
    salt = os.urandom(_SALT)
    found = _scrypt(said, salt, _COST, _BLOCK, _LANES)
    return f"scrypt${_COST}${_BLOCK}${_LANES}${base64.b64encode(salt).decode()}${base64.b64encode(found).decode()}"


def check_password(password: str, kept: str) -> bool:
    """Whether it is the password that `hash_password` made this text of."""
    _, cost, block, lanes, salt, expected = kept.split("$")
    found = _scrypt(_bytes(password), base64.b64decode(salt), int(cost), int(block), int(lanes))
    return hmac.compare_digest(found, base64.b64decode(expected))


def _bytes(password: str) -> bytes:
    # Keyboards differ in how they write the same letter.
    return unicodedata.normalize("NFKC", password).encode()


def _scrypt(password: bytes, salt: bytes, cost: int, block: int, lanes: int) -> bytes:
    memory = 256 * block * (cost + lanes)
    return hashlib.scrypt(password, salt=salt, n=cost, r=block, p=lanes, maxmem=memory, dklen=_HASH)
