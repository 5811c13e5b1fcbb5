"""Debtors and associations: look for them, and let a référent decide."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from accounts.access import colleague, needs
from accounts.enums import Action
from debtors.enums import AssociationStatus, ChangeState
from debtors.filters import AssociationFilter, DebtorFilter
from debtors.forms import CHANGE, REJECT, DecisionForm
from debtors.models import DatamatrixAssociation, Debtor, DebtorChange, DirectoryEntry, label_of
from debtors.querysets import search_debtors
from debtors.services import AssociationConflict, decide_association
from gap.lists import bounded_count, page_number, page_of

QUEUE = 12
CHOICES = 8
CHANGES = 12
_DONE = {
    AssociationStatus.VALIDATED: "validée",
    AssociationStatus.REJECTED: "rejetée",
    AssociationStatus.TO_VALIDATE: "remise à valider",
    AssociationStatus.TO_VERIFY: "à vérifier",
}


@require_safe
@needs(Action.SEE_DEBTORS)
def index(request: HttpRequest) -> HttpResponse:
    """Debtors by name, number, operator or town. A payer's name is nobody's: it may stand in the address."""
    asked = DebtorFilter.read(request.GET)
    found = asked.found()
    page = page_of(asked.adorned(found), page_number(request.GET.get("page")), counted=found)
    return render(request, "debtors/index.html", {"asked": asked, "page": page, "sort": asked.sort})


@require_safe
@needs(Action.SEE_DEBTORS)
def choices(request: HttpRequest) -> HttpResponse:
    """The first debtors that answer to a search, to choose one from (fragment)."""
    text = request.GET.get("recherche", "").strip()[:60]
    found = list(search_debtors(text)[:CHOICES]) if len(text) >= 2 else []
    return render(request, "debtors/association.html#choices", {"choices": found, "searched": text})


@require_safe
@needs(Action.SEE_DEBTORS)
def debtor(request: HttpRequest, pk: int) -> HttpResponse:
    """One debtor: its record, what the directory says and since when, its associations, how its calls go."""
    found = get_object_or_404(Debtor.objects.select_related("operator"), pk=pk)
    entries = (
        DirectoryEntry.objects.filter(amc_number=found.amc_number).order_by("domain", "convention", "csr")[:20]
        if found.amc_number
        else []
    )
    rows = found.associations.select_related("created_by", "decided_by").order_by("-use_count", "-created_at", "pk")
    page = page_of(rows, page_number(request.GET.get("page")), size=20)
    context = {"debtor": found, "entries": entries, "page": page, "changes": _changes(found)}
    context["may_edit"] = colleague(request).may(Action.EDIT_DEBTOR)
    context["labels"] = {name: label_of(name) for name in found.locked}
    return render(request, "debtors/debtor.html", context)


def _changes(debtor: Debtor) -> list[DebtorChange]:
    """What waits for a decision, then the last of what was said."""
    rows = debtor.changes.select_related("decided_by")
    waiting = list(rows.filter(state=ChangeState.PROPOSED))
    return [*waiting, *rows.exclude(state=ChangeState.PROPOSED)[: CHANGES - len(waiting)]]


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
    return render(request, "debtors/associations.html", context)


@require_safe
@needs(Action.SEE_DEBTORS)
def association(request: HttpRequest, pk: int) -> HttpResponse:
    """One association, what is known to decide on it, and the queue it stands in."""
    found = _association(pk)
    form = DecisionForm(initial={"version": found.version, "decision": "valider"})
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
        )
    except AssociationConflict as conflict:
        found = _association(pk)
        context = _review(request, found, form) | {"conflict": conflict.message}
        return render(request, "debtors/association.html", context, status=409)
    messages.success(
        request,
        f"Association {_name(decided)} {_DONE[AssociationStatus(decided.status)]} : {decided.debtor.name}. "
        "Réversible : rouvrez-la pour décider autrement.",
    )
    following = _queue(found.status).exclude(pk=pk).first()
    if following:
        return redirect("debtors:association", following.pk)
    return redirect("debtors:associations")


def _association(pk: int) -> DatamatrixAssociation:
    related = DatamatrixAssociation.objects.select_related("debtor__operator", "created_by", "decided_by")
    return get_object_or_404(related, pk=pk)


def _queue(status: str) -> Any:
    rows = DatamatrixAssociation.objects.filter(status=status).select_related("debtor")
    return rows.order_by("-use_count", "created_at", "pk")


def _name(association: DatamatrixAssociation) -> str:
    parts = (association.amc_number or "d’une carte non lue", association.convention, association.csr)
    return " ".join(part for part in parts if part)


def _review(request: HttpRequest, found: DatamatrixAssociation, form: DecisionForm) -> dict[str, Any]:
    same_context = (
        Q(amc_number=found.amc_number, convention=found.convention, csr=found.csr)
        if found.amc_number
        else Q(amc_number="", fingerprint=found.fingerprint)
    )
    rivals = list(
        DatamatrixAssociation.objects.filter(same_context, domain=found.domain)
        .exclude(pk=found.pk)
        .exclude(status=AssociationStatus.REJECTED)
        .select_related("debtor", "created_by")
        .order_by("-use_count", "pk")[:CHOICES]
    )
    entry = (
        DirectoryEntry.objects.filter(
            amc_number=found.amc_number, convention=found.convention, csr=found.csr, domain=found.domain
        ).first()
        if found.amc_number
        else None
    )
    chosen = form["decision"].value() or "valider"
    wanted = str(form["debtor"].value() or "")
    typed = (
        Debtor.objects.filter(pk=wanted).first() if wanted.isascii() and wanted.isdigit() and len(wanted) < 19 else None
    )
    return {
        "association": found,
        "name": _name(found),
        "entry": entry,
        "rivals": rivals,
        "queue": list(_queue(found.status)[:QUEUE]),
        "form": form,
        "chosen": chosen,
        "change": CHANGE,
        "reject": REJECT,
        "choices": [typed] if typed else [],
        "searched": "",
        "may_decide": colleague(request).may(Action.VALIDATE_ASSOCIATION),
    }
