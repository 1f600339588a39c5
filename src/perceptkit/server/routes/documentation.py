"""The documentation of the API as pages: Swagger UI and ReDoc, from this machine rather than from elsewhere."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import as_file, files

from fastapi import APIRouter, Request, Response

from ..errors import ApiError
from .page import PAGE, Asset, answer_asset, read_assets

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

# The two make styles and pictures of their own, and ReDoc searches in a worker that it makes; nothing else loads, and
# no other page may do this.
_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; worker-src 'self' blob:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'"
)


@router.get("/docs")
async def docs(request: Request) -> Response:
    """The documentation, with which requests can be tried."""
    return answer_asset(request, PAGE["docs.html"], **{"Content-Security-Policy": _POLICY})


@router.get("/redoc")
async def redoc(request: Request) -> Response:
    """The documentation, for reading."""
    return answer_asset(request, PAGE["redoc.html"], **{"Content-Security-Policy": _POLICY})


@router.get("/docs/{name}")
def asset(name: str, request: Request) -> Response:
    """A file of Swagger UI or ReDoc."""
    found = _assets().get(name)
    if found is None:
        raise ApiError(404, "the documentation has no such file", "not_found")
    return answer_asset(request, found)


@lru_cache(maxsize=1)
def _assets() -> dict[str, Asset]:
    with as_file(files("fastapi_offline") / "static") as folder:
        return read_assets(folder)
