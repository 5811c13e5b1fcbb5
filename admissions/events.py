"""Writing a business event, and handing it to whoever registered.

This floor never knows who listens: upper floors register a consumer when they start. The deliveries are rows of the
same transaction as the event; Celery only wakes the consumer, and a sweeper finds what a crash left.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone
from django.utils.module_loading import import_string
from kombu.exceptions import OperationalError as BrokerAway

from accounts.models import ApiClient, Establishment, User
from admissions.enums import EventKind
from admissions.models import AdmissionEvent, EventDelivery, Stay

log = structlog.get_logger(__name__)

_CONSUMERS: dict[str, str] = {}
_WANTED: dict[str, str] = {}
# A delivery that failed waits, longer each time, and never more than this.
RETRY_CAP = timedelta(minutes=30)
# After so many failures a person is shown it (worklist «Événements en échec»); it is still tried.
SHOWN_AFTER = 3


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a person, a program, or the system itself when both are None."""

    user: User | None = None
    client: ApiClient | None = None

    @property
    def establishment(self) -> Establishment | None:
        """Where they act; None for the system."""
        who = self.user or self.client
        return who.establishment if who else None

    @property
    def name(self) -> str:
        """How a screen names who acted; empty for the system."""
        if self.user:
            return self.user.short_name
        return self.client.name if self.client else ""


SYSTEM = Actor()


def register_consumer(name: str, path: str, *, wants: str = "") -> None:
    """`path` names a function of one AdmissionEvent. Registering twice is the same as once.

    `wants` names a function of a stay and an EventKind: what it says no to is never owed to this consumer. Nothing: it is
    owed everything.
    """
    _CONSUMERS[name] = path
    if wants:
        _WANTED[name] = wants


def _owed(stay: Stay, kind: EventKind) -> list[str]:
    return [name for name in sorted(_CONSUMERS) if name not in _WANTED or import_string(_WANTED[name])(stay, kind)]


_VETOES: list[str] = []


def register_veto(path: str) -> None:
    """`path` names a function of a stay and an EventKind that raises Refused when a floor above can't follow."""
    if path not in _VETOES:
        _VETOES.append(path)


def check_allowed(stay: Stay, kind: EventKind) -> None:
    """Ask the floors above before a change that they could not follow. Raises Refused."""
    for path in _VETOES:
        import_string(path)(stay, kind)


def record_event(
    stay: Stay,
    kind: EventKind,
    actor: Actor,
    *,
    occurred_at: datetime | None = None,
    detail: dict[str, Any] | None = None,
) -> AdmissionEvent:
    """Write the event and what it owes to each consumer. Must run in the transaction of the change itself."""
    now = timezone.now()
    event = AdmissionEvent.objects.create(
        stay=stay,
        kind=kind,
        detail=detail or {},
        occurred_at=occurred_at or now,
        created_by=actor.user,
        client=actor.client,
    )
    EventDelivery.objects.bulk_create(
        EventDelivery(event=event, consumer=name, not_before=now) for name in _owed(stay, kind)
    )
    transaction.on_commit(lambda: wake("admissions.tasks.deliver_event", event.pk))
    return event


#: A broker that is away, or hangs, is told nothing for so long: nobody at a desk waits for it again and again.
_REST_S: Final = 10.0
# A connection kept from before Redis started again is found out by the first try.
_ONCE_MORE: Final = {"max_retries": 1, "interval_start": 0}
_rests: dict[str, float] = {}


def wake(task: str, *arguments: int, queue: str | None = None) -> None:
    """Tell a worker that a row waits. A broker that is away loses nothing: the sweeper reads the rows."""
    from celery import current_app

    broker = str(current_app.conf.broker_url)
    if time.monotonic() < _rests.get(broker, 0.0):
        return
    try:
        current_app.send_task(task, args=arguments, queue=queue, retry_policy=_ONCE_MORE)
    except (BrokerAway, OSError) as problem:
        _rests[broker] = time.monotonic() + _REST_S
        log.warning("wake_up_lost", task=task, problem=type(problem).__name__, rests_s=_REST_S)


def deliver(event_id: int) -> None:
    """Hand one event to each consumer that has not had it."""
    for name in sorted(_CONSUMERS):
        _deliver_to(name, event_id)


def _deliver_to(name: str, event_id: int) -> None:
    consumer: Callable[[AdmissionEvent], None] = import_string(_CONSUMERS[name])
    try:
        with transaction.atomic():
            delivery = (
                EventDelivery.objects.select_for_update(skip_locked=True, of=("self",))
                .select_related("event__stay")
                .filter(event=event_id, consumer=name, done_at__isnull=True)
                .first()
            )
            if delivery is None:
                return
            consumer(delivery.event)
            delivery.done_at = timezone.now()
            delivery.save(update_fields=["done_at"])
    except (OperationalError, InterfaceError):
        # The database went away, or undid a deadlock: no consumer would fare better now. The delivery is still owed.
        log.warning("delivery_refused_by_database", consumer=name, event_id=event_id)
        _postpone(name, event_id, "base de données")
        raise
    except Exception as problem:
        # Any consumer, any fault of it: it must not stop the others, nor be lost. Its effects are undone with its
        # transaction; the delivery keeps the fault's type and its next try, which «Événements en échec» shows. The log
        # has the frames, never the message: it may repeat a value of a row (gap.logs).
        log.exception("delivery_failed", consumer=name, event_id=event_id)
        _postpone(name, event_id, type(problem).__name__)


def _postpone(name: str, event_id: int, problem: str) -> None:
    delivery = EventDelivery.objects.filter(event=event_id, consumer=name, done_at__isnull=True).first()
    if delivery is None:
        return
    delivery.attempts += 1
    delivery.problem = problem[:200]
    delivery.not_before = timezone.now() + min(timedelta(seconds=5 * 2**delivery.attempts), RETRY_CAP)
    delivery.save(update_fields=["attempts", "problem", "not_before"])


def sweep(limit: int = 200) -> int:
    """Deliver what is still owed and due. Returns how many events were handed out again."""
    owed = (
        EventDelivery.objects.filter(done_at__isnull=True, not_before__lte=timezone.now() - timedelta(seconds=2))
        .order_by("not_before")
        .values_list("event_id", flat=True)[:limit]
    )
    event_ids = list(dict.fromkeys(owed))
    for event_id in event_ids:
        deliver(event_id)
    return len(event_ids)
