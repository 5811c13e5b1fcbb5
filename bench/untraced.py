"""What the journal is measured against: the same requests, of which nothing is written."""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts.journal.unit import working
from accounts.middleware import Journal, unit_of


class Untraced(Journal):
    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with working(unit_of(request)) as unit:
            request.unit = unit  # type: ignore[attr-defined]
            return self.get_response(request)
