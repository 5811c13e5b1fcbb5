"""The palmarès: cards that no debtor is known for, learnt in a row from the back office."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import Any, Final

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
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
from gap.lists import PAGE_SIZE, XLSX_ROWS, bounded_count, export, page_number, page_of
from worklists import palmares

#: Cards of a file whose directory entries are read together.
_AT_ONCE: Final = 1_000
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
def export_ranking(request: HttpRequest, kind: str) -> HttpResponseBase:
    """The whole ranking of a month, in a file."""
    if kind not in ("csv", "xlsx"):
        raise Http404
    here, month, order = workplace(request), _month(request.GET), _order(request.GET)
    rows = palmares.unknown(palmares.seen(here, month)).order_by(f"-{_ORDERS[order]}", "-stays", "pk")
    if kind == "xlsx" and bounded_count(rows, XLSX_ROWS) > XLSX_ROWS:
        messages.warning(
            request,
            "Un classeur XLSX s’arrête à 20\u00a0000\u00a0lignes et ce mois en compte davantage\u00a0: "
            "exportez-le en CSV, qui les contient toutes.",
        )
        return redirect(_address(month, order))
    cover = palmares.coverage(here, month, _ORDERS[order])
    headers = ("Rang", "N° AMC", "Convention", "CSR", "Domaine", "Annuaire", "Séjours", "En jeu", "Cumul (%)")
    return export(headers, _exported(rows, cover), f"palmares-{month:%Y-%m}", kind)


def _exported(rows: QuerySet[CardTally], cover: palmares.Coverage) -> Iterator[tuple[Any, ...]]:
    """As the screen shows them; what the directory says is read some thousand cards at a time."""
    cards = rows.iterator(chunk_size=_AT_ONCE)
    rank = 0
    while some := list(islice(cards, _AT_ONCE)):
        entries = palmares.entries_of(some)
        for one in some:
            rank += 1
            entry = entries.get(_route(one))
            said = "pas demandé" if entry is None else (entry.label or "raccordé") if entry.found else "hors ROC"
            # A card read while the file is written has no share yet.
            share = round(Decimal(cover.shares[rank - 1]), 1) if rank <= len(cover.shares) else None
            yield rank, one.amc_number, one.convention, one.csr, one.domain, said, one.stays, one.amount, share
