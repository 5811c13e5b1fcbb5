"""Which calls are due, in what order. The database is the queue; a message in Redis only makes one of them sooner.

Fair between channels: each brings its oldest, so that the thousands that one AMC keeps waiting hide nobody. Fair between
lanes: those of patients first.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import CharField, DateTimeField
from django.utils import timezone

from gap.compiled import Compiled, Given
from gap.constants import constants
from teleservices.enums import CLAIMABLE, Lane
from teleservices.models import TeleserviceCall
from teleservices.planning import wake_id

# How long one worker's thread carries in a row the calls of a channel where they wait, before it serves the others.
TURN_S = 2.0
# Several threads end at once and look at the same few: each takes one of them by chance.
_HEAD = 32
# How many calls of a channel and lane the sweeper wakes at once: as many as may be under way on most channels. Each then
# carries what follows it.
_WOKEN = 8
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
    order by not_before
    limit greatest(%s - (
        select count(*) from teleservices_teleservicecall where status = 'calling' and channel = known.channel
    ), 0)
) as due
where known.channel is not null
order by due.lane desc, due.not_before
"""


# Asked after each call of a crowded channel: its SQL is written once.
_WAITING: Compiled[Any] = Compiled(
    lambda: (
        TeleserviceCall.objects.filter(
            status__in=constants(CLAIMABLE),
            channel=Given("channel", CharField()),
            lane=Given("lane", CharField()),
            not_before__lte=Given("now", DateTimeField()),
        )
        .order_by("not_before")
        .values("pk")[:_HEAD]
    )
)


def wake_due(now: datetime) -> int:
    """Send a worker to the oldest due calls of every channel and lane that has places left. Returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE, [now - _LEFT_BEHIND, _WOKEN])
        due = cursor.fetchall()
    for call_id, lane in due:
        wake_id(call_id, lane, drain=True)
    return len(due)


def following(channel: str, lane: str, *, more: bool) -> int | None:
    """A call has freed its place on this channel: who takes it. None when nobody of its lane waits.

    One of the other lane that waits is woken where its own workers are; with `more` places free, another of this lane.
    """
    if lane == Lane.BATCH:
        if waiting := _waiting(channel, Lane.INTERACTIVE):
            wake_id(secrets.choice(waiting), Lane.INTERACTIVE, drain=True)
            return None
        found = _waiting(channel, Lane.BATCH)
    else:
        found = _waiting(channel, Lane.INTERACTIVE)
        if not found and (night := _waiting(channel, Lane.BATCH)):
            wake_id(secrets.choice(night), Lane.BATCH, drain=True)
    if not found:
        return None
    taken = secrets.choice(found)
    if more and len(found) > 1:
        wake_id(secrets.choice([call_id for call_id in found if call_id != taken]), lane, drain=True)
    return taken


def _waiting(channel: str, lane: str) -> list[int]:
    return [row["pk"] for row in _WAITING.dicts(channel=channel, lane=lane, now=timezone.now())]
