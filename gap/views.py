"""Health, and the pages of errors: they say what happened, what is kept and what to do, and nothing of a person."""

from __future__ import annotations

from typing import Any

import redis
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from gap.addresses import library_address
from gap.api.problems import CONTENT_TYPE, TITLES


@require_safe
def alive(request: HttpRequest) -> HttpResponse:
    """The process answers: restart it when this fails."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """The process can serve: send it no traffic while this fails. Redis away is degraded, not down."""
    checks = {"database": _database_answers(), "redis": _redis_answers()}
    status = 200 if checks["database"] else 503
    return JsonResponse({"status": "ok" if all(checks.values()) else "degraded", **checks}, status=status)


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
    except DatabaseError:
        return False
    return True


def _redis_answers() -> bool:
    url = library_address(settings.REDIS_URL)
    try:
        return bool(redis.from_url(url, socket_timeout=1, socket_connect_timeout=1).ping())
    except redis.RedisError:
        return False


_SAID = {
    400: "Cette demande est mal formée.",
    403: "Cette demande n’est pas permise.",
    404: "Cette adresse n’existe pas.",
    405: "Cette adresse ne prend pas cette méthode.",
    413: "Cette demande est trop volumineuse. Rien n’a été enregistré.",
    429: "Trop de demandes en peu de temps. Rien n’a été enregistré\u00a0; attendez, puis recommencez.",
    500: "Une erreur est survenue de notre côté. Rien n’a été enregistré ; envoyez la demande de nouveau.",
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
    """Rendered without the request: what surrounds a page reads the database, which may be what is wrong."""
    if request.path.startswith("/api/"):
        return _error(request, 500)
    return HttpResponse(render_to_string("500.html"), status=500)


def csrf_failure(request: HttpRequest, reason: str = "", **_kwargs: Any) -> HttpResponse:
    """The session or its token is over: the typed data stay in the browser, which sends them again after sign-in."""
    return render(request, "403_csrf.html", {"failed": True}, status=403)
