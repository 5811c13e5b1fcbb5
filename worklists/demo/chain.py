"""Carries the chain while the demonstration is built: events delivered, due calls sent over the real wire.

This is the worker's job, done here so that the loading knows when all is quiet. The work is Python's more than the
network's, hence processes: they are forked once the stories are drawn, and die with their parent.
"""

from __future__ import annotations

import os
import signal
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from multiprocessing import get_context
from types import TracebackType
from typing import Any, Self

from django.conf import settings
from django.db import connections
from django.utils import timezone

from admissions import events
from admissions.models import EventDelivery
from gap.celery import app
from gap.supervisor.children import die_with_parent
from teleservices import engine
from teleservices.enums import CLAIMABLE
from teleservices.models import TeleserviceCall

_ROUNDS = 30
_CHUNK = 4
# One more than processors: somebody always waits for the other side.
_WORKERS = min((os.cpu_count() or 1) + 1, 6)

#: What the workers perform; they inherit it by the fork.
_performer: Any = None


class Chain:
    """A pool of processes. Enter it once `performer` knows all that its methods need."""

    def __init__(self, performer: Any) -> None:
        self._performer = performer
        self.calls = 0

    def __enter__(self) -> Self:
        global _performer
        _performer = self._performer
        # Nobody listens yet: wake-ups go nowhere, and the rows are found below. The worker starts with an empty queue.
        app.conf.broker_url = "memory://localhost/"  # type: ignore[misc]  # read-only for the stubs alone
        # A connection is not shared by a fork. No commit waits for the disk: an interrupted loading starts again.
        self._reconnect({"options": "-c synchronous_commit=off"})
        self._pool = ProcessPoolExecutor(
            _WORKERS, mp_context=get_context("fork"), initializer=_live_with_parent, initargs=(os.getpid(),)
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._reconnect({})
        app.conf.broker_url = settings.CELERY_BROKER_URL  # type: ignore[misc]

    def each(self, method: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Call this method of the performer with each of these arguments, in any order. Raises RuntimeError."""
        return self._map(_perform, [(method, *these) for these in arguments])

    def settle(self) -> None:
        """Deliver and call until nothing is due. What waits for a retry stays waiting."""
        for _ in range(_ROUNDS):
            owed = _owed()
            self._map(_deliver, owed)
            due = list(_due())
            self._map(_call, due)
            self.calls += len(due)
            if not owed and not due:
                return
        raise RuntimeError("La chaîne ne se calme pas : des appels repartent sans fin.")

    def try_again(self) -> None:
        """Send once more, now, what waits for another try."""
        now = timezone.now()
        TeleserviceCall.objects.filter(status__in=CLAIMABLE).update(not_before=now - timedelta(seconds=1))
        self.settle()

    @staticmethod
    def _reconnect(options: dict[str, str]) -> None:
        known = connections.settings["default"]["OPTIONS"]
        known.pop("options", None)
        known.update(options)
        connections.close_all()

    def _map(self, work: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        return list(self._pool.map(work, items, chunksize=_CHUNK)) if items else []


def _live_with_parent(parent: int) -> None:
    die_with_parent(signal.SIGKILL, parent)()


def _perform(task: tuple[Any, ...]) -> Any:
    method, *arguments = task
    try:
        return getattr(_performer, method)(*arguments)
    except Exception as problem:
        # Not every exception travels between processes: its text does.
        raise RuntimeError(f"{method} : {type(problem).__name__} {problem}") from problem


def _owed() -> list[list[int]]:
    """Events that somebody is owed, in their order, one list a stay: a stay is never handled by two processes."""
    by_stay: dict[int, dict[int, None]] = defaultdict(dict)
    waiting = EventDelivery.objects.filter(done_at__isnull=True, attempts=0).order_by("event_id")
    for stay_id, event_id in waiting.values_list("event__stay_id", "event_id"):
        by_stay[stay_id][event_id] = None
    return [list(event_ids) for event_ids in by_stay.values()]


def _deliver(event_ids: list[int]) -> None:
    for event_id in event_ids:
        events.deliver(event_id)


def _due() -> Iterable[int]:
    due = TeleserviceCall.objects.filter(status__in=CLAIMABLE, not_before__lte=timezone.now())
    return due.order_by("pk").values_list("pk", flat=True)


def _call(call_id: int) -> None:
    engine.run(call_id)
