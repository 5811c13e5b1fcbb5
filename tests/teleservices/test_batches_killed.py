"""A feeder killed with SIGKILL at each moment, and several at once: each patient is asked about once, and none is left."""

from __future__ import annotations

import time

import pytest
from django.db import connections

from teleservices import batches
from teleservices.enums import BatchKind, BatchState, LineState
from teleservices.messages import Operation
from teleservices.models import NationalBatch, TeleserviceCall
from tests.teleservices.test_batches import carried, national, people
from tests.teleservices.test_engine_killed import worker

__all__ = ["national"]
pytestmark = pytest.mark.django_db(transaction=True)

_BEGIN = """
import sys
import django
django.setup()
from django.db import transaction
from teleservices import batches
def here():
    print("ici", flush=True)
    sys.stdin.readline()
"""
MOMENTS = {
    "planned, not committed": "with transaction.atomic():\n    batches._piece({batch})\n    here()",
    "planned, nobody woken": "batches._piece({batch})\nhere()",
}
_UNPROTECTED = """
batches._PIECE = 3
from django.db.models import QuerySet
lock = QuerySet.select_for_update
QuerySet.select_for_update = lambda self, *given, **options: self
plan = batches._calls
def together(batch, asked):
    here()
    return plan(batch, asked)
batches._calls = together
batches._piece({batch})
"""


@pytest.mark.parametrize("moment", MOMENTS, ids=list(MOMENTS))
def test_a_feeder_killed_leaves_nothing_and_asks_nobody_twice(
    national, establishment, referent, simulator, monkeypatch, moment
) -> None:
    people(establishment, 4)
    batch = batches.start_by_day(establishment, BatchKind.RIGHTS, referent)
    with worker(_BEGIN + MOMENTS[moment].format(batch=batch.pk), simulator) as feeder:
        assert feeder.stdout is not None and feeder.stdout.readline() == "ici\n"
        feeder.kill()
        feeder.wait()
        deadline = time.monotonic() + 10
        # The server notices a client that died within an instant.
        while (figures := carried(batch))[LineState.ANSWERED] < 4 and time.monotonic() < deadline:
            time.sleep(0.1)
    assert figures[LineState.ANSWERED] == 4
    assert TeleserviceCall.objects.filter(operation=Operation.CDRI).count() == 4
    batch.refresh_from_db()
    assert batch.state == BatchState.DONE


def test_without_its_lock_a_batch_fed_by_two_plans_for_the_same_patients(
    national, establishment, referent, simulator
) -> None:
    """What the lock is for: two feeders meet, and the second is stopped by the database alone."""
    people(establishment, 3)
    batch = batches.start_by_day(establishment, BatchKind.RIGHTS, referent)
    batches._list(batch)
    script = _BEGIN + _UNPROTECTED.format(batch=batch.pk)
    with worker(script, simulator) as one, worker(script, simulator) as other:
        for feeder in (one, other):
            assert feeder.stdout is not None and feeder.stdout.readline() == "ici\n"
        for feeder in (one, other):
            assert feeder.stdin is not None
            feeder.stdin.write("\n")
            feeder.stdin.flush()
        assert sorted(feeder.wait(30) != 0 for feeder in (one, other)) == [False, True]
    assert TeleserviceCall.objects.filter(operation=Operation.CDRI).count() == 3


def test_several_feeders_at_once_share_the_work_and_ask_nobody_twice(
    national, establishment, referent, simulator
) -> None:
    people(establishment, 12)
    batch = batches.start_by_day(establishment, BatchKind.RIGHTS, referent)
    script = _BEGIN + f"here()\nbatches._PIECE = 2\nprint(batches.feed({batch.pk}), flush=True)"
    connections["default"].close()
    with worker(script, simulator) as one, worker(script, simulator) as two, worker(script, simulator) as three:
        feeders = (one, two, three)
        for feeder in feeders:
            assert feeder.stdout is not None and feeder.stdout.readline() == "ici\n"
        for feeder in feeders:
            assert feeder.stdin is not None and feeder.stdout is not None
            feeder.stdin.write("\n")
            feeder.stdin.flush()
        assert sum(int(feeder.stdout.readline()) for feeder in feeders if feeder.stdout) == 12
    assert carried(batch)[LineState.ANSWERED] == 12
    assert NationalBatch.objects.get().state == BatchState.DONE
