"""What the owner of a webhook does: asks, changes, renews its secret, resumes, replays."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import ApiClient
from admissions.errors import Refused
from admissions.events import wake
from teleservices.clients.errors import ConfigurationError
from teleservices.models import Webhook, WebhookMessage
from teleservices.webhooks import kinds, sending, signing, telling

#: Of one client: a program that asks for more has lost count of them.
MOST = 10


def create(client: ApiClient, url: str, wanted: list[str]) -> tuple[Webhook, str]:
    """Returns the webhook and its secret, in clear for the only time. Raises Refused."""
    check(client, url, wanted)
    with transaction.atomic():
        ApiClient.objects.select_for_update(no_key=True).get(pk=client.pk)
        mine = Webhook.objects.filter(client=client)
        if mine.filter(url=url).exists():
            raise _refused("Cette adresse a déjà un abonnement.", "Modifiez-le, ou supprimez-le d’abord.", "url")
        if mine.count() >= MOST:
            raise _refused(f"Un logiciel a {MOST} abonnements au plus.", "Supprimez-en un d’abord.")
        secret = signing.new_secret()
        return Webhook.objects.create(client=client, url=url, kinds=sorted(set(wanted)), secret=secret), secret


def check(client: ApiClient, url: str, wanted: list[str]) -> None:
    """Whether this client may be told of these at this address. Raises Refused."""
    try:
        sending.policy().reach(url)
    except (ConfigurationError, OSError):
        raise _refused(
            "Cette adresse n’est pas de celles qui peuvent être appelées.",
            "Donnez une adresse https d’un domaine que l’établissement a autorisé.",
            "url",
        ) from None
    missing = sorted({kinds.SCOPES[kind].value for kind in wanted} - set(client.scopes))
    if missing:
        raise _refused(
            f"Ces événements demandent des portées que vous n’avez pas\u00a0: {', '.join(missing)}.",
            "Demandez-les à l’établissement, ou ôtez ces événements.",
            "kinds",
        )


def _refused(message: str, todo: str, field: str = "") -> Refused:
    return Refused(message, kept="Rien n’a été enregistré.", todo=todo, field=field)


@transaction.atomic
def renew_secret(webhook: Webhook) -> tuple[str, timedelta]:
    """A new secret; the one before signs too for SECRET_OVERLAP_H. Returns it in clear, and for how long both sign.

    Raises Refused while a passage is under way: the secret that the receiver knows would be lost.
    """
    held = Webhook.objects.select_for_update().get(pk=webhook.pk)
    if held.previous_until and held.previous_until > timezone.now():
        raise _refused("Un changement de secret est déjà en cours.", "Attendez qu’il finisse.")
    overlap = timedelta(hours=settings.SECRET_OVERLAP_H)
    held.previous_secret, held.previous_until = held.secret, timezone.now() + overlap
    held.secret = secret = signing.new_secret()
    held.save(update_fields=["secret", "previous_secret", "previous_until"])
    return secret, overlap


def stop(webhook: Webhook) -> None:
    """Nothing is sent nor kept for this address until its owner resumes."""
    Webhook.objects.filter(pk=webhook.pk, stopped_at__isnull=True).update(stopped_at=timezone.now())


@transaction.atomic
def resume(webhook: Webhook) -> None:
    """Send again what waits, from now."""
    Webhook.objects.filter(pk=webhook.pk).update(stopped_at=None, failing_since=None, next_try_at=None)
    WebhookMessage.objects.filter(webhook=webhook, delivered_at__isnull=True, given_up_at__isnull=True).update(
        not_before=timezone.now(), attempts=0
    )


@transaction.atomic
def replay(message: WebhookMessage) -> None:
    """Owe this message again, under the same identifier, delivered or not."""
    WebhookMessage.objects.filter(pk=message.pk).update(
        delivered_at=None, given_up_at=None, not_before=timezone.now(), attempts=0, problem=""
    )
    transaction.on_commit(partial(wake, telling.TASK, message.pk, queue=telling.QUEUE))
