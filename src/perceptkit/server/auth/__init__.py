"""Who may call, and who it is that calls."""

from __future__ import annotations

from .keeper import Keeper
from .principal import OWNER, Principal
from .who import User, current_user, socket_user

__all__ = ["OWNER", "Keeper", "Principal", "User", "current_user", "socket_user"]
