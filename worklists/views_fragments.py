"""Parts of pages of lower floors, which know no call and no stay: they embed these by name."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.db.models import Count, F, Max, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.access import colleague, needs, workplace
from accounts.enums import Action
from accounts.sight import seen
from admissions.models import Coverage
from billing.enums import Payer
from billing.models import Invoice
from debtors.models import DatamatrixAssociation, Debtor
from teleservices import directory
from teleservices.enums import OPEN, CallStatus
from teleservices.models import TeleserviceCall
from worklists import querysets
from worklists.overview import Median

RECENT = timedelta(days=30)
SHOWN_STAYS = 8


@require_safe
@needs(Action.SEE_DEBTORS)
def debtor_calls(request: HttpRequest, pk: int) -> HttpResponse:
    """How the calls of one debtor went over 30 days: figures only, no patient."""
    debtor = get_object_or_404(Debtor, pk=pk)
    user = colleague(request)
    mine = TeleserviceCall.objects.filter(debtor=debtor, stay__establishment=user.establishment_id or 0)
    recent = list(
        mine.filter(planned_at__gte=timezone.now() - RECENT)
        .order_by()
        .values("operation")
        .annotate(
            total=Count("pk"),
            answered=Count("pk", filter=Q(status=CallStatus.SUCCEEDED)),
            refused=Count("pk", filter=Q(status=CallStatus.REFUSED)),
            waiting=Count("pk", filter=Q(status__in=OPEN)),
            median=Median("duration_ms"),
            last=Max("finished_at"),
        )
        .order_by("operation")
    )
    operations: list[dict[str, Any]] = [dict(row) for row in recent]
    for row in operations:
        row["median_s"] = row["median"] / 1000 if row["median"] is not None else None
    away = querysets.away(user.establishment_id or 0).filter(debtor=debtor)
    context = {"debtor": debtor, "operations": operations, "away": away.order_by("not_before").first()}
    return render(request, "worklists/debtor_calls.html", context)


@needs(Action.EDIT_DEBTOR)
@require_POST
def ask_directory(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask the directory again for the routes of this payer that open stays need."""
    debtor = get_object_or_404(Debtor, pk=pk)
    asked = directory.ask_again(debtor.amc_number, workplace(request)) if debtor.amc_number else []
    if asked:
        count = len(asked)
        messages.success(
            request,
            f"Annuaire redemandé pour {count}\u00a0route{'s' if count > 1 else ''} : la réponse s’affichera ici.",
        )
    else:
        messages.warning(
            request,
            "Aucun séjour ouvert ne passe par cet organisme en ROC : rien n’a été demandé. Le prochain dossier le demandera.",
        )
    return redirect("debtors:debtor", pk)


@require_safe
@needs(Action.SEE_DEBTORS)
def association_stays(request: HttpRequest, pk: int) -> HttpResponse:
    """What became of the stays that used one association: by IEP, without the patient."""
    association = get_object_or_404(DatamatrixAssociation, pk=pk)
    user = colleague(request)
    sight = user.sight(Action.SEE_DOSSIER)
    coverages = list(
        Coverage.objects.filter(seen(sight, "patient__stays__"), association=association)
        .distinct()
        .order_by("-created_at")[:SHOWN_STAYS]
    )
    calls = list(
        TeleserviceCall.objects.filter(seen(sight, "stay__"), coverage__in=coverages)
        .exclude(operation="ANNUAIRE")
        .select_related("stay", "coverage__debtor", "coverage__created_by")
        .annotate(picture=F("coverage__card__image"))
        .order_by("coverage_id", "stay_id", "-planned_at")
        .distinct("coverage_id", "stay_id")
    )
    asked = Invoice.objects.filter(stay__in=[call.stay_id for call in calls], payer=Payer.AMC).order_by("pk")
    context = {
        "lines": _with_invoices(calls, asked),
        "may_open": user.may(Action.SEE_DOSSIER),
        "coverages": len(coverages),
    }
    return render(request, "worklists/association_stays.html", context)


def _with_invoices(calls: list[Any], invoices: Iterable[Invoice]) -> list[tuple[Any, Invoice | None]]:
    """Each stay's last answer, and the last invoice that its AMC was sent."""
    last = {invoice.stay_id: invoice for invoice in invoices}
    return [(call, last.get(call.stay_id)) for call in calls]
