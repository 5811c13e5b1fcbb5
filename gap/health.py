"""What the product needs of others, looked at now: the database, Redis, the disk of the files, the clock."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import redis
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from gap import incidents
from gap.addresses import library_address

_ASKED = """
select not (pg_is_in_recovery() or current_setting('transaction_read_only')::boolean), extract(epoch from clock_timestamp())
"""


@dataclass(frozen=True, slots=True)
class Health:
    """Each: is it well? `free_bytes` of the disk of the files; `late_s`: our clock less the database's, in seconds (None: not
    known)."""

    database: bool
    writable: bool
    redis: bool
    disk: bool
    clock: bool
    free_bytes: int
    late_s: float | None

    @property
    def ready(self) -> bool:
        """Whether somebody may work: without a database that takes what is typed, nobody may."""
        return self.database and self.writable

    @property
    def parts(self) -> dict[str, bool]:
        return {name: getattr(self, name) for name in ("database", "writable", "redis", "disk", "clock")}


def look() -> Health:
    """Look at everything, and tell people of what has changed (`gap.incidents`). Some milliseconds when all is well."""
    database, writable, late = _database()
    free = _free()
    found = Health(
        database=database,
        writable=writable,
        redis=_redis(),
        disk=free >= settings.DISK_FREE_MIN,
        clock=late is None or abs(late) <= settings.CLOCK_LATE_MAX_S,
        free_bytes=free,
        late_s=late,
    )
    incidents.end_quiet_ones()
    for name, well in found.parts.items():
        # Of a database that does not answer, nothing else is known.
        if name not in ("writable", "clock") or database:
            incidents.report(name, well)
    return found


def _database() -> tuple[bool, bool, float | None]:
    try:
        with connection.cursor() as cursor:
            before = time.time()
            cursor.execute(_ASKED)
            writable, there = cursor.fetchone()
            after = time.time()
    except (DatabaseError, InterfaceError):
        connection.close()
        return False, False, None
    # Asked and answered in between: what the way took is not a fault of the clock.
    late = 0.0 if before <= float(there) <= after else min(before - float(there), after - float(there), key=abs)
    return True, bool(writable), late


def _redis() -> bool:
    url = library_address(settings.REDIS_URL)
    try:
        return bool(redis.from_url(url, socket_timeout=1, socket_connect_timeout=1).ping())
    except redis.RedisError:
        return False


def _free() -> int:
    """Bytes left where files are kept."""
    place = Path(settings.VAR_DIR)
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free
