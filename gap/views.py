"""Health, and the pages of errors: they say what happened, what is kept and what to do, and nothing of a person."""

from __future__ import annotations

import sys
from typing import Any, Final

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from gap import health, incidents
from gap.api.problems import CONTENT_TYPE, TITLES
from gap.faults import Away, away


@require_safe
def alive(request: HttpRequest) -> HttpResponse:
    """The process answers: restart it when this fails."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """The process can serve: send it no traffic while this fails. Without Redis, room or the right time it still serves."""
    found = health.look()
    status = "ok" if all(found.parts.values()) else "degraded" if found.ready else "down"
    return JsonResponse({"status": status, **found.parts}, status=200 if found.ready else 503)


_SAID = {
    400: "Cette demande est mal formée.",
    403: "Cette demande n’est pas permise.",
    404: "Cette adresse n’existe pas.",
    405: "Cette adresse ne prend pas cette méthode.",
    413: "Cette demande est trop volumineuse. Rien n’a été enregistré.",
    429: "Trop de demandes en peu de temps. Rien n’a été enregistré\u00a0; attendez, puis recommencez.",
    500: "Une erreur est survenue de notre côté. Rien n’a été enregistré ; envoyez la demande de nouveau.",
}
#: Of what is away: what happened, what becomes of what was asked, seconds before one more try.
_AWAY: Final = {
    # An answer of COMMIT may be what was lost: it is not for us to say that nothing was recorded.
    Away.DATABASE: (
        "La base de données ne répond pas.",
        "Rien n’est enregistré à moitié, rien n’est perdu\u00a0: envoyée de nouveau, une demande n’est faite qu’une fois.",
        10,
    ),
    Away.READ_ONLY: (
        "La base de données ne peut être que lue\u00a0: elle vient de changer de machine.",
        "Rien n’a été enregistré, rien n’est perdu.",
        10,
    ),
    Away.DATABASE_DISK: ("Le disque de la base de données est plein.", "Rien n’a été enregistré à moitié.", 60),
    Away.DISK: ("Le disque du serveur est plein.", "Rien n’a été enregistré à moitié.", 60),
    Away.BUSY: ("Quelqu’un d’autre écrit la même chose au même moment.", "Rien n’a été enregistré.", 2),
    Away.SLOW: ("La base de données a mis trop de temps.", "Rien n’a été enregistré.", 10),
}


#: What whoever keeps the machine is told of, by the names of `gap.incidents`.
_TOLD: Final = {
    Away.DATABASE: "database",
    Away.READ_ONLY: "writable",
    Away.DATABASE_DISK: "database_disk",
    Away.DISK: "room",
}


def _error(request: HttpRequest, status: int) -> HttpResponse:
    if request.path.startswith("/api/"):
        body = {"type": "about:blank", "title": TITLES.get(status, "Erreur"), "status": status, "detail": _SAID[status]}
        return JsonResponse(body, status=status, content_type=CONTENT_TYPE)
    # `failed`: no page of errors repeats what was asked for.
    return render(request, f"{status}.html", {"failed": True}, status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, 413 if isinstance(exception, RequestDataTooBig) else 400)


def plain_http(request: HttpRequest) -> HttpResponse:
    """For programs alone, whatever the address."""
    detail = (
        "Cette adresse ne répond qu’en HTTPS. Rien n’a été lu ni enregistré\u00a0; ce qui vient d’être envoyé a voyagé en "
        "clair\u00a0: changez ce secret ou ce jeton, puis appelez en HTTPS."
    )
    body = {"type": "urn:mini-gap:problem:https-required", "title": TITLES[403], "status": 403, "detail": detail}
    return JsonResponse(body, status=403, content_type=CONTENT_TYPE)


def malformed(request: HttpRequest) -> HttpResponse:
    return _error(request, 400)


def too_large(request: HttpRequest) -> HttpResponse:
    return _error(request, 413)


def method_not_allowed(request: HttpRequest, allowed: str) -> HttpResponse:
    """`allowed`: the methods that the address takes, as the header writes them."""
    response = _error(request, 405)
    response.headers["Allow"] = allowed
    return response


def too_many(request: HttpRequest, wait_s: int) -> HttpResponse:
    """`wait_s`: seconds before it may be asked again."""
    response = _error(request, 429)
    response.headers["Retry-After"] = str(wait_s)
    return response


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Rendered without the request: what surrounds a page reads the database, which may be what is wrong.

    What is only away for a moment is said to be so: the person waits, the program tries again.
    """
    problem = sys.exc_info()[1]
    gone = away(problem)
    if gone is None:
        if request.path.startswith("/api/"):
            return _error(request, 500)
        return HttpResponse(render_to_string("500.html"), status=500)
    if told := _TOLD.get(gone):
        incidents.report(told, well=False)
    happened, system, wait_s = _AWAY[gone]
    if request.path.startswith("/api/"):
        body = {
            "type": "urn:mini-gap:problem:unavailable",
            "title": TITLES[503],
            "status": 503,
            "detail": f"{happened} {system} Renvoyez la même demande après les secondes de l’en-tête Retry-After.",
        }
        response: HttpResponse = JsonResponse(body, status=503, content_type=CONTENT_TYPE)
    else:
        said = {"happened": happened, "system": system, "told": told, "read": request.method in ("GET", "HEAD")}
        response = HttpResponse(render_to_string("503.html", said), status=503)
    response.headers["Retry-After"] = str(wait_s)
    return response


def csrf_failure(request: HttpRequest, reason: str = "", **_kwargs: Any) -> HttpResponse:
    """The session or its token is over: the typed data stay in the browser, which sends them again after sign-in."""
    return render(request, "403_csrf.html", {"failed": True}, status=403)
