"""The connection plan: the milestones of the programme, their dates, and the table that the ANS collects."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import colleague, needs, workplace
from accounts.enums import Action
from admissions.errors import Conflict, Refused
from gap.lists import export
from teleservices import connection, connection_test
from teleservices.connection import Dates, milestones
from teleservices.enums import PlanStatus
from worklists.forms_connection import ConnectionTestForm
from worklists.forms_rules import ConnectionForm

#: Tests shown beside the plan; the others are a list of their own.
LAST_TESTS = 10


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Action.SEE_TECHNICAL)
def plan(request: HttpRequest) -> HttpResponse:
    """See the plan, or (POST, a référent) write it whole. The second of two people is told, and overwrites nothing."""
    user, here = colleague(request), workplace(request)
    found = connection.plan_of(here)
    if request.method != "POST":
        return _page(request, found, ConnectionForm.of(found))
    if not user.may(Action.CHANGE_RULES):
        return redirect("worklists:connection")
    form = ConnectionForm(request.POST)
    if not form.is_valid():
        return _page(request, found, form, status=422)
    try:
        connection.save(
            here,
            user,
            status=PlanStatus(form.cleaned_data["status"]),
            dates=form.dates(),
            version=form.cleaned_data["version"],
        )
    except Refused as refusal:
        form.add_error(refusal.field or None, refusal.sentence)
        return _page(request, found, form, status=409 if isinstance(refusal, Conflict) else 422)
    messages.success(request, "Plan de raccordement enregistré.")
    return redirect("worklists:connection")


def plan_page(request: HttpRequest, *, test_form: ConnectionTestForm, status: int) -> HttpResponse:
    """The plan as it stands, beside a test that could not be started."""
    found = connection.plan_of(workplace(request))
    return _page(request, found, ConnectionForm.of(found), status, test_form=test_form)


def _page(
    request: HttpRequest,
    found: Any,
    form: ConnectionForm,
    status: int = 200,
    *,
    test_form: ConnectionTestForm | None = None,
) -> HttpResponse:
    user, here = colleague(request), workplace(request)
    last = list(connection_test.tests_of(here.pk)[: LAST_TESTS + 1])
    dates = connection.dates_of(found)
    phases = [
        {
            "label": f"Phase {phase} : {connection.PHASES[phase]}",
            "lines": [
                {
                    "label": one.label,
                    "calendar": bool(one.calendar),
                    "planned": form[f"planned-{one.code}"],
                    "done": form[f"done-{one.code}"],
                    "dates": dates.get(one.code, Dates()),
                }
                for one in lines
            ],
        }
        for phase, lines in groupby(milestones(), key=lambda one: one.phase)
    ]
    context = {
        "plan": found,
        "form": form,
        "phases": phases,
        "done": sum(one.done_on is not None for one in dates.values()),
        "total": len(milestones()),
        "late": sum(one.late for one in dates.values()),
        "first_call": connection.first_real_call(here),
        "may_change": user.may(Action.CHANGE_RULES),
        "may_test": user.may(Action.TEST_CONNECTION),
        "test_form": test_form or ConnectionTestForm.blank(),
        "tests": last[:LAST_TESTS],
        "more_tests": len(last) > LAST_TESTS,
    }
    return render(request, "worklists/connection.html", context, status=status)


@require_safe
@needs(Action.SEE_TECHNICAL)
def export_plan(request: HttpRequest, kind: str) -> HttpResponseBase:
    """The hospital's line of the ANS's table, in a file."""
    if kind not in ("csv", "xlsx"):
        raise Http404
    row = connection.ans_row(connection.plan_of(workplace(request)))
    return export(connection.HEADERS, [row], "planning-deploiement-roc", kind)
