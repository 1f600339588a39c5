"""Who may call, and who it is that calls."""

from __future__ import annotations

from .keeper import Keeper
from .principal import OWNER, Principal
from .who import Caller, User, current_user, socket_user, unauthorized

__all__ = ["OWNER", "Caller", "Keeper", "Principal", "User", "current_user", "socket_user", "unauthorized"]
