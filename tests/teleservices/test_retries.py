"""When a failed call is made again: spread, longer each time, capped; each cause has its rule."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from admissions.enums import EventKind
from teleservices import planning, policy, retries
from teleservices.enums import CallStatus
from teleservices.models import RetryPolicy
from teleservices.rules.backoff import Backoff, delay
from tests.worklists import scene

RULE = Backoff(first_s=5, factor=2, cap_s=1800, jitter=0.2)
chances = st.floats(min_value=0, max_value=1, exclude_max=True)


@given(attempt=st.integers(min_value=1, max_value=10**6), chance=chances)
def test_a_wait_stays_around_its_rule_whatever_the_number_of_failures(attempt: int, chance: float) -> None:
    wait = delay(RULE, attempt, chance).total_seconds()
    middle = min(5 * 2 ** (attempt - 1) if attempt < 32 else 1800, 1800)
    assert 0.8 * middle - 1e-6 <= wait <= 1.2 * middle + 1e-6


def test_waits_are_longer_each_time_until_the_cap() -> None:
    waits = [delay(RULE, attempt, 0.5).total_seconds() for attempt in range(1, 14)]
    assert waits[:4] == [5, 10, 20, 40]
    assert waits == sorted(waits) and waits[-1] == 1800


@given(first=chances, second=chances)
def test_two_calls_that_fail_together_do_not_come_back_together(first: float, second: float) -> None:
    apart = abs(delay(RULE, 3, first) - delay(RULE, 3, second))
    assert apart == pytest.approx(timedelta(seconds=20 * 0.4 * abs(first - second)), abs=timedelta(microseconds=2))


@pytest.mark.django_db
@pytest.mark.parametrize("cause", ["not_sent", "unavailable", "lost", "invalid", "circuit_open"])
def test_each_cause_has_its_rule_in_the_table(cause: str) -> None:
    rule = RetryPolicy.objects.get(cause=cause, valid_until__isnull=True)
    now = timezone.now()
    spread = rule.jitter_percent / 100
    wait = (retries.next_try(cause, 1, now) - now).total_seconds()
    assert rule.first_delay_s * (1 - spread) <= wait <= rule.first_delay_s * (1 + spread)


@pytest.mark.django_db
def test_a_rule_is_changed_without_changing_the_code() -> None:
    RetryPolicy.objects.filter(cause="lost").update(first_delay_s=3600, cap_s=7200, jitter_percent=0)
    call = scene.a_call(status=CallStatus.CALLING, claimed_until=timezone.now(), attempts_count=1)
    now = timezone.now()
    policy.lost(call, now)
    call.refresh_from_db()
    assert call.not_before - now == timedelta(hours=1)


@pytest.mark.django_db
def test_what_was_never_sent_has_not_left() -> None:
    call = scene.a_call(
        status=CallStatus.CALLING, claimed_until=timezone.now(), attempts_count=1, first_sent_at=timezone.now()
    )
    policy.not_sent(call, was_in_doubt=False, now=timezone.now())
    call.refresh_from_db()
    assert (call.status, call.first_sent_at) == (CallStatus.PLANNED, None)


@pytest.mark.django_db
@pytest.mark.parametrize("cause", ["not_sent", "unavailable", "circuit_open", "maintenance"])
def test_a_stay_that_is_cancelled_ends_what_waits(cause: str) -> None:
    call = scene.a_call(status=CallStatus.PLANNED, cause=cause, attempts_count=3)
    planning.plan_calls(scene.an_event(call.stay, kind=EventKind.STAY_CANCELLED))
    call.refresh_from_db()
    assert (call.status, call.cause) == (CallStatus.CANCELLED, "stay_cancelled")


@pytest.mark.django_db
def test_a_stay_that_is_cancelled_does_not_end_what_may_have_been_received() -> None:
    call = scene.a_call(status=CallStatus.UNKNOWN, cause="lost", attempts_count=1, in_doubt=True, operation="CLC")
    planning.plan_calls(scene.an_event(call.stay, kind=EventKind.STAY_CANCELLED))
    call.refresh_from_db()
    assert call.status == CallStatus.UNKNOWN
