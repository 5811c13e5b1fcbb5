"""The supervision of the calls: one screen, and the three acts it offers."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.access import colleague, needs
from accounts.enums import Action
from teleservices import health, maintenance
from worklists import supervision
from worklists.forms import LimitForm, MaintenanceForm


@require_safe
@needs(Action.SEE_TECHNICAL)
def screen(request: HttpRequest) -> HttpResponse:
    """What left, what came of it, what is closed."""
    return _page(request, MaintenanceForm())


def _page(
    request: HttpRequest, form: MaintenanceForm, status: int = 200, limit_form: LimitForm | None = None
) -> HttpResponse:
    user = colleague(request)
    establishment = user.establishment_id or 0
    counted = supervision.days(establishment)
    answering, count = supervision.answering(establishment)
    context = {
        "days": counted,
        "today": counted[0],
        "channels": supervision.closed_channels(establishment),
        "answering": answering,
        "answering_count": count,
        "level_s": health.LEVEL_MS / 1000,
        "refusals": supervision.refusals(establishment),
        "maintenances": supervision.maintenances(),
        "held": supervision.held_by_maintenance(establishment),
        "form": form,
        "limits": supervision.limits(),
        "limit_form": limit_form or LimitForm(prefix="limit"),
    }
    return render(request, "worklists/supervision.html", context, status=status)


@needs(Action.SEE_TECHNICAL)
@require_POST
def change_limit(request: HttpRequest) -> HttpResponse:
    """How many calls at once, for a payer or for all those that have no limit of their own."""
    form = LimitForm(request.POST, prefix="limit")
    if not form.is_valid():
        return _page(request, MaintenanceForm(), status=422, limit_form=form)
    user = colleague(request)
    given = dict(form.cleaned_data)
    rule = maintenance.limit(user, given.pop("amc_number"), **given)
    messages.success(request, f"Limite notée : {rule.in_flight} appels à la fois, dès le prochain appel.")
    return redirect("worklists:supervision")


@needs(Action.SEE_TECHNICAL)
@require_POST
def announce(request: HttpRequest) -> HttpResponse:
    """A maintenance was announced to the hospital."""
    form = MaintenanceForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    user = colleague(request)
    window = maintenance.announce(form.window(), user)
    messages.success(request, f"Maintenance notée : rien ne part jusqu’au {window.ends_at:%d/%m à %H:%M}.")
    return redirect("worklists:supervision")


@needs(Action.SEE_TECHNICAL)
@require_POST
def end_maintenance(request: HttpRequest, pk: int) -> HttpResponse:
    """It is over sooner than announced, or was announced by mistake."""
    count = maintenance.end(pk)
    calls = {0: "Aucun appel n’attendait.", 1: "Un appel repart."}.get(count, f"{count} appels repartent.")
    messages.success(request, f"Maintenance terminée. {calls}")
    return redirect("worklists:supervision")


@needs(Action.SEE_TECHNICAL)
@require_POST
def try_now(request: HttpRequest, pk: int) -> HttpResponse:
    """See at once whether the payer is back."""
    if maintenance.try_now(pk):
        messages.success(request, "Un appel part voir si l’organisme est revenu. Les autres suivront.")
    else:
        messages.info(request, "L’organisme répond de nouveau : plus rien n’est suspendu.")
    return redirect("worklists:supervision")
