"""Settings of the database's connections. Read by `gap.settings`: nothing of Django is imported here."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote


def of(env: Any) -> dict[str, Any]:
    """DATABASES, from the environment."""
    one = env.db_url("DATABASE_URL")
    one["ENGINE"] = "gap.postgresql"
    # A unix socket's folder stands percent-encoded in the place of the host, as libpq has it.
    one["HOST"] = unquote(one["HOST"] or "")
    # One blocking thread a web worker: a kept connection is as good as a pool, and simpler (docs/adr/0003).
    one["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", default=60)
    one["CONN_HEALTH_CHECKS"] = True
    one.setdefault("TEST", {"NAME": env.str("TEST_DATABASE_NAME", default="test_minigap")})
    # A server that is cut off is given up in seconds, not in the quarter of an hour of TCP; what DATABASE_URL says wins.
    cut_off = {"connect_timeout": 5, "tcp_user_timeout": 20_000, "keepalives_idle": 30, "keepalives_interval": 5}
    # PostgreSQL plans a statement that comes back five times once for all: most of what a page or a call asks is asked all
    # day. Behind a pooler that shares connections between transactions, PREPARE_STATEMENTS=0 (docs/exploitation.md).
    planned = {
        "server_side_binding": True,
        "prepare_threshold": 5 if env.bool("PREPARE_STATEMENTS", default=True) else None,
    }
    one["OPTIONS"] = cut_off | one.get("OPTIONS", {}) | planned
    return {"default": one}
