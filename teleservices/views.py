"""The live parts of the screens: the calls of an admission, the timeline of a stay. They ask again while they move."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts import journal
from accounts.access import colleague, needs
from accounts.enums import Action
from accounts.sight import seen
from admissions.errors import Refused
from admissions.models import Stay
from admissions.presenters import Entry
from teleservices import timeline
from teleservices.enums import Disposition
from teleservices.models import TeleserviceCall
from teleservices.services import mark_handled

#: Something changed in the calls: the other live parts of the page (rights, estimate, invoices) ask again once.
MOVED = "gap:moved"
ACTED = "gap:acted"
# As long as the parts of a page take to be read, and more.
JUST = timedelta(seconds=5)
VIEWS = ("tout", "appels", "a-vous")


@dataclass(frozen=True, slots=True)
class Beat:
    """What a live part tells the next request: what the page shows, and since when it looks."""

    since: datetime
    shown: str


def _beat(request: HttpRequest) -> Beat:
    asked = request.GET.get("depuis", "")
    since = datetime.fromtimestamp(int(asked) / 1000, UTC) if asked.isdecimal() and len(asked) < 15 else timezone.now()
    return Beat(since, request.GET.get("vu", ""))


def _stay(request: HttpRequest, iep: str) -> Stay:
    stay: Stay = get_object_or_404(
        Stay.objects.select_related("patient"),
        seen(request.sight),  # type: ignore[attr-defined]
        iep=iep,
    )
    journal.read(patient_id=stay.patient_id, stay_id=stay.pk, protected=bool(stay.patient.protection))
    return stay


def _mark(content: object) -> str:
    return hashlib.sha256(repr(content).encode()).hexdigest()[:12]


def _has_just_ended(calls: timeline.Calls) -> bool:
    lately = timezone.now() - JUST
    return any(row.finished_at is not None and row.finished_at >= lately for row in calls.rows)


def _answer(
    request: HttpRequest,
    template: str,
    name: str,
    stay: Stay,
    calls: timeline.Calls,
    content: object,
    context: dict[str, Any],
    **query: str,
) -> HttpResponse:
    """204 when the page already shows this; else the part, which carries its own next beat, or none when all is still.

    The mark has two halves: what is drawn (seconds tick in it), and where the calls stand. Only when the second one
    changes are the other live parts of the page told.
    """
    beat = _beat(request)
    standing = _mark([(view.call_id, view.state, view.due_at) for view in calls.views])
    mark = _mark(content) + standing
    if beat.shown == mark:
        return HttpResponse(status=204)
    # Milliseconds, rounded up: what was on the first drawing is never taken for news.
    parameters = {"depuis": ceil(beat.since.timestamp() * 1000), "vu": mark} | query
    address = reverse(f"teleservices:{name}", args=[stay.iep])
    context |= {"stay": stay, "poll_url": f"{address}?{urlencode(parameters)}"}
    response = render(request, template, context)
    # A page's parts are first read side by side: one of the others may have been read just before the last answer came.
    moved = not beat.shown.endswith(standing) if beat.shown else _has_just_ended(calls)
    if moved:
        response["HX-Trigger"] = MOVED
    return response


@needs(Action.SEE_DOSSIER)
@require_safe
def stay_calls(request: HttpRequest, iep: str) -> HttpResponse:
    """The calls of a stay, for the right column of its admission."""
    stay = _stay(request, iep)
    calls = timeline.calls_of(stay)
    since = _beat(request).since
    live = [view for row, view in zip(calls.rows, calls.views, strict=True) if row.superseded_at is None]
    said = {row.pk: timeline.is_news(row, since) for row in calls.rows}
    lines = [(view, view.announcement if said[view.call_id] else "") for view in live]
    context = {"calls": calls, "lines": lines, "may_act": _may_act(request)}
    content = (calls.every_s, calls.preparing, live, calls.upcoming)
    return _answer(request, "teleservices/stay_calls.html", "stay-calls", stay, calls, content, context)


@needs(Action.SEE_DOSSIER)
@require_safe
def stay_timeline(request: HttpRequest, iep: str) -> HttpResponse:
    """Everything that happened to a stay: filters «tout», «appels», «à vous»."""
    stay = _stay(request, iep)
    calls = timeline.calls_of(stay)
    entries = timeline.entries_of(stay, calls, _beat(request).since)
    view = request.GET.get("voir", VIEWS[0])
    view = view if view in VIEWS else VIEWS[0]
    shown = [entry for entry in entries if _kept(entry, view)]
    context = {
        "calls": calls,
        "entries": shown,
        "voir": view,
        "counts": {"appels": len(calls.views), "a_vous": calls.yours},
        "page_url": reverse("admissions:stay", args=[iep]),
        "may_act": _may_act(request),
    }
    content = (
        calls.every_s,
        calls.preparing,
        view,
        [entry for entry in shown if not (entry.upcoming and entry.kind == "call")],
        calls.upcoming,
    )
    return _answer(
        request, "teleservices/stay_timeline.html", "stay-timeline", stay, calls, content, context, voir=view
    )


def _kept(entry: Entry, view: str) -> bool:
    if view == "appels":
        return entry.kind == "call"
    return entry.yours if view == "a-vous" else True


def _may_act(request: HttpRequest) -> bool:
    return colleague(request).may(Action.READ_CARD)


@needs(Action.READ_CARD)
@require_POST
def patient_informed(request: HttpRequest, iep: str, call_id: int) -> HttpResponse:
    """«Patient prévenu»: the refusal asks nothing more."""
    stay = _stay(request, iep)
    call = get_object_or_404(TeleserviceCall, pk=call_id, stay=stay)
    [line] = mark_handled([call.pk], colleague(request), asked_for=(Disposition.INFORM_PATIENT,))
    # Said twice, or after the call was made again: the page is told to draw itself anew, which says it.
    if not (line.done or line.late):
        return render(request, "admissions/parts.html#refused", {"refused": Refused(line.message)}, status=422)
    return HttpResponse(status=204, headers={"HX-Trigger": ACTED})
