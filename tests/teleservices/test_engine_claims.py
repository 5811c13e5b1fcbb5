"""A call is taken by one worker, as it was read, and its answer is written under the locks that everybody takes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from admissions.enums import EventKind
from teleservices import engine
from teleservices.enums import CallStatus
from teleservices.messages import Operation
from teleservices.models import TeleserviceCall
from teleservices.planning import cancel_unsent
from teleservices.querysets import to_ask
from teleservices.rights import RightsHandler
from tests.factories import AmoCoverageFactory, CoverageFactory, DirectoryEntryFactory, PatientFactory, invented_nir
from tests.processes import run_together
from tests.worklists import scene

ROUTE = {"convention": "RO", "csr": ""}


def planned() -> TeleserviceCall:
    """An IDB that is due, of a patient whose AMC is in the directory."""
    patient = PatientFactory(nir=invented_nir(7))
    stay = scene.a_stay(patient=patient)
    since = timezone.localdate() - timedelta(days=90)
    AmoCoverageFactory(patient=patient, valid_from=since)
    coverage = CoverageFactory(patient=patient, valid_from=since, **ROUTE)
    DirectoryEntryFactory(
        amc_number=coverage.debtor.amc_number, domain=stay.domain, idb_url="https://localhost/idb", **ROUTE
    )
    return scene.a_call(
        stay,
        coverage,
        operation=Operation.IDB,
        status=CallStatus.PLANNED,
        attempts_count=0,
        not_before=scene.ago(hours=1),
    )


@pytest.mark.django_db
def test_one_read_brings_all_that_the_message_names() -> None:
    call = planned()
    with CaptureQueriesContext(connection) as queries:
        found = to_ask().get(pk=call.pk)
        url, request = RightsHandler().build(found, timezone.now())
    assert len(queries) == 1
    assert url == found.service_url and url.startswith("https://")
    assert request.beneficiary.amo_regime == found.amo_regime != ""


@pytest.mark.django_db
def test_what_is_cancelled_while_the_message_is_built_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last instant at which an event can still make the question pointless is the claim itself."""
    call = planned()
    build = RightsHandler.build

    def cancelled_meanwhile(handler: RightsHandler, *arguments: object) -> object:
        cancel_unsent(call.stay, "stay_cancelled")
        return build(handler, *arguments)

    monkeypatch.setattr(RightsHandler, "build", cancelled_meanwhile)
    assert engine.claim(call.pk) is None
    call.refresh_from_db()
    assert (call.status, call.attempts_count, call.in_doubt) == (CallStatus.CANCELLED, 0, False)
    assert not call.attempts.exists()


@pytest.mark.django_db
def test_a_call_put_off_while_its_message_is_built_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    call = planned()
    build = RightsHandler.build
    later = timezone.now() + timedelta(minutes=5)

    def put_off_meanwhile(handler: RightsHandler, *arguments: object) -> object:
        TeleserviceCall.objects.filter(pk=call.pk).update(not_before=later)
        return build(handler, *arguments)

    monkeypatch.setattr(RightsHandler, "build", put_off_meanwhile)
    assert engine.claim(call.pk) is None
    assert not call.attempts.exists()


CLAIM = """
from admissions.enums import EventKind
from teleservices import engine
print("pris" if engine.claim({call}) else "laissé")
"""

# How the processes below meet: by what the database shows of them, never by the clock.
STAGES = """
def shown(sql, *values):
    for _ in range(3000):
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            if cursor.fetchone():
                return
        time.sleep(0.01)
    raise AssertionError("the other process did not come")
HERE = "(select oid from pg_database where datname = current_database())"
HELD = f"select 1 from pg_locks where locktype = 'advisory' and objid = %s and database = {HERE}"
def reach(stage):
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(%s)", [stage])
def after(stage):
    shown(HELD, stage)
def once_left(stage):
    shown(f"select 1 where not exists ({HELD})", stage)
def once_somebody_waits():
    shown("select 1 from pg_locks join pg_stat_activity using (pid) where not granted and datname = current_database()")
"""

# What looking before writing would do: every worker finds the call planned, and every one sends it.
LOOK_THEN_TAKE = """
from teleservices.models import TeleserviceAttempt, TeleserviceCall
from django.utils import timezone
call = TeleserviceCall.objects.get(pk={call})
reach(rank + 1)
for other in range(4):
    after(other + 1)
if call.status == "planned":
    TeleserviceAttempt.objects.create(call=call, number=rank + 1, started_at=timezone.now())
    call.status, call.claimed_until, call.slot = "calling", timezone.now(), rank + 1
    call.save()
    print("pris")
# Nobody leaves before everybody has seen everybody: an end releases its stage.
reach(rank + 11)
for other in range(4):
    after(other + 11)
"""


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_of_four_workers_one_takes_the_call() -> None:
    call = planned()
    told = run_together(CLAIM.format(call=call.pk), 4)
    assert sorted(line.splitlines()[-1] for line in told) == ["laissé", "laissé", "laissé", "pris"]
    assert call.attempts.count() == 1


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_without_the_claim_four_workers_take_it() -> None:
    call = planned()
    told = run_together(STAGES + LOOK_THEN_TAKE.format(call=call.pk), 4)
    assert sum("pris" in line for line in told) == 4
    assert call.attempts.count() == 4


# Rank 0 holds the call. Rank 1 records, and waits for it. Rank 2 asks whether rank 1 already has the stay.
RECORD = """
from admissions.models import Stay
from django.db.utils import OperationalError
from admissions.enums import EventKind
from teleservices import engine
from teleservices.models import TeleserviceCall
if rank == 0:
    with transaction.atomic():
        TeleserviceCall.objects.select_for_update().get(pk={call})
        reach(1)
        after(2)
elif rank == 1:
    after(1)
    with transaction.atomic():
        engine._TO_RECORD.get(call={call})
else:
    after(1)
    once_somebody_waits()
    try:
        with transaction.atomic():
            Stay.objects.select_for_update(nowait=True).get(pk={stay})
        print("libre")
    except OperationalError:
        print("pris")
    reach(2)
    once_left(1)
"""


@pytest.mark.django_db(transaction=True)
def test_an_answer_is_recorded_under_the_lock_of_the_stay_then_that_of_the_call() -> None:
    """In one statement. Were the call locked first, two writers could wait for each other for ever."""
    call = planned()
    told = run_together(STAGES + RECORD.format(call=call.pk, stay=call.stay_id), 3)
    assert told[2] == "pris"


@pytest.mark.django_db(transaction=True)
def test_what_the_locks_bring_is_the_last_state_of_both_rows() -> None:
    """A row that changed while the lock was waited for is read anew, not as the statement first saw it."""
    call = planned()
    told = run_together(STAGES + CHANGED_MEANWHILE.format(call=call.pk, stay=call.stay_id), 2)
    assert told[1] == "990000777 RC15"


CHANGED_MEANWHILE = """
from admissions.models import Stay
from admissions.enums import EventKind
from teleservices import engine
from teleservices.models import TeleserviceCall
if rank == 0:
    with transaction.atomic():
        Stay.objects.select_for_update().get(pk={stay})
        Stay.objects.filter(pk={stay}).update(iep="990000777")
        TeleserviceCall.objects.filter(pk={call}).update(return_code="RC15")
        reach(1)
        once_somebody_waits()
else:
    after(1)
    with transaction.atomic():
        call = engine._TO_RECORD.get(call={call})
        print(call.stay.iep, call.return_code)
"""


# Rank 0 is a worker that claims the call; rank 1 tells its stay of an event that asks all again, at that moment.
REARMED_MEANWHILE = """
from django.utils import timezone
from admissions.models import AdmissionEvent
from teleservices import planning
from teleservices.models import TeleserviceCall
if rank == 0:
    with transaction.atomic():
        TeleserviceCall.objects.filter(pk={call}).update(
            status="calling", in_doubt=True, attempts_count=1, claimed_until=timezone.now(), slot=1
        )
        reach(1)
        once_somebody_waits()
else:
    after(1)
    with transaction.atomic():
        planning.plan_calls(AdmissionEvent.objects.get(pk={event}))
"""


@pytest.mark.django_db(transaction=True)
def test_an_event_does_not_take_back_a_call_that_is_being_made() -> None:
    """Read as planned and saved so, the call would have been sent again, and its answer left unread."""
    call = planned()
    event = scene.an_event(call.stay, kind=EventKind.RIGHTS_ASKED_AGAIN)
    run_together(STAGES + REARMED_MEANWHILE.format(call=call.pk, event=event.pk), 2)
    call.refresh_from_db()
    assert call.status == CallStatus.CALLING
