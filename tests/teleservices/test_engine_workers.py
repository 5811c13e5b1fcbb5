"""Real workers, a real Redis, a slow payer and a dead one: nobody waits for another's sake, and nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from teleservices.enums import CallStatus, Lane
from teleservices.models import ChannelRule, TeleserviceCall
from tests.crowd import an_amc, due_calls
from tests.worker_process import EngineRoom

pytestmark = [pytest.mark.long, pytest.mark.django_db(transaction=True)]
SLOW, OTHER = "0099000104", "0099000105"
THREADS = 8


@pytest.fixture
def room(tmp_path: Path, simulator) -> Iterator[EngineRoom]:
    with EngineRoom(tmp_path, simulator) as room:
        yield room


def limit(in_flight: int) -> None:
    ChannelRule.objects.update_or_create(
        channel=SLOW, defaults={"in_flight": in_flight, "kept_for_interactive": 1, "failures_to_open": 50}
    )


def succeeded(call: int) -> bool:
    return TeleserviceCall.objects.get(pk=call).status == CallStatus.SUCCEEDED


def seconds_for_another_amc(room: EngineRoom, simulator) -> float:
    """Sixteen calls of an AMC that takes three seconds are under way; then comes one of an AMC that is well."""
    slow = due_calls(an_amc(SLOW, simulator), 16)
    simulator.scenario(SLOW, "latency:2.5", "IDB")
    debtor = an_amc(OTHER, simulator)
    room.worker(threads=THREADS)
    room.scheduler()
    busy = TeleserviceCall.objects.filter(pk__in=slow, status=CallStatus.CALLING)
    room.wait(lambda: busy.count() >= min(THREADS, ChannelRule.objects.get(channel=SLOW).in_flight))
    [quick] = due_calls(debtor, 1)
    started = time.monotonic()
    room.wait(lambda: succeeded(quick))
    return time.monotonic() - started


def test_a_slow_amc_slows_nobody_else(room, simulator) -> None:
    limit(4)
    # The sweeper's turn, and the call itself: half a second each at most.
    assert seconds_for_another_amc(room, simulator) < 1.8


def test_without_a_limit_it_takes_every_thread(room, simulator) -> None:
    limit(50)
    assert seconds_for_another_amc(room, simulator) > 1.8


def test_what_waits_for_a_place_leaves_as_soon_as_one_is_free(room, simulator) -> None:
    """Without the sweeper: whoever ends a call of a crowded channel takes the next one."""
    limit(2)
    calls = due_calls(an_amc(SLOW, simulator), 12)
    simulator.scenario(SLOW, "latency:0.2", "IDB")
    room.worker(threads=THREADS)
    wake(room, calls[:3])
    room.wait(lambda: all(succeeded(call) for call in calls), 30)
    together = [one["at"] for one in simulator.log() if one["amc"] == SLOW]
    assert len(together) >= 12


def wake(room: EngineRoom, calls: list[int]) -> None:
    """As the planning does, through the room's own Redis."""
    from celery import Celery

    # Not the current application: the tests that follow in this process keep the product's own.
    app = Celery(broker=room.redis.url, set_as_current=False)
    with app.connection_for_write() as connection:
        for call in calls:
            app.send_task("teleservices.tasks.run_call", args=(call,), queue="interactive", connection=connection)


def test_redis_killed_and_back_empty_loses_nothing(room, simulator) -> None:
    calls = due_calls(an_amc(OTHER, simulator), 60)
    simulator.scenario(OTHER, "latency:0.05", "IDB")
    room.worker(threads=4)
    room.scheduler()
    room.wait(lambda: any(succeeded(call) for call in calls))
    room.lose_redis()
    said = room.folder / "interactive.log"
    room.wait(lambda: "Connection to broker lost" in said.read_text(errors="replace"))
    assert not all(succeeded(call) for call in calls)
    room.start_redis()
    room.wait(lambda: all(succeeded(call) for call in calls), 90)
    assert {call.attempts_count for call in TeleserviceCall.objects.filter(pk__in=calls)} == {1}


def test_two_workers_of_the_same_lane_send_each_message_once(room, simulator) -> None:
    calls = due_calls(an_amc(OTHER, simulator), 40)
    for name in ("a", "b"):
        room.worker(threads=4, name=name)
    for _ in range(3):
        wake(room, calls)
    room.wait(lambda: all(succeeded(call) for call in calls))
    messages = {str(one) for one in TeleserviceCall.objects.filter(pk__in=calls).values_list("message_id", flat=True)}
    received = [one["message_id"] for one in simulator.log() if one["message_id"] in messages]
    assert len(received) == len(messages) == 40


def test_a_patient_s_call_does_not_wait_behind_the_night(room, simulator) -> None:
    debtor = an_amc(OTHER, simulator)
    night = due_calls(debtor, 200, lane=Lane.BATCH, at=timedelta(hours=-1))
    simulator.scenario(OTHER, "latency:0.3", "IDB")
    room.worker()
    room.worker("batch")
    room.scheduler()
    room.wait(lambda: TeleserviceCall.objects.filter(pk__in=night, status=CallStatus.CALLING).count() >= 6)
    [call] = due_calls(debtor, 1, at=timedelta(0))
    asked = timezone.now()
    wake(room, [call])
    room.wait(lambda: succeeded(call), 20)
    first = TeleserviceCall.objects.get(pk=call).first_sent_at
    assert first is not None and first - asked < timedelta(seconds=1)
    assert TeleserviceCall.objects.filter(pk__in=night, status=CallStatus.SUCCEEDED).count() < 150
