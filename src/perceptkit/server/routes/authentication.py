"""Registering, signing in and out, and the tickets of WebSockets."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from ..answers import documented
from ..auth import OWNER, Caller, User, unauthorized
from ..auth.keeper import SOCKET_SECONDS
from ..auth.session import clear_session, set_session
from ..auth.shapes import Credentials, Signed, SignIn, SocketTicket, UserInfo, Verified
from ..auth.tokens import LIFETIME
from ..auth.users import Account, Taken, clean_name
from ..errors import ApiError
from ..incoming.strict import StrictRoute
from ..parts import Given, Parts

__all__ = ["router"]

router = APIRouter(prefix="/auth", tags=["who calls"], route_class=StrictRoute)

_NO_STORE = {"Cache-Control": "no-store"}


@router.post("/register", status_code=201, responses=documented(409))
async def register(
    credentials: Credentials, request: Request, response: Response, parts: Given, caller: Caller
) -> Signed:
    """Make an account, and a token for it. It needs the server's token, unless the server was started with
    `--open-registration`."""
    name = clean_name(credentials.username)
    _count(parts, request, name)
    if not parts.settings.open_registration and (caller is None or caller.id != OWNER):
        said = (
            "registering here needs the server's token: send the header Authorization: Bearer TOKEN, "
            "or have the server started with --open-registration"
        )
        raise ApiError(403, said, "registration_closed")
    try:
        account = await parts.keeper.register(name, credentials.password)
    except Taken as error:
        raise ApiError(409, "this name is taken; log in, or choose another one", "name_taken") from error
    return _signed(parts, account, response)


@router.post("/login", responses=documented(401, 429))
async def login(credentials: Credentials, request: Request, response: Response, parts: Given) -> Signed:
    """A token for an account, valid for 24 hours."""
    return _signed(parts, await _log_in(parts, request, credentials.username, credentials.password), response)


@router.get("/verify", responses=documented())
async def verify(user: User) -> Verified:
    """Who calls; 401 when that is not known."""
    return Verified(valid=True, user=UserInfo(id=user.id, username=user.name))


@router.post("/ws-ticket", responses=documented())
async def ws_ticket(user: User, response: Response, parts: Given) -> SocketTicket:
    """A ticket with which one WebSocket can be opened within 30 seconds: `?ticket=`."""
    response.headers.update(_NO_STORE)
    return SocketTicket(ticket=parts.keeper.sockets.give(user), expires_in=SOCKET_SECONDS)


@router.post("/session", responses=documented(401, 429))
async def open_session(given: SignIn, request: Request, response: Response, parts: Given) -> UserInfo:
    """Sign a browser in: the answer sets its cookie."""
    if given.token is not None:
        parts.limiter.check_address(_address(request))
        if not parts.keeper.is_token(given.token):
            raise unauthorized("this is not the token that the server printed when it started")
        user = UserInfo(id=OWNER, username="owner")
    else:
        account = await _log_in(parts, request, given.username or "", given.password or "")
        user = UserInfo(id=account.id, username=account.name)
    set_session(response, parts.keeper.session(user.id), request)
    response.headers.update(_NO_STORE)
    return user


@router.delete("/session", status_code=204, responses=documented())
async def close_session(request: Request, response: Response) -> None:
    """Sign a browser out: the answer removes its cookie."""
    clear_session(response, request)


async def _log_in(parts: Parts, request: Request, username: str, password: str) -> Account:
    """Whose name and password these are. Nothing in the answer tells whether the name is known."""
    name = clean_name(username)
    _count(parts, request, name)
    account = await parts.keeper.log_in(name, password)
    if account is None:
        raise unauthorized("the name or the password is wrong")
    return account


def _count(parts: Parts, request: Request, name: str) -> None:
    """Count an attempt, before it costs anything."""
    parts.limiter.check_address(_address(request))
    parts.limiter.check_name(name)


def _address(request: Request) -> str:
    return request.client.host if request.client is not None else ""


def _signed(parts: Parts, account: Account, response: Response) -> Signed:
    response.headers.update(_NO_STORE)
    token = parts.keeper.bearer_token(account.id)
    user = UserInfo(id=account.id, username=account.name)
    return Signed(access_token=token, token_type="bearer", token=token, expires_in=LIFETIME, user=user)
