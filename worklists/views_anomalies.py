"""One anomaly: its cause, its dossiers, what was done of it, and its evidence pack."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import colleague, needs
from accounts.enums import Action
from admissions.errors import Conflict, Refused
from gap.lists import page_number, page_of
from teleservices import evidence
from teleservices.anomalies import refusals_of, seen_before
from teleservices.enums import AnomalyState
from teleservices.models import Anomaly
from teleservices.policy import code_in_force
from worklists.forms import AnomalyForm

PAGE = 25
_DONE = {
    AnomalyState.REPORTED: "Anomalie signalée. Ses dossiers attendent, sans rien redemander.",
    AnomalyState.ANSWERED: "Réponse notée.",
    AnomalyState.SOLVED: "Anomalie résolue : ses dossiers repartent, seuls.",
    AnomalyState.DISMISSED: "Anomalie classée sans suite : ses dossiers n’attendent plus.",
}


def _anomaly(request: HttpRequest, pk: int) -> Anomaly:
    user = colleague(request)
    found: QuerySet[Anomaly] = Anomaly.objects.select_related("debtor__operator", "establishment")
    return get_object_or_404(found, pk=pk, establishment=user.establishment_id)


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Action.TREAT_ANOMALY)
def anomaly(request: HttpRequest, pk: int) -> HttpResponse:
    """See it, or (POST) say what was done of it. The second person is told, and overwrites nothing."""
    found = _anomaly(request, pk)
    if request.method != "POST":
        return _page(request, found, AnomalyForm(initial={"version": found.version}))
    form = AnomalyForm(request.POST)
    if not form.is_valid():
        return _page(request, found, form, status=422)
    user = colleague(request)
    try:
        done = form.carry_out(pk, user)
    except Refused as refusal:
        form.add_error(refusal.field or None, refusal.sentence)
        return _page(request, _anomaly(request, pk), form, status=409 if isinstance(refusal, Conflict) else 422)
    messages.success(request, _DONE[AnomalyState(done.state)])
    return redirect("worklists:anomaly", pk)


def _page(request: HttpRequest, found: Anomaly, form: AnomalyForm, status: int = 200) -> HttpResponse:
    refusals = refusals_of(found)
    shown = refusals.select_related("stay__patient", "stay__unit").order_by("finished_at", "pk")
    page = page_of(shown, page_number(request.GET.get("page")), size=PAGE, counted=refusals)
    context = {
        "anomaly": found,
        "code": code_in_force(found.code, found.opened_at),
        "page": page,
        "steps": list(found.steps.select_related("by")),
        "before": seen_before(found),
        "form": form,
        "chosen": form["decision"].value() or "",
    }
    return render(request, "worklists/anomaly.html", context, status=status)


@require_safe
@needs(Action.TREAT_ANOMALY)
def evidence_pack(request: HttpRequest, pk: int) -> HttpResponse:
    """The zip file for the vendor or the AMC: what designates a person is masked."""
    found = _anomaly(request, pk)
    answer = HttpResponse(evidence.build(found), content_type="application/zip")
    answer["Content-Disposition"] = f'attachment; filename="preuve-{found.code}-{found.operation}-{found.pk}.zip"'
    return answer
