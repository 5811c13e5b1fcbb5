"""How the payers answer: times, availability, what waits, what is refused. Read from the ledger, for a screen and a scraper."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db.models import Aggregate, Count, FloatField, Q
from django.utils import timezone

from gap.constants import constants
from teleservices.enums import CLAIMABLE, AttemptOutcome, CallStatus
from teleservices.models import Circuit, TeleserviceAttempt, TeleserviceCall

#: Answer expected within this by the programme's level of service.
LEVEL_MS: Final = 4_000
PERIOD: Final = timedelta(hours=24)
# Tries that say nothing of the payer: not ended yet, or stopped by a setting or a message of ours.
_OURS: Final = (AttemptOutcome.STARTED, AttemptOutcome.CONFIGURATION, AttemptOutcome.REFUSED)


class Percentile(Aggregate):
    """`Percentile("duration_ms", 0.95)`: the value under which this share of the rows stands."""

    function = "percentile_cont"
    template = "%(function)s(%(share)s) within group (order by %(expressions)s)"
    output_field = FloatField()

    def __init__(self, expression: str, share: float, **extra: Any) -> None:
        if not 0 <= share <= 1:
            raise ValueError("a share is between 0 and 1")
        super().__init__(expression, share=share, **extra)


@dataclass(frozen=True, slots=True)
class Measures:
    """One channel and operation over the last day. Times are None while nobody has answered."""

    channel: str
    operation: str
    tries: int
    answers: int
    median_ms: float | None
    p95_ms: float | None
    waiting: int
    suspended: bool

    @property
    def availability(self) -> float | None:
        """Per cent of the tries that were answered."""
        return 100 * self.answers / self.tries if self.tries else None

    @property
    def held(self) -> bool:
        """Nineteen answers in twenty came within the level."""
        return self.p95_ms is not None and self.p95_ms <= LEVEL_MS


def measures(establishment_id: int | None = None) -> list[Measures]:
    """The busiest first. Three queries; without an establishment, those of the whole installation."""
    here = {"call__stay__establishment": establishment_id} if establishment_id else {}
    answered = Q(outcome=AttemptOutcome.ANSWERED)
    rows = (
        TeleserviceAttempt.objects.filter(call__first_sent_at__gte=timezone.now() - PERIOD, **here)
        .exclude(outcome__in=_OURS)
        .order_by()
        .values("call__channel", "call__operation")
        .annotate(
            tries=Count("pk"),
            answers=Count("pk", filter=answered),
            median=Percentile("duration_ms", 0.5, filter=answered),
            p95=Percentile("duration_ms", 0.95, filter=answered),
        )
    )
    waiting = backlog(establishment_id)
    circuits = Circuit.objects.filter(opened_at__isnull=False).values_list("channel", "operation")
    suspended = {(channel, operation) for channel, operation in circuits}
    found = {(row["call__channel"], row["call__operation"]): row for row in rows}
    lines = []
    for channel, operation in {*found, *waiting, *suspended}:
        row: dict[str, Any] = dict(found.get((channel, operation), {}))
        lines.append(
            Measures(
                channel=channel,
                operation=operation,
                tries=row.get("tries", 0),
                answers=row.get("answers", 0),
                median_ms=row.get("median"),
                p95_ms=row.get("p95"),
                waiting=waiting.get((channel, operation), 0),
                suspended=(channel, operation) in suspended,
            )
        )
    return sorted(lines, key=lambda line: (-line.tries, -line.waiting, line.channel, line.operation))


def backlog(establishment_id: int | None = None) -> dict[tuple[str, str], int]:
    """What waits to leave, now or later, by channel and operation."""
    here = {"stay__establishment": establishment_id} if establishment_id else {}
    rows = (
        TeleserviceCall.objects.filter(status__in=constants(CLAIMABLE), **here)
        .order_by()
        .values("channel", "operation")
        .annotate(count=Count("pk"))
    )
    return {(row["channel"], row["operation"]): row["count"] for row in rows}


def refusals(establishment_id: int | None = None) -> dict[str, int]:
    """Refusals of the last day by family, the most frequent first."""
    here = {"stay__establishment": establishment_id} if establishment_id else {}
    rows = (
        TeleserviceCall.objects.filter(first_sent_at__gte=timezone.now() - PERIOD, status=CallStatus.REFUSED, **here)
        .order_by()
        .values("family")
        .annotate(count=Count("pk"))
        .order_by("-count", "family")
    )
    return {row["family"]: row["count"] for row in rows}
