"""A debtor's record: written by a person, proposed by payers, and who of them has the last word on each field."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import colleague, needs
from accounts.enums import Action
from debtors import upkeep
from debtors.forms import RecordForm
from debtors.models import KEPT_UP, Debtor, DebtorChange


@needs(Action.EDIT_DEBTOR)
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Correct a record. What is changed here is no longer overwritten by what payers say: it is proposed."""
    debtor = get_object_or_404(Debtor, pk=pk)
    if request.method != "POST":
        form = RecordForm(instance=debtor, initial={"version": debtor.version})
        return render(request, "debtors/edit.html", {"debtor": debtor, "form": form})
    form = RecordForm(request.POST, instance=Debtor.objects.get(pk=pk))
    if not form.is_valid():
        return render(request, "debtors/edit.html", {"debtor": debtor, "form": form}, status=422)
    try:
        changed = upkeep.edit(pk, form.values, colleague(request), version=form.cleaned_data["version"])
    except upkeep.UpkeepConflict as conflict:
        context = {"debtor": debtor, "form": form, "conflict": conflict.message}
        return render(request, "debtors/edit.html", context, status=409)
    messages.success(
        request,
        "Fiche corrigée. Ce que vous avez changé ne sera plus écrasé\u00a0: les organismes le proposeront."
        if changed
        else "Rien n’a changé.",
    )
    return redirect("debtors:debtor", pk)


@needs(Action.EDIT_DEBTOR)
@require_POST
def let_go(request: HttpRequest, pk: int) -> HttpResponse:
    """Payers keep this field up again."""
    debtor = get_object_or_404(Debtor, pk=pk)
    field, version = request.POST.get("field", ""), request.POST.get("version", "")
    if field not in KEPT_UP or not (version.isascii() and version.isdigit() and len(version) < 10):
        messages.error(request, "Ce champ n’existe pas. Rien n’a changé.")
        return redirect("debtors:debtor", debtor.pk)
    try:
        upkeep.let_go(debtor.pk, field, version=int(version))
    except upkeep.UpkeepConflict as conflict:
        messages.warning(request, conflict.message)
    else:
        messages.success(request, "Ce champ suit de nouveau ce que disent les organismes.")
    return redirect("debtors:debtor", debtor.pk)


@needs(Action.EDIT_DEBTOR)
@require_POST
def decide_change(request: HttpRequest, pk: int) -> HttpResponse:
    """Take what a payer proposes, or keep what a person wrote."""
    change = get_object_or_404(DebtorChange, pk=pk)
    decision = request.POST.get("decision")
    if decision not in ("accepter", "ecarter"):
        messages.error(request, "Choisissez\u00a0: prendre ou écarter. Rien n’a changé.")
        return redirect("debtors:debtor", change.debtor_id)
    try:
        upkeep.decide(change.pk, colleague(request), accepted=decision == "accepter")
    except upkeep.UpkeepConflict as conflict:
        messages.warning(request, conflict.message)
    else:
        messages.success(
            request, "La fiche dit ce que propose l’organisme." if decision == "accepter" else "La fiche reste telle."
        )
    return redirect("debtors:debtor", change.debtor_id)
