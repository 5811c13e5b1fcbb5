"""The refusals as a whole: families, their codes, their operations; and how many dossiers needed nobody."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django.db.models import Count, Exists, Min, OuterRef, Q
from django.db.models.functions import TruncDate
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.sight import Here, seen
from admissions.models import Stay
from admissions.presenters import french
from admissions.querysets import day_bounds
from teleservices.enums import CallStatus, Disposition, Family
from teleservices.models import ReturnCode, TeleserviceCall
from teleservices.ruling import in_force
from worklists import querysets
from worklists.registry import all_worklists

#: Days of the trend, and of the share that is shown.
TREND_DAYS: Final = 14
SHARE_DAYS: Final = 30
#: The goal of the demonstration month.
GOAL: Final = 95

# Where the refusals of a treatment stand. A retry stands nowhere until it lasts.
_LIST_OF: Final = {
    Disposition.ESCALATE: "anomalies-a-signaler",
    Disposition.REFERENT: "parametrage",
    Disposition.INFORM_PATIENT: "patients-a-prevenir",
    Disposition.WAIT_ALIGNMENT: "regimes-en-attente",
    Disposition.ASK_MEMBER_NUMBER: "numeros-adherent",
    Disposition.REPLAY_WITH_ENTRY_DATE: "dates-de-prescription",
    Disposition.RETRY: "organismes-indisponibles",
    Disposition.STORE: "codes-inconnus",
}
# Treatments that end without anybody: a refusal of these is no exception.
_BY_ITSELF: Final = (Disposition.WAIT_ALIGNMENT, Disposition.REPLAY_WITH_ENTRY_DATE, Disposition.RETRY)


@dataclass(slots=True)
class OperationLine:
    """One operation of a code: what is open now."""

    operation: str
    count: int = 0
    oldest: datetime | None = None


@dataclass(slots=True)
class CodeLine:
    """One code: its open refusals, by operation, and how many came each day."""

    code: str
    label: str
    slug: str
    count: int = 0
    oldest: datetime | None = None
    operations: list[OperationLine] = field(default_factory=list)
    by_day: list[int] = field(default_factory=lambda: [0] * TREND_DAYS)

    def address(self, operation: str = "") -> str:
        """Its list, on this code and operation; empty where there is none."""
        worklist = all_worklists().get(self.slug)
        if worklist is None:
            return ""
        by_code = worklist.grouping is not None and worklist.grouping.parameter == "code"
        asked = {"code": self.code} if by_code else {}
        query = urlencode(asked | ({"service": operation} if operation else {}))
        return f"{reverse('worklists:list', args=[self.slug])}{f'?{query}' if query else ''}"

    @property
    def url(self) -> str:
        return self.address()

    @property
    def by_operation(self) -> list[tuple[OperationLine, str]]:
        return [(line, self.address(line.operation)) for line in self.operations]

    @property
    def trend(self) -> int:
        """Refusals of the last seven days, less those of the seven before."""
        return sum(self.by_day[7:]) - sum(self.by_day[:7])


@dataclass(slots=True)
class FamilyBlock:
    """One family, its codes in their order."""

    family: str
    label: str
    codes: list[CodeLine]

    @property
    def count(self) -> int:
        return sum(line.count for line in self.codes)


@dataclass(frozen=True, slots=True)
class Share:
    """Dossiers whose calls ended, and those of them that nobody had to touch."""

    dossiers: int
    alone: int

    @property
    def percent(self) -> float | None:
        return 100 * self.alone / self.dossiers if self.dossiers else None

    @property
    def reached(self) -> bool:
        return self.percent is not None and self.percent >= GOAL


def blocks(here: Here, user: User | None = None) -> list[FamilyBlock]:
    """Every family that has an open refusal or had one lately. Four queries, whatever the number of calls.

    `user`: a count opens its list only for who may open it.
    """
    lines: dict[tuple[str, str], CodeLine] = {}
    known = {row.code: row for row in in_force(ReturnCode).only("code", "label", "family", "disposition")}
    for row in _open_refusals(here):
        line = _line(lines, row["family"], row["return_code"], row["disposition"], known)
        _add(line, row["operation"], row["count"], row["oldest"])
    for row in _away(here):
        line = _line(lines, Family.UNAVAILABLE, row["return_code"] or "", Disposition.RETRY, known)
        _add(line, row["operation"], row["count"], row["oldest"])
    first = timezone.localdate() - timedelta(days=TREND_DAYS - 1)
    for row in _lately(here, first):
        line = _line(lines, row["family"], row["return_code"], row["disposition"], known)
        line.by_day[(row["day"] - first).days] += row["count"]
    found: dict[str, list[CodeLine]] = {}
    for (family, _), line in sorted(lines.items()):
        if user and line.slug and not all_worklists()[line.slug].open_to(user):
            line.slug = ""
        found.setdefault(family, []).append(line)
    return [FamilyBlock(family, str(Family(family).label), found[family]) for family in Family if family in found]


def _line(
    lines: dict[tuple[str, str], CodeLine], family: str, code: str, disposition: str, known: dict[str, ReturnCode]
) -> CodeLine:
    if (family, code) not in lines:
        row = known.get(code)
        label = french(row.label) if row else ("Injoignable, sans code" if not code else "Code absent du catalogue")
        slug = _LIST_OF.get(Disposition(disposition), "") if disposition in Disposition.values else ""
        if family == Family.PRESCRIPTION_DATE:
            slug = "dates-de-prescription"
        lines[family, code] = CodeLine(code or "–", label, slug)
    return lines[family, code]


def _add(line: CodeLine, operation: str, count: int, oldest: datetime) -> None:
    line.count += count
    line.oldest = min(filter(None, (line.oldest, oldest)))
    line.operations.append(OperationLine(operation, count, oldest))


def _open_refusals(here: Here) -> Any:
    return (
        querysets.refused(here, *Disposition)
        .order_by()
        .values("family", "return_code", "disposition", "operation")
        .annotate(count=Count("pk"), oldest=Min("finished_at"))
        .order_by("family", "return_code", "operation")
    )


def _away(here: Here) -> Any:
    return (
        querysets.away(here)
        .order_by()
        .values("return_code", "operation")
        .annotate(count=Count("pk"), oldest=Min("planned_at"))
        .order_by("return_code", "operation")
    )


def _lately(here: Here, first: Any) -> Any:
    """What was refused each day, handled since or not: by the day it left first, which is how the ledger is read."""
    return (
        TeleserviceCall.objects.filter(
            seen(here, "stay__"),
            first_sent_at__gte=day_bounds(first)[0],
            status=CallStatus.REFUSED,
        )
        .exclude(family="")
        .order_by()
        .annotate(day=TruncDate("first_sent_at", tzinfo=timezone.get_current_timezone()))
        .values("family", "return_code", "disposition", "day")
        .annotate(count=Count("pk"))
    )


def share(here: Here) -> Share:
    """Stays that a call left for in the last thirty days: those whose calls never asked anything of anybody.

    A refusal that ended by itself (replayed, aligned, retried) is not an exception; one that a person handled, or that
    still waits for one, is. So is a call stopped by a setting.
    """
    since = timezone.now() - timedelta(days=SHARE_DAYS)
    sent = TeleserviceCall.objects.filter(stay=OuterRef("pk"), first_sent_at__gte=since)
    refused = Q(status=CallStatus.REFUSED) & ~Q(disposition__in=_BY_ITSELF)
    asked = sent.filter(refused | Q(status=CallStatus.NEEDS_REFERENT) | Q(handled_at__isnull=False))
    lately = TeleserviceCall.objects.filter(seen(here, "stay__"), first_sent_at__gte=since)
    stays = Stay.objects.filter(pk__in=lately.values("stay"))
    counted = stays.annotate(exception=Exists(asked)).aggregate(
        dossiers=Count("pk"), exceptions=Count("pk", filter=Q(exception=True))
    )
    return Share(counted["dossiers"], counted["dossiers"] - counted["exceptions"])
