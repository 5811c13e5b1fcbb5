"""What the product needs of others, looked at now: the database, Redis, the disk of the files, the clock."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import redis
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from gap import incidents
from gap.addresses import library_address

_ASKED = """
select not (pg_is_in_recovery() or current_setting('transaction_read_only')::boolean), extract(epoch from clock_timestamp())
"""


PARTS: Final = ("database", "writable", "redis", "disk", "clock", "certificates")


@dataclass(frozen=True, slots=True)
class Health:
    """Each: is it well? `free_bytes` of the disk of the files; `late_s`: our clock less the database's, in seconds (None: not
    known)."""

    database: bool
    writable: bool
    redis: bool
    disk: bool
    clock: bool
    certificates: bool
    free_bytes: int
    late_s: float | None

    @property
    def ready(self) -> bool:
        """Whether somebody may work: without a database that takes what is typed, nobody may."""
        return self.database and self.writable

    @property
    def parts(self) -> dict[str, bool]:
        return {name: getattr(self, name) for name in PARTS}


@dataclass(frozen=True, slots=True)
class Database:
    """What it says of itself. `late_s`: as of Health."""

    answers: bool = False
    writable: bool = False
    late_s: float | None = None


def look(database: Database | None = None) -> Health:
    """Look at everything, and tell people of what has changed (`gap.incidents`). Some milliseconds when all is well.

    `database`: what it has just said, when somebody asked.
    """
    if database is None:
        database = ask_database()
    late, free, known = database.late_s, _free(), incidents.current()
    with_database = late is None or abs(late) <= settings.CLOCK_LATE_MAX_S
    found = Health(
        database=database.answers,
        writable=database.writable,
        redis=_redis(),
        disk=free >= settings.DISK_FREE_MIN,
        # Those whom we call say what time it is too (gap.clock); who looks after the certificates, whether one is over.
        clock=with_database and "clock_heard" not in known,
        certificates="certificate" not in known,
        free_bytes=free,
        late_s=late,
    )
    incidents.end_quiet_ones()
    for name in ("database", "redis", "disk"):
        incidents.report(name, well=found.parts[name])
    # Of a database that does not answer, nothing else is known.
    if database.answers:
        incidents.report("writable", well=found.writable)
        incidents.report("clock", well=with_database)
    return found


def ask_database() -> Database:
    """Wait for what it says, as long as it takes (`gap.lookout` bounds it)."""
    try:
        with connection.cursor() as cursor:
            before = time.time()
            cursor.execute(_ASKED)
            writable, there = cursor.fetchone()
            after = time.time()
    except (DatabaseError, InterfaceError):
        connection.close()
        return Database()
    # Asked and answered in between: what the way took is not a fault of the clock.
    late = 0.0 if before <= float(there) <= after else min(before - float(there), after - float(there), key=abs)
    return Database(answers=True, writable=bool(writable), late_s=late)


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
