"""Debtors: look for them, and read one."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import colleague, needs
from accounts.enums import Action
from debtors.enums import ChangeState
from debtors.filters import DebtorFilter
from debtors.merging import REVERSIBLE_FOR
from debtors.models import Debtor, DebtorChange, DirectoryEntry, label_of
from debtors.querysets import search_debtors
from gap.lists import page_number, page_of

CHOICES = 8
CHANGES = 12
MERGES = 6


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
    found = get_object_or_404(Debtor.objects.select_related("operator", "merged_into"), pk=pk)
    entries = (
        DirectoryEntry.objects.filter(amc_number=found.amc_number).order_by("domain", "convention", "csr")[:20]
        if found.amc_number
        else []
    )
    rows = found.associations.select_related("created_by", "decided_by").order_by("-use_count", "-created_at", "pk")
    page = page_of(rows, page_number(request.GET.get("page")), size=20)
    context = {"debtor": found, "entries": entries, "page": page, "changes": _changes(found)}
    context["may_edit"] = colleague(request).may(Action.EDIT_DEBTOR)
    since = timezone.now() - REVERSIBLE_FOR
    recent = found.absorbed.filter(undone_at__isnull=True, merged_at__gt=since)
    context["merges"] = recent.select_related("source", "merged_by")[:MERGES]
    context["labels"] = {name: label_of(name) for name in found.locked}
    return render(request, "debtors/debtor.html", context)


def _changes(debtor: Debtor) -> list[DebtorChange]:
    """What waits for a decision, then the last of what was said."""
    rows = debtor.changes.select_related("decided_by")
    waiting = list(rows.filter(state=ChangeState.PROPOSED))
    return [*waiting, *rows.exclude(state=ChangeState.PROPOSED)[: CHANGES - len(waiting)]]
