"""Associations: by status, one with its evidence, and what a référent decides of it or takes back."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.access import colleague, needs
from accounts.enums import Action
from accounts.locking import safe_page
from debtors import decisions
from debtors.decisions import AssociationConflict, decide_association
from debtors.enums import GONE, AssociationStatus
from debtors.filters import AssociationFilter
from debtors.forms import CHANGE, DecisionForm
from debtors.imports import runs
from debtors.models import DatamatrixAssociation, Debtor, DirectoryEntry, FileImport
from gap.lists import bounded_count, page_number, page_of

QUEUE: Final = 12
RIVALS: Final = 8
DECISIONS: Final = 12
_DONE: Final = {
    AssociationStatus.VALIDATED: "validée",
    AssociationStatus.REJECTED: "rejetée",
    AssociationStatus.DELETED: "supprimée",
}


@require_safe
@needs(Action.SEE_DEBTORS)
def associations(request: HttpRequest) -> HttpResponse:
    """Associations by status, the most used first."""
    asked = AssociationFilter.read(request.GET)
    found = asked.found()
    page = page_of(
        found.select_related("debtor", "created_by", "decided_by"), page_number(request.GET.get("page")), counted=found
    )
    counts = [
        (status, bounded_count(DatamatrixAssociation.objects.filter(status=status))) for status in AssociationStatus
    ]
    context = {"asked": asked, "page": page, "sort": asked.sort, "statuses": counts}
    context["may_import"] = colleague(request).may(Action.VALIDATE_ASSOCIATION)
    return render(request, "debtors/associations.html", context | _taken_back(request))


@require_safe
@needs(Action.SEE_DEBTORS)
def association(request: HttpRequest, pk: int) -> HttpResponse:
    """One association, what is known to decide on it, and the queue it stands in."""
    found = _association(pk)
    form = DecisionForm(initial={"version": found.version})
    return render(request, "debtors/association.html", _review(request, found, form))


@needs(Action.VALIDATE_ASSOCIATION)
def decide(request: HttpRequest, pk: int) -> HttpResponse:
    """A référent decides (POST). The second one is told, and overwrites nothing."""
    found = _association(pk)
    if request.method != "POST":
        return redirect("debtors:association", pk)
    form = DecisionForm(request.POST)
    if not form.is_valid():
        return render(request, "debtors/association.html", _review(request, found, form), status=422)
    try:
        decided = decide_association(
            pk,
            form.status,
            colleague(request),
            version=form.cleaned_data["version"],
            debtor=form.new_debtor,
            instead_of_others=form.cleaned_data["others"] and form.status == AssociationStatus.VALIDATED,
            note=form.cleaned_data["note"],
        )
    except AssociationConflict as conflict:
        found = _association(pk)
        context = _review(request, found, form) | {"conflict": conflict.message}
        return render(request, "debtors/association.html", context, status=409)
    messages.success(
        request,
        f"Association {_name(decided)} {_DONE[AssociationStatus(decided.status)]}\u00a0: {decided.debtor.name}.",
    )
    following = _queue(found.status).exclude(pk=pk).first()
    if following:
        return redirect("debtors:association", following.pk)
    return redirect("debtors:associations")


@needs(Action.VALIDATE_ASSOCIATION)
@require_POST
def undo(request: HttpRequest, batch: UUID) -> HttpResponse:
    """Give back what there was before a gesture: one decision, or those of a whole selection."""
    if whole := FileImport.objects.filter(gesture=batch).first():
        # Thousands of decisions: a worker undoes them.
        return _give_back(request, whole)
    outcomes = decisions.undo(batch, colleague(request))
    given_back = [pk for pk, done, _ in outcomes if done]
    if given_back:
        many = len(given_back) > 1
        messages.success(
            request,
            f"{len(given_back)}\u00a0décisions annulées\u00a0: tout est comme avant."
            if many
            else "Décision annulée\u00a0: l’association est comme avant.",
        )
    for told in sorted({message for _, done, message in outcomes if not done}):
        messages.warning(request, told)
    if not outcomes:
        messages.warning(request, "Cette décision était déjà annulée. Rien n’a changé.")
    if page := safe_page(request, request.POST.get("next", "")):
        return redirect(page)
    return redirect("debtors:association", given_back[0]) if len(given_back) == 1 else redirect("debtors:associations")


def _give_back(request: HttpRequest, whole: FileImport) -> HttpResponse:
    try:
        runs.give_back(whole.pk, colleague(request))
    except runs.ImportRefused as refused:
        messages.warning(request, refused.message)
    else:
        messages.success(request, "Cette décision est d’un import entier\u00a0: tout ce qu’il avait repris est rendu.")
    return redirect("debtors:import", whole.pk)


def _association(pk: int) -> DatamatrixAssociation:
    related = DatamatrixAssociation.objects.select_related("debtor__operator", "created_by", "decided_by")
    return get_object_or_404(related, pk=pk)


def _queue(status: str) -> Any:
    rows = DatamatrixAssociation.objects.filter(status=status).select_related("debtor")
    return rows.order_by("-use_count", "created_at", "pk")


def _name(association: DatamatrixAssociation) -> str:
    parts = (association.amc_number or "d’une carte non lue", association.convention, association.csr)
    return " ".join(part for part in parts if part)


def _taken_back(request: HttpRequest) -> dict[str, Any]:
    """What this person may take back at once."""
    user = colleague(request)
    last = decisions.last_of(user) if user.may(Action.VALIDATE_ASSOCIATION) else None
    return {"last": last, "last_name": _name(last.association) if last else ""}


def _review(request: HttpRequest, found: DatamatrixAssociation, form: DecisionForm) -> dict[str, Any]:
    rivals = list(decisions.others(found).select_related("debtor", "created_by")[:RIVALS])
    entry = (
        DirectoryEntry.objects.filter(
            amc_number=found.amc_number, convention=found.convention, csr=found.csr, domain=found.domain
        ).first()
        if found.amc_number
        else None
    )
    wanted = str(form["debtor"].value() or "")
    typed = (
        Debtor.objects.filter(pk=wanted).first() if wanted.isascii() and wanted.isdigit() and len(wanted) < 19 else None
    )
    may_decide = colleague(request).may(Action.VALIDATE_ASSOCIATION)
    taken = found.decisions.select_related("debtor", "debtor_before", "decided_by", "undone_by")
    return {
        "association": found,
        "name": _name(found),
        "entry": entry,
        "rivals": rivals,
        "queue": list(_queue(found.status)[:QUEUE]),
        "form": form,
        "chosen": _DONE_WORDS.get(str(form["decision"].value() or ""), ""),
        "changing": form["decision"].value() == CHANGE,
        "choices": [typed] if typed else [],
        "searched": "",
        "may_decide": may_decide,
        "effects": decisions.consequences_of(found.pk),
        "decisions": list(taken[:DECISIONS]),
        "is_gone": found.status in GONE,
    } | _taken_back(request)


_DONE_WORDS: Final = {"valider": "Valider", "modifier": "Modifier", "rejeter": "Rejeter", "supprimer": "Supprimer"}
