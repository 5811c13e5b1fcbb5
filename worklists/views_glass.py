"""Protected dossiers that were opened, for who controls accesses: who, why, what they looked at, and what is thought of it."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.access import colleague, needs, workplace
from accounts.enums import Action
from accounts.models import JournalEntry
from admissions.enums import Verdict
from admissions.errors import Refused
from admissions.models import BrokenGlass
from admissions.services import glass
from gap.lists import page_number, page_of

PAGE = 30
_TO_REVIEW, _FOLLOWED, _ALL = "a-relire", "a-suivre", "toutes"
_VIEWS = {_TO_REVIEW: "à relire", _FOLLOWED: "à suivre", _ALL: "toutes"}


@needs(Action.SEE_JOURNAL)
@require_safe
def openings(request: HttpRequest) -> HttpResponse:
    """Those of the establishment, the last first; those that nobody has read unless the address says otherwise."""
    view = request.GET.get("vue", _TO_REVIEW)
    view = view if view in _VIEWS else _TO_REVIEW
    found = _of_establishment(request)
    if view == _TO_REVIEW:
        found = found.filter(reviewed_at=None)
    elif view == _FOLLOWED:
        found = found.filter(verdict=Verdict.FOLLOWED)
    shown = found.select_related("user", "patient", "reviewed_by").annotate(seen=Coalesce(_looks(), 0))
    context = {
        "page": page_of(shown, page_number(request.GET.get("page")), size=PAGE, counted=found),
        "view": view,
        "views": _VIEWS.items(),
        "verdicts": Verdict.choices,
        "query": f"vue={view}",
    }
    return render(request, "worklists/glass.html", context)


@needs(Action.SEE_JOURNAL)
@require_POST
def review_opening(request: HttpRequest, pk: int) -> HttpResponse:
    """What is thought of one opening."""
    broken = get_object_or_404(_of_establishment(request), pk=pk)
    user = colleague(request)
    try:
        glass.review(broken.pk, user, request.POST.get("verdict", ""), request.POST.get("remark", ""))
    except Refused as refused:
        messages.warning(request, refused.sentence)
    else:
        messages.success(request, "Avis enregistré.")
    view = request.POST.get("vue", "")
    return redirect(f"{reverse('worklists:openings')}?vue={view if view in _VIEWS else _TO_REVIEW}")


def _of_establishment(request: HttpRequest) -> QuerySet[BrokenGlass]:
    return BrokenGlass.objects.filter(establishment=workplace(request)).order_by("-at", "-pk")


def _looks() -> Subquery:
    """How many times the person looked at the dossier while it was open to them."""
    looks = JournalEntry.objects.filter(
        patient_id=OuterRef("patient_id"),
        user_id=OuterRef("user_id"),
        at__gte=OuterRef("at"),
        at__lte=OuterRef("until"),
    )
    return Subquery(looks.filter(kind="read").order_by().values("user_id").annotate(n=Count("pk")).values("n"))
