"""The calls seen as a whole: what left each day and what became of it, the channels that are closed and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Count, Min, Q, QuerySet
from django.db.models.functions import TruncDate
from django.utils import timezone

from admissions.querysets import day_bounds
from debtors.models import Debtor
from gap.constants import constants
from teleservices import health
from teleservices.enums import CLAIMABLE, CallStatus, Family
from teleservices.gates import CIRCUIT_OPEN, MAINTENANCE, channel_of
from teleservices.models import ChannelRule, Circuit, MaintenanceWindow, TeleserviceCall
from teleservices.models.calls import DIRECTORY, WHOM
from teleservices.sentences import failure_words
from worklists.querysets import calls_of

DAYS = 7
# Closed channels and maintenances are counted on the fingers; more of them is one trouble, not as many lines.
MOST = 100
MOST_ANSWERING = 40
_ENDED_BY_THEM = (CallStatus.REFUSED, CallStatus.CANCELLED)


@dataclass(frozen=True, slots=True)
class Day:
    """The questions that left on one day: each was accepted, refused, or is awaited. `sent` is always their sum."""

    day: date
    sent: int = 0
    accepted: int = 0
    refused: int = 0
    awaited: int = 0


def days(establishment_id: int) -> list[Day]:
    """Today and the six days before, the last first. One query.

    A question withdrawn after the payer had said that it could process nothing counts with the refused.
    """
    today = timezone.localdate()
    first = today - timedelta(days=DAYS - 1)
    rows = (
        TeleserviceCall.objects.filter(first_sent_at__gte=day_bounds(first)[0], stay__establishment=establishment_id)
        .order_by()
        .values(day=TruncDate("first_sent_at"))
        .annotate(
            sent=Count("pk"),
            accepted=Count("pk", filter=Q(status=CallStatus.SUCCEEDED)),
            refused=Count("pk", filter=Q(status__in=_ENDED_BY_THEM)),
            awaited=Count("pk", filter=~Q(status__in=[CallStatus.SUCCEEDED, *_ENDED_BY_THEM])),
        )
    )
    found = {row["day"]: Day(**row) for row in rows}
    wanted = [today - timedelta(days=back) for back in range(DAYS)]
    return [found.get(day) or Day(day) for day in wanted]


@dataclass(frozen=True, slots=True)
class Answering:
    """How one payer answers for one operation, over the last day."""

    name: str
    measures: health.Measures


def answering(establishment_id: int) -> tuple[list[Answering], int]:
    """The busiest first, and how many there are in all. Four queries."""
    found = health.measures(establishment_id)
    shown = found[:MOST_ANSWERING]
    names = names_of({line.channel for line in shown})
    return [Answering(names.get(line.channel, line.channel), line) for line in shown], len(found)


def refusals(establishment_id: int) -> list[tuple[str, int]]:
    """Families refused over the last day, in words."""
    return [(str(Family(family).label), count) for family, count in health.refusals(establishment_id).items() if family]


@dataclass(frozen=True, slots=True)
class Closed:
    """A channel that is suspended for one operation, and what waits behind it."""

    pk: int
    name: str
    operation: str
    since: datetime
    failures: int
    cause: str
    retry_at: datetime
    waiting: int


def closed_channels(establishment_id: int) -> list[Closed]:
    """Three queries, however many there are."""
    circuits = list(Circuit.objects.filter(opened_at__isnull=False).order_by("opened_at")[:MOST])
    if not circuits:
        return []
    names = names_of({circuit.channel for circuit in circuits})
    waiting = _waiting(calls_of(establishment_id), CIRCUIT_OPEN)
    return [
        Closed(
            pk=circuit.pk,
            name=names.get(circuit.channel, circuit.channel),
            operation=circuit.operation,
            since=circuit.opened_at,
            failures=circuit.failures,
            cause=failure_words(circuit.last_cause),
            retry_at=circuit.retry_at,
            waiting=waiting.get((circuit.channel, circuit.operation), 0),
        )
        for circuit in circuits
        if circuit.opened_at and circuit.retry_at
    ]


def _waiting(calls: QuerySet[TeleserviceCall], cause: str) -> dict[tuple[str, str], int]:
    rows = (
        calls.filter(status__in=constants(CLAIMABLE), cause=cause)
        .order_by()
        .values("channel", "operation")
        .annotate(count=Count("pk"))
    )
    return {(row["channel"], row["operation"]): row["count"] for row in rows}


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A maintenance of now or to come."""

    pk: int
    name: str
    operation: str
    starts_at: datetime
    ends_at: datetime
    reason: str
    who: str
    running: bool


def maintenances() -> list[Maintenance]:
    """Those that are not over, the first to begin first. Two queries."""
    now = timezone.now()
    windows = list(
        MaintenanceWindow.objects.filter(ends_at__gt=now)
        .select_related("created_by")
        .order_by("starts_at", "pk")[:MOST]
    )
    names = names_of({window.channel for window in windows})
    return [
        Maintenance(
            pk=window.pk,
            name=names.get(window.channel, window.channel),
            operation=window.operation,
            starts_at=window.starts_at,
            ends_at=window.ends_at,
            reason=window.reason,
            who=window.created_by.short_name if window.created_by else "",
            running=window.starts_at <= now,
        )
        for window in windows
    ]


@dataclass(frozen=True, slots=True)
class Limit:
    """How many calls at once, on one channel or on those that have no rule of their own."""

    name: str
    in_flight: int
    kept_for_interactive: int
    failures_to_open: int
    changed_at: datetime
    who: str


def limits() -> list[Limit]:
    """The common ones first. Two queries."""
    rules = list(ChannelRule.objects.select_related("updated_by").order_by("channel")[:MOST])
    names = names_of({rule.channel for rule in rules}) | {"": "Les autres organismes"}
    return [
        Limit(
            name=names.get(rule.channel, rule.channel),
            in_flight=rule.in_flight,
            kept_for_interactive=rule.kept_for_interactive,
            failures_to_open=rule.failures_to_open,
            changed_at=rule.updated_at,
            who=rule.updated_by.short_name if rule.updated_by else "",
        )
        for rule in rules
    ]


def names_of(channels: set[str]) -> dict[str, str]:
    """Channel → what people call it."""
    known = dict(
        Debtor.objects.filter(amc_number__in=channels - {"", DIRECTORY})
        .order_by("amc_number")
        .values_list("amc_number")
        .annotate(name=Min("name"))
    )
    national = {channel_of(operation, ""): name for operation, name in WHOM.items()}
    return known | national | {"": "Tous les organismes", DIRECTORY: "Annuaire national"}


def held_by_maintenance(establishment_id: int) -> int:
    return calls_of(establishment_id).filter(status__in=constants(CLAIMABLE), cause=MAINTENANCE).count()
