"""Errors of the API as problem details (RFC 9457), in French: what, what is kept, what to do."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_handler

_TITLES = {
    400: "Demande invalide",
    401: "Authentification requise",
    403: "Accès refusé",
    404: "Introuvable",
    405: "Méthode non permise",
    406: "Format non proposé",
    409: "Conflit",
    415: "Format non accepté",
    422: "Demande refusée",
    429: "Trop de demandes",
}


class Problem(exceptions.APIException):
    """A refusal with its French sentence; `extra` members join the answer."""

    def __init__(self, status: int, detail: str, *, slug: str = "refused", **extra: Any) -> None:
        super().__init__(detail)
        self.status_code = status
        self.slug = slug
        self.extra = extra


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Every error that the API raises on purpose becomes application/problem+json."""
    response = drf_handler(error, context)
    if response is None:
        return None
    status = response.status_code
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": _TITLES.get(status, "Erreur"),
        "status": status,
    }
    if isinstance(error, Problem):
        body["type"] = f"/api/problems/{error.slug}"
        body["detail"] = str(error.detail)
        body.update({name: value for name, value in error.extra.items() if value})
    elif isinstance(error, exceptions.ValidationError):
        body["type"] = "/api/problems/invalid"
        body["detail"] = "Un ou plusieurs champs sont à corriger. Rien n’a été enregistré."
        body["errors"] = response.data
    elif isinstance(error, Http404):
        body["detail"] = "Cet élément n’existe pas, ou n’est pas de votre établissement."
    elif isinstance(error, PermissionDenied):
        body["detail"] = "Ce client n’a pas la portée nécessaire."
    else:
        body["detail"] = str(response.data.get("detail", ""))
    response.data = body
    response.content_type = "application/problem+json"
    return response
