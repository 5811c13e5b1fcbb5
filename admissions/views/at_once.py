"""Somebody is here who cannot say who they are: registered in one gesture, completed later."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from accounts.access import needs, workplace
from accounts.enums import Action
from admissions.enums import StayKind
from admissions.errors import Refused
from admissions.forms import UnknownForm
from admissions.services import at_once
from admissions.views.common import actor, creation_key, draw


@needs(Action.ADMIT)
@require_http_methods(["GET", "HEAD", "POST"])
def unknown(request: HttpRequest) -> HttpResponse:
    """A sex, an age that one guesses, a service: the dossier, and the stay that begins now."""
    key = creation_key(request)
    status = 200
    form = UnknownForm(establishment=workplace(request))
    if request.method == "POST":
        form = UnknownForm(request.POST, establishment=workplace(request))
        status = 422
        if form.is_valid():
            values = form.cleaned_data
            try:
                stay = at_once.register_unknown(
                    workplace(request), values["unit"], StayKind(values["kind"]), sex=values["sex"], age=values["age"],
                    actor=actor(request), creation_key=key,
                )  # fmt: skip
            except Refused as refused:
                form.refuse(refused)
            else:
                said = f"{stay.patient.first_names} {stay.patient.birth_name}"
                messages.success(
                    request, f"Dossier ouvert sous un nom d’attente\u00a0: {said}. Complétez-le dès que possible."
                )
                return redirect("admissions:stay", stay.iep)
    return draw(request, "admissions/unknown.html", {"form": form, "key": key}, status=status)
