"""The day's arrivals: how many by hour, and what each still misses. The home page embeds the same panel."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts import journal
from accounts.access import colleague, needs
from accounts.enums import Action
from admissions.arrivals import VIEWS, ArrivalRow, arrivals_of, hours
from admissions.views.common import draw
from gap import lists
from gap.moments import read_date

PAGE = 50
_FILES = ("csv", "xlsx")


@needs(Action.ADMIT)
@require_safe
def arrivals(request: HttpRequest) -> HttpResponse:
    return draw(request, "admissions/arrivals.html", _context(request))


@needs(Action.SEE_HOME)
@require_safe
def panel(request: HttpRequest) -> HttpResponse:
    """The panel alone, for the page that embeds it."""
    return draw(request, "admissions/arrivals.html#panel", _context(request) | {"embedded": True})


@needs(Action.ADMIT)
@require_safe
def export(request: HttpRequest, form: str) -> HttpResponseBase:
    """Exactly what is filtered, all pages."""
    if form not in _FILES:
        raise Http404
    context = _context(request)
    headers = ("Heure", "Nom", "Prénoms", "Nom utilisé", "Naissance", "IPP", "IEP", "Service", "Ce qui manque")
    lines = (
        (
            f"{timezone.localtime(row.planned_at):%H:%M}", row.birth_name, row.first_names, row.used_name,
            row.birth_date, row.ipp, row.iep, row.unit, row.missing.word,
        )
        for row in context["filtered"]
    )  # fmt: skip
    return lists.export(headers, lines, f"arrivees-{context['day']:%Y-%m-%d}", form)


def _context(request: HttpRequest) -> dict[str, Any]:
    day = _day(request)
    today = timezone.localdate()
    rows = arrivals_of(request.sight, day)  # type: ignore[attr-defined]
    view = request.GET.get("vue", "a-admettre")
    view = view if view in VIEWS else "a-admettre"
    hour = request.GET.get("heure", "")
    filtered = [row for row in rows if VIEWS[view](row)]
    if hour.isdecimal():
        filtered = [row for row in rows if timezone.localtime(row.planned_at).hour == int(hour)]
    page = Paginator(filtered, PAGE).get_page(request.GET.get("page"))
    journal.listed("arrivées", stays=[row.stay_id for row in page.object_list])
    return {
        "day": day,
        "is_today": day == today,
        "rows": rows,
        "filtered": filtered,
        "page": page,
        "vue": "" if hour.isdecimal() else view,
        "hour": hour if hour.isdecimal() else "",
        "pills": _pills(rows, day == today, day, view if not hour.isdecimal() else ""),
        "admitted": sum(row.admitted for row in rows),
        "other_day": "" if day == today else f"&jour={day:%d/%m/%Y}",
        "late": sum(row.late_minutes > 0 for row in rows),
        "hours": hours(rows, timezone.localtime() if day == today else None),
        "current": _current(list(page.object_list)),
        "may_admit": colleague(request).may(Action.ADMIT),
        "embedded": False,
    }


def _pills(rows: list[ArrivalRow], is_today: bool, day: date, view: str) -> list[tuple[str, str, int, bool]]:
    """(address, words, count, current) of each filter."""
    words = {"a-admettre": "à admettre", "incompletes": "incomplètes", "admises": "admises"}
    kept = "" if is_today else f"&jour={day:%d/%m/%Y}"
    address = reverse("admissions:arrivals")
    return [
        (f"{address}?vue={name}{kept}", words[name], sum(map(test, rows)), name == view) for name, test in VIEWS.items()
    ]


def _day(request: HttpRequest) -> date:
    try:
        return read_date(request.GET.get("jour", ""))
    except ValueError:
        return timezone.localdate()


def _current(rows: list[ArrivalRow]) -> str:
    """The line that Enter admits: the first complete one that has come, else the first."""
    waiting = [row for row in rows if not row.admitted]
    return next((row.iep for row in waiting if row.missing.complete), waiting[0].iep if waiting else "")
