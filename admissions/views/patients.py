"""A person: the dossier, the identity, and the creation that proposes the likely duplicates first."""

from __future__ import annotations

import re
from typing import Any

from django.contrib import messages
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import colleague, needs
from accounts.enums import Action
from admissions.candidates import Candidate, candidates
from admissions.enums import Protection, Sex
from admissions.errors import Conflict, Refused
from admissions.events import Actor
from admissions.forms import IdentityForm
from admissions.models import Card, Coverage, Patient, Rights
from admissions.presenters import banner, stay_row
from admissions.presenters_candidates import resembling
from admissions.presenters_coverage import coverage_view
from admissions.presenters_identity import identity_view
from admissions.querysets import parse_date
from admissions.rules.identity import nir_disagreements
from admissions.rules.matching import Person
from admissions.services import patients
from admissions.services.identity import is_locked
from admissions.views.common import actor, creation_key, draw, own_patients, own_stays, patient_or_404, version_of
from gap.identifiers import InvalidIdentifier, parse_nir
from gap.text import PARTICLES

# A dossier shows its stays, most recent first; nobody reads more of them at a desk.
STAYS_SHOWN = 50


@needs(Action.SEE_DOSSIER)
@require_safe
def patient(request: HttpRequest, ipp: str) -> HttpResponse:
    person = patient_or_404(request, ipp)
    return draw(request, "admissions/patient.html", _patient_context(request, person))


def _patient_context(request: HttpRequest, person: Patient) -> dict[str, Any]:
    coverages = (
        Coverage.objects.filter(patient=person, active=True)
        .select_related("debtor", "association")
        .prefetch_related(Prefetch("rights", queryset=Rights.objects.order_by("coverage_id", "-answered_at")))
        .order_by("kind", "rank", "-valid_from")
    )
    return {
        "patient": person,
        "creator": Actor(person.created_by, person.client).name,
        "ident": banner(person),
        "stays": [stay_row(stay) for stay in own_stays(request).filter(patient=person)[:STAYS_SHOWN]],
        "coverages": [coverage_view(item, next(iter(item.rights.all()), None)) for item in coverages],
        "cards": Card.objects.filter(patient=person).select_related("read_by")[:20],
        "may_admit": colleague(request).may(Action.ADMIT),
        "may_edit": colleague(request).may(Action.EDIT_PATIENT),
        "may_protect": colleague(request).may(Action.PROTECT_DOSSIER),
        "protections": Protection.choices,
        "identity": identity_view(person),
        "merges": list(
            person.absorbed.filter(undone_at__isnull=True).select_related("source", "merged_by").order_by("-pk")[:20]
        ),
        "may_decide": colleague(request).may(Action.DECIDE_IDENTITY),
    }


@needs(Action.EDIT_PATIENT)
@require_http_methods(["GET", "HEAD", "POST"])
def identity(request: HttpRequest, ipp: str) -> HttpResponse:
    """Correct the traits. Two people at once: both values side by side, and what was typed stays."""
    person = patient_or_404(request, ipp)
    may_open = colleague(request).may(Action.DECIDE_IDENTITY)
    opened = may_open and bool(request.POST.get("reason") or request.GET.get("ouvrir"))
    locked = person if is_locked(person) and not opened else None
    theirs: list[tuple[str, str, str]] = []
    status = 200
    version = person.version
    if request.method == "POST":
        form = IdentityForm(request.POST, locked=locked, opened=opened)
        if form.is_valid():
            try:
                patients.correct_patient(
                    person.pk, form.traits(), actor(request), version=version_of(request), reason=form.why,
                    document=form.cleaned_data.get("document", ""),
                )  # fmt: skip
            except Conflict as conflict:
                theirs = _differences(form, person)
                form.refuse(conflict)
                status = 409
            except Refused as refused:
                form.refuse(refused)
            else:
                messages.success(request, "Identité enregistrée.")
                return redirect("admissions:patient", ipp)
        status = status if status == 409 else 422
        # After a conflict the person has both values before them: the next save is made knowingly.
        version = person.version if status == 409 else version_of(request)
    else:
        form = IdentityForm(initial=IdentityForm.values_of(person), locked=locked, opened=opened and is_locked(person))
    context = {
        "patient": person,
        "ident": banner(person),
        "form": form,
        "locked": locked,
        "may_open": may_open,
        "version": version,
        "theirs": theirs,
        "title": "Identité",
    }
    return draw(request, "admissions/identity.html", context, status=status)


def _differences(form: IdentityForm, person: Patient) -> list[tuple[str, str, str]]:
    """(label, what is saved now, what was typed), where the two differ."""
    saved = {name: str(value if value is not None else "") for name, value in IdentityForm.values_of(person).items()}
    saved["birth_date"] = f"{person.birth_date:%d/%m/%Y}"
    saved["sex"] = person.get_sex_display()
    rows = []
    for field in form:
        typed = str(field.value() or "")
        shown = Sex(typed).label if field.name == "sex" and typed in Sex.values else typed
        if field.name in saved and shown.strip().upper() != saved[field.name].strip().upper():
            rows.append((str(field.label), saved[field.name] or "vide", shown or "vide"))
    return rows


# ---- a person who is not known yet ----


@needs(Action.EDIT_PATIENT)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """The first step of a pre-admission for somebody unknown. `typed`: what was looked for, taken as a beginning."""
    walk_in = "1" if (request.POST.get("walk_in") or request.GET.get("venue")) else ""
    key = creation_key(request)
    alike: list[Candidate] = []
    warnings: list[str] = []
    status = 200
    if request.method == "POST" and "typed" not in request.POST:
        form = IdentityForm(request.POST)
        if form.is_valid():
            traits = form.traits()
            # Sent again after a lost answer: the patient that the first sending made is no duplicate of itself.
            decided = request.POST.get("anyway") or patients.created_with(key)
            alike = [] if decided else identity_candidates(request, form)
            warnings = nir_warnings(form)
            if not alike:
                try:
                    seen = form.cleaned_data["document"]
                    created = patients.create_patient(traits, actor(request), creation_key=key, document=seen)
                except Refused as refused:
                    form.refuse(refused)
                else:
                    query = "?venue=1" if walk_in else ""
                    return redirect(reverse("admissions:new-stay", args=[created.ipp]) + query)
        status = 422
    else:
        form = IdentityForm(initial=guess(request.POST.get("typed", "")))
    context = {
        "form": form,
        "key": key,
        "walk_in": walk_in,
        "candidates": [resembling(one) for one in alike],
        "warnings": warnings,
    }
    return draw(request, "admissions/new.html", context, status=status)


def identity_candidates(request: HttpRequest, form: IdentityForm) -> list[Candidate]:
    """The dossiers that resemble this identity, of this hospital."""
    values = form.cleaned_data
    names = ("birth_name", "first_names", "birth_date", "sex", "used_name", "used_first_name")
    person = Person(
        **{name: values[name] for name in names if name in values}, birth_rank=values.get("birth_rank") or 1
    )
    number = _nir_value(values["nir"])
    return candidates(person, own_patients(request), nir_indexes=Patient.indexes_of_nir(number) if number else ())


def _nir_value(typed: str) -> str | None:
    try:
        return parse_nir(typed).value if typed.strip() else None
    except InvalidIdentifier:
        return None


def nir_warnings(form: IdentityForm) -> list[str]:
    """What the NIR says that the identity does not."""
    values = form.cleaned_data
    number = _nir_value(values["nir"])
    if not number:
        return []
    return nir_disagreements(number, values["sex"], values["birth_date"])


def guess(typed: str) -> dict[str, Any]:
    """What was typed in the search, as the beginning of an identity: a date, a NIR, a name then first names."""
    digits = re.sub(r"\s", "", typed)
    if number := _nir_value(digits):
        return {"nir": number, "sex": {"1": "M", "2": "F"}.get(number[0], "")}
    birth_date, names = parse_date(typed)
    words = [word for word in names.split() if not any(letter.isdigit() for letter in word)]
    # «de la Tour Anne»: the particles belong to the name that follows them.
    head = 0
    while head < len(words) - 1 and words[head].upper() in PARTICLES:
        head += 1
    first = " ".join(words[: head + 1]).upper()
    found: dict[str, Any] = {"birth_name": first, "first_names": " ".join(words[head + 1 :]).title()}
    if birth_date:
        found["birth_date"] = birth_date
    return found
