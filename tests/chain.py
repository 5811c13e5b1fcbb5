"""Drives the chain in the test's own process: events delivered, due calls carried over the real wire, until all is quiet."""

from __future__ import annotations

from django.utils import timezone

from admissions import events
from admissions.models import EventDelivery
from teleservices import engine
from teleservices.enums import CLAIMABLE
from teleservices.models import TeleserviceCall


def settle(rounds: int = 20) -> int:
    """Deliver and call until nothing is due. Returns how many calls were carried. A failed delivery fails the test."""
    carried = 0
    for _ in range(rounds):
        owed = list(
            EventDelivery.objects.filter(done_at__isnull=True).order_by("pk").values_list("event_id", flat=True)
        )
        for event_id in dict.fromkeys(owed):
            events.deliver(event_id)
        failed = EventDelivery.objects.filter(done_at__isnull=True).values_list("consumer", "problem")
        assert not failed, list(failed)
        due = list(
            TeleserviceCall.objects.filter(status__in=CLAIMABLE, not_before__lte=timezone.now())
            .order_by("pk")
            .values_list("pk", flat=True)
        )
        for call_id in due:
            engine.run(call_id)
            carried += 1
        if not owed and not due:
            return carried
    raise AssertionError("the chain does not come to rest")


def deliver_owed() -> None:
    """Hand every event out: what it calls for is planned, and nothing is sent."""
    owed = EventDelivery.objects.filter(done_at__isnull=True).order_by("pk").values_list("event_id", flat=True)
    for event_id in dict.fromkeys(owed):
        events.deliver(event_id)


def hasten() -> int:
    """Make due what waits for its next try, then settle: an hour passes in a moment."""
    TeleserviceCall.objects.filter(status__in=CLAIMABLE).update(not_before=timezone.now())
    return settle()
