"""What every view of the REST API has in common: the client, its scopes, its keys, and nothing silently ignored."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

from django.http.response import HttpResponseBase
from django.utils.http import http_date
from rest_framework import viewsets
from rest_framework.exceptions import MethodNotAllowed, ValidationError
from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer

from accounts import idempotency
from accounts.enums import Scope
from accounts.idempotency import Keyed
from accounts.models import ApiClient
from accounts.tokens import Grant
from gap.api.openapi import Schema
from gap.api.parsers import StrictJsonParser
from gap.api.problems import Problem

_WRITES = ("POST", "PUT", "PATCH", "DELETE")
# A body of ours is a few lines; a card is a file of 10 Mo at most, and the form around it.
_JSON_LIMIT = 1024 * 1024
_FORM_LIMIT = 11 * 1024 * 1024
# Since OAuth 2: 23 November 2026, as RFC 9745 writes a date.
_FIXED_TOKENS_DEPRECATED = "@1795392000"


class ClientViewSet(viewsets.GenericViewSet[Any]):
    """A view names, for each of its actions, the scope it takes; and for each POST, what it does of a key.

    `query_names` are the parameters it reads from the address beside its filters and the page.
    """

    scopes: ClassVar[dict[str, Scope]] = {}
    keyed: ClassVar[dict[str, Keyed]] = {}
    query_names: ClassVar[tuple[str, ...]] = ()
    parser_classes = [StrictJsonParser]
    metadata_class = None
    # For a view that lists no model: the description asks for a queryset, and an empty one shows nothing.
    queryset: Any = ApiClient.objects.none()
    http_method_names = ["get", "post", "put", "patch", "delete", "head"]
    schema = Schema()

    @property
    def required_scopes(self) -> dict[str, Scope]:
        """Scope of each method of this address (see HasScope)."""
        return {
            method.upper(): self.scopes[action] for method, action in self.action_map.items() if action in self.scopes
        }

    @property
    def client(self) -> ApiClient:
        client = self.request.user
        assert isinstance(client, ApiClient)
        return client

    def keyed_for(self, action: str) -> Keyed:
        return self.keyed.get(action, Keyed.ACCEPTED)

    def check_permissions(self, request: Request) -> None:
        # Told before the scope: no scope would ever open a method that is not there.
        method = str(request.method).lower()
        if request.user is not None and not (method in self.http_method_names and hasattr(self, method)):
            raise MethodNotAllowed(method.upper())
        super().check_permissions(request)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        _refuse_large(request)
        self._refuse_unknown_parameters(request)
        keyed = self.keyed_for(self.action or "")
        if request.method == "POST" and keyed is not Keyed.IGNORED:
            # `as_view` binds the action to the method on this instance, for this request: it is wrapped the same way.
            act = getattr(self, "post")  # noqa: B009 (as_view sets it, no class has it)
            self.post = partial(self._once, act, keyed is Keyed.REQUIRED)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        answer = super().finalize_response(request, response, *args, **kwargs)
        # Dossiers: no cache on the way keeps them.
        answer.headers.setdefault("Cache-Control", "no-store")
        _tell_the_client(answer, getattr(request, "auth", None), self.required_scopes.get(str(request.method)))
        return answer

    def _once(self, act: Any, required: bool, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return idempotency.once(self, request, required, partial(act, request, *args, **kwargs))

    def _refuse_unknown_parameters(self, request: Request) -> None:
        known = set(self.query_names)
        if request.method not in _WRITES:
            known |= {"page", "page_size"}
            known |= set(getattr(getattr(self, "filterset_class", None), "base_filters", ()))
        if unknown := sorted(set(request.query_params) - known):
            raise ValidationError(
                {
                    name.encode("ascii", "backslashreplace").decode()[:60]: ["Ce paramètre n’est pas connu ici."]
                    for name in unknown
                }
            )

    def body(self, serializer_class: type[BaseSerializer[Any]], **options: Any) -> dict[str, Any]:
        """Checked members of the body. Raises ValidationError."""
        serializer = serializer_class(data=self.request.data, context=self.get_serializer_context(), **options)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)


def _tell_the_client(answer: Any, grant: Any, scope: Scope | None) -> None:
    """What a library reads in the headers: the scope that is missing (RFC 6750 §3.1), the end of a fixed token (RFC 9745,
    RFC 8594)."""
    if answer.status_code == 403 and scope is not None:
        answer.headers["WWW-Authenticate"] = f'Bearer error="insufficient_scope", scope="{scope}"'
    if isinstance(grant, Grant) and grant.fixed_until:
        answer.headers["Deprecation"] = _FIXED_TOKENS_DEPRECATED
        answer.headers["Sunset"] = http_date(grant.fixed_until.timestamp())


def _refuse_large(request: Request) -> None:
    """Before anything is read. Without a length the server gives us an empty body. Raises Problem (413)."""
    length = str(request.META.get("CONTENT_LENGTH") or "0")
    limit = _FORM_LIMIT if str(request.content_type).startswith("multipart/") else _JSON_LIMIT
    if length.isdecimal() and int(length) > limit:
        raise Problem(413, f"Cette demande dépasse {limit // (1024 * 1024)} Mo.", slug="too-large")
