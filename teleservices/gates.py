"""What holds a call back for the sake of others: places on a channel, circuits, maintenance windows.

A channel is whom one talks to: the national directory, or one AMC. `querysets.to_ask` reads with a call all that these
decisions need; nothing here is asked for again while a patient waits.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db.models import F
from django.utils import timezone

from teleservices.enums import CLAIMABLE, Lane
from teleservices.messages import NATIONAL, Operation
from teleservices.models import ChannelRule, Circuit, TeleserviceCall
from teleservices.models.calls import DIRECTORY
from teleservices.retries import pause

log = structlog.get_logger(__name__)

CIRCUIT_OPEN = "circuit_open"
MAINTENANCE = "maintenance"
# After a gate opens, those that waited come back over this time, not in one instant.
_SPREAD = timedelta(seconds=2)


def channel_of(operation: str, amc_number: str) -> str:
    """`amc_number`: of the payer; nothing for what is asked of no payer."""
    if operation == Operation.INSV:
        return Operation.INSI.lower()  # one service, one limit
    if operation in NATIONAL:
        return operation.lower()
    return DIRECTORY if operation == Operation.DIRECTORY else amc_number


@dataclass(frozen=True, slots=True)
class PutOff:
    """It may not leave now: when to look again, and why."""

    until: datetime
    cause: str


def closed(call: TeleserviceCall, now: datetime) -> PutOff | None:
    """Why this call may not leave now, if a maintenance or an open circuit says so."""
    if call.maintenance_until is not None:
        return PutOff(call.maintenance_until + _spread(), MAINTENANCE)
    if call.circuit_retry_at is not None and call.circuit_retry_at > now:
        return PutOff(call.circuit_retry_at + _spread(), CIRCUIT_OPEN)
    return None


def free_slot(call: TeleserviceCall) -> int | None:
    """A free place on its channel, at random so that two claims seldom want the same. None when all are taken.

    The night never takes the last ones: a patient may come.
    """
    room = call.in_flight - (call.kept_for_interactive if call.lane == Lane.BATCH else 0)
    if len(call.busy_slots) >= room:
        return None
    return secrets.choice([place for place in range(1, call.in_flight + 1) if place not in call.busy_slots])


def is_crowded(call: TeleserviceCall) -> bool:
    """Once this call is under way, another may find no place: whoever ends it looks for who waits."""
    return len(call.busy_slots) + 1 >= call.in_flight - call.kept_for_interactive


def take_probe(call: TeleserviceCall, until: datetime) -> bool:
    """The circuit is open and its time has come: this call alone goes to see. False when another does."""
    circuit = Circuit.objects.filter(channel=call.channel, operation=call.operation, retry_at=call.circuit_retry_at)
    return bool(circuit.update(retry_at=until))


def give_probe_back(call: TeleserviceCall, until: datetime) -> None:
    """This call could not leave: if it was to go to see, another may, at once."""
    if call.circuit_retry_at is None:
        return
    circuit = Circuit.objects.filter(channel=call.channel, operation=call.operation, retry_at=until)
    circuit.update(retry_at=call.circuit_retry_at)


def answered(channel: str, operation: str) -> None:
    """The other side is back: the circuit closes, and those that waited for it leave soon."""
    closed = Circuit.objects.filter(channel=channel, operation=operation).update(
        failures=0, openings=0, opened_at=None, retry_at=None
    )
    if closed:
        release(CIRCUIT_OPEN, channel, operation)


def release(cause: str, channel: str, operation: str, *, most: int | None = None) -> int:
    """Make due what a gate held back: on one channel or all (""), for one operation or all. Returns how many.

    Another gate that is still closed holds them back again.
    """
    now = timezone.now()
    waiting = TeleserviceCall.objects.filter(status__in=CLAIMABLE, cause=cause, not_before__gt=now)
    if channel:
        waiting = waiting.filter(channel=channel)
    if operation:
        waiting = waiting.filter(operation=operation)
    if most is not None:
        waiting = TeleserviceCall.objects.filter(
            pk__in=list(waiting.order_by("not_before").values_list("pk", flat=True)[:most])
        )
    return waiting.update(not_before=now)


def failed(channel: str, operation: str, cause: str, now: datetime, *, probe: bool) -> None:
    """No usable answer came. Enough of them in a row open the circuit; a probe's failure opens it for longer."""
    circuit, created = Circuit.objects.get_or_create(
        channel=channel, operation=operation, defaults={"failures": 1, "last_cause": cause[:60], "last_failed_at": now}
    )
    if not created:
        Circuit.objects.filter(pk=circuit.pk).update(
            failures=F("failures") + 1, last_cause=cause[:60], last_failed_at=now
        )
        circuit.refresh_from_db()
    if probe or (circuit.opened_at is None and circuit.failures >= _rule(channel).failures_to_open):
        _open(circuit, now)


def _open(circuit: Circuit, now: datetime) -> None:
    openings = min(circuit.openings + 1, 1000)
    retry_at = now + pause(CIRCUIT_OPEN, openings)
    # Nobody else has opened it meanwhile.
    same = Circuit.objects.filter(pk=circuit.pk, openings=circuit.openings)
    if same.update(openings=openings, opened_at=circuit.opened_at or now, retry_at=retry_at):
        log.warning("circuit_opened", channel=circuit.channel, operation=circuit.operation, openings=openings)


def _rule(channel: str) -> ChannelRule:
    rules = ChannelRule.objects.filter(channel__in=["", channel]).order_by("-channel")
    return rules[0]


def _spread() -> timedelta:
    return _SPREAD * (secrets.randbelow(1000) / 1000)
