"""« Logiciels »: the programs that connect, what each may do, when its proof ends, whom it asked to be told.

Seen, narrowed and ended here; never made nor given anything (`accounts.programs` says why).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django.contrib import messages
from django.db.models import Count, Max, Min, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts import programs as services
from accounts.access import needs
from accounts.administration import RefusedError
from accounts.enums import Action, JournalKind, Scope
from accounts.forms_people import ReasonForm
from accounts.journal import done
from accounts.models import ApiClient, ApiToken, Establishment
from gap.lists import page_number, page_of
from teleservices.models import Webhook, WebhookMessage
from teleservices.webhooks import managing

_SOON_DAYS: Final = 30


def _here(request: HttpRequest) -> Establishment:
    user: Any = request.user
    if user.establishment is None:
        raise Http404
    return user.establishment  # type: ignore[no-any-return]


def _mine(request: HttpRequest) -> QuerySet[ApiClient]:
    return services.programs_of(_here(request))


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


def _with_reason(request: HttpRequest, pk: int, act: Callable[[ApiClient, str], str]) -> HttpResponse:
    """Do it with the reason that was typed, and come back to the program with what happened or why not."""
    client = get_object_or_404(_mine(request), pk=pk)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _page(request, client, form)
    try:
        messages.success(request, act(client, str(form.cleaned_data["reason"])))
    except RefusedError as refused:
        messages.error(request, refused.message)
    return redirect("worklists:program", pk=client.pk)


@needs(Action.MANAGE_PROGRAMS)
@require_POST
def put_out(request: HttpRequest, pk: int) -> HttpResponse:
    """It connects no more."""
    user: Any = request.user

    def act(client: ApiClient, reason: str) -> str:
        services.put_out(user, client, reason)
        return "Logiciel hors service. Ses secrets et ses jetons sont finis\u00a0; ce qu’il a fait reste à son nom."

    return _with_reason(request, pk, act)


@needs(Action.MANAGE_PROGRAMS)
@require_POST
def end_tokens(request: HttpRequest, pk: int) -> HttpResponse:
    """What it was given so far opens nothing more."""
    user: Any = request.user

    def act(client: ApiClient, reason: str) -> str:
        services.end_tokens(user, client, reason)
        return "Jetons finis. Le logiciel doit se prouver de nouveau."

    return _with_reason(request, pk, act)


@needs(Action.MANAGE_PROGRAMS)
@require_POST
def narrow(request: HttpRequest, pk: int) -> HttpResponse:
    """The scopes that stay ticked are left."""
    user: Any = request.user
    left = set(request.POST.getlist("scope"))

    def act(client: ApiClient, reason: str) -> str:
        taken = services.narrow(user, client, left, reason)
        return f"Retiré\u00a0: {', '.join(Scope(scope).label for scope in taken)}. C’est déjà vrai de ses jetons."

    return _with_reason(request, pk, act)


def _webhook(request: HttpRequest, pk: int) -> Webhook:
    return get_object_or_404(Webhook.objects.select_related("client"), pk=pk, client__establishment=_here(request))


@needs(Action.MANAGE_PROGRAMS)
@require_POST
def stop_webhook(request: HttpRequest, pk: int) -> HttpResponse:
    """Nothing more leaves for this address."""
    webhook = _webhook(request, pk)
    managing.stop(webhook)
    _told(webhook, "abonnement arrêté")
    messages.success(request, "Abonnement arrêté. Ce qui arrive d’ici sa reprise ne sera pas dit à cette adresse.")
    return redirect("worklists:program", pk=webhook.client_id)


@needs(Action.MANAGE_PROGRAMS)
@require_POST
def resume_webhook(request: HttpRequest, pk: int) -> HttpResponse:
    """What waits leaves again, from now."""
    webhook = _webhook(request, pk)
    managing.resume(webhook)
    _told(webhook, "abonnement repris")
    messages.success(request, "Abonnement repris. Ce qui attendait repart.")
    return redirect("worklists:program", pk=webhook.client_id)


def _told(webhook: Webhook, action: str) -> None:
    done(JournalKind.ADMIN, action, object_type="teleservices_webhook", object_id=webhook.pk)
