"""Secrets of programs: drawn here, shown once, passed from one to the next without a stop."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import tokens
from accounts.models import ApiClient, ApiSecret

#: So that a secret left in a file or a log is recognised by whoever looks for them.
PREFIX: Final = "gap_cs_"


@dataclass(frozen=True, slots=True)
class NewSecret:
    """`secret` in clear, for the only time. `previous_until`: when the one before ends; None when there is none."""

    secret: str
    expires_at: datetime
    previous_until: datetime | None


class RotationUnderWay(Exception):
    """Two secrets are valid already. `until`: when the older one ends."""

    def __init__(self, until: datetime) -> None:
        super().__init__(until)
        self.until = until


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


@transaction.atomic
def rotate(
    client: ApiClient, *, overlap: timedelta | None = None, at_once: bool = False, replace_unused: bool = False
) -> NewSecret:
    """Draw a secret; the one before stays valid for `overlap` (SECRET_OVERLAP_H), never longer than it was.

    `at_once`: the others end now, with every token of this client: one of them is in wrong hands. `replace_unused`: when
    two are valid and the newer one never served (its answer was lost), it gives its place. The client's row is held: of
    two processes that rotate at once, one does. Raises RotationUnderWay.
    """
    ApiClient.objects.select_for_update(no_key=True).get(pk=client.pk)
    now = timezone.now()
    held = ApiSecret.objects.filter(client=client)
    held.filter(expires_at__lte=now).delete()
    if at_once:
        held.delete()
        tokens.end_all(client)
    live = list(held)
    if len(live) == 2 and replace_unused and live[1].last_used_at is None:
        live.pop().delete()
    if len(live) == 2:
        raise RotationUnderWay(live[0].expires_at)
    for former in live:
        former.expires_at = min(former.expires_at, now + _overlap(overlap))
        former.save(update_fields=["expires_at"])
    drawn = PREFIX + secrets.token_urlsafe(32)
    made = ApiSecret.objects.create(
        client=client,
        slot=2 if live and live[0].slot == 1 else 1,
        digest=digest(drawn),
        expires_at=now + timedelta(days=settings.SECRET_DAYS),
    )
    return NewSecret(drawn, made.expires_at, live[0].expires_at if live else None)


def _overlap(asked: timedelta | None) -> timedelta:
    return timedelta(hours=settings.SECRET_OVERLAP_H) if asked is None else asked


def check(client: ApiClient, secret: str) -> bool:
    """Whether this is a secret of the client, valid now. Its use is noted, in the transaction of what it is worth: a
    rotation that ends it waits for that one, and a use waits for a rotation, then finds it gone."""
    now = timezone.now()
    found = ApiSecret.objects.filter(client=client, digest=digest(secret), expires_at__gt=now)
    return bool(found.update(last_used_at=now))
