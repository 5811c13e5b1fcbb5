"""What happens before any view."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from gap import views

_PROBES = {"/sante/vivant/": views.alive, "/sante/pret/": views.ready}


def probes(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Answers probes before anything looks at the name asked for, at TLS, at a session or at the journal.

    A container's health check or a load balancer calls an address of its own, in plain HTTP: it knows neither the
    public name (ALLOWED_HOSTS) nor the headers of the proxy (SECURE), and must not be told to come back by TLS.
    """

    def answer(request: HttpRequest) -> HttpResponse:
        probe = _PROBES.get(request.path_info)
        return probe(request) if probe else get_response(request)

    return answer
