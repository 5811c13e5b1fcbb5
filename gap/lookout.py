"""What each process that serves watches for itself, in threads of its own: nobody has to ask for something to be told.

One thread looks (`gap.health`) every few seconds: Redis, the disk, the clock, the database are told to be gone, and back, even
where no probe is set up and where Redis, which wakes the watch of the workers, is what is gone. Another watches the first: a
database that takes what is asked and answers nothing (a frozen machine, a hung disk) has no time limit of its own in libpq.
Once it has been silent for `DATABASE_SILENT_S`, a web process cuts its own connections: whoever waits is told, and those who
come next are told at once. A worker waits instead: what an AMC has just answered is worth the wait.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
import weakref
from typing import Any, Final

import psycopg
import structlog
from django.conf import settings
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from gap import health, incidents
from gap.postgresql import silence

log = structlog.get_logger(__name__)

EVERY_S: Final = 5.0
_WHILE_AWAY_S: Final = 1.0
#: A server that is stopped refuses at once: whoever asks it waits for nothing, and is told.
_REFUSES_S: Final = 1.0


class Lookout:
    """`cuts`: whether those who wait for a silent database are freed; `silent_s`: seconds without an answer until then."""

    def __init__(self, *, cuts: bool, silent_s: float, every_s: float = EVERY_S) -> None:
        self._cuts = cuts
        self._silent_s = silent_s
        self._every_s = every_s
        self._asked: float | None = None
        # Of every thread of this process: Django makes one each.
        self._connections: weakref.WeakSet[BaseDatabaseWrapper] = weakref.WeakSet()

    def start(self) -> None:
        connection_created.connect(self._known, dispatch_uid="gap.lookout")
        for work in (self._look, self._watch):
            threading.Thread(target=work, name=f"lookout {work.__name__}", daemon=True).start()

    def _known(self, connection: BaseDatabaseWrapper, **_: Any) -> None:
        self._connections.add(connection)

    def _look(self) -> None:
        silence.is_mine_to_watch()
        while True:
            here = False
            try:
                here = self._ask()
            except Exception as problem:  # a fault of ours says nothing of the database
                self._asked = None
                log.warning("lookout_failed", problem=type(problem).__name__)
            time.sleep(self._every_s if here else min(_WHILE_AWAY_S, self._every_s))

    def _ask(self) -> bool:
        """Look once; are both servers there? Its connection is closed after: between two looks there is none to keep alive."""
        start = time.monotonic()
        # Since when nothing was answered: libpq gives up a connection (`connect_timeout`) before we call that a silence.
        self._asked = self._asked or start
        try:
            database = health.ask_database()
        finally:
            connection.close()
        if database.answers:
            silence.ends()
        if database.answers or time.monotonic() - start < _REFUSES_S:
            self._asked = None
        found = health.look(database)
        return found.database and found.redis

    def _watch(self) -> None:
        while True:
            time.sleep(min(1.0, self._silent_s / 4))
            asked = self._asked
            if asked is not None and time.monotonic() - asked > self._silent_s:
                silence.begins()
                incidents.report("database", well=False)
            if silence.lasts() and self._cuts:
                self._cut()

    def _cut(self) -> None:
        """Each wait ends as if the server had closed: the one error that every caller already knows."""
        for one in list(self._connections):
            raw = one.connection
            if raw is None:
                continue
            with contextlib.suppress(OSError, psycopg.Error):
                with socket.socket(fileno=os.dup(raw.fileno())) as link:
                    link.shutdown(socket.SHUT_RDWR)


_current: Lookout | None = None


def start(*, cuts: bool) -> None:
    """Once in each process, after it has forked: a thread does not pass into a child."""
    global _current
    if _current is None:
        _current = Lookout(cuts=cuts, silent_s=settings.DATABASE_SILENT_S)
        _current.start()
