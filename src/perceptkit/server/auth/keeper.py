"""What a server knows callers by: its token, its secret, the tickets it gave out, and those who registered."""

from __future__ import annotations

import hmac
import secrets

import sqlalchemy as sql
from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from ..settings import Settings
from .passwords import NOBODY, check_password, hash_password
from .principal import OWNER, Principal
from .secret import read_secret
from .tickets import Tickets
from .tokens import BEARER, SESSION, Refused, make_token, read_token
from .users import Account, add_account, find_account, find_named

__all__ = ["SIGN_IN_SECONDS", "SOCKET_SECONDS", "Keeper"]

SIGN_IN_SECONDS, SOCKET_SECONDS = 600, 30
_HASHING = 2  # passwords at once; each takes 32 MiB


class Keeper:
    """Knows who may call. `sign_ins` are the tickets of the link that is printed at start, `sockets` of WebSockets."""

    def __init__(self, settings: Settings, engine: sql.Engine) -> None:
        self.settings = settings
        self.token = settings.token or secrets.token_urlsafe(32)
        self.sign_ins, self.sockets = Tickets(SIGN_IN_SECONDS), Tickets(SOCKET_SECONDS)
        self._engine, self._secret, self._hashing = engine, read_secret(settings), CapacityLimiter(_HASHING)

    def is_token(self, text: str) -> bool:
        """Whether it is the server's own token."""
        return hmac.compare_digest(text.encode(errors="replace"), self.token.encode())

    def bearer_token(self, user_id: str) -> str:
        """What a program of this user sends."""
        return make_token(self._secret, user_id, audience=BEARER)

    def session(self, user_id: str) -> str:
        """What a browser of this user sends as its cookie."""
        return make_token(self._secret, user_id, audience=SESSION)

    async def by_bearer(self, text: str) -> Principal:
        """Who sends this after `Authorization: Bearer`. Raises Refused."""
        if self.is_token(text):
            return Principal(OWNER, "owner", "token")
        account = await self._account(read_token(self._secret, text, audience=BEARER))
        return Principal(account.id, account.name, "jwt")

    async def by_session(self, value: str) -> Principal:
        """Whose browser has this cookie. Raises Refused."""
        user_id = read_token(self._secret, value, audience=SESSION)
        if user_id == OWNER:
            return Principal(OWNER, "owner", "session")
        account = await self._account(user_id)
        return Principal(account.id, account.name, "session")

    async def register(self, name: str, password: str) -> Account:
        """Enter somebody under a clean name. Raises Taken; InputError for a password that cannot be."""
        kept = await run_sync(hash_password, password, limiter=self._hashing)
        return await run_sync(add_account, self._engine, name, kept)

    async def log_in(self, name: str, password: str) -> Account | None:
        """Whose name and password these are; as long as it takes, None tells nothing about the name."""
        account = await run_sync(find_named, self._engine, name)
        kept = NOBODY if account is None else account.password
        return account if await run_sync(check_password, password, kept, limiter=self._hashing) else None

    async def _account(self, account_id: str) -> Account:
        """Somebody who registered, and who is still there."""
        account = await run_sync(find_account, self._engine, account_id)
        if account is None:
            raise Refused("not valid")
        return account
