"""Which calls are due, in what order. The database is the queue; a message in Redis only makes one of them sooner.

Fair between channels: each brings its oldest, so that the thousands that one AMC keeps waiting hide nobody. Fair between
lanes: those of patients first.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from gap.constants import constants
from teleservices.enums import CLAIMABLE, Lane
from teleservices.models import TeleserviceCall
from teleservices.planning import wake_id

# How many calls one worker's thread carries in a row for a channel where others wait, before it serves the others.
TURNS = 50
# Several threads end at once and look at the same few: each takes one of them by chance.
_HEAD = 16
# A call that has just been planned has its own message under way.
_LEFT_BEHIND = timedelta(seconds=1)

# The channels that have something due (found one by one in the index, however many calls each has), then the oldest of
# each lane of each.
_DUE = """
with recursive known as (
    (select channel from teleservices_teleservicecall where status in ('planned', 'unknown') order by channel limit 1)
    union all
    select (
        select channel from teleservices_teleservicecall
        where status in ('planned', 'unknown') and channel > known.channel order by channel limit 1
    )
    from known where known.channel is not null
)
select due.id, due.lane
from known
cross join (values ('interactive'), ('batch')) as lanes (lane)
cross join lateral (
    select id, lane, not_before from teleservices_teleservicecall
    where status in ('planned', 'unknown') and channel = known.channel and lane = lanes.lane and not_before <= %s
    order by not_before limit %s
) as due
where known.channel is not null
order by due.lane desc, due.not_before
"""


def wake_due(now: datetime) -> int:
    """Send a worker to the oldest due calls of every channel and lane. Returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE, [now - _LEFT_BEHIND, _HEAD])
        due = cursor.fetchall()
    for call_id, lane in due:
        wake_id(call_id, lane)
    return len(due)


def following(channel: str, lane: str, *, more: bool) -> int | None:
    """A call has freed its place on this channel: who takes it. None when nobody of its lane waits.

    One of the other lane that waits is woken where its own workers are; with `more` places free, another of this lane.
    """
    if lane == Lane.BATCH:
        if waiting := _waiting(channel, Lane.INTERACTIVE):
            wake_id(secrets.choice(waiting), Lane.INTERACTIVE)
            return None
        found = _waiting(channel, Lane.BATCH)
    else:
        found = _waiting(channel, Lane.INTERACTIVE)
        if not found and (night := _waiting(channel, Lane.BATCH)):
            wake_id(secrets.choice(night), Lane.BATCH)
    if not found:
        return None
    taken = secrets.choice(found)
    if more and len(found) > 1:
        wake_id(secrets.choice([call_id for call_id in found if call_id != taken]), lane)
    return taken


def hand_over(channel: str, lane: str) -> None:
    """Others have waited for this worker long enough: what remains on this channel goes behind them."""
    if waiting := _waiting(channel, lane):
        wake_id(waiting[0], lane)


def _waiting(channel: str, lane: str) -> list[int]:
    due = TeleserviceCall.objects.filter(
        status__in=constants(CLAIMABLE), channel=channel, lane=lane, not_before__lte=timezone.now()
    )
    return list(due.order_by("not_before").values_list("pk", flat=True)[:_HEAD])
