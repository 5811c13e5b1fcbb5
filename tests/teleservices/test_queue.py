"""The table of calls as a queue: whoever is served next, and no reading of the whole ledger to know it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone

from gap.constants import Constant
from teleservices import queue
from teleservices.enums import CLAIMABLE, CallStatus, Lane
from teleservices.models import TeleserviceCall
from teleservices.querysets import to_ask
from tests.crowd import an_amc, due_calls

pytestmark = pytest.mark.django_db
AMC, OTHER = "0099000104", "0099000105"


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    monkeypatch.setattr(queue, "wake_id", lambda call, lane, drain: found.append((call, lane)))
    return found


def call_now(calls: list[int]) -> None:
    """They are under way: each has its place."""
    for place, call in enumerate(calls, start=1):
        TeleserviceCall.objects.filter(pk=call).update(
            status=CallStatus.CALLING, slot=place, claimed_until=timezone.now() + timedelta(minutes=1)
        )


def test_the_sweeper_wakes_the_oldest_and_no_more_than_the_places_that_are_free(woken) -> None:
    calls = due_calls(an_amc(AMC), 20)
    assert queue.wake_due(timezone.now()) == 8
    assert [call for call, _ in woken] == calls[:8]
    woken.clear()
    call_now(calls[:6])
    assert queue.wake_due(timezone.now()) == 2
    assert [call for call, _ in woken] == calls[6:8]
    woken.clear()
    call_now(calls[:8])
    assert queue.wake_due(timezone.now()) == 0


def test_what_is_not_due_or_has_just_been_planned_is_left_alone(woken) -> None:
    due_calls(an_amc(AMC), 2, at=timedelta(minutes=1))
    due_calls(an_amc(AMC), 2, at=timedelta(0))
    assert queue.wake_due(timezone.now()) == 0


def test_after_a_call_one_of_its_own_lane_follows(woken) -> None:
    calls = due_calls(an_amc(AMC), 3)
    due_calls(an_amc(OTHER), 3)
    assert queue.following(AMC, Lane.INTERACTIVE, more=False) in calls
    assert woken == []


def test_with_places_left_another_worker_comes_too(woken) -> None:
    calls = due_calls(an_amc(AMC), 3)
    taken = queue.following(AMC, Lane.INTERACTIVE, more=True)
    [(other, lane)] = woken
    assert other in calls and other != taken and lane == Lane.INTERACTIVE


def test_the_night_makes_way_for_a_patient(woken) -> None:
    debtor = an_amc(AMC)
    due_calls(debtor, 3, lane=Lane.BATCH)
    [patient] = due_calls(debtor, 1)
    assert queue.following(AMC, Lane.BATCH, more=True) is None
    assert woken == [(patient, Lane.INTERACTIVE)]


def test_the_last_patient_hands_over_to_the_night(woken) -> None:
    night = due_calls(an_amc(AMC), 1, lane=Lane.BATCH)
    assert queue.following(AMC, Lane.INTERACTIVE, more=True) is None
    assert woken == [(night[0], Lane.BATCH)]


def test_nobody_waits(woken) -> None:
    assert queue.following(AMC, Lane.INTERACTIVE, more=True) is None
    assert woken == []


@pytest.fixture
def ledger() -> list[int]:
    """Eight thousand calls that have ended, a thousand that are due."""
    debtor = an_amc(AMC)
    ended = due_calls(debtor, 8_000)
    TeleserviceCall.objects.filter(pk__in=ended).update(
        status=CallStatus.SUCCEEDED, finished_at=F("not_before"), first_sent_at=F("not_before")
    )
    due = [*due_calls(debtor, 500), *due_calls(an_amc(OTHER), 500, lane=Lane.BATCH)]
    with connection.cursor() as cursor:
        cursor.execute("analyze teleservices_teleservicecall")
    return due


def plan(sql: str, parameters: object) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"explain {sql}", parameters)
        return "\n".join(row[0] for row in cursor.fetchall())


def test_no_question_of_the_engine_reads_the_whole_ledger(ledger) -> None:
    now = timezone.now()
    questions = {
        "due": (queue._DUE, [now, 8]),
        "waiting": queue._WAITING._queryset().query.sql_with_params(),
        "to ask": to_ask().filter(pk=ledger[0]).query.sql_with_params(),
        "run out": TeleserviceCall.objects.filter(status=Constant(CallStatus.CALLING), claimed_until__lt=now)
        .order_by()
        .query.sql_with_params(),
    }
    given = {"channel": AMC, "lane": "interactive", "now": now}
    for name, (sql, parameters) in questions.items():
        values = [given.get(getattr(one, "name", ""), one) for one in parameters]
        told = plan(sql, values)
        assert "Seq Scan on teleservices_teleservicecall" not in told, f"{name}\n{told}"


def test_the_texts_of_the_queue_name_the_states_that_may_be_claimed() -> None:
    """A partial index is used when the condition is written as it is in the index."""
    assert tuple(CLAIMABLE) == ("planned", "unknown")
    assert queue._DUE.count("status in ('planned', 'unknown')") == 3
