"""The lists: all of them by step, one of them, what is done to its lines, and its file."""

from __future__ import annotations

from itertools import groupby

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.access import colleague, needs
from accounts.enums import Action
from gap.lists import XLSX_ROWS, bounded_count, export
from worklists import codes as refusals
from worklists.enums import Step
from worklists.filters import ListFilter
from worklists.listing import adorned, counters, export_columns, export_rows, filtered, list_context
from worklists.registry import Deed, Outcome, Worklist, all_worklists, worklists_of
from worklists.services import find_deed, perform


def _open_list(request: HttpRequest, slug: str) -> Worklist:
    """The list of this address, if this person may open it."""
    worklist = all_worklists().get(slug)
    if worklist is None:
        raise Http404
    if not worklist.open_to(colleague(request)):
        raise PermissionDenied
    return worklist


@require_safe
@needs(Action.SEE_WORKLISTS)
def index(request: HttpRequest) -> HttpResponse:
    """Every list that this person may open, by step of the chain, with its count."""
    user = colleague(request)
    found = counters(worklists_of(user), user)
    steps = [
        {"label": Step(step).label, "counters": list(group)}
        for step, group in groupby(found, key=lambda one: one.worklist.step)
    ]
    mine = {worklist.slug for worklist in worklists_of(user) if worklist.roles & user.roles}
    return render(
        request, "worklists/index.html", {"steps": steps, "mine": mine, "may_run": user.may(Action.RUN_BATCH)}
    )


@require_safe
@needs(Action.SEE_WORKLISTS)
def codes(request: HttpRequest) -> HttpResponse:
    """Refusals by family, code and operation; and the share of dossiers that needed nobody."""
    user = colleague(request)
    here = user.sight(Action.SEE_WORKLISTS)
    blocks = refusals.blocks(here, user)
    context = {
        "blocks": blocks,
        "total": sum(block.count for block in blocks),
        "share": refusals.share(here),
        "goal": refusals.GOAL,
        "days": refusals.SHARE_DAYS,
    }
    return render(request, "worklists/codes.html", context)


@require_safe
@needs(Action.SEE_WORKLISTS)
def worklist(request: HttpRequest, slug: str) -> HttpResponse:
    """One list. HTMX gets its lines alone: the same template, the same context."""
    user = colleague(request)
    part = "#part" if request.htmx and not request.htmx.boosted else ""  # type: ignore[attr-defined]
    context = list_context(_open_list(request, slug), request.GET, user, whole=not part)
    return render(request, f"worklists/list.html{part}", context)


@needs(Action.ASSIGN_WORK)
def act(request: HttpRequest, slug: str) -> HttpResponse:
    """Do something to the chosen lines (POST). Each refusal is told on its own line."""
    found = _open_list(request, slug)
    page = reverse("worklists:list", args=[slug])
    query = QueryDict(request.POST.get("query", ""), mutable=True)
    back = f"{page}?{query.urlencode()}" if query else page
    if request.method != "POST":
        return redirect(page)
    deed = find_deed(found, request.POST.get("deed", ""))
    if deed is None:
        raise Http404
    if not colleague(request).may(deed.action):
        raise PermissionDenied
    ids = [int(text) for text in request.POST.getlist("ids") if text.isascii() and text.isdigit() and len(text) < 19]
    outcomes = perform(found, deed, ids, colleague(request), request.POST)
    if not request.htmx:  # type: ignore[attr-defined]
        _tell(request, deed, outcomes)
        return redirect(back)
    user = colleague(request)
    context = list_context(found, query, user, outcomes, deed, whole=False)
    # The links of the fragment are those of the list's own address.
    request.GET = query  # type: ignore[assignment]
    return render(request, "worklists/list.html#part", context | {"refreshed": True})


def _tell(request: HttpRequest, deed: Deed, outcomes: list[Outcome]) -> None:
    done = [outcome.label for outcome in outcomes if outcome.done]
    if done:
        messages.success(request, f"{len(done)} {deed.done} : {', '.join(done[:10])}.")
    for outcome in outcomes:
        if not outcome.done:
            messages.warning(request, f"{outcome.label} : {outcome.message}")
    if not outcomes:
        messages.warning(request, "Aucune ligne n’était choisie : rien n’a changé. Choisissez-en une avec x.")


@require_safe
@needs(Action.SEE_WORKLISTS)
def export_list(request: HttpRequest, slug: str, kind: str) -> HttpResponseBase:
    """The list as filtered, in a file."""
    if kind not in ("csv", "xlsx"):
        raise Http404
    found = _open_list(request, slug)
    user = colleague(request)
    asked = ListFilter.read(found, request.GET)
    rows = filtered(found, asked, user)
    if kind == "xlsx" and bounded_count(rows, XLSX_ROWS) > XLSX_ROWS:
        messages.warning(
            request,
            "Un classeur XLSX s’arrête à 20 000 lignes et cette liste en compte davantage : "
            "exportez-la en CSV, qui les contient toutes, ou filtrez-la.",
        )
        return redirect(f"{reverse('worklists:list', args=[slug])}?{request.GET.urlencode()}")
    lines = adorned(found, rows).order_by(*asked.ordering)
    return export(export_columns(found), export_rows(found, lines, user), slug, kind)
