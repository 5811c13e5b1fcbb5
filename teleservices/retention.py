"""What has been kept long enough is erased, by batches: `manage.py purge`, and a task every hour.

Each kind of data has its rule (`RetentionRule`) and the one who knows how to erase it; the apps above register theirs. A
batch is a transaction that takes rows nobody holds: killed anywhere and run again, it goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts import controls
from accounts.enums import Controlled
from accounts.models import IdempotentReply, Session
from admissions.models import Card
from teleservices.enums import CallStatus, Kept
from teleservices.models import RefusedCertificate, RetentionRule, TeleserviceAttempt
from teleservices.ruling import in_force

BATCH: Final = 1000
# Of one kind in one turn of the task: another turn follows, and leaves its thread to others meanwhile.
_TURN: Final = 50 * BATCH
_SETTLED = (CallStatus.SUCCEEDED, CallStatus.REFUSED, CallStatus.CANCELLED)

Told = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Purge:
    """`due`: the rows kept since before an instant, of which something is still to erase. `erase`: of these rows."""

    due: Callable[[datetime], QuerySet]
    erase: Callable[[QuerySet], object]


_PURGES: dict[str, Purge] = {}


def register(name: Kept, purge: Purge) -> None:
    """Who knows how to erase this kind of data."""
    _PURGES[name] = purge


def due(now: datetime | None = None) -> dict[str, int]:
    """How many rows of each kind have something to erase. Nothing is written."""
    return {name: purge.due(before).count() for name, purge, before in _all(now or timezone.now())}


def purge(told: Told, *, batch: int = BATCH, most: int = _TURN) -> dict[str, int]:
    """Erase what is due, at most `most` rows of each kind. Returns how many; `told` hears of each batch."""
    done = {}
    for name, kind, before in _all(timezone.now()):
        count = 0
        while count < most and (erased := _one_batch(kind, before, min(batch, most - count))):
            count += erased
            told(name, erased)
        done[name] = count
    said = [f"{Kept(name).label}\u00a0: {count}" for name, count in done.items() if count]
    controls.note(Controlled.PURGE, sound=True, sentence=" ; ".join(said) or "Rien n’avait assez duré.")
    return done


def turn() -> bool:
    """One turn of the task. True when there may be more at once."""
    return any(count >= _TURN for count in purge(lambda _name, _count: None, most=_TURN).values())


@transaction.atomic
def _one_batch(kind: Purge, before: datetime, size: int) -> int:
    found = kind.due(before).select_for_update(skip_locked=True, of=("self",)).order_by("pk")
    keys = list(found.values_list("pk", flat=True)[:size])
    if keys:
        kind.erase(found.model._default_manager.filter(pk__in=keys))
    return len(keys)


def _all(now: datetime) -> list[tuple[str, Purge, datetime]]:
    days = dict(in_force(RetentionRule).values_list("name", "days"))
    return [(name, _PURGES[name], now - timedelta(days=days[name])) for name in Kept.values if name in days]


def _messages(before: datetime) -> QuerySet:
    """What may still have to be sent again, or settled, keeps its message whatever its age."""
    return TeleserviceAttempt.objects.filter(
        started_at__lt=before, request_xml__isnull=False, call__status__in=_SETTLED, call__in_doubt=False
    )


def _erase_images(cards: QuerySet) -> None:
    for card in cards:
        image = card.image
        Card.objects.filter(pk=card.pk).update(image="")
        transaction.on_commit(partial(image.storage.delete, str(image.name)))


register(Kept.CALL_MESSAGES, Purge(_messages, lambda rows: rows.update(request_xml=None, response_xml=None)))
register(
    Kept.CARD_IMAGES, Purge(lambda before: Card.objects.filter(read_at__lt=before).exclude(image=""), _erase_images)
)
register(
    Kept.IDEMPOTENT_REPLIES,
    Purge(lambda before: IdempotentReply.objects.filter(created_at__lt=before), lambda rows: rows.delete()),
)
register(
    Kept.SESSIONS, Purge(lambda before: Session.objects.filter(expire_date__lt=before), lambda rows: rows.delete())
)
register(
    Kept.REFUSED_CERTIFICATES,
    Purge(lambda before: RefusedCertificate.objects.filter(last_seen_at__lt=before), lambda rows: rows.delete()),
)
