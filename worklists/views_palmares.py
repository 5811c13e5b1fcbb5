"""The palmarès: cards that no debtor is known for, learnt in a row from the back office."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.access import colleague, needs, workplace
from accounts.enums import Action
from admissions.models import CardTally
from debtors import decisions
from debtors.enums import DebtorKind
from debtors.models import Debtor
from gap.lists import PAGE_SIZE, export, page_number, page_of
from worklists import palmares

_ORDERS: Final = {"sejours": "stays", "montant": "amount"}


@require_safe
@needs(Action.VALIDATE_ASSOCIATION)
def ranking(request: HttpRequest) -> HttpResponse:
    """The cards of a month without a debtor, ranked by stays or by amount; one of them open to be associated."""
    return render(request, "worklists/palmares.html", _page(request, request.GET))


def _page(request: HttpRequest, query: QueryDict) -> dict[str, Any]:
    here, month, order = workplace(request), _month(query), _order(query)
    cover = palmares.coverage(here, month, _ORDERS[order])
    rows = palmares.unknown(palmares.seen(here, month)).order_by(f"-{_ORDERS[order]}", "-stays", "pk")
    page = page_of(rows, page_number(query.get("page")), count=cover.cards)
    tallies = list(page.object_list)
    entries = palmares.entries_of(tallies)
    first = (page.number - 1) * PAGE_SIZE + 1
    lines = [
        {"rank": rank, "tally": one, "entry": entries.get(_route(one)), "after": cover.after(rank)}
        for rank, one in enumerate(tallies, start=first)
        if rank <= len(cover.shares)
    ]
    asked = query.get("carte", "")
    chosen = next((line for line in lines if str(line["tally"].pk) == asked), lines[0] if lines else None)
    last = decisions.last_of(colleague(request))
    return {
        "month": month,
        "months": palmares.months(),
        "order": order,
        "cover": cover,
        "goal": palmares.GOAL,
        "page": page,
        "lines": lines,
        "chosen": chosen,
        "guesses": palmares.guesses(chosen["tally"], chosen["entry"]) if chosen else [],
        "last": last,
        "last_name": f"{last.association.amc_number or 'carte non lue'} {last.association.convention}" if last else "",
        "undo_next": _address(month, order),
    }


def _route(tally: CardTally) -> tuple[str, ...]:
    return tally.amc_number, tally.convention, tally.csr, tally.domain


def _month(query: QueryDict) -> date:
    known = {f"{month:%Y-%m}": month for month in palmares.months()}
    return known.get(query.get("mois", ""), palmares.months()[0])


def _order(query: QueryDict) -> str:
    return query.get("tri", "") if query.get("tri", "") in _ORDERS else "sejours"


def _address(month: date, order: str, card: int | None = None) -> str:
    query = QueryDict(mutable=True)
    query.update({"mois": f"{month:%Y-%m}", "tri": order} | ({"carte": str(card)} if card else {}))
    return f"{reverse('worklists:palmares')}?{query.urlencode()}"


@needs(Action.VALIDATE_ASSOCIATION)
@require_POST
def associate(request: HttpRequest, pk: int) -> HttpResponse:
    """A référent says who pays for this card; the next one opens."""
    tally = get_object_or_404(CardTally, pk=pk, establishment=workplace(request))
    order = _order(request.POST)
    asked = request.POST.get("debtor", "")
    known = asked.isascii() and asked.isdigit() and len(asked) < 19
    debtor = Debtor.objects.filter(pk=asked, kind=DebtorKind.AMC, active=True).first() if known else None
    if debtor is None:
        query = QueryDict(mutable=True)
        query.update({"mois": f"{tally.month:%Y-%m}", "tri": order, "carte": str(pk)})
        problem = "Choisissez un débiteur dans la liste : cherchez-le s’il n’y est pas. Rien n’a changé."
        return render(request, "worklists/palmares.html", _page(request, query) | {"problem": problem}, status=422)
    following = _following(tally, order)
    try:
        decisions.associate(palmares.context_of(tally), debtor, colleague(request), since=tally.month)
    except decisions.AssociationConflict as conflict:
        messages.warning(request, conflict.message)
    else:
        messages.success(request, f"Carte {tally.amc_number or 'non lue'} {tally.convention}\u00a0: {debtor.name}.")
    return redirect(_address(tally.month, order, following))


def _following(tally: CardTally, order: str) -> int | None:
    """The card after this one in the ranking; None at its end."""
    column = _ORDERS[order]
    rows = palmares.unknown(palmares.seen(tally.establishment, tally.month)).order_by(f"-{column}", "-stays", "pk")
    keys = list(rows.filter(**{f"{column}__lte": getattr(tally, column)}).values_list("pk", flat=True)[: PAGE_SIZE * 2])
    place = keys.index(tally.pk) + 1 if tally.pk in keys else 0
    return keys[place] if place < len(keys) else None


@require_safe
@needs(Action.VALIDATE_ASSOCIATION)
def export_ranking(request: HttpRequest) -> HttpResponseBase:
    """The whole ranking of a month, in a file."""
    month, order = _month(request.GET), _order(request.GET)
    rows = palmares.unknown(palmares.seen(workplace(request), month)).order_by(f"-{_ORDERS[order]}", "-stays", "pk")
    lines = ((one.amc_number, one.convention, one.csr, one.domain, one.stays, one.amount) for one in rows.iterator())
    headers = ("N° AMC", "Convention", "CSR", "Domaine", "Séjours", "En jeu")
    return export(headers, lines, f"palmares-{month:%Y-%m}", "csv")
