"""Find a dossier by anything: a name as it is said, a birth date, an IPP, an IEP, a NIR. Never in an address."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accounts import journal
from accounts.access import colleague, needs
from accounts.enums import Action
from admissions.enums import StayStatus
from admissions.models import Patient, Stay
from admissions.presenters import StayRow, stay_row
from admissions.querysets import search_patients
from admissions.views.common import draw, own_patients, own_stays

SHOWN = 30
_OPEN = (StayStatus.PREADMITTED, StayStatus.ADMITTED)


@dataclass(frozen=True, slots=True)
class Found:
    """One person found, with the stays under way."""

    ipp: str
    url: str
    birth_name: str
    first_names: str
    used_name: str
    birth_date: date | None
    sex: str
    stays: list[StayRow] = field(default_factory=list)


@needs(Action.SEE_DOSSIER)
@require_http_methods(["GET", "HEAD", "POST"])
def search(request: HttpRequest) -> HttpResponse:
    """The page of results. Asked by POST: a name or a NIR is in no address and in no log.

    Enter in the bar at the top goes straight to the dossier when one person alone, or one stay, answers.
    """
    asked = request.POST.get("q", "").strip()
    if request.htmx:  # type: ignore[attr-defined]
        return draw(request, "admissions/search.html#results", _context(request, asked))
    if asked:
        if stay := own_stays(request).filter(iep="".join(asked.split())).first():
            return redirect("admissions:stay", stay.iep)
        only = list(search_patients(asked, own_patients(request))[:2])
        if len(only) == 1:
            return redirect("admissions:patient", only[0].ipp)
    return draw(request, "admissions/search.html", _context(request, asked))


def _context(request: HttpRequest, asked: str) -> dict[str, object]:
    patients = list(search_patients(asked, own_patients(request))[: SHOWN + 1])
    journal.listed("recherche", patients=[patient.pk for patient in patients[:SHOWN]])
    return {
        "asked": asked,
        "found": _found(request, patients[:SHOWN]),
        "more": len(patients) > SHOWN,
        "shown": SHOWN,
        "may_admit": colleague(request).may(Action.ADMIT),
    }


def _found(request: HttpRequest, patients: list[Patient]) -> list[Found]:
    stays: dict[int, list[Stay]] = {}
    for stay in own_stays(request).filter(patient__in=[patient.pk for patient in patients], status__in=_OPEN):
        stays.setdefault(stay.patient_id, []).append(stay)
    return [
        Found(
            ipp=patient.ipp,
            url=reverse("admissions:patient", args=[patient.ipp]),
            birth_name=patient.listed.birth_name,
            first_names=patient.listed.first_names,
            used_name=patient.listed.used_name,
            birth_date=patient.listed.birth_date,
            sex=patient.listed.get_sex_display(),
            stays=[stay_row(stay) for stay in stays.get(patient.pk, [])],
        )
        for patient in patients
    ]
