"""Redis as a cache that nobody waits for: hung or gone, it is left in peace for some seconds (setting CACHES)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, Final

import redis
from django.core.cache.backends.redis import RedisCache

_REST_S: Final = 5.0
# By process and by address: a child starts afresh, and so does another address.
_rests: dict[tuple[int, str], float] = {}


class RestingRedisCache(RedisCache):
    """Django's. Each verb raises redis.RedisError at once while it rests; callers go on without."""

    def add(self, *args: Any, **options: Any) -> Any:
        return self._asked(super().add, *args, **options)

    def get(self, *args: Any, **options: Any) -> Any:
        return self._asked(super().get, *args, **options)

    def set(self, *args: Any, **options: Any) -> Any:
        return self._asked(super().set, *args, **options)

    def _asked(self, verb: Callable[..., Any], *args: Any, **options: Any) -> Any:
        name = (os.getpid(), str(self._servers))  # type: ignore[attr-defined]
        if time.monotonic() < _rests.get(name, 0.0):
            raise redis.ConnectionError("resting")
        try:
            return verb(*args, **options)
        except redis.RedisError:
            _rests[name] = time.monotonic() + _REST_S
            raise
