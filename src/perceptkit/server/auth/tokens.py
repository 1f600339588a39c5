"""Signed tokens (JWT, HS256): who it is, for what, and until when."""

from __future__ import annotations

import time
from uuid import uuid4

import jwt

__all__ = ["BEARER", "LIFETIME", "SESSION", "Refused", "make_token", "read_token"]

LIFETIME = 24 * 3600  # seconds

BEARER = "perceptkit"
"""The audience of a token that programs send."""
SESSION = "perceptkit-session"
"""The audience of the browser's cookie; neither can be used as the other."""

_ALGORITHM, _ISSUER = "HS256", "perceptkit"
_CLAIMS = ["exp", "sub", "aud", "iss", "iat", "jti"]
_LEEWAY = 5  # seconds that clocks may differ
_LONGEST = 2048  # characters; ours have about 350


class Refused(Exception):  # noqa: N818 - it says what became of the token
    """A token that is not accepted; its text is all that a caller may know of the reason."""


def make_token(secret: bytes, user_id: str, *, audience: str) -> str:
    """A token that says, for the next 24 hours, that its bearer is this user."""
    now = int(time.time())
    claims = {
        "sub": user_id,
        "aud": audience,
        "iss": _ISSUER,
        "iat": now,
        "exp": now + LIFETIME,
        "jti": uuid4().hex,
    }
    return jwt.encode(claims, secret, algorithm=_ALGORITHM)


def read_token(secret: bytes, token: str, *, audience: str) -> str:
    """The id of the user that a token names. Raises Refused."""
    if len(token) > _LONGEST:
        raise Refused("not valid")
    try:
        claims = jwt.decode(
            token,
            secret,
            algorithms=[_ALGORITHM],
            audience=audience,
            issuer=_ISSUER,
            leeway=_LEEWAY,
            options={"require": _CLAIMS},
        )
    except jwt.ExpiredSignatureError as error:
        raise Refused("expired") from error
    except (jwt.PyJWTError, ValueError, RecursionError) as error:  # older releases of PyJWT let the last through
        raise Refused("not valid") from error
    return str(claims["sub"])
