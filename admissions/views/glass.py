"""A protected dossier: the page where one says why, and the act of protecting it."""

from __future__ import annotations

import structlog
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import colleague, needs
from accounts.enums import Action
from admissions.enums import Protection
from admissions.errors import Refused
from admissions.forms_glass import GlassForm
from admissions.models import Patient
from admissions.services import glass
from admissions.views.common import actor, draw, own_patients, patient_or_404, version_of

log = structlog.get_logger(__name__)


@needs(Action.BREAK_GLASS)
@require_http_methods(["GET", "HEAD", "POST"])
def open_protected(request: HttpRequest, ipp: str) -> HttpResponse:
    """Why one opens it, then the page that was asked for. Nothing of the person is shown before."""
    patient: Patient = get_object_or_404(own_patients(request), ipp=ipp)
    user = colleague(request)
    after = _after(request, ipp)
    if not patient.protection or glass.opened(user.pk, patient.pk):
        return redirect(after)
    form = GlassForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            broken = glass.break_glass(patient, user, form.cleaned_data["reason"], form.cleaned_data["words"])
        except Refused as refused:
            form.refuse(refused)
        else:
            # Whoever watches the logs is told at once; nobody is named there.
            log.warning("glass_broken", broken=broken.pk, user=user.pk, protection=patient.protection)
            until = timezone.localtime(broken.until)
            messages.warning(
                request,
                f"Dossier protégé ouvert jusqu’à {until:%H:%M}. Votre motif et vos consultations seront relus.",
            )
            return redirect(after)
    context = {"ipp": patient.ipp, "form": form, "after": after, "hours": settings.GLASS_S // 3600}
    return draw(request, "admissions/protected.html", context, status=422 if form.errors else 200)


def _after(request: HttpRequest, ipp: str) -> str:
    """Where they were going: a page of ours, else the dossier."""
    asked = request.POST.get("after") or request.GET.get("suite", "")
    ours = url_has_allowed_host_and_scheme(asked, allowed_hosts=None) and asked.startswith("/")
    return asked if ours else reverse("admissions:patient", args=[ipp])


@needs(Action.PROTECT_DOSSIER)
@require_POST
def protect(request: HttpRequest, ipp: str) -> HttpResponse:
    """Protect a dossier, or protect it no more. Whoever does it has the dossier open."""
    patient = patient_or_404(request, ipp)
    wanted = request.POST.get("protection", "")
    if wanted != patient.protection:
        try:
            patient = glass.protect(patient.pk, wanted, actor(request), version=version_of(request))
        except Refused as refused:
            messages.warning(request, refused.sentence)
            return redirect("admissions:patient", ipp)
        said = Protection(patient.protection).label
        messages.success(
            request,
            f"Dossier protégé\u00a0: {said}. Son nom n’est plus dans aucune liste\u00a0; on l’ouvre en disant pourquoi."
            if patient.protection
            else "Ce dossier n’est plus protégé.",
        )
    return redirect("admissions:patient", ipp)
