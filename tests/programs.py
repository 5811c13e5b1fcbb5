"""Programs that connect to a hospital, as the screens show them."""

from __future__ import annotations

import uuid
from typing import Any

from accounts.enums import Scope
from accounts.models import ApiClient, Establishment
from teleservices.models import Webhook, WebhookMessage
from tests.worklists import scene


def a_webhook(establishment: Establishment, **fields: Any) -> Webhook:
    """An address of a program in trouble since an hour, with a message that waits."""
    client, _ = ApiClient.issue(
        f"Laboratoire {ApiClient.objects.count() + 1}", establishment, [Scope.STAYS_READ, Scope.WEBHOOKS]
    )
    values = {"url": "https://labo.example/gap", "kinds": ["stay.admitted"], "failing_since": scene.ago(minutes=60)}
    webhook = Webhook.objects.create(client=client, secret="whsec_eA==", **values | fields)
    WebhookMessage.objects.create(
        message_id=uuid.uuid4(), webhook=webhook, kind="stay.admitted", occurred_at=scene.ago(minutes=60),
        not_before=scene.ago(minutes=1), data={"stay": "260000000"},
    )  # fmt: skip
    return webhook
