"""The simulations of a stay: when one is asked, the changes that each gathers, the one that still waits for more."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from admissions.enums import EventKind
from admissions.models import AdmissionEvent, Coverage, Stay
from billing.pricing import content_digest
from billing.rules.split import Line
from gap.text import NBSP
from teleservices import planning, policy
from teleservices.enums import OPEN, CallStatus, Disposition, LimitName
from teleservices.messages import Operation
from teleservices.models import TeleserviceCall
from teleservices.ruling import limit

# What may change the content of a stay, or what the AMC knows of it.
_FIRING: Final = (
    EventKind.STAY_ADMITTED,
    EventKind.MOVEMENT_ADDED,
    EventKind.REQUEST_ADDED,
    EventKind.REQUEST_ENDED,
    EventKind.COVERAGE_CHANGED,
    EventKind.ACTIVITY_ENTERED,
    EventKind.STAY_CORRECTED,
    EventKind.PATIENT_CORRECTED,
    EventKind.RIGHTS_ASKED_AGAIN,
    EventKind.ANOMALY_SOLVED,
    EventKind.STAY_REQUALIFIED,
)


def last_of(stay: Stay, coverage: Coverage) -> TeleserviceCall | None:
    return (
        TeleserviceCall.objects.filter(stay=stay, coverage=coverage, operation=Operation.SIM)
        .exclude(status=CallStatus.CANCELLED)
        .order_by("-pk")
        .first()
    )


def stands(simulated: TeleserviceCall) -> bool:
    """It is under way; or there were too many, and a référent looks at the triggers first."""
    refused = simulated.status == CallStatus.REFUSED and simulated.disposition == Disposition.REFERENT
    return refused or simulated.status in OPEN


def ask(stay: Stay, coverage: Coverage, lines: list[Line], last: TeleserviceCall | None, event: AdmissionEvent) -> None:
    """SIM, again if what it was about has changed: changes that come together are one, and there is an end to them."""
    digest = content_digest(lines)
    if last is None:
        planning.plan(stay, coverage, Operation.SIM, event, parameters={"content": digest})
        return
    rearmed = last.status == CallStatus.REFUSED and last.superseded_at
    if not rearmed and last.parameters.get("content") == digest:
        return
    wait = timedelta(0) if rearmed else timedelta(seconds=limit(LimitName.SIMULATION_MERGE))
    call = planning.plan(
        stay, coverage, Operation.SIM, event, parameters={"content": digest}, not_before=timezone.now() + wait
    )
    asked = TeleserviceCall.objects.filter(
        stay=stay, coverage=coverage, operation=Operation.SIM, first_sent_at__isnull=False
    )
    if asked.count() >= limit(LimitName.SIMULATIONS):
        policy.hold(call, "too_many_simulations")


def simulate_now(stay_id: int) -> int:
    """Somebody waits for the figures: the simulation that gathers changes leaves at once. Returns how many leave."""
    with transaction.atomic():
        Stay.objects.select_for_update().get(pk=stay_id)
        return planning.hasten(stay_id, Operation.SIM)


def gathers(call: TeleserviceCall) -> bool:
    """It waits for the changes that may follow, and has not left."""
    return call.status == CallStatus.PLANNED and not call.attempts_count and call.not_before > timezone.now()


def waits_for_more(stay: Stay) -> bool:
    waiting = TeleserviceCall.objects.filter(stay=stay, operation=Operation.SIM, status=CallStatus.PLANNED)
    return any(gathers(call) for call in waiting)


def fired_by(stay: Stay) -> dict[int, list[AdmissionEvent]]:
    """The events that each simulation of a stay answers to, by call: those since the one before left. Two queries."""
    calls = list(
        TeleserviceCall.objects.filter(stay=stay, operation=Operation.SIM)
        .only("pk", "first_sent_at", "finished_at", "status")
        .order_by("pk")
    )
    if not calls:
        return {}
    events = list(AdmissionEvent.objects.filter(stay=stay, kind__in=_FIRING).order_by("pk"))
    found: dict[int, list[AdmissionEvent]] = {}
    taken = 0
    for call in calls:
        until = call.first_sent_at or call.finished_at or timezone.now()
        count = sum(event.created_at <= until for event in events)
        found[call.pk], taken = events[taken:count], max(taken, count)
    return found


def words_of(events: list[AdmissionEvent]) -> str:
    """« 3 changements : mouvement, demande du patient (2) »; empty when there is one, which the timeline shows."""
    if len(events) < 2:
        return ""
    counts: dict[str, int] = {}
    for event in events:
        label = str(EventKind(event.kind).label)
        counts[label] = counts.get(label, 0) + 1
    named = ", ".join(f"{label} ({count})" if count > 1 else label for label, count in counts.items())
    return f"{len(events)} changements regroupés{NBSP}: {named}."
