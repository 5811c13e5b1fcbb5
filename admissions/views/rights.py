"""Rights of a patient over time: what covers them on a day, what the AMO answered, what was taken of it."""

from __future__ import annotations

from typing import Any, Final

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.access import needs
from accounts.enums import Action
from admissions.errors import Refused
from admissions.models import Coverage
from admissions.presenters import banner
from admissions.presenters_coverage import history_row
from admissions.querysets import coverages_on, parse_date
from admissions.services import amo
from admissions.views.common import acted, actor, draw, patient_or_404, stay_or_404

_PAGE: Final = 50
_ANSWERS_SHOWN: Final = 20


@needs(Action.SEE_DOSSIER)
@require_safe
def rights(request: HttpRequest, ipp: str) -> HttpResponse:
    """The timeline of what covers a patient, and what applies on a day (today unless `le` says another)."""
    person = patient_or_404(request, ipp)
    typed = request.GET.get("le", "").strip()
    day, _ = parse_date(typed)
    problem = (
        "Cette date n’est pas un jour du calendrier\u00a0: écrivez-la 17/05/2026." if typed and day is None else ""
    )
    day = day or timezone.localdate()
    history = (
        Coverage.objects.filter(patient=person)
        .select_related("debtor")
        .defer("insured", "member_number")
        .order_by("-valid_from", "kind", "rank", "-pk")
    )
    page = Paginator(history, _PAGE).get_page(request.GET.get("page"))
    answers = person.amo_answers.defer("content", "insured").prefetch_related("differences__decided_by")[
        :_ANSWERS_SHOWN
    ]
    context: dict[str, Any] = {
        "patient": person,
        "ident": banner(person),
        "typed": typed,
        "problem": problem,
        "day": day,
        "applying": [history_row(one) for one in coverages_on(person.pk, day)],
        "page": page,
        "rows": [history_row(one) for one in page],
        "answers": answers,
    }
    return draw(request, "admissions/rights.html", context, status=422 if problem else 200)


@needs(Action.READ_CARD)
@require_POST
def decide(request: HttpRequest, iep: str) -> HttpResponse:
    """One key takes what the AMO says, another keeps what we had; what follows goes by itself."""
    stay = stay_or_404(request, iep)
    try:
        amo.decide(stay.pk, request.POST.get("decision") == "oui", actor(request))
    except Refused as refused:
        return acted(draw(request, "admissions/parts.html#refused", {"refused": refused}))
    return acted(HttpResponse())
