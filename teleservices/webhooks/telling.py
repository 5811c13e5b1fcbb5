"""Writing what is owed to the programs that asked, in the transaction of what happened."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from accounts.enums import Scope
from admissions.enums import EventKind
from admissions.events import wake
from admissions.models import AdmissionEvent, Stay
from teleservices.models import Webhook, WebhookMessage
from teleservices.webhooks import kinds

TASK: Final = "teleservices.tasks.send_webhook"
#: Patients wait for the others: an address that answers slowly holds workers of the night alone.
QUEUE: Final = "batch"


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened to a stay. `also`: more identifiers and codes; `path`: what to read to know more."""

    stay: Stay
    path: str = ""
    also: dict[str, str] = field(default_factory=dict)


def wants(stay: Stay, kind: EventKind) -> bool:
    """Whether an address asked for such an event: a hospital without any owes nothing more than before."""
    told = kinds.OF_EVENTS.get(kind)
    if told is None:
        return False
    return Webhook.objects.filter(
        kinds__contains=[told], stopped_at__isnull=True, client__establishment=stay.establishment_id
    ).exists()


def consume(event: AdmissionEvent) -> None:
    """The outbox hands over one event (ADR 0001): once, with the rows written here."""
    if kind := kinds.OF_EVENTS.get(event.kind):
        tell(kind, [Fact(event.stay)])


def listened_to(kind: str) -> Exists:
    """Whether an address of the establishment of a call's stay asked for this kind, as a column of the call."""
    of_the_call = Webhook.objects.filter(
        kinds__contains=[kind], stopped_at__isnull=True, client__establishment=OuterRef("stay__establishment")
    )
    return Exists(of_the_call)


def tell(kind: str, facts: Iterable[Fact]) -> int:
    """Owe these facts, all of one establishment, to each address that asked. Returns how many messages.

    Must run in the transaction that makes them true.
    """
    facts = list(facts)
    if not facts:
        return 0
    now = timezone.now()
    listening = list(
        Webhook.objects.filter(
            kinds__contains=[kind],
            stopped_at__isnull=True,
            client__active=True,
            client__establishment=facts[0].stay.establishment_id,
            client__scopes__contains=[kinds.SCOPES[kind]],
        ).values_list("pk", "client__scopes")
    )
    if not listening:
        return 0
    # A protected dossier does not exist for a program that has not its scope.
    hidden = set(
        Stay.objects.filter(pk__in=[fact.stay.pk for fact in facts])
        .exclude(patient__protection="")
        .values_list("pk", flat=True)
    )
    made = WebhookMessage.objects.bulk_create(
        WebhookMessage(
            message_id=uuid.uuid4(), webhook_id=pk, kind=kind, data=_told(fact), occurred_at=now, not_before=now
        )
        for pk, scopes in listening
        for fact in facts
        if fact.stay.pk not in hidden or Scope.PROTECTED in scopes
    )
    for message in made[:50]:
        transaction.on_commit(partial(wake, TASK, message.pk, queue=QUEUE))
    return len(made)


def _told(fact: Fact) -> dict[str, str]:
    path = fact.path or f"stays/{fact.stay.iep}"
    return {"stay": fact.stay.iep, "link": f"{settings.PUBLIC_URL}/api/v1/{path}"} | fact.also
