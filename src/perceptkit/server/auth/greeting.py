"""What the server says when it starts: where it is, and how to get in."""

from __future__ import annotations

from .keeper import SIGN_IN_SECONDS, Keeper
from .principal import OWNER, Principal

__all__ = ["greeting"]

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # no address to call


def greeting(keeper: Keeper, host: str, port: int) -> str:
    """The lines to print. They hold a link that signs a browser in once, and the token if it is a new one."""
    called = _EVERYWHERE.get(host, host)
    url = f"http://[{called}]:{port}/" if ":" in called else f"http://{called}:{port}/"
    lines = [f"perceptkit listens at {url}"]
    if host in _EVERYWHERE:
        names = "for names set ALLOWED_HOSTS; it is plain HTTP, put TLS before it"
        lines.append(f"others reach it at http://THIS-MACHINE:{port}/ by address; {names}")
    if keeper.settings.auth:
        ticket = keeper.sign_ins.give(Principal(OWNER, "owner", "session"))
        lines.append(f"sign in (once, within {SIGN_IN_SECONDS // 60} minutes): {url}?ticket={ticket}")
        if keeper.settings.token is None:
            lines.append(f'programs: curl -H "Authorization: Bearer {keeper.token}" {url}auth/verify')
    return "\n".join(lines)
