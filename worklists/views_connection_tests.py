"""The tests d'accrochage: started, seen live, stopped, listed, printed."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.access import colleague, needs, workplace
from accounts.enums import Action
from admissions.errors import Refused
from gap.lists import page_number, page_of
from teleservices import connection, connection_record, connection_test
from teleservices.connection_record import Step
from teleservices.enums import HandshakeState
from teleservices.models import ConnectionTest
from teleservices.sentences import CAUSES
from teleservices.timeline import LAZY_S, QUICK_FOR, QUICK_S, SLOW_S
from worklists.causes import words_of_cause
from worklists.forms_connection import ConnectionTestForm
from worklists.views_connection import plan_page

PAGE = 25
_ICONS = {
    HandshakeState.RUNNING: "loader-2",
    HandshakeState.SUCCEEDED: "circle-check",
    HandshakeState.FAILED: "circle-x",
    HandshakeState.STOPPED: "player-stop",
}


def _tests(request: HttpRequest) -> QuerySet[ConnectionTest]:
    return connection_test.tests_of(workplace(request).pk)


@needs(Action.TEST_CONNECTION)
@require_POST
def start(request: HttpRequest) -> HttpResponse:
    """Begin a test and go and look at it. What cannot be tested is said beside what was typed."""
    user = colleague(request)
    form = ConnectionTestForm(request.POST)
    if not form.is_valid():
        return plan_page(request, test_form=form, status=422)
    said = form.cleaned_data
    try:
        test, begun = connection_test.start(
            workplace(request), user, said["iep"], amc_number=said["amc_number"], request_key=form.request_key
        )
    except Refused as refusal:
        form.refuse(refusal)
        return plan_page(request, test_form=form, status=422)
    if not begun and test.is_running and test.asked_by_id != user.pk:
        who = test.asked_by.short_name if test.asked_by else "L’opérateur du serveur"
        messages.info(request, f"{who} a déjà lancé ce test\u00a0: le voici. Rien d’autre n’est parti.")
    return redirect("worklists:connection-test", test.pk)


@require_safe
@needs(Action.SEE_TECHNICAL)
def tests(request: HttpRequest) -> HttpResponse:
    """Every test of the hospital, the last first."""
    shown = _tests(request)
    page = page_of(shown, page_number(request.GET.get("page")), size=PAGE, counted=shown.select_related(None))
    return render(request, "worklists/connection_tests.html", {"page": page})


@require_safe
@needs(Action.SEE_TECHNICAL)
def test_screen(request: HttpRequest, pk: int) -> HttpResponse:
    """A test: its two calls as they go, then its result. The live part asks at this same address while it moves."""
    test = get_object_or_404(connection_test.with_calls(_tests(request)), pk=pk)
    now = timezone.now()
    steps = connection_record.steps_of(test, now)
    context = _live(request, test, steps, now)
    if not request.htmx:  # type: ignore[attr-defined]
        return render(request, "worklists/connection_test.html", context)
    if request.GET.get("vu") == context["mark"]:
        return HttpResponse(status=204)
    return render(request, "worklists/_connection_test.html", context)


def _live(request: HttpRequest, test: ConnectionTest, steps: list[Step], now: datetime) -> dict[str, Any]:
    user = colleague(request)
    every = _pace(test, steps, now)
    mark = hashlib.sha256(repr((test.state, every, steps)).encode()).hexdigest()[:16]
    address = reverse("worklists:connection-test", args=[test.pk])
    succeeded = test.state == HandshakeState.SUCCEEDED
    return {
        "test": test,
        "steps": steps,
        "result": connection_record.result_of(test, steps),
        "todo": words_of_cause(test.cause)[1] if test.cause in CAUSES else "",
        "tone": connection_record.TONES[HandshakeState(test.state)],
        "icon_name": _ICONS[HandshakeState(test.state)],
        "certificates": connection_record.certificates_of(test),
        "milestone": connection.done_on(test.establishment, connection_test.MILESTONE) if succeeded else None,
        "other_amc": succeeded and not connection_test.dates_the_plan(test),
        "every_s": every,
        "mark": mark,
        "poll_url": f"{address}?{urlencode({'vu': mark})}",
        "may_stop": test.is_running and user.may(Action.TEST_CONNECTION),
        "may_open": user.may(Action.SEE_DOSSIER),
    }


def _pace(test: ConnectionTest, steps: list[Step], now: datetime) -> int | None:
    """Seconds to the next beat; None once the test is over."""
    if not test.is_running:
        return None
    waits = [step.due_at for step in steps if step.due_at]
    if waits and not any(step.moving for step in steps):
        seconds = int((min(waits) - now).total_seconds()) + 1
        return min(max(seconds, SLOW_S), LAZY_S)
    return QUICK_S if now - test.asked_at < QUICK_FOR else SLOW_S


@needs(Action.TEST_CONNECTION)
@require_POST
def stop(request: HttpRequest, pk: int) -> HttpResponse:
    """Give it up. Its calls stay as they are: what may have been received is settled by the same message."""
    user = colleague(request)
    test = get_object_or_404(_tests(request), pk=pk)
    if connection_test.stop(test, user):
        messages.success(request, "Test arrêté. Ses appels restent comme ils sont.")
    else:
        messages.info(request, "Ce test était déjà terminé\u00a0: rien n’a changé.")
    return redirect("worklists:connection-test", pk)


@require_safe
@needs(Action.SEE_TECHNICAL)
def record(request: HttpRequest, pk: int) -> HttpResponse:
    """The procès-verbal. A test that runs, failed or was stopped says so."""
    test = get_object_or_404(connection_test.with_calls(_tests(request)), pk=pk)
    answer = HttpResponse(connection_record.record_pdf(test), content_type="application/pdf")
    answer["Content-Disposition"] = f'attachment; filename="pv-accrochage-{test.pk}.pdf"'
    answer["Cache-Control"] = "no-store"
    return answer
