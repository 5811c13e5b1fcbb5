"""Events: owed to each consumer, done once, never lost."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from admissions import events
from admissions.enums import StayKind
from admissions.events import SYSTEM
from admissions.models import AdmissionEvent, EventDelivery
from admissions.services import stays
from tests.factories import PatientFactory, UnitFactory
from tests.processes import run_together


def preadmit():
    unit = UnitFactory()
    plan = stays.StayPlan(StayKind.DAY, unit, timezone.now())
    return stays.preadmit(PatientFactory(), unit.establishment, plan, SYSTEM)


def broken(event: AdmissionEvent) -> None:
    raise ValueError("a consumer of the test fails")


@pytest.mark.django_db
def test_a_consumer_that_fails_stops_no_other_and_is_tried_again_later(monkeypatch) -> None:
    monkeypatch.setitem(events._CONSUMERS, "billing", "tests.admissions.test_events.broken")
    event = preadmit().events.get()
    events.deliver(event.pk)
    done = dict(EventDelivery.objects.filter(event=event).values_list("consumer", "done_at"))
    assert done["teleservices"] is not None and done["billing"] is None
    failed = EventDelivery.objects.get(event=event, consumer="billing")
    assert (failed.attempts, failed.problem) == (1, "ValueError")
    assert failed.not_before > timezone.now()
    monkeypatch.undo()
    EventDelivery.objects.filter(pk=failed.pk).update(not_before=timezone.now() - timedelta(minutes=1))
    assert events.sweep() == 1
    assert not EventDelivery.objects.filter(done_at__isnull=True).exists()


def unwanted(event: AdmissionEvent) -> None:
    """A row that PostgreSQL refuses."""
    EventDelivery.objects.create(event=event, consumer="billing", not_before=timezone.now())


@pytest.mark.django_db
def test_a_consumer_whose_row_is_refused_stops_no_other_and_keeps_the_reason(monkeypatch) -> None:
    monkeypatch.setitem(events._CONSUMERS, "billing", "tests.admissions.test_events.unwanted")
    event = preadmit().events.get()
    events.deliver(event.pk)
    done = dict(EventDelivery.objects.filter(event=event).values_list("consumer", "done_at"))
    assert done["teleservices"] is not None and done["billing"] is None
    assert EventDelivery.objects.get(event=event, consumer="billing").problem == "IntegrityError"


def cut(event: AdmissionEvent) -> None:
    """The server ends our session in the middle of the work."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_terminate_backend(pg_backend_pid())")


@pytest.mark.django_db(transaction=True)
def test_a_database_that_goes_away_leaves_the_delivery_owed_and_tells_the_worker(monkeypatch) -> None:
    event = preadmit().events.get()
    monkeypatch.setitem(events._CONSUMERS, "billing", "tests.admissions.test_events.cut")
    with pytest.raises(OperationalError):
        events.deliver(event.pk)
    owed = EventDelivery.objects.get(event=event, consumer="billing")
    assert owed.done_at is None and owed.problem == "base de données"


@pytest.mark.django_db
def test_an_event_delivered_twice_has_one_effect() -> None:
    event = preadmit().events.get()
    events.deliver(event.pk)
    first = list(EventDelivery.objects.filter(event=event).values_list("done_at", flat=True))
    events.deliver(event.pk)
    assert list(EventDelivery.objects.filter(event=event).values_list("done_at", flat=True)) == first


ADMIT_WITHOUT_A_BROKER = """
from django.utils import timezone
from admissions.events import SYSTEM
from admissions.models import Stay
from admissions.services import stays
began = time.time()
stay = Stay.objects.get()
stays.admit(stay.pk, timezone.now(), SYSTEM)
print(round(time.time() - began, 1))
"""


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_away_neither_stops_the_desk_nor_loses_the_event(tmp_path) -> None:
    preadmit()
    [seconds] = run_together(ADMIT_WITHOUT_A_BROKER, 1, REDIS_URL=f"redis+socket://{tmp_path}/gone.sock")
    assert float(seconds) < 5
    event = AdmissionEvent.objects.get(kind="stay_admitted")
    assert event.deliveries.filter(done_at__isnull=True).count() == 2
    EventDelivery.objects.update(not_before=timezone.now() - timedelta(minutes=1))
    events.sweep()
    assert event.deliveries.filter(done_at__isnull=True).count() == 0
