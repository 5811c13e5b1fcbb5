"""What surrounds each request of a person or of a program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import resolve

from accounts.enums import JournalKind
from accounts.journal import writing
from accounts.journal.unit import Unit, working
from accounts.models import SecondFactor, User
from gap.crypto import blind_index

#: Answers of which the journal keeps that they were refused to somebody.
_REFUSED = (401, 403)


class Journal:
    """Says on whose behalf this process works, and writes what was seen before the answer leaves: no trace, no read."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with working(unit_of(request)) as unit:
            request.unit = unit  # type: ignore[attr-defined]
            response = self.get_response(request)
            if response.status_code in _REFUSED and (unit.user_id or unit.client_id) and not _told(unit):
                writing.done(JournalKind.REFUSED, detail={"status": response.status_code})
            if response.headers.get("Content-Disposition", "").startswith("attachment"):
                writing.done(JournalKind.EXPORT, detail={"query": request.GET.dict()} if request.GET else {})
            writing.write(unit)
            return response

    def process_view(self, request: HttpRequest, *_: Any) -> None:
        """The address is resolved: the journal names the view, whose arguments have columns of their own."""
        unit: Unit = request.unit  # type: ignore[attr-defined]
        if request.resolver_match:
            unit.action = f"{request.method} {request.resolver_match.view_name}"


def _told(unit: Unit) -> bool:
    """Whether a refused sign-in said so itself."""
    return any(seen.kind == JournalKind.SESSION for seen in unit.seen)


def unit_of(request: HttpRequest) -> Unit:
    """Who asks, from where, in which session."""
    unit = Unit(action=f"{request.method} {request.path_info}", place=place_of(request))
    user: Any = request.user
    if isinstance(user, User):
        unit.user_id, unit.establishment_id = user.pk, user.establishment_id
    unit.part = request.method == "GET" and request.headers.get("HX-Request") == "true"
    if key := request.session.session_key:
        unit.session = session_name(key)
    return unit


def session_name(key: str) -> str:
    """What the journal and the screens call a session: nobody makes its key out of it."""
    return blind_index(key, "accounts.session")[:16]


def place_of(request: HttpRequest) -> str | None:
    """The address that asks. Behind proxies of ours (`PROXIES` of them), the one that the outermost of them saw."""
    if settings.PROXIES:
        passed = [text.strip() for text in request.headers.get("X-Forwarded-For", "").split(",") if text.strip()]
        if len(passed) >= settings.PROXIES:
            return passed[-settings.PROXIES]
    return request.META.get("REMOTE_ADDR") or None


#: What somebody who must still set up their second factor may open.
_BEFORE = ("accounts:enrol", "accounts:sign-out")


def second_factor_first(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Nobody works before their second factor is set up, where it is required."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        user: Any = request.user
        if settings.SECOND_FACTOR == "required" and isinstance(user, User) and not _may_go_on(request, user):
            return redirect("accounts:enrol")
        return get_response(request)

    return answer


def _may_go_on(request: HttpRequest, user: User) -> bool:
    """Known once in a session: it is asked of the database until it is so."""
    if request.session.get("second_factor_set_up"):
        return True
    if resolve(request.path_info).view_name in _BEFORE:
        return True
    if not SecondFactor.objects.filter(user=user, confirmed_at__isnull=False).exists():
        return False
    request.session["second_factor_set_up"] = True
    return True
