"""What the views of the reception share."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse

from accounts import journal
from accounts.access import colleague, workplace
from accounts.sight import seen
from admissions.events import Actor
from admissions.models import Patient, ReservedNumber, Stay
from admissions.querysets import by_ipp, patients_of

#: A person did something to the stay: every live part of the page asks again.
ACTED = "gap:acted"


def actor(request: HttpRequest) -> Actor:
    return Actor(user=colleague(request))


def own_stays(request: HttpRequest) -> QuerySet[Stay]:
    """The stays that this person sees in this view (`accounts.access.needs`)."""
    sight = request.sight  # type: ignore[attr-defined]
    return Stay.objects.filter(seen(sight)).select_related("patient", "unit", "establishment", "created_by")


def own_patients(request: HttpRequest) -> QuerySet[Patient]:
    """The identities of this person's hospital."""
    return patients_of(workplace(request))


def own_sheets(request: HttpRequest) -> QuerySet[ReservedNumber]:
    """The sheets of this person's hospital: no service's yet, and nobody's name."""
    return ReservedNumber.objects.filter(establishment=workplace(request))


def stay_or_404(request: HttpRequest, iep: str) -> Stay:
    """This stay, which the journal says was seen. Raises Http404; Guarded when its dossier is protected."""
    stay: Stay = get_object_or_404(own_stays(request), iep=iep)
    journal.read(patient_id=stay.patient_id, stay_id=stay.pk, protected=bool(stay.patient.protection))
    return stay


def patient_or_404(request: HttpRequest, ipp: str) -> Patient:
    """This person, whom the journal says was seen. Raises Http404; Guarded when the dossier is protected."""
    patient = by_ipp(ipp, own_patients(request))
    if patient is None:
        raise Http404
    journal.read(patient_id=patient.pk, protected=bool(patient.protection))
    return patient


def creation_key(request: HttpRequest) -> UUID:
    """The key of the form that was sent, or a new one for a form to be drawn: one form, one effect."""
    try:
        return UUID(request.POST.get("creation_key", ""))
    except ValueError:
        return uuid4()


def version_of(request: HttpRequest) -> int:
    """The version on which the person typed. -1 (nobody's) when it is missing: then it is a conflict, not a guess."""
    text = request.POST.get("version", "")
    return int(text) if text.isdecimal() else -1


def acted(response: HttpResponse | None = None) -> HttpResponse:
    """The answer of an action in place: nothing to draw, the live parts renew themselves."""
    response = response or HttpResponse(status=204)
    response["HX-Trigger"] = ACTED
    return response


def draw(request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    return render(request, template, context, status=status)


def stay_scan_url(stay: Stay) -> str:
    return reverse("admissions:stay-scan", args=[stay.iep])
