"""The routes: a module a feature, a row a router. A route parses, calls once, answers."""

from __future__ import annotations

from fastapi import APIRouter

from . import health

__all__ = ["ROUTERS"]

ROUTERS: tuple[APIRouter, ...] = (health.router,)
