"""The first screen: what waits for this person, what the system does by itself."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_safe

from accounts.access import colleague, needs
from accounts.enums import Action, Role
from accounts.models import User
from gap.instances import light
from teleservices.policy import rearm_cause
from worklists import marks, overview
from worklists.listing import adorned, counters, last_handled, lines_of
from worklists.registry import Worklist, all_worklists, worklists_for_home

# Lists of which the home page of a role shows the first lines, and how many.
_FIRST_LINES = {Role.BILLING: ("factures-rejetees", "sejours-a-decider"), Role.CASHIER: ("parts-patients",)}
FIRST_LINES = 8


@require_safe
@needs(Action.SEE_HOME)
def home(request: HttpRequest) -> HttpResponse:
    """The home page of this person's roles. A role without work is told so, and since when."""
    user = colleague(request)
    if not (lists := worklists_for_home(user)) and user.may(Action.SEE_JOURNAL):
        return redirect("worklists:journal")
    found = counters(lists, user)
    todo = sum(one.count for one in found if not one.worklist.quiet)
    context: dict[str, Any] = {
        "today": timezone.localdate(),
        "counters": found,
        "todo": todo,
        "last_handled": None if todo else last_handled(user),
        "desk": user.may(Action.ADMIT),
        **_system(user),
        "extracts": _extracts(user),
    }
    if Role.REFERENT in user.roles:
        context["families"] = overview.families(user.sight(Action.SEE_HOME))
    if user.may(Action.SEE_TECHNICAL):
        context["causes"] = overview.stopped_causes(user.sight(Action.SEE_TECHNICAL))
    if Role.ADMINISTRATOR in user.roles:
        context["certificates"] = overview.certificates()
    return render(request, "worklists/home.html", context)


def _extracts(user: User) -> list[dict[str, Any]]:
    """The first lines of the lists that a role lives in."""
    slugs = [slug for role, slugs in _FIRST_LINES.items() if role in user.roles for slug in slugs]
    return [_extract(all_worklists()[slug], user) for slug in slugs]


def _extract(worklist: Worklist, user: User) -> dict[str, Any]:
    rows = adorned(worklist, marks.lines_of(worklist, user.sight(worklist.action))).order_by(worklist.since, "pk")
    lines = lines_of(worklist, list(light(rows[:FIRST_LINES])), user)
    return {"worklist": worklist, "columns": worklist.kind.columns, "lines": lines}


@require_safe
@needs(Action.SEE_HOME)
def system_panel(request: HttpRequest) -> HttpResponse:
    """« Le système s’en occupe », renewed in place."""
    user = colleague(request)
    return render(request, "worklists/home.html#system", _system(user))


def _system(user: User) -> dict[str, Any]:
    """What the panel needs. Its counts are everybody's; the list behind one is not."""
    return {
        "system": overview.system_now(user.sight(Action.SEE_HOME)),
        "may_see_stopped": all_worklists()["appels-arretes"].open_to(user),
    }


@needs(Action.SEE_TECHNICAL)
def rearm(request: HttpRequest) -> HttpResponse:
    """The cause is mended: every call that it stopped starts again (POST)."""
    back = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}, require_https=request.is_secure()):
        back = "worklists:home"
    if request.method == "POST":
        title = overview.words_of_cause(request.POST.get("cause", "")[:60])[0]
        count = rearm_cause(request.POST.get("cause", "")[:60])
        if count:
            calls = "appel repart" if count == 1 else "appels repartent"
            messages.success(request, f"{title} : {count} {calls}. Si la cause dure, ils s’arrêteront de nouveau ici.")
        else:
            messages.info(request, f"{title} : plus aucun appel n’était arrêté pour cette cause.")
    return redirect(back)
