"""The admission in one flow: identity, stay, AMO, AMC, demands. The card may be scanned at any step."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import needs, workplace
from accounts.enums import Action
from admissions.enums import CoverageKind, RequestCode, StayKind, StayStatus
from admissions.errors import Conflict, Refused
from admissions.forms import AdmissionForm, PlanForm
from admissions.models import Patient, Stay
from admissions.presenters import banner
from admissions.presenters_amo import amo_view, last_answer
from admissions.presenters_coverage import coverages_of_stay
from admissions.presenters_identity import identity_view
from admissions.services import coverage as coverage_services
from admissions.services import desk, stays
from admissions.services.identity import is_locked
from admissions.views.common import (
    acted,
    actor,
    creation_key,
    draw,
    patient_or_404,
    stay_or_404,
    stay_scan_url,
    version_of,
)
from debtors.datamatrix import parse


@needs(Action.ADMIT)
@require_http_methods(["GET", "HEAD", "POST"])
def new_stay(request: HttpRequest, ipp: str) -> HttpResponse:
    """The stay of a known person. A card scanned before the stay exists waits in the form, and is read with it."""
    person = patient_or_404(request, ipp)
    walk_in = bool(request.POST.get("walk_in") or request.GET.get("venue"))
    key = creation_key(request)
    status = 200
    if request.method == "POST":
        form = PlanForm(request.POST, establishment=workplace(request))
        if form.is_valid():
            try:
                stay = stays.preadmit(
                    person,
                    workplace(request),
                    _plan(form),
                    actor(request),
                    creation_key=key,
                )
            except Refused as refused:
                form.refuse(refused)
            else:
                _read_waiting_card(request, stay)
                return redirect("admissions:admission", stay.iep)
        status = 422
    else:
        form = PlanForm(
            initial={"start_at": _first_hour(walk_in)},
            establishment=workplace(request),
        )
    context = {
        "patient": person,
        "ident": banner(person),
        "form": form,
        "key": key,
        "walk_in": walk_in,
        "card": request.POST.get("card", ""),
        "scan_url": reverse("admissions:scan-ahead"),
        "locked": is_locked(person),
    }
    return draw(request, "admissions/new_stay.html", context, status=status)


def _first_hour(walk_in: bool) -> datetime:
    """Now for who is here; the next full hour for a visit to come: what the desk types least often over."""
    now = timezone.localtime().replace(second=0, microsecond=0)
    return now if walk_in else now.replace(minute=0) + timedelta(hours=1)


def _plan(form: PlanForm, start_at: datetime | None = None) -> stays.StayPlan:
    values = form.cleaned_data
    return stays.StayPlan(
        kind=StayKind(values["kind"]),
        unit=values["unit"],
        planned_start_at=start_at or values["start_at"],
        planned_end_at=values["planned_end_at"],
        prescription_date=values["prescription_date"],
    )


def _read_waiting_card(request: HttpRequest, stay: Stay) -> None:
    text = request.POST.get("card", "")
    if not text:
        return
    outcome = coverage_services.read_card(stay, parse(text), "douchette", actor(request))
    tone = messages.success if outcome.coverage else messages.warning
    tone(request, outcome.message)


# ---- the page of the admission ----


@needs(Action.ADMIT)
@require_http_methods(["GET", "HEAD", "POST"])
def admission(request: HttpRequest, iep: str) -> HttpResponse:
    """One page until the patient is admitted; everything but «Admettre» acts by itself, in place."""
    stay = stay_or_404(request, iep)
    if stay.status != StayStatus.PREADMITTED and request.method != "POST":
        return redirect("admissions:stay", iep)
    establishment = stay.establishment
    theirs: list[tuple[str, str, str]] = []
    status = 200
    if request.method == "POST":
        form = AdmissionForm(request.POST, initial=_initial(stay), establishment=establishment)
        if form.is_valid():
            try:
                done = _admit(request, stay, form)
            except Conflict as conflict:
                form.refuse(conflict)
                theirs, status = _differences(form, stay), 409
            except Refused as refused:
                form.refuse(refused)
            else:
                return done
        status = status if status == 409 else 422
    else:
        form = AdmissionForm(initial=_initial(stay), establishment=establishment)
    context = admission_context(request, stay) | {"form": form, "theirs": theirs}
    if request.method == "POST" and status != 409:
        context["version"] = version_of(request)
    return draw(request, "admissions/admission.html", context, status=status)


def _initial(stay: Stay) -> dict[str, Any]:
    now = timezone.localtime().replace(second=0, microsecond=0)
    to_come = timezone.localdate(stay.planned_start_at) > timezone.localdate()
    return {
        "unit": stay.unit_id,
        "kind": stay.kind,
        "start_at": stay.planned_start_at if to_come else now,
        "planned_end_at": stay.planned_end_at,
        "prescription_date": stay.prescription_date,
    }


def _admit(request: HttpRequest, stay: Stay, form: AdmissionForm) -> HttpResponse:
    later = "later" in request.POST
    changed = set(form.changed_data) & {"unit", "kind", "planned_end_at", "prescription_date"}
    start = stay.planned_start_at
    if later and "start_at" in form.changed_data:
        changed.add("start_at")
        start = form.cleaned_data["start_at"]
    if changed and stay.status == StayStatus.PREADMITTED:
        stays.change_plan(stay.pk, _plan(form, start), actor(request), version=version_of(request))
    if later:
        messages.success(request, "Pré-admission enregistrée. Les droits se vérifient seuls.")
        return redirect("admissions:arrivals")
    values = form.cleaned_data
    stays.admit(stay.pk, values["start_at"], actor(request), room=values["room"], bed=values["bed"])
    messages.success(request, "Patient admis. La simulation part seule.")
    return redirect("admissions:stay", stay.iep)


def _differences(form: AdmissionForm, stay: Stay) -> list[tuple[str, str, str]]:
    """(label, saved by the other, typed here)."""
    saved = {
        "unit": str(stay.unit),
        "kind": stay.get_kind_display(),
        "planned_end_at": f"{timezone.localtime(stay.planned_end_at):%d/%m/%Y %H:%M}" if stay.planned_end_at else "",
        "prescription_date": f"{stay.prescription_date:%d/%m/%Y}" if stay.prescription_date else "",
    }
    rows = []
    for name, value in saved.items():
        typed = str(form[name].value() or "")
        if name == "unit":
            chosen = form.cleaned_data.get("unit")
            typed = str(chosen) if chosen else typed
        elif name == "kind":
            typed = StayKind(typed).label if typed in StayKind.values else typed
        if typed != value:
            rows.append((str(form[name].label), value or "vide", typed or "vide"))
    return rows


def admission_context(request: HttpRequest, stay: Stay) -> dict[str, Any]:
    person: Patient = stay.patient
    said = last_answer(person.pk)
    covered = coverages_of_stay(stay, said)
    asked = set(stay.requests.filter(ends_on__isnull=True).values_list("code", flat=True))
    return {
        "stay": stay,
        "patient": person,
        "ident": banner(person, stay),
        "version": stay.version,
        "scan_url": stay_scan_url(stay),
        "identity": identity_view(person),
        "may_act": True,
        "amo": [view for view in covered if view.kind == CoverageKind.AMO],
        "rights": amo_view(stay, said),
        # While CDRi is asked, nobody has to look for the caisse.
        "declare_amo": said is not None or not settings.CDRI["url"] or not person.nir,
        "amc": [view for view in covered if view.kind == CoverageKind.AMC],
        "requests": [(code, label.capitalize(), code in asked) for code, label in RequestCode.choices],
        "to_come": timezone.localdate(stay.planned_start_at) > timezone.localdate(),
    }


@needs(Action.ADMIT)
@require_POST
def request_toggle(request: HttpRequest, iep: str, code: str) -> HttpResponse:
    """A box of the patient's demands, ticked or not: acts at once, and the simulation follows by itself."""
    stay = stay_or_404(request, iep)
    wanted = request.POST.get("wanted") == "on"
    problem = ""
    try:
        if wanted:
            day = max(timezone.localdate(), timezone.localdate(stay.start_at))
            stays.add_request(stay.pk, RequestCode(code), day, actor(request))
        else:
            desk.stop_request(stay.pk, RequestCode(code), actor(request))
    except Refused as refused:
        problem = refused.sentence
    context = admission_context(request, stay) | {"problem": problem}
    return acted(draw(request, "admissions/admission.html#requests", context, status=422 if problem else 200))


@needs(Action.ASK_AGAIN)
@require_POST
def ask_rights(request: HttpRequest, iep: str) -> HttpResponse:
    """Fresh rights, whatever the age of the last answer."""
    stay = stay_or_404(request, iep)
    try:
        stays.ask_rights_again(stay.pk, actor(request))
    except Refused as refused:
        if request.htmx:  # type: ignore[attr-defined]
            return draw(request, "admissions/parts.html#refused", {"refused": refused}, status=422)
        messages.warning(request, refused.sentence)
    if request.htmx:  # type: ignore[attr-defined]
        return acted()
    return redirect("admissions:stay", iep)
