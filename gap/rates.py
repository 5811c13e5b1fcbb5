"""How often a program or a person may ask: counted in Redis, for all web processes together.

Redis away, everybody is served: a count is worth less than a patient who waits. It is logged, once a rest.
"""

from __future__ import annotations

import math
import os
import threading
import time
from typing import Any, Final

import redis
import structlog
from django.conf import settings

from gap.addresses import library_address

log = structlog.get_logger(__name__)

WINDOW_S: Final = 60
# A Redis that does not answer is asked no more for a while: each request would wait for it.
_ANSWER_S: Final = 0.25
_REST_S: Final = 5.0


class _Counter:
    """One connection pool a process, safe from several threads; made again when the address changes or after a fork."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made_for: tuple[str, int] | None = None
        self._client: redis.Redis | None = None
        self._rests_until = 0.0

    def wait_of(self, key: str, per_minute: int) -> int:
        """Count one more. 0: it may pass; otherwise seconds to wait, and it is not counted.

        The last sixty seconds, weighed from two windows: no burst at the turn of a minute, and one exchange with Redis.
        """
        now = time.time()
        if now < self._rests_until:
            return 0
        window, passed = divmod(now, WINDOW_S)
        here, before = f"rate:{key}:{int(window)}", f"rate:{key}:{int(window) - 1}"
        try:
            client = self._connected()
            pipe = client.pipeline(transaction=False)
            pipe.incr(here)
            pipe.expire(here, 2 * WINDOW_S)
            pipe.get(before)
            count, _, previous = pipe.execute()
            if count + int(previous or 0) * (1 - passed / WINDOW_S) <= per_minute:
                return 0
            client.decr(here)
        except redis.RedisError as problem:
            self._rests_until = now + _REST_S
            log.warning("rate_not_counted", problem=type(problem).__name__, rests_s=_REST_S)
            return 0
        if count > per_minute:
            return max(1, math.ceil(WINDOW_S - passed))
        return _fades(count, int(previous or 0), passed, per_minute)

    def forget(self) -> None:
        """Ask Redis again at once, at the address that the settings say now."""
        with self._lock:
            self._made_for, self._client, self._rests_until = None, None, 0.0

    def _connected(self) -> redis.Redis:
        wanted = (settings.REDIS_URL, os.getpid())
        with self._lock:
            if self._client is None or self._made_for != wanted:
                url = library_address(settings.REDIS_URL)
                self._client = redis.from_url(url, socket_timeout=_ANSWER_S, socket_connect_timeout=_ANSWER_S)
                self._made_for = wanted
            return self._client


def _fades(count: int, previous: int, passed: float, per_minute: int) -> int:
    """Seconds until the window before weighs little enough for one more."""
    passes_at = WINDOW_S * (1 - (per_minute - count) / previous)
    return max(1, math.ceil(passes_at - passed))


_counter = _Counter()
forget = _counter.forget


def wait_of(kind: str, who: Any, per_minute: int | None = None) -> int:
    """Seconds that somebody must wait before one more of a kind (a key of `settings.RATES_PER_MINUTE`); 0 to pass.

    `per_minute`: their own rate, where they have one.
    """
    rate: int = settings.RATES_PER_MINUTE[kind] if per_minute is None else per_minute
    return _counter.wait_of(f"{kind}:{who}", rate)
