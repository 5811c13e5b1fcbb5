"""Which addresses the settings let us call, and the calls that a refused address had stopped."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone

from gap.constants import Constant
from teleservices import planning
from teleservices.clients.addresses import ADDRESS_REFUSED, AddressPolicy
from teleservices.clients.errors import ConfigurationError
from teleservices.enums import CallStatus
from teleservices.models import TeleserviceAttempt, TeleserviceCall

# How many addresses are looked at in a turn, and how many of the calls of each are woken by themselves.
_LOOKED_AT: Final = 200
_WOKEN: Final = 50


def policy() -> AddressPolicy:
    """As the settings say now: their hosts, and the directory's own address. Raises ValueError for a network that is none."""
    chosen = settings.TELESERVICES
    return AddressPolicy.of(
        hosts=chosen["hosts"],
        trusted_urls=[chosen["directory_url"], *filter(None, [settings.INSI["url"], settings.CDRI["url"]])],
        ports=chosen["ports"],
        networks=chosen["internal_networks"],
    )


def rearm() -> int:
    """Calls that a refused address had stopped, and which may now be called, are due at once. Returns how many.

    The list lives in the settings: nobody is told when it changes, so it is looked at.
    """
    in_force = policy()
    last = TeleserviceAttempt.objects.filter(call=OuterRef("pk")).order_by("-number").values("url")[:1]
    stopped = TeleserviceCall.objects.filter(
        status=Constant(CallStatus.NEEDS_REFERENT), cause=ADDRESS_REFUSED
    ).annotate(last_url=Subquery(last))
    urls = stopped.order_by("last_url").values_list("last_url", flat=True).distinct()[:_LOOKED_AT]
    return sum(_free(stopped, url) for url in list(urls) if url and _may_be_called(in_force, url))


def _may_be_called(in_force: AddressPolicy, url: str) -> bool:
    try:
        in_force.reach(url)
    except (ConfigurationError, OSError):
        return False
    return True


def _free(stopped: QuerySet[Any], url: str) -> int:
    with transaction.atomic():
        found = list(stopped.filter(last_url=url).order_by("planned_at").values_list("pk", "lane"))
        # Its status is asked again: somebody may have put it back meanwhile.
        freed = TeleserviceCall.objects.filter(
            pk__in=[pk for pk, _ in found], status=CallStatus.NEEDS_REFERENT, cause=ADDRESS_REFUSED
        ).update(status=CallStatus.PLANNED, not_before=timezone.now())
        for call_id, lane in found[:_WOKEN]:
            transaction.on_commit(partial(planning.wake_id, call_id, lane))
    return freed
