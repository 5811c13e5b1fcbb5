"""Two dossiers of one person put together, and apart again."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from accounts import journal
from accounts.access import needs
from accounts.enums import Action
from admissions.errors import Refused
from admissions.models import Patient, PatientMerge, PatientPair
from admissions.presenters import banner
from admissions.presenters_identity import compared
from admissions.querysets import by_ipp
from admissions.services import merging, pairs
from admissions.views.common import actor, draw, own_patients, patient_or_404


@needs(Action.DECIDE_IDENTITY)
@require_http_methods(["GET", "HEAD", "POST"])
def merge(request: HttpRequest, ipp: str) -> HttpResponse:
    """Put this dossier with another (`avec`, its IPP). Shown first: what differs, what moves, which one is kept."""
    person = patient_or_404(request, ipp)
    asked = (request.POST if request.method == "POST" else request.GET).get("avec", "").strip()
    other = _other(request, person, asked)
    context: dict[str, Any] = {"patient": person, "ident": banner(person), "asked": asked, "other": other}
    if other is None:
        if asked:
            context["problem"] = "Aucun autre dossier de cet hôpital ne porte cet IPP."
        return draw(request, "admissions/merge.html", context, status=422 if asked else 200)
    source, target = merging.kept_first(person, other)
    if request.POST.get("garder") == source.ipp or request.GET.get("garder") == source.ipp:
        source, target = target, source
    if request.method == "POST":
        try:
            done = merging.merge(source.pk, target.pk, request.POST.get("reason", ""), actor(request))
        except Refused as refused:
            context["problem"] = refused.sentence
        else:
            messages.success(
                request,
                f"Le dossier {source.ipp} est fusionné avec {target.ipp}, qui reste. Cela se défait sur cette page.",
            )
            return redirect("admissions:patient", done.target.ipp)
    context |= {
        "source": source,
        "target": target,
        "rows": compared(source, target),
        "held": merging.holdings(source),
        "told_apart": PatientPair.objects.filter(
            first=min(source.pk, target.pk), second=max(source.pk, target.pk), decided_at__isnull=False
        )
        .select_related("decided_by")
        .first(),
        "impossible": merging.problem_between(source, target),
        "reason": request.POST.get("reason", ""),
    }
    return draw(request, "admissions/merge.html", context, status=422 if request.method == "POST" else 200)


@needs(Action.DECIDE_IDENTITY)
@require_POST
def two_people(request: HttpRequest, ipp: str) -> HttpResponse:
    """These two dossiers are two people's: the pair leaves the list until a strict trait of one changes."""
    person = patient_or_404(request, ipp)
    other = _other(request, person, request.POST.get("avec", "").strip())
    if other is None or other.pk == person.pk:
        messages.warning(request, "Aucun autre dossier de cet hôpital ne porte cet IPP. Rien n’a changé.")
        return redirect("admissions:merge", person.ipp)
    try:
        pairs.two_people(person, other, request.POST.get("reason", ""), actor(request))
    except Refused as refused:
        messages.warning(request, refused.sentence)
        return redirect(f"{reverse('admissions:merge', args=[person.ipp])}?avec={other.ipp}")
    messages.success(request, f"Les dossiers {person.ipp} et {other.ipp} sont ceux de deux personnes.")
    return redirect("admissions:patient", person.ipp)


def _other(request: HttpRequest, person: Patient, ipp: str) -> Patient | None:
    other = by_ipp(ipp, own_patients(request)) if ipp else None
    if other is None or other.pk == person.pk:
        return None
    journal.read(patient_id=other.pk, protected=bool(other.protection))
    return other


@needs(Action.DECIDE_IDENTITY)
@require_POST
def unmerge(request: HttpRequest, ipp: str) -> HttpResponse:
    """Each dossier has its own again. `fusion`: the number of the dossier that went."""
    person = patient_or_404(request, ipp)
    found = PatientMerge.objects.filter(target=person, undone_at__isnull=True)
    done = get_object_or_404(found, source__ipp=request.POST.get("fusion", ""))
    try:
        merging.unmerge(done.pk, actor(request))
    except Refused as refused:
        messages.warning(request, refused.sentence)
        return redirect("admissions:patient", person.ipp)
    messages.success(request, "Fusion défaite\u00a0: chaque dossier a de nouveau ce qui était à lui.")
    return redirect("admissions:patient", done.source.ipp)
