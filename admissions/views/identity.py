"""How sure an identity is: the document compared, what INSi found, a doubt, and what became of it all."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from accounts.access import colleague, needs
from accounts.enums import Action
from admissions.enums import EventKind, IdentityAct
from admissions.errors import Conflict, Refused
from admissions.events import record_event
from admissions.models import IdentityDocumentKind, Patient
from admissions.presenters import banner
from admissions.presenters_identity import change_row, identity_view
from admissions.services import identity
from admissions.views.common import acted, actor, draw, own_stays, patient_or_404, stay_or_404, version_of

HISTORY_PAGE: Final = 50
# Anybody at the desk may say that something is wrong; only a référent says that it no longer is.
_REPORTS: Final = {
    "douteuse": (IdentityAct.DOUBTFUL, "L’identité est signalée douteuse. INSi n’est plus interrogé."),
    "homonyme": (IdentityAct.HOMONYM, "L’homonyme est signalé sur tous les écrans."),
}
_DECISIONS: Final = {
    "sure": (IdentityAct.TRUSTED, "Le doute est levé. INSi est interrogé de nouveau."),
    "fictive": (IdentityAct.FICTITIOUS, "L’identité est fictive\u00a0: aucun organisme n’est interrogé sur elle."),
    "reelle": (IdentityAct.REAL, "L’identité est réelle. INSi est interrogé de nouveau."),
    "seul": (IdentityAct.ALONE, "Le signalement d’homonyme est retiré."),
}


@needs(Action.ADMIT)
@require_safe
def part(request: HttpRequest, iep: str) -> HttpResponse:
    """The first step of an admission, drawn again when something moved."""
    stay = stay_or_404(request, iep)
    context = {"stay": stay, "patient": stay.patient, "identity": identity_view(stay.patient)}
    return draw(request, "admissions/identity_part.html#step", context)


@needs(Action.ASK_AGAIN)
@require_POST
def ask(request: HttpRequest, iep: str) -> HttpResponse:
    """Somebody wants INSi asked now, however recent an answer that found nobody."""
    stay = stay_or_404(request, iep)
    record_event(stay, EventKind.IDENTITY_ASKED, actor(request))
    return acted()


@needs(Action.EDIT_PATIENT)
@require_POST
def check(request: HttpRequest, ipp: str) -> HttpResponse:
    """A document was seen and the traits are those of the document."""
    person = patient_or_404(request, ipp)
    kind = request.POST.get("document", "")
    try:
        checked = identity.check_document(person.pk, kind, actor(request), version=version_of(request))
    except Refused as refused:
        messages.warning(request, refused.sentence)
    else:
        if checked.document_kind == kind:
            messages.success(request, f"Pièce d’identité vue\u00a0: {checked.get_identity_status_display()}.")
        else:
            messages.warning(
                request,
                "Cette pièce est notée au dossier. Elle ne valide pas l’identité\u00a0: "
                "demandez une carte d’identité, un passeport ou un titre de séjour.",
            )
    return _back(request, person)


@needs(Action.EDIT_PATIENT)
@require_POST
def decide(request: HttpRequest, ipp: str) -> HttpResponse:
    """The identity that INSi found was compared with the person at the desk."""
    person = patient_or_404(request, ipp)
    accepted = request.POST.get("decision") == "oui"
    try:
        decided = identity.decide(person.pk, accepted, actor(request), version=version_of(request))
    except (Conflict, Refused) as refused:
        messages.warning(request, refused.sentence)
    else:
        if accepted:
            messages.success(request, f"Les traits d’INSi sont repris\u00a0: {decided.get_identity_status_display()}.")
        else:
            messages.success(request, "L’identité trouvée est écartée. Les traits n’ont pas changé.")
    return _back(request, person)


@needs(Action.EDIT_PATIENT)
@require_POST
def report(request: HttpRequest, ipp: str) -> HttpResponse:
    """Somebody at the desk doubts an identity, or knows of a homonym."""
    return _report(request, ipp, _REPORTS)


@needs(Action.DECIDE_IDENTITY)
@require_POST
def settle(request: HttpRequest, ipp: str) -> HttpResponse:
    """A référent lifts a doubt, or says that an identity is invented."""
    return _report(request, ipp, _DECISIONS)


def _report(request: HttpRequest, ipp: str, known: dict[str, tuple[IdentityAct, str]]) -> HttpResponse:
    person = patient_or_404(request, ipp)
    act, done = known.get(request.POST.get("what", ""), (None, ""))
    if act is None:
        messages.warning(request, "Rien n’a changé\u00a0: dites ce que vous signalez.")
        return redirect("admissions:patient", ipp)
    try:
        identity.report(person.pk, act, request.POST.get("reason", ""), actor(request))
    except Refused as refused:
        messages.warning(request, refused.sentence)
    else:
        messages.success(request, done)
    return redirect("admissions:patient", ipp)


@needs(Action.SEE_DOSSIER)
@require_safe
def history(request: HttpRequest, ipp: str) -> HttpResponse:
    """What was decided of an identity, by whom, and the matricules that were the patient's."""
    person = patient_or_404(request, ipp)
    labels = dict(IdentityDocumentKind.objects.values_list("code", "label"))
    changes = person.identity_changes.select_related("by", "client")
    page = Paginator(changes, HISTORY_PAGE).get_page(request.GET.get("page"))
    context: dict[str, Any] = {
        "patient": person,
        "ident": banner(person),
        "identity": identity_view(person),
        "page": page,
        "rows": [change_row(change, labels) for change in page],
        "records": list(person.ins_records.all()[:20]),
        "may_decide": colleague(request).may(Action.DECIDE_IDENTITY),
    }
    return draw(request, "admissions/identity_history.html", context)


def _back(request: HttpRequest, person: Patient) -> HttpResponse:
    """To the admission that the person was making, or to the dossier."""
    stay = own_stays(request).filter(iep=request.POST.get("iep", ""), patient=person).first()
    if stay is not None:
        return redirect("admissions:admission", stay.iep)
    return redirect("admissions:patient", person.ipp)
