"""Delivery: claim, commit, post, record. At least once, under one identifier; no lock is held while the network works."""

from __future__ import annotations

import json
import random
import ssl
import time
from collections.abc import Hashable
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Final

import structlog
from django.conf import settings
from django.core.mail import mail_admins
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.enums import JournalKind, Scope
from accounts.journal import current, done, writing
from admissions.events import wake
from admissions.models import Stay
from teleservices.clients.addresses import AddressPolicy
from teleservices.clients.credentials import version_of
from teleservices.clients.errors import CallError
from teleservices.clients.transport import Limits, MutualTlsTransport
from teleservices.models import Webhook, WebhookMessage
from teleservices.webhooks import kinds, signing
from teleservices.webhooks.telling import QUEUE, TASK

log = structlog.get_logger(__name__)

_LIMITS: Final = Limits(connect=3, read=10, total=15, max_answer_bytes=64 * 1024)
#: Longer than a post may last: whoever has not recorded by then is dead.
_CLAIM: Final = timedelta(seconds=45)
#: Before the second try, the third…; the last goes on.
DELAYS_S: Final = (5, 30, 120, 600, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600)
_GONE: Final = 410
#: Between two tries of an address that does not answer: half of the time since it last did, within these bounds.
_SILENT_MIN, _SILENT_MAX = timedelta(seconds=5), timedelta(hours=6)


class _Authorities:
    """Whom we trust: those of the machine, or of WEBHOOK_AUTHORITIES. We show nothing of us: the signature does."""

    def version(self) -> Hashable:
        path = settings.WEBHOOKS["authorities"]
        return version_of(Path(path)) if path else ""

    def load(self, context: ssl.SSLContext) -> None:
        if path := settings.WEBHOOKS["authorities"]:
            context.load_verify_locations(cafile=path)
        else:
            context.load_default_certs()


def policy() -> AddressPolicy:
    """Where a webhook may lead: hosts of the settings, public ones unless a network is opened by name."""
    chosen = settings.WEBHOOKS
    return AddressPolicy.of(hosts=chosen["hosts"], ports=chosen["ports"], networks=chosen["internal_networks"])


@lru_cache(maxsize=4)
def _transport(in_force: AddressPolicy) -> MutualTlsTransport:
    return MutualTlsTransport(_Authorities(), _LIMITS, in_force)


def send(message_pk: int) -> None:
    """Try one message that is due and that nobody holds."""
    message = _claim(message_pk)
    if message is None:
        return
    webhook = message.webhook
    body = payload(message)
    moment = int(time.time())
    headers = {
        "Content-Type": "application/json",
        "Accept": "*/*",
        "User-Agent": settings.SOFTWARE_NAME,
        **signing.headers(str(message.message_id), moment, body, _keys(webhook)),
    }
    try:
        answer = _transport(policy()).post(webhook.url, body, headers)
    except CallError as failure:
        _record(message, failure.http_status, failure.reason)
    else:
        _record(message, answer.status, "" if 200 <= answer.status < 300 else "http_status")


def payload(message: WebhookMessage) -> bytes:
    """The same bytes at each try."""
    told = {"type": message.kind, "timestamp": message.occurred_at.isoformat(), "data": message.data}
    return json.dumps(told, sort_keys=True, separators=(",", ":")).encode()


def _keys(webhook: Webhook) -> list[str]:
    keys = [str(webhook.secret)]
    if webhook.previous_secret and webhook.previous_until and webhook.previous_until > timezone.now():
        keys.append(str(webhook.previous_secret))
    return keys


@transaction.atomic
def _claim(message_pk: int) -> WebhookMessage | None:
    now = timezone.now()
    message = (
        WebhookMessage.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("webhook__client")
        .filter(pk=message_pk, delivered_at__isnull=True, given_up_at__isnull=True, not_before__lte=now)
        .first()
    )
    if message is None or (message.webhook.next_try_at and message.webhook.next_try_at > now):
        return None
    if not _still_may(message):
        message.given_up_at, message.problem = now, "not_allowed"
        message.save(update_fields=["given_up_at", "problem"])
        return None
    message.attempts += 1
    # Out of the queue as long as it is held: that is the whole claim. A worker that dies lets it come back by itself.
    message.not_before = now + _CLAIM
    message.save(update_fields=["attempts", "not_before"])
    return message


def _still_may(message: WebhookMessage) -> bool:
    """The program is in service, was not stopped, and still has the scopes of what it would be told.

    A dossier protected since the message was written does not exist any more for a program without the scope of those.
    """
    webhook, scopes = message.webhook, message.webhook.client.scopes
    if webhook.stopped_at or not webhook.client.active or kinds.SCOPES.get(message.kind) not in scopes:
        return False
    if Scope.PROTECTED in scopes:
        return True
    return not Stay.objects.filter(iep=message.data.get("stay")).exclude(patient__protection="").exists()


@transaction.atomic
def _record(message: WebhookMessage, status: int | None, problem: str) -> None:
    now = timezone.now()
    webhook = Webhook.objects.select_for_update(of=("self",)).filter(pk=message.webhook_id).first()
    if webhook is None:
        return
    message.http_status, message.problem = status, problem[:60]
    if not problem:
        message.delivered_at, webhook.failing_since, webhook.next_try_at = now, None, None
    else:
        message.not_before = now + delay(message.attempts)
        webhook.failing_since = webhook.failing_since or now
        silent = min(max((now - webhook.failing_since) / 2, _SILENT_MIN), _SILENT_MAX)
        webhook.next_try_at = now + silent if status is None else None
        if status == _GONE or now - webhook.failing_since > timedelta(days=settings.WEBHOOKS["days"]):
            _stop(webhook, now)
    message.save(update_fields=["http_status", "problem", "delivered_at", "not_before"])
    webhook.save(update_fields=["failing_since", "next_try_at", "stopped_at"])


def delay(attempts: int) -> timedelta:
    """Before the next try, with up to a tenth more: what failed together does not come back together."""
    seconds = DELAYS_S[min(attempts, len(DELAYS_S)) - 1]
    return timedelta(seconds=seconds * (1 + random.random() / 10))  # noqa: S311 (no secret)


def _stop(webhook: Webhook, now: datetime) -> None:
    webhook.stopped_at = now
    unit = current()
    unit.client_id, unit.establishment_id = webhook.client_id, webhook.client.establishment_id
    told = {"webhook": webhook.pk}
    done(JournalKind.ADMIN, "abonnement arrêté", object_type="teleservices_webhook", object_id=webhook.pk, detail=told)
    writing.write(unit)
    log.warning("webhook_stopped", webhook=webhook.pk, client=webhook.client_id)
    whose = f"bonnement {webhook.pk} de «\u00a0{webhook.client.name}\u00a0»"
    transaction.on_commit(
        lambda: mail_admins(
            f"A{whose} arrêté",
            f"L’adresse de l’a{whose} ne répond plus. Rien ne lui est plus envoyé\u00a0; ce qui n’était pas remis est gardé. "
            "Une fois l’adresse rétablie, ce logiciel reprend lui-même l’abonnement.",
        )
    )


def sweep(limit: int = 200) -> int:
    """Wake a worker for each message that is due: tries again, and what a crash left. Returns how many.

    Of an address in trouble, one at a time: it keeps no worker from the others.
    """
    now = timezone.now()
    due = WebhookMessage.objects.filter(delivered_at__isnull=True, given_up_at__isnull=True, not_before__lte=now)
    ready = due.filter(Q(webhook__next_try_at__isnull=True) | Q(webhook__next_try_at__lte=now))
    found = ready.filter(webhook__stopped_at__isnull=True).order_by("not_before")
    troubled: set[int] = set()
    count = 0
    for pk, webhook, failing in found.values_list("pk", "webhook_id", "webhook__failing_since")[:limit]:
        if webhook in troubled:
            continue
        if failing:
            troubled.add(webhook)
        wake(TASK, pk, queue=QUEUE)
        count += 1
    return count


def forget() -> int:
    """Take away messages kept as long as they may be replayed. Returns how many."""
    before = timezone.now() - timedelta(days=settings.WEBHOOKS["kept_days"])
    return WebhookMessage.objects.filter(created_at__lt=before).delete()[0]
