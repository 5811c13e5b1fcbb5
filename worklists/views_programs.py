"""« Logiciels »: the programs that connect, what each may do, when its proof ends, whom it asked to be told.

Seen, narrowed and ended here; never made nor given anything (`accounts.programs` says why).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.contrib import messages
from django.db.models import Count, Max, Min, Q, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts import programs as services
from accounts.access import colleague, needs, workplace
from accounts.administration import RefusedError
from accounts.enums import Action, JournalKind, Scope
from accounts.forms_people import ReasonForm
from accounts.journal import done
from accounts.models import ApiClient, ApiToken, User
from gap.lists import page_number, page_of
from teleservices.models import Webhook, WebhookMessage
from teleservices.webhooks import managing

_SOON_DAYS: Final = 30


def _mine(request: HttpRequest) -> QuerySet[ApiClient]:
    return services.programs_of(workplace(request))


@needs(Action.MANAGE_PROGRAMS)
@require_safe
def programs(request: HttpRequest) -> HttpResponse:
    """The list: what is about to stop working, or was never used, is seen without opening anything."""
    now = timezone.now()
    found = _mine(request)
    shown = found.annotate(
        secret_until=Max("secrets__expires_at", filter=Q(secrets__expires_at__gt=now)),
        subscriptions=Count("webhooks", distinct=True),
        troubled=Count(
            "webhooks",
            filter=Q(webhooks__stopped_at__isnull=False) | Q(webhooks__failing_since__isnull=False),
            distinct=True,
        ),
    )
    page = page_of(shown, page_number(request.GET.get("page")), counted=found)
    for one in page.object_list:
        one.ends_at = _end_of(one)
        one.ends_soon = one.ends_at is not None and (one.ends_at - now).days < _SOON_DAYS
    return render(request, "worklists/programs.html", {"page": page})


def _end_of(one: Any) -> Any:
    """When what it proves itself by ends; None when it has no end of its own here."""
    ends = [moment for moment in (one.secret_until, one.token_until if one.token_digest else None) if moment]
    return max(ends, default=None)


@needs(Action.MANAGE_PROGRAMS)
@require_safe
def program(request: HttpRequest, pk: int) -> HttpResponse:
    return _page(request, get_object_or_404(_mine(request), pk=pk))


def _page(request: HttpRequest, client: ApiClient, form: ReasonForm | None = None) -> HttpResponse:
    now = timezone.now()
    waiting = Q(messages__delivered_at__isnull=True, messages__given_up_at__isnull=True)
    context = {
        "program": client,
        "secrets": list(client.secrets.all()),
        "fixed_until": client.token_until if client.token_digest else None,
        "tokens": ApiToken.objects.filter(client=client, revoked_at__isnull=True, expires_at__gt=now).count(),
        "scopes": [(scope, Scope(scope).label) for scope in client.scopes if scope in Scope.values],
        "webhooks": Webhook.objects.filter(client=client).annotate(
            waiting=Count("messages", filter=waiting),
            oldest=Min("messages__occurred_at", filter=waiting),
            told_at=Max("messages__delivered_at"),
        ),
        "given_up": WebhookMessage.objects.filter(webhook__client=client, given_up_at__isnull=False).count(),
        "form": form or ReasonForm(),
        "now": now,
    }
    return render(request, "worklists/program.html", context, status=422 if form else 200)


def _put_out(by: User, client: ApiClient, _posted: QueryDict, reason: str) -> str:
    services.put_out(by, client, reason)
    return "Logiciel hors service. Ses secrets et ses jetons sont finis\u00a0; ce qu’il a fait reste à son nom."


def _end_tokens(by: User, client: ApiClient, _posted: QueryDict, reason: str) -> str:
    services.end_tokens(by, client, reason)
    return "Jetons finis. Le logiciel doit se prouver de nouveau."


def _narrow(by: User, client: ApiClient, posted: QueryDict, reason: str) -> str:
    """The scopes that stay ticked are left."""
    taken = services.narrow(by, client, set(posted.getlist("scope")), reason)
    return f"Retiré\u00a0: {', '.join(Scope(scope).label for scope in taken)}. C’est déjà vrai de ses jetons."


# By the word that `urls` gives. Each returns what is then said, or raises RefusedError.
_TAKEN: Final[dict[str, Callable[[User, ApiClient, QueryDict, str], str]]] = {
    "scopes": _narrow,
    "tokens": _end_tokens,
    "service": _put_out,
}


@needs(Action.MANAGE_PROGRAMS)
@require_POST
def take_away(request: HttpRequest, pk: int, what: str) -> HttpResponse:
    """Do it with the reason that was typed, and come back to the program with what happened or why not.

    `what`: a key of the table above.
    """
    user = colleague(request)
    client = get_object_or_404(_mine(request), pk=pk)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _page(request, client, form)
    try:
        messages.success(request, _TAKEN[what](user, client, request.POST, str(form.cleaned_data["reason"])))
    except RefusedError as refused:
        messages.error(request, refused.message)
    return redirect("worklists:program", pk=client.pk)


@dataclass(frozen=True)
class _Turn:
    """A subscription stopped or started again: what does it, its word in the journal, what is then said."""

    do: Callable[[Webhook], object]
    journaled: str
    said: str


_TURNS: Final = {
    "stop": _Turn(
        managing.stop,
        "abonnement arrêté",
        "Abonnement arrêté. Ce qui arrive d’ici sa reprise ne sera pas dit à cette adresse.",
    ),
    "resume": _Turn(managing.resume, "abonnement repris", "Abonnement repris. Ce qui attendait repart."),
}


@needs(Action.MANAGE_PROGRAMS)
@require_POST
def turn_webhook(request: HttpRequest, pk: int, which: str) -> HttpResponse:
    """Nothing more leaves for this address, or what waits leaves again from now. `which`: a key of the table above."""
    turn = _TURNS[which]
    webhook = get_object_or_404(
        Webhook.objects.select_related("client"), pk=pk, client__establishment=workplace(request)
    )
    turn.do(webhook)
    done(JournalKind.ADMIN, turn.journaled, object_type="teleservices_webhook", object_id=webhook.pk)
    messages.success(request, turn.said)
    return redirect("worklists:program", pk=webhook.client_id)
