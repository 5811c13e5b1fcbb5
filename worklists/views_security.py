"""« Sécurité »: what the running installation says of its own safety."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.access import needs, workplace
from accounts.enums import Action
from worklists import security


@needs(Action.SEE_SECURITY)
@require_safe
def report(request: HttpRequest) -> HttpResponse:
    """The worst first."""
    here = workplace(request)
    lines = security.lines(here)
    wrong = sum(line.tone != "ok" for line in lines)
    return render(request, "worklists/security.html", {"lines": lines, "wrong": wrong})
