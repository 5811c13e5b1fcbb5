"""What the AMO answered, for the lists."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import uuid4

from django.db import transaction
from django.utils import timezone

from admissions.enums import AmoOutcome
from admissions.services import amo
from teleservices.models import NationalBatch, NationalBatchLine
from tests.worklists import scene


def answered(stay: Any, outcome: AmoOutcome = AmoOutcome.FOUND, **more: Any) -> Any:
    """CDRi answered about the patient of this stay: rights of a year, at a fund that has no record unless said otherwise."""
    day = timezone.localdate(stay.start_at)
    told: dict[str, Any] = {
        "expires_at": timezone.now() + dt.timedelta(hours=24),
        "content": {},
        "organisation": ("01", "998", "0000"),
        "rights_from": day - dt.timedelta(days=100),
        "rights_until": day + dt.timedelta(days=265),
        "piece": "2",
        "quality": "1",
    }
    said = amo.AmoSaid(
        outcome=outcome, message_id=uuid4(), about="digest", care_date=day, answered_at=timezone.now(), **(told | more)
    )
    with transaction.atomic():
        return amo.received(stay, said)


def an_unfound() -> Any:
    """Somebody whom CDRi does not find."""
    stay = scene.a_stay()
    answered(stay, AmoOutcome.NONE, code="CD02")
    return stay


def a_difference() -> Any:
    """Somebody whose fund has no record here."""
    stay = scene.a_stay()
    answered(stay)
    return stay


def a_batch(establishment: Any) -> NationalBatch:
    """One of tonight, under way: a line answered for, one that failed, one to come."""
    batch = NationalBatch.objects.create(
        establishment=establishment, kind="rights", night_of=timezone.localdate(), until=timezone.localdate(), most=10,
        total=2, listed=True,
    )  # fmt: skip
    for state, cause in (("failed", "ZZ99"), ("waiting", "")):
        NationalBatchLine.objects.create(batch=batch, stay=scene.a_stay(), state=state, cause=cause)
    return batch
