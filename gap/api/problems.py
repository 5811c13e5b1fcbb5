"""Errors of the API as problem details (RFC 9457), in French: what, what is kept, what to do.

This floor does not know the errors of the floors above: each `api` module says how its own are told (`translates`).
No answer repeats what was sent: it may be somebody's name or number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_handler

CONTENT_TYPE = "application/problem+json"
TITLES = {
    400: "Demande invalide",
    401: "Authentification requise",
    403: "Accès refusé",
    404: "Introuvable",
    405: "Méthode non permise",
    406: "Format non proposé",
    409: "Conflit",
    413: "Demande trop volumineuse",
    415: "Format non accepté",
    422: "Demande refusée",
    429: "Trop de demandes",
    503: "Momentanément indisponible",
}


class Problem(exceptions.APIException):
    """A refusal with its French sentence. `slug` is a stable key for programs; `extra` members join the answer.

    `wait_s`: seconds after which the demand may be sent again (`Retry-After`).
    """

    def __init__(
        self, status: int, detail: str, *, slug: str = "refused", wait_s: int | None = None, **extra: Any
    ) -> None:
        super().__init__(detail)
        self.wait = wait_s
        self.status_code = status
        self.slug = slug
        self.extra = extra


_TRANSLATORS: dict[type[Exception], Callable[[Any], Problem]] = {}


E = TypeVar("E", bound=Exception)


def translates(kind: type[E]) -> Callable[[Callable[[E], Problem]], Callable[[E], Problem]]:
    """Decorate the function that tells an error of an upper floor, and its subclasses, as a Problem."""

    def decorate(translator: Callable[[E], Problem]) -> Callable[[E], Problem]:
        _TRANSLATORS[kind] = translator
        return translator

    return decorate


def told_errors() -> tuple[type[Exception], ...]:
    """Every error that `exception_handler` tells; any other is a fault of ours."""
    return exceptions.APIException, Http404, PermissionDenied, SuspiciousOperation, *_TRANSLATORS


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Every error that the API raises on purpose becomes application/problem+json; the others stay exceptions."""
    for kind in type(error).__mro__:
        if translator := _TRANSLATORS.get(kind):
            error = translator(error)
            break
    if isinstance(error, SuspiciousOperation):
        too_big = isinstance(error, RequestDataTooBig)
        error = Problem(413 if too_big else 400, "Cette demande est trop volumineuse ou mal formée.", slug="malformed")
    response = drf_handler(error, context)
    if response is None:
        return None
    slug, members = _members(error, response)
    status = response.status_code
    response.data = {
        "type": f"urn:mini-gap:problem:{slug}",
        "title": TITLES.get(status, "Erreur"),
        "status": status,
        **{name: value for name, value in members.items() if value not in ("", None, [], {})},
    }
    response.content_type = CONTENT_TYPE
    return response


def _members(error: Exception, response: Response) -> tuple[str, dict[str, Any]]:
    if isinstance(error, Problem):
        return error.slug, {"detail": str(error.detail), **error.extra}
    if isinstance(error, exceptions.ValidationError):
        detail = "Un ou plusieurs champs sont à corriger. Rien n’a été enregistré."
        return "invalid", {"detail": detail, "errors": list(_flat(response.data))}
    if isinstance(error, Http404):
        return "not-found", {"detail": "Cet élément n’existe pas, ou n’est pas de votre établissement."}
    if isinstance(error, exceptions.PermissionDenied | PermissionDenied):
        return "forbidden", {"detail": "Ce client n’a pas la portée nécessaire."}
    if isinstance(error, exceptions.Throttled):
        return "too-many", {
            "detail": "Trop de demandes en une minute. Rien n’a été enregistré\u00a0: attendez les secondes de l’en-tête "
            "Retry-After, puis renvoyez la même demande."
        }
    slug = {400: "malformed", 401: "unauthenticated", 404: "not-found", 405: "method", 406: "format", 415: "format"}
    return slug.get(response.status_code, "error"), {"detail": str(response.data.get("detail", ""))}


def _flat(data: Any, path: str = "") -> Iterator[dict[str, str]]:
    """Faults one by one: the field (dotted when nested, empty for the whole body) and the sentence."""
    if isinstance(data, dict):
        for name, value in data.items():
            own = "" if name == "non_field_errors" else str(name)
            yield from _flat(value, ".".join(part for part in (path, own) if part))
    elif isinstance(data, list):
        for value in data:
            yield from _flat(value, path)
    else:
        yield {"field": path, "detail": str(data)}
