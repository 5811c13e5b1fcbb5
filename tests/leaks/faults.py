"""Faults that name a person, as a library's or the database's do; and canaries, one for each net that must catch them."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse

log = logging.getLogger("gap.canary")
CANARIES = {name: f"Canari{name.capitalize()}" for name in ("log", "task", "cache", "session", "page", "metrics")}


def fail() -> None:
    """Raises what a careless fault would: a message made of everything that must not be told."""
    raise ValueError(" ".join(json.loads(os.environ["LEAK_SECRETS"]).values()))


def ask(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Does what the header X-Fault asks."""

    def answer(request: HttpRequest) -> HttpResponse:
        wanted = request.headers.get("X-Fault", "")
        if wanted == "canaries":
            from tests.leaks.tasks import fail as task

            log.debug("%s", CANARIES["log"])
            task.delay(CANARIES["task"])
            cache.set("canary", CANARIES["cache"], 60)
            request.session["canary"] = CANARIES["session"]
            return HttpResponse(CANARIES["page"])
        if wanted == "database":
            from admissions.models import Patient

            patient = Patient.objects.order_by("-pk").first()
            assert patient is not None
            patient.name_tokens.model.objects.create(patient=patient, token=patient.name_tokens.first().token)
        return get_response(request)

    def view(request: HttpRequest) -> HttpResponse:
        return answer(request)

    def process_view(request: HttpRequest, *_: object) -> None:
        if request.headers.get("X-Fault") == "view":
            fail()

    view.process_view = process_view  # type: ignore[attr-defined]
    return view
