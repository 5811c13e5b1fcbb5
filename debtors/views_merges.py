"""Two records put together, and apart again; a record put to sleep, and awake."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import messages
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import colleague, needs
from accounts.enums import Action
from debtors import merging
from debtors.models import Debtor, DebtorMerge

#: What tells two records apart, in the order in which one looks at it.
_COMPARED: Final = (
    ("Code", "code"),
    ("N° AMC", "amc_number"),
    ("Nom", "name"),
    ("Opérateur", "operator"),
    ("Adresse", "address"),
    ("Code postal", "postcode"),
    ("Ville", "town"),
    ("Adresse des DRE", "dre_address"),
    ("Destinataire des DRE", "dre_recipient"),
    ("Compte bancaire", "iban"),
)


@needs(Action.EDIT_DEBTOR)
@require_http_methods(["GET", "HEAD", "POST"])
def merge(request: HttpRequest, pk: int) -> HttpResponse:
    """Put this record with another (`debtor`), which stays. Shown first: what differs, what moves, what does not."""
    source = get_object_or_404(Debtor.objects.select_related("operator"), pk=pk)
    asked = (request.POST if request.method == "POST" else request.GET).get("debtor", "")
    known = asked.isascii() and asked.isdigit() and len(asked) < 19
    target = Debtor.objects.select_related("operator").filter(pk=asked).first() if known else None
    context: dict[str, Any] = {"source": source, "target": target, "choices": [], "searched": ""}
    if request.method == "POST" and target is not None:
        try:
            done = merging.merge(source.pk, target.pk, colleague(request))
        except merging.MergeRefused as refused:
            return render(
                request, "debtors/merge.html", context | _compared(source, target, refused.message), status=409
            )
        messages.success(
            request,
            f"{source.name} est fusionnée avec {target.name}. Vous pouvez défaire pendant "
            f"{merging.REVERSIBLE_FOR.days}\u00a0jours, sur cette page.",
        )
        return redirect("debtors:debtor", done.target_id)
    status = 422 if request.method == "POST" else 200
    if target is not None:
        context |= _compared(source, target)
    elif asked or request.method == "POST":
        context["problem"] = "Choisissez la fiche à garder : cherchez-la, puis choisissez-la. Rien n’a changé."
    return render(request, "debtors/merge.html", context, status=status)


def _compared(source: Debtor, target: Debtor, problem: str = "") -> dict[str, Any]:
    rows = [(label, str(getattr(source, name) or ""), str(getattr(target, name) or "")) for label, name in _COMPARED]
    return {
        "rows": rows,
        "preview": merging.preview(source),
        "problem": problem,
        "other_payer": _differ(source, target),
    }


def _differ(source: Debtor, target: Debtor) -> bool:
    return source.amc_number != target.amc_number


@needs(Action.EDIT_DEBTOR)
@require_POST
def unmerge(request: HttpRequest, pk: int) -> HttpResponse:
    """Each record has its own again."""
    done = get_object_or_404(DebtorMerge, pk=pk)
    try:
        left = merging.unmerge(done.pk, colleague(request))
    except merging.MergeRefused as refused:
        messages.error(request, refused.message)
        return redirect("debtors:debtor", done.target_id)
    told = "Fusion défaite\u00a0: chaque fiche a de nouveau ce qui était à elle."
    if left:
        told += f" {left}\u00a0ligne{'s' if left > 1 else ''} partie{'s' if left > 1 else ''} ou changée"
        told += f"{'s' if left > 1 else ''} depuis reste{'nt' if left > 1 else ''} à la fiche gardée."
    messages.success(request, told)
    return redirect("debtors:debtor", done.source_id)


@needs(Action.EDIT_DEBTOR)
@require_POST
def set_active(request: HttpRequest, pk: int) -> HttpResponse:
    """Put a record to sleep (nobody chooses it any more; what it covers stays), or awake again."""
    debtor = get_object_or_404(Debtor, pk=pk)
    if debtor.merged_into_id:
        messages.error(request, "Cette fiche est fusionnée avec une autre : défaites d’abord la fusion.")
        return redirect("debtors:debtor", pk)
    active = request.POST.get("active") == "on"
    Debtor.objects.filter(pk=pk, merged_into__isnull=True).update(active=active, version=F("version") + 1)
    messages.success(
        request,
        "Fiche réveillée\u00a0: elle se choisit de nouveau." if active
        else "Fiche inactive\u00a0: elle ne se choisit plus. Ce qu’elle couvre déjà reste.",
    )  # fmt: skip
    return redirect("debtors:debtor", pk)
