"""The one timeline of a stay: events, calls, and what the floors above add to it. Newest first, what moves at the top."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Max, Min
from django.utils import timezone
from django.utils.module_loading import import_string

from admissions.models import EventDelivery, Stay
from admissions.presenters import Entry, event_entries
from teleservices.enums import OPEN
from teleservices.models import ReturnCode, TeleserviceCall
from teleservices.presenters import CallView, present

#: Pace of the page while something moves: each second, each two once it lasts, and lazily while a retry is awaited.
QUICK_S = 1
SLOW_S = 2
LAZY_S = 30
QUICK_FOR = timedelta(seconds=30)

_SOURCES: list[str] = []
_DETAILS: list[str] = []
_UPCOMING: list[str] = []


def register_source(path: str) -> None:
    """`path` names a function of a Stay that gives more entries (invoices, payments). For the floors above."""
    if path not in _SOURCES:
        _SOURCES.append(path)


def register_details(path: str) -> None:
    """`path` names a function of a Stay that gives, by call, what its answer brought in words."""
    if path not in _DETAILS:
        _DETAILS.append(path)


def register_upcoming(path: str) -> None:
    """`path` names a function of a Stay that says what the chain will do by itself, and when."""
    if path not in _UPCOMING:
        _UPCOMING.append(path)


@dataclass(frozen=True, slots=True)
class Upcoming:
    """A call that the chain will make by itself: « CLC, engagement de paiement, prévu à la sortie »."""

    operation: str
    title: str
    when: str


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls of a stay as shown, newest first, and the pace at which the page must ask again (None: it is still)."""

    rows: list[TeleserviceCall]
    views: list[CallView]
    every_s: int | None
    preparing: bool
    upcoming: tuple[Upcoming, ...] = ()

    @property
    def yours(self) -> int:
        return sum(view.yours for view in self.views)


def calls_of(stay: Stay, now: datetime | None = None) -> Calls:
    """The calls of a stay. Three queries, and those of the registered details."""
    now = now or timezone.now()
    # What is owed is read before the calls that come of it: a worker that plans them between the two queries leaves
    # a part that asks again, never one that stands still on nothing.
    owed = EventDelivery.objects.filter(event__stay=stay, done_at__isnull=True).aggregate(
        due=Min("not_before"), last=Max("event__created_at")
    )
    rows = list(
        TeleserviceCall.objects.filter(stay=stay).select_related("debtor", "handled_by").order_by("-planned_at", "-pk")
    )
    codes = {
        code.code: code
        for code in ReturnCode.objects.filter(
            code__in={row.return_code for row in rows if row.return_code}, valid_until__isnull=True
        )
    }
    details: dict[int, str] = {}
    for path in _DETAILS:
        provider: Callable[[Stay], dict[int, str]] = import_string(path)
        details |= provider(stay)
    views = [present(row, codes.get(row.return_code), now, detail=details.get(row.pk, "")) for row in rows]
    every, preparing = _pace(owed, rows, views, now)
    upcoming: list[Upcoming] = []
    for path in _UPCOMING:
        announced: Callable[[Stay], list[Upcoming]] = import_string(path)
        upcoming += announced(stay)
    asked = {row.operation for row in rows if row.status in OPEN}
    return Calls(rows, views, every, preparing, tuple(step for step in upcoming if step.operation not in asked))


def _pace(
    owed: dict[str, datetime | None], rows: list[TeleserviceCall], views: list[CallView], now: datetime
) -> tuple[int | None, bool]:
    """Seconds to the next beat (None: all is still), and whether an event is on its way to the calls it makes."""
    # A delivery that failed waits for its own time; it is not «in preparation» meanwhile.
    preparing = owed["due"] is not None and owed["due"] <= now
    moving = [row.planned_at for row, view in zip(rows, views, strict=True) if view.moving]
    if preparing and owed["last"]:
        moving.append(owed["last"])
    if moving:
        return (QUICK_S if now - max(moving) < QUICK_FOR else SLOW_S), preparing
    waits = [view.due_at for view in views if view.open and view.due_at] + ([owed["due"]] if owed["due"] else [])
    if waits:
        seconds = int((min(waits) - now).total_seconds()) + 1
        return min(max(seconds, SLOW_S), LAZY_S), False
    return None, False


def entries_of(stay: Stay, calls: Calls, since: datetime) -> list[Entry]:
    """The whole timeline. A final state reached after `since` (when the page opened) is announced."""
    coverages = list(stay.patient.coverages.select_related("debtor"))
    entries = event_entries(stay, coverages)
    entries += [_call_entry(row, view, since) for row, view in zip(calls.rows, calls.views, strict=True)]
    entries += [
        Entry(
            at=timezone.now(),
            kind="call",
            icon="circle-dashed",
            bold=step.operation,
            title=step.title[:1].lower() + step.title[1:],
            tone="sys",
            chip=f"Prévu {step.when}",
            chip_tone="plan",
            upcoming=True,
        )
        for step in calls.upcoming
    ]
    for path in _SOURCES:
        source: Callable[[Stay], list[Entry]] = import_string(path)
        entries += source(stay)
    # Stable: of two things at one instant the call comes above the event that made it.
    entries.sort(key=lambda entry: (entry.upcoming, entry.moving, entry.at, entry.kind != "event"), reverse=True)
    return entries


def is_news(call: TeleserviceCall, since: datetime) -> bool:
    """It ended, or left and waits for an answer, after `since`: whoever looks at the page has not seen it."""
    return (call.finished_at or call.first_sent_at or call.planned_at) >= since


def _call_entry(call: TeleserviceCall, view: CallView, since: datetime) -> Entry:
    at = call.finished_at or call.first_sent_at or call.planned_at
    head, _, rest = view.title.partition(", ")
    return Entry(
        at=at,
        kind="call",
        icon=view.icon,
        bold=view.operation,
        title=f"{head}, {rest}" if rest else head,
        detail=view.detail or ("" if view.live or view.state == "answered" else view.happened),
        tone="sys" if view.tone in ("plan", "run") else view.tone,
        turn=view.state == "calling",
        chip=view.chip,
        chip_tone=view.tone,
        moving=view.open,
        yours=view.yours,
        announce=view.announcement if is_news(call, since) else "",
        view=view,
        coverage_id=call.coverage_id or 0,
    )
