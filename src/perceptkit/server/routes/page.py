"""The web page: a file each, read once, checked again by browsers whenever they show it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from ...foley.surfaces import SURFACES
from ..auth import Caller, User
from ..auth.session import session_from_ticket, set_session
from ..errors import ApiError
from ..footsteps.options import SENSITIVITIES, Options
from ..parts import Given

__all__ = ["PAGE", "Asset", "answer_asset", "read_assets", "router"]

router = APIRouter(include_in_schema=False)

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of a page: what is sent, as what, and what tells that it has changed."""

    content: bytes
    type: str
    etag: str


def read_assets(folder: Path) -> dict[str, Asset]:
    """The files of a folder by their names; those of other types than pages are made of are left out."""
    return {path.name: _read(path) for path in sorted(folder.iterdir()) if path.suffix in _TYPES}


def answer_asset(request: Request, asset: Asset, **headers: str) -> Response:
    """The file, or 304 when the browser has it already."""
    headers = {"ETag": asset.etag, "Cache-Control": "no-cache", **headers}
    known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    if asset.etag in known:
        return Response(status_code=304, headers=headers)
    return Response(asset.content, media_type=asset.type, headers=headers)


def _read(path: Path) -> Asset:
    content = path.read_bytes()
    return Asset(content, _TYPES[path.suffix], f'"{hashlib.sha256(content).hexdigest()[:32]}"')


PAGE = read_assets(Path(__file__).parents[1] / "page")
"""What the page is made of."""


@router.get("/")
async def index(request: Request, parts: Given, ticket: str | None = None) -> Response:
    """The page. The link that the server prints holds a ticket, which signs the browser in."""
    if ticket is None:
        return answer_asset(request, PAGE["index.html"])
    session = await run_sync(session_from_ticket, parts, ticket)
    answer = RedirectResponse("/" if session else "/#link-used", 303, {"Cache-Control": "no-store"})
    if session:
        set_session(answer, session, request)
    return answer


@router.get("/favicon.ico")
async def favicon(request: Request) -> Response:
    """The mark of the page, for browsers that look here for it."""
    return answer_asset(request, PAGE["mark.svg"])


@router.get("/page/who.json")
async def who(parts: Given, caller: Caller) -> dict[str, bool]:
    """Whether the browser is signed in, and whether one has to be."""
    return {"signed_in": caller is not None, "signs_in": parts.settings.auth}


@router.get("/page/choices.json")
async def choices(parts: Given, user: User) -> dict[str, Any]:
    """What there is to choose from on the page, and what is chosen first."""
    models = await parts.looking.perform("choices", {}, timeout=parts.settings.request_timeout, owner=user.id)
    options = Options()
    return {
        **models,
        "surfaces": ["auto", *SURFACES],
        "surface": options.surface_type,
        "sensitivities": SENSITIVITIES,
        "sensitivity": options.sensitivity,
    }


@router.get("/page/{name}")
async def part(name: str, request: Request) -> Response:
    """A file of the page."""
    if name not in PAGE:
        raise ApiError(404, "the page has no such file", "not_found")
    return answer_asset(request, PAGE[name])
