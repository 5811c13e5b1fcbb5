"""What becomes of a request for a protected dossier that was not opened."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django_htmx.http import HttpResponseClientRedirect

from accounts.enums import JournalKind
from accounts.journal import Guarded, done
from admissions.models import Patient


class Glass:
    """Brings whoever asks for a protected dossier to the page where they say why, then back to where they were going.

    The view stopped before it did anything: `accounts.journal.read` comes first in each of them.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        if not isinstance(exception, Guarded) or request.path_info.startswith("/api/"):
            return None
        done(JournalKind.REFUSED, patient_id=exception.patient_id, detail={"protected": True})
        ipp = Patient.objects.values_list("ipp", flat=True).get(pk=exception.patient_id)
        url = reverse("admissions:open-protected", args=[ipp])
        part = request.headers.get("HX-Request") == "true"
        # A part of a page that was open, or something that was sent: one comes back to the page.
        came_from = urlsplit(request.headers.get("HX-Current-URL", "")).path if part else request.get_full_path()
        if request.method in ("GET", "HEAD") or part:
            url += f"?{urlencode({'suite': came_from})}" if came_from else ""
        if request.method not in ("GET", "HEAD"):
            messages.warning(request, "Rien n’a été enregistré\u00a0: ce dossier n’est plus ouvert pour vous.")
        return HttpResponseClientRedirect(url) if part else redirect(url)
