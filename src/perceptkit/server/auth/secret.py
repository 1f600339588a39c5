"""The secret that tokens are signed with: a file that only its owner can read, or JWT_SECRET."""

from __future__ import annotations

import os
import secrets
import stat
import sys
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from ...errors import InputError, write_error
from ..settings import SECRET_BYTES, Settings

__all__ = ["read_secret"]


def read_secret(settings: Settings) -> bytes:
    """The secret of a server, made at its first start; processes that start together get the same one.

    Raises InputError for a file that is too short, or that others can read.
    """
    if settings.secret is not None:
        return settings.secret.encode()
    path = settings.data / "secret"
    try:
        if not path.exists():
            _make(path)
        return _checked(path)
    except OSError as error:
        raise write_error(path, error) from error


def _make(path: Path) -> None:
    """Write a new secret, unless another process was faster. Nobody ever sees a part of it."""
    part = path.with_name(f"{path.name}.{uuid4().hex}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # unlike a rename, a link does not replace what is there
            path.hardlink_to(part)
    finally:
        part.unlink()


def _checked(path: Path) -> bytes:
    with path.open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        secret = file.read(1 << 16)
    again = "delete it, and a new one is made at the next start; everybody has to sign in again"
    if sys.platform != "win32" and mode & 0o077:
        raise InputError(f"others can read the secret {path} (mode {mode:03o}), and may have copied it: {again}")
    if len(secret) < SECRET_BYTES:
        raise InputError(f"the secret {path} has {len(secret)} bytes of at least {SECRET_BYTES}: {again}")
    return secret
