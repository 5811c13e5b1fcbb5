"""A slow or dead AMC slows nobody else: places on its channel, its circuit, its maintenances."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from teleservices import engine, gates, queue
from teleservices.enums import CallStatus, Lane
from teleservices.messages import Operation
from teleservices.models import ChannelRule, Circuit, MaintenanceWindow, TeleserviceAttempt, TeleserviceCall
from teleservices.querysets import to_ask
from tests.crowd import an_amc, due_calls
from tests.processes import run_together
from tests.teleservices.test_engine_claims import STAGES

AMC, OTHER = "0099000104", "0099000105"
IDB = {"channel": AMC, "operation": Operation.IDB}


def limit(in_flight: int, kept: int = 0, failures: int = 3) -> None:
    ChannelRule.objects.update_or_create(
        channel=AMC,
        defaults={"in_flight": in_flight, "kept_for_interactive": kept, "failures_to_open": failures},
    )


def underway() -> int:
    return TeleserviceCall.objects.filter(status=CallStatus.CALLING).count()


@pytest.mark.django_db
def test_one_more_than_the_limit_waits_and_another_amc_does_not() -> None:
    limit(2)
    first, second, third = due_calls(an_amc(AMC), 3)
    [elsewhere] = due_calls(an_amc(OTHER), 1)
    assert engine.claim(first) and engine.claim(second)
    assert engine.claim(third) is None
    assert engine.claim(elsewhere)
    waiting = TeleserviceCall.objects.get(pk=third)
    assert (waiting.status, waiting.attempts_count) == (CallStatus.PLANNED, 0)


@pytest.mark.django_db
def test_the_night_leaves_places_for_patients() -> None:
    limit(3, kept=1)
    debtor = an_amc(AMC)
    night = due_calls(debtor, 3, lane=Lane.BATCH)
    assert [bool(engine.claim(call)) for call in night] == [True, True, False]
    assert engine.claim(due_calls(debtor, 1)[0])


@pytest.mark.django_db
def test_the_database_itself_refuses_two_calls_in_one_place() -> None:
    first, second = due_calls(an_amc(AMC), 2)
    taken = {"status": CallStatus.CALLING, "claimed_until": timezone.now(), "slot": 1}
    TeleserviceCall.objects.filter(pk=first).update(**taken)
    with pytest.raises(IntegrityError, match="one_call_a_slot"), transaction.atomic():
        TeleserviceCall.objects.filter(pk=second).update(**taken)


CLAIM = """
from teleservices import engine
print("pris" if engine.claim({calls}[rank]) else "laissé")
"""
# Looking at how many are under way, then taking: everybody looks before anybody has taken.
COUNT_THEN_TAKE = """
from django.utils import timezone
from teleservices.models import TeleserviceCall
under_way = TeleserviceCall.objects.filter(channel={amc!r}, status="calling").count()
reach(rank + 1)
for other in range(4):
    after(other + 1)
if under_way < 2:
    TeleserviceCall.objects.filter(pk={calls}[rank]).update(
        status="calling", claimed_until=timezone.now(), slot=rank + 1
    )
reach(rank + 11)
for other in range(4):
    after(other + 11)
"""


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_of_four_workers_on_an_amc_that_takes_two_calls_two_call() -> None:
    limit(2)
    calls = due_calls(an_amc(AMC), 4)
    told = run_together(CLAIM.format(calls=calls), 4)
    assert sorted(line.splitlines()[-1] for line in told) == ["laissé"] * 2 + ["pris"] * 2
    assert underway() == 2


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_with_a_count_in_the_place_of_places_four_call() -> None:
    limit(2)
    calls = due_calls(an_amc(AMC), 4)
    run_together(STAGES + COUNT_THEN_TAKE.format(calls=calls, amc=AMC), 4)
    assert underway() == 4


@pytest.mark.django_db
def test_failures_in_a_row_open_the_circuit_and_nothing_leaves_any_more(simulator) -> None:
    limit(8, failures=3)
    calls = due_calls(an_amc(AMC, simulator), 5)
    simulator.scenario(AMC, "cut_before", "IDB")
    for call in calls[:3]:
        engine.run(call)
    circuit = Circuit.objects.get(**IDB)
    assert (circuit.failures, circuit.openings) == (3, 1)
    assert circuit.retry_at > timezone.now()
    received = len(simulator.log())
    engine.run(calls[3])
    assert len(simulator.log()) == received
    waiting = TeleserviceCall.objects.get(pk=calls[3])
    assert (waiting.status, waiting.cause, waiting.attempts_count) == (CallStatus.PLANNED, "circuit_open", 0)
    assert waiting.not_before >= circuit.retry_at


@pytest.mark.django_db
def test_an_answer_between_failures_starts_the_count_again(simulator) -> None:
    limit(8, failures=3)
    calls = due_calls(an_amc(AMC, simulator), 5)
    for behaviour in ("cut_before", "cut_before", "", "cut_before", "cut_before"):
        simulator.clear_scenarios()
        if behaviour:
            simulator.scenario(AMC, behaviour, "IDB")
        engine.run(calls.pop(0))
    circuit = Circuit.objects.get(**IDB)
    assert (circuit.failures, circuit.opened_at) == (2, None)


@pytest.mark.django_db
def test_another_operation_of_the_same_amc_goes_on(simulator) -> None:
    call = due_calls(an_amc(AMC, simulator), 1)[0]
    now = timezone.now()
    Circuit.objects.create(
        channel=AMC, operation="SIM", failures=9, openings=1, opened_at=now, retry_at=now + timedelta(minutes=5)
    )
    engine.run(call)
    assert TeleserviceCall.objects.get(pk=call).status == CallStatus.SUCCEEDED


def open_circuit(openings: int = 1) -> Circuit:
    """Open, and its time to try has come."""
    now = timezone.now()
    return Circuit.objects.create(
        **IDB, failures=5, openings=openings, opened_at=now - timedelta(minutes=5), retry_at=now - timedelta(seconds=1)
    )


@pytest.mark.django_db
def test_one_probe_that_is_answered_closes_the_circuit_and_frees_those_that_waited(simulator) -> None:
    calls = due_calls(an_amc(AMC, simulator), 3)
    TeleserviceCall.objects.filter(pk__in=calls[1:]).update(
        cause="circuit_open", not_before=timezone.now() + timedelta(minutes=9)
    )
    open_circuit()
    engine.run(calls[0])
    circuit = Circuit.objects.get(**IDB)
    assert (circuit.failures, circuit.openings, circuit.opened_at, circuit.retry_at) == (0, 0, None, None)
    for call in calls[1:]:
        engine.run(call)
    assert TeleserviceCall.objects.filter(status=CallStatus.SUCCEEDED).count() == 3


@pytest.mark.django_db
def test_a_probe_that_fails_opens_for_longer(simulator) -> None:
    call = due_calls(an_amc(AMC, simulator), 1)[0]
    simulator.scenario(AMC, "cut_before", "IDB")
    open_circuit(openings=3)
    engine.run(call)
    circuit = Circuit.objects.get(**IDB)
    assert circuit.openings == 4
    # 30 s doubled three times, spread by 20 %.
    assert timedelta(seconds=190) < circuit.retry_at - timezone.now() < timedelta(seconds=290)


@pytest.mark.django_db(transaction=True)
def test_a_probe_that_finds_its_place_taken_leaves_the_way_to_another(simulator, monkeypatch) -> None:
    first, second = due_calls(an_amc(AMC, simulator), 2)
    open_circuit()
    before = Circuit.objects.get(**IDB).retry_at
    TeleserviceCall.objects.filter(pk=second).update(
        status=CallStatus.CALLING, slot=1, claimed_until=timezone.now() + timedelta(minutes=1)
    )
    with monkeypatch.context() as patched:
        # What it read is out of date: the place that seemed free is not.
        patched.setattr(gates, "free_slot", lambda call: 1)
        assert engine.claim(first) is None
    assert Circuit.objects.get(**IDB).retry_at == before
    engine.run(first)
    assert Circuit.objects.get(**IDB).opened_at is None


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_of_four_workers_one_goes_to_see() -> None:
    calls = due_calls(an_amc(AMC), 4)
    open_circuit()
    told = run_together(CLAIM.format(calls=calls), 4)
    assert sorted(line.splitlines()[-1] for line in told) == ["laissé"] * 3 + ["pris"]
    waiting = TeleserviceCall.objects.filter(pk__in=calls, status=CallStatus.PLANNED)
    assert {call.cause for call in waiting} == {"circuit_open"}
    assert all(call.not_before > timezone.now() for call in waiting)


@pytest.mark.django_db
def test_a_probe_whose_worker_died_is_followed_by_another() -> None:
    first, second = due_calls(an_amc(AMC), 2)
    open_circuit()
    assert engine.claim(first)
    assert engine.claim(second) is None
    Circuit.objects.update(retry_at=timezone.now() - timedelta(seconds=1))
    TeleserviceCall.objects.filter(pk=second).update(not_before=timezone.now())
    assert engine.claim(second)


@pytest.mark.django_db
def test_a_refusal_is_an_answer_and_unavailable_is_a_failure(simulator) -> None:
    limit(8, failures=2)
    calls = due_calls(an_amc(AMC, simulator), 6)
    simulator.scenario(AMC, "code:RC15", "IDB", count=3)
    for call in calls[:3]:
        engine.run(call)
    assert not Circuit.objects.exists()
    simulator.scenario(AMC, "code:RC24", "IDB")
    for call in calls[3:5]:
        engine.run(call)
    assert Circuit.objects.get(**IDB).last_cause == "RC24"
    assert Circuit.objects.get(**IDB).opened_at is not None
    outcomes = TeleserviceAttempt.objects.filter(call__in=calls[:5]).order_by("pk").values_list("outcome", flat=True)
    assert list(outcomes) == ["answered"] * 3 + ["unavailable"] * 2


@pytest.mark.django_db
@pytest.mark.parametrize("window", [{"channel": AMC}, {"channel": AMC, "operation": "IDB"}, {}])
def test_nothing_leaves_during_a_maintenance(window) -> None:
    call = due_calls(an_amc(AMC), 1)[0]
    now = timezone.now()
    ends = now + timedelta(hours=2)
    MaintenanceWindow.objects.create(starts_at=now - timedelta(minutes=1), ends_at=ends, **window)
    assert engine.claim(call) is None
    waiting = TeleserviceCall.objects.get(pk=call)
    assert (waiting.status, waiting.cause) == (CallStatus.PLANNED, "maintenance")
    assert ends <= waiting.not_before <= ends + timedelta(seconds=5)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("window", "starts", "ends"),
    [({"channel": OTHER}, -1, 60), ({"operation": "CLC"}, -1, 60), ({}, 5, 60), ({}, -60, -5)],
    ids=["another AMC", "another operation", "to come", "over"],
)
def test_a_maintenance_that_is_another_s_or_another_time_s_holds_nothing(window, starts: int, ends: int) -> None:
    call = due_calls(an_amc(AMC), 1)[0]
    now = timezone.now()
    MaintenanceWindow.objects.create(
        starts_at=now + timedelta(minutes=starts), ends_at=now + timedelta(minutes=ends), **window
    )
    assert engine.claim(call)


@pytest.mark.django_db
def test_a_call_is_read_with_its_gates_in_one_read(django_assert_num_queries) -> None:
    call = due_calls(an_amc(AMC), 1)[0]
    with django_assert_num_queries(1):
        found = to_ask().get(pk=call)
        assert gates.closed(found, timezone.now()) is None
        assert gates.free_slot(found) in range(1, 9)


@pytest.mark.django_db
def test_the_sweeper_hides_nobody_behind_the_thousands_of_one_amc(monkeypatch) -> None:
    due_calls(an_amc(AMC), 200, at=timedelta(hours=-1))
    [elsewhere] = due_calls(an_amc(OTHER), 1)
    [night] = due_calls(an_amc(OTHER), 1, lane=Lane.BATCH, at=timedelta(hours=-2))
    woken: list[tuple[int, str]] = []
    monkeypatch.setattr(queue, "wake_id", lambda call, lane, drain: woken.append((call, lane)))
    assert engine.sweep() == len(woken) == 10
    assert (elsewhere, "interactive") in woken
    assert woken[-1] == (night, "batch")
