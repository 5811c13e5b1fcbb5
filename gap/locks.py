"""Locks that last as long as the transaction, for work that must be done by one process at a time."""

from __future__ import annotations

import hashlib

from django.db import connection


def hold_for_transaction(name: str, *, wait: bool = True) -> bool:
    """Take the named lock until the transaction ends. With `wait=False`, False when another process has it."""
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
    with connection.cursor() as cursor:
        if wait:
            cursor.execute("select pg_advisory_xact_lock(%s)", [key])
            return True
        cursor.execute("select pg_try_advisory_xact_lock(%s)", [key])
        return bool(cursor.fetchone()[0])
