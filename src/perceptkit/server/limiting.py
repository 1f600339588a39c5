"""How much one caller may ask for: requests, attempts to sign in, sessions at once."""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import Counter

from limits import RateLimitItem, RateLimitItemPerMinute, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from .errors import ApiError
from .settings import Settings

__all__ = ["Limiter", "Sessions"]

_SIGN_INS = RateLimitItemPerMinute(10)


class Limiter:
    """Counts requests in memory. Its methods raise ApiError 429 for one too many, with when to try again."""

    def __init__(self, settings: Settings) -> None:
        self._requests, self._window = parse(settings.rate_limit), MovingWindowRateLimiter(MemoryStorage())

    def check_user(self, user_id: str) -> None:
        """Count a request of a user."""
        self._check(self._requests, "user", user_id)

    def check_address(self, address: str) -> None:
        """Count an attempt to sign in or to register from an address."""
        self._check(_SIGN_INS, "address", _network(address))

    def check_name(self, name: str) -> None:
        """Count an attempt to sign in or to register under a name."""
        self._check(_SIGN_INS, "name", name)

    def _check(self, limit: RateLimitItem, kind: str, who: str) -> None:
        if not self._window.hit(limit, kind, who):
            wait = max(1, math.ceil(self._window.get_window_stats(limit, kind, who).reset_time - time.time()))
            said = f"too often: {limit.amount} are allowed within {limit.get_expiry()} s; try again in {wait} s"
            raise ApiError(429, said, "too_many_requests", headers={"Retry-After": str(wait)})


class Sessions:
    """Counts the recordings and live sessions that each user has open."""

    def __init__(self, settings: Settings) -> None:
        self._most, self._lock = settings.max_sessions, threading.Lock()
        self._open: Counter[str] = Counter()

    def take(self, user_id: str) -> None:
        """Count one that is opened. Raises ApiError 429 for one too many; what was taken must be given back."""
        with self._lock:
            if self._open[user_id] >= self._most:
                said = f"{self._most} sessions are open already; stop one of them first"
                raise ApiError(429, said, "too_many_sessions")
            self._open[user_id] += 1

    def give(self, user_id: str) -> None:
        """Count one that is closed."""
        with self._lock:
            self._open[user_id] -= 1
            if not self._open[user_id]:
                del self._open[user_id]


def _network(address: str) -> str:
    """Whom an address belongs to: a home has 2**64 addresses of version 6."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return address
    return str(found.ipv4_mapped or ipaddress.IPv6Network((int(found), 64), strict=False))
