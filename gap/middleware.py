"""What happens before any view."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from gap import rates, views

_PROBES = {"/sante/vivant/": views.alive, "/sante/pret/": views.ready}


_EMPTY = b""


class CalmScreens:
    """The screens that cost the most (`settings.HEAVY_SCREENS`) are asked for at a rate, person by person. A NUL in
    a form, and a method that a screen does not take, are told on a page like any other refusal."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        if response.status_code == 405 and not response.streaming and response.content == _EMPTY:
            return views.method_not_allowed(request, response.headers.get("Allow", ""))
        return response

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        if request.method == "POST" and not request.path_info.startswith("/api/") and _holds_nul(request):
            return views.malformed(request)
        kind = _heavy(request)
        if kind is None or not request.user.is_authenticated:
            return None
        wait_s = rates.wait_of(kind, request.user.pk)
        return views.too_many(request, wait_s) if wait_s else None


def _holds_nul(request: HttpRequest) -> bool:
    """What a view reads of a form beside a form class goes to PostgreSQL as it is, which takes a NUL in no text."""
    return any("\0" in value for values in request.POST.lists() for value in (values[0], *values[1]))


def _heavy(request: HttpRequest) -> str | None:
    """The rate that this request is counted by. Some lists are exported at their own address, by a parameter."""
    name = request.resolver_match.view_name if request.resolver_match else ""
    kind: str | None = settings.HEAVY_SCREENS.get(name)
    if kind == "card" and request.method != "POST":
        return None
    if kind is None and request.GET.get("format"):
        return "export"
    return kind


def bounded(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Refuses what is too big before a byte of it is read: a form may hold one file, and files go to the disk as they come.

    Without a declared length, nothing is read: WSGI has no other end of a body. And an address with a NUL, which no
    person types and which PostgreSQL takes in no text.
    """

    def answer(request: HttpRequest) -> HttpResponse:
        declared = request.META.get("CONTENT_LENGTH") or "0"
        if not declared.isdecimal() or int(declared[:12]) > settings.MAX_REQUEST_BYTES:
            return views.too_large(request)
        if "\0" in request.path_info or "%00" in request.META.get("QUERY_STRING", ""):
            return views.malformed(request)
        return get_response(request)

    return answer


def probes(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Answers probes before anything looks at the name asked for, at TLS, at a session or at the journal.

    A container's health check or a load balancer calls an address of its own, in plain HTTP: it knows neither the
    public name (ALLOWED_HOSTS) nor the headers of the proxy (SECURE), and must not be told to come back by TLS.
    """

    def answer(request: HttpRequest) -> HttpResponse:
        probe = _PROBES.get(request.path_info)
        return probe(request) if probe else get_response(request)

    return answer
