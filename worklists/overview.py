"""What the home page says of the machine: what it does by itself, what waits, what stopped, what will expire."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.core.cache import cache
from django.db.models import Aggregate, Count, FloatField, Min, Q
from django.utils import timezone
from redis.exceptions import RedisError

from accounts.sight import Here, seen
from admissions.querysets import day_bounds
from gap.constants import constants
from teleservices import expiry
from teleservices.enums import OPEN, CallStatus, Disposition, Family
from teleservices.models import TeleserviceCall
from worklists import querysets
from worklists.causes import words_of_cause

SHOWN_PAYERS: Final = 5


class Median(Aggregate):
    """The middle value, by PostgreSQL itself."""

    function = "percentile_cont"
    template = "%(function)s(0.5) within group (order by %(expressions)s)"
    output_field = FloatField()


@dataclass(frozen=True, slots=True)
class PayerAway:
    """An AMC that does not answer: one line, whatever the number of its calls."""

    debtor_id: int
    name: str
    count: int
    since: datetime
    next_try: datetime


@dataclass(frozen=True, slots=True)
class SystemNow:
    """What the machine does by itself. Counts of calls; `median_s` in seconds."""

    launched: int
    answered: int
    median_s: float | None
    calling: int
    waiting: int
    next_try: datetime | None
    stopped: int
    away: list[PayerAway]
    at: datetime


def system_now(here: Here) -> SystemNow:
    """Three queries: today's calls, the open ones, the payers that do not answer."""
    today = TeleserviceCall.objects.filter(
        seen(here, "stay__"),
        pk__gte=_first_call_of_today(),
        planned_at__gte=day_bounds(timezone.localdate())[0],
    ).aggregate(
        launched=Count("pk", filter=Q(attempts_count__gt=0)),
        answered=Count("pk", filter=Q(duration_ms__isnull=False)),
        median=Median("duration_ms"),
    )
    waiting = Q(status=CallStatus.UNKNOWN) | Q(status=CallStatus.PLANNED, attempts_count__gt=0)
    now_open = (
        querysets.calls_of(here)
        .filter(status__in=constants(OPEN))
        .aggregate(
            calling=Count("pk", filter=Q(status=CallStatus.CALLING) | Q(status=CallStatus.PLANNED, attempts_count=0)),
            waiting=Count("pk", filter=waiting),
            next_try=Min("not_before", filter=waiting),
            stopped=Count("pk", filter=Q(status=CallStatus.NEEDS_REFERENT)),
        )
    )
    return SystemNow(
        launched=today["launched"],
        answered=today["answered"],
        median_s=today["median"] / 1000 if today["median"] is not None else None,
        calling=now_open["calling"],
        waiting=now_open["waiting"],
        next_try=now_open["next_try"],
        stopped=now_open["stopped"],
        away=_payers_away(here),
        at=timezone.now(),
    )


def _payers_away(here: Here) -> list[PayerAway]:
    rows = (
        querysets.away(here)
        .order_by()
        .values("debtor", "debtor__name")
        .annotate(count=Count("pk"), since=Min("planned_at"), next_try=Min("not_before"))
        .order_by("-count", "debtor")[:SHOWN_PAYERS]
    )
    # A national service is no payer's.
    return [
        PayerAway(
            row["debtor"] or 0, row["debtor__name"] or "Service national", row["count"], row["since"], row["next_try"]
        )
        for row in rows
    ]


def _first_call_of_today() -> int:
    """The key of today's first call: found once a day, it spares each page a walk over the whole ledger."""
    day = timezone.localdate()
    name = f"first-call:{settings.DATABASES['default']['NAME']}:{day:%Y%m%d}"
    try:
        if (known := cache.get(name)) is not None:
            return int(known)
    except RedisError:
        return 0
    first = TeleserviceCall.objects.filter(planned_at__gte=day_bounds(day)[0]).aggregate(first=Min("pk"))["first"]
    if first is None:
        return 0
    try:
        cache.set(name, first, timeout=86_400)
    except RedisError:
        return int(first)
    return int(first)


# ---- exceptions by family ----

_WHO: Final[dict[str, tuple[str, str, str]]] = {
    # Family → (list, tone, who acts)
    Family.MEMBER_NUMBER: ("numeros-adherent", "you", "À l’accueil"),
    Family.NO_THIRD_PARTY_PAYMENT: ("patients-a-prevenir", "you", "Prévenir le patient"),
    Family.CONFIGURATION: ("parametrage", "you", "Au référent"),
    Family.PRESCRIPTION_DATE: ("dates-de-prescription", "you", "Au référent"),
    Family.UNKNOWN_CODE: ("codes-inconnus", "you", "Au référent"),
    Family.AMO_MISMATCH: ("regimes-en-attente", "sys", "Le système relance"),
    Family.UNAVAILABLE: ("organismes-indisponibles", "sys", "Le système relance"),
    Family.ANOMALY: ("anomalies-a-signaler", "sys", "Chez l’éditeur"),
}


@dataclass(frozen=True, slots=True)
class FamilyLine:
    """One family of return codes: its open calls, and who must act."""

    label: str
    slug: str
    count: int
    oldest: datetime | None
    tone: str
    who: str
    codes: str


def families(here: Here) -> list[FamilyLine]:
    """Open refusals by family, the ones where a person can act first: one query, and one for what waits."""
    rows = (
        querysets.refused(here, *Disposition)
        .order_by()
        .values("family", "return_code")
        .annotate(count=Count("pk"), oldest=Min("finished_at"))
        .order_by("family", "return_code")
    )
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["family"], []).append(dict(row))
    waiting = querysets.away(here).aggregate(count=Count("pk"), oldest=Min("planned_at"))
    if waiting["count"]:
        found[Family.UNAVAILABLE] = [waiting | {"return_code": ""}]
    lines = []
    for family, (slug, tone, who) in _WHO.items():
        of = found.get(family, [])
        lines.append(
            FamilyLine(
                label=str(Family(family).label),
                slug=slug,
                count=sum(row["count"] for row in of),
                oldest=min((row["oldest"] for row in of if row["oldest"]), default=None),
                tone=tone,
                who=who,
                codes=", ".join(row["return_code"] for row in of if row["return_code"]),
            )
        )
    return lines


# ---- technical ----


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate that the calls need, and how long it lives."""

    label: str
    expires_at: datetime | None
    days_left: int
    tone: str
    sentence: str


def certificates() -> list[Certificate]:
    """The certificates that the calls need, the first to expire first."""
    return [
        Certificate(one.label, one.expires_at, one.days_left, *(("stop", one.problem) if one.problem else _said(one)))
        for one in expiry.watched()
    ]


def _said(one: expiry.Watched) -> tuple[str, str]:
    """(Tone, what to do)."""
    if one.days_left < 0:
        return "stop", "Expiré : les appels s’arrêtent, un par un."
    return {
        None: ("ok", "Rien à faire."),
        60: ("wait", "Demandez le renouvellement."),
        30: ("wait", "Le renouvellement doit être en cours."),
        7: ("stop", "À remplacer maintenant."),
    }[one.threshold]


@dataclass(frozen=True, slots=True)
class StoppedCause:
    """One cause that stops calls, and how many."""

    cause: str
    title: str
    todo: str
    count: int
    oldest: datetime


def stopped_causes(here: Here) -> list[StoppedCause]:
    rows = (
        querysets.stopped(here)
        .order_by()
        .values("cause")
        .annotate(count=Count("pk"), oldest=Min("planned_at"))
        .order_by("-count", "cause")
    )
    return [StoppedCause(row["cause"], *words_of_cause(row["cause"]), row["count"], row["oldest"]) for row in rows]
