"""The answer of a COMMIT is lost to a worker: a payer engages once, a lot leaves once, whichever transaction it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from admissions.models import Patient
from billing import lots
from billing.enums import EngagementStatus, FileStatus, InvoiceStatus
from billing.models import ExchangeFile
from teleservices import engine
from teleservices.enums import AttemptOutcome, CallStatus
from teleservices.models import TeleserviceCall
from tests.chain import deliver_owed, hasten
from tests.factories import AmoCoverageFactory, CoverageFactory, PatientFactory
from tests.gap.relay import Relay, through_a_relay
from tests.teleservices.test_engine import covered, discharged, the
from tests.worklists import scene

__all__ = ["covered"]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def relay() -> Iterator[Relay]:
    with through_a_relay() as one:
        yield one


#: Of all the transactions, each in its turn; and of those that write together, whose number never changes.
OF = pytest.mark.parametrize("of", ["", "COMMIT"], ids=["any", "those that commit"])


def losing(relay: Relay, nth: int, of: str, work: Callable[[], object]) -> bool:
    """Whether there was an nth transaction, whose answer was lost. A worker's task ends there; another comes later."""
    connection.ensure_connection()
    relay.lose(nth, of)
    try:
        work()
    except (DatabaseError, InterfaceError):
        assert relay.lost is not None
    relay.hold_still()
    connection.close()
    return relay.lost is not None


@OF
def test_a_call_engages_once_and_it_is_known_whichever_answer_is_lost(of, covered, simulator, relay, measured) -> None:
    nth, lost = 0, True
    while lost:
        nth += 1
        assert nth < 60
        stay = discharged(CoverageFactory(patient=_another(), convention="RO", debtor=covered.debtor))
        deliver_owed()
        call = the(stay, "CLC")
        lost = losing(relay, nth, of, partial(engine.run, call.pk))
        # The claim of a worker that is heard no more runs out; the sweeper comes.
        TeleserviceCall.objects.filter(pk=call.pk, status=CallStatus.CALLING).update(
            claimed_until=timezone.now() - timedelta(seconds=1)
        )
        engine.sweep()
        hasten()
        call.refresh_from_db()
        assert call.status == CallStatus.SUCCEEDED, (nth, relay.lost)
        engaged = [str(one["number"]) for one in simulator.engagements() if one["dossier"] == stay.iep]
        known = list(stay.engagements.filter(status=EngagementStatus.IN_FORCE).values_list("number", flat=True))
        assert len(known) == 1 and known == engaged, (nth, relay.lost)
        assert not call.attempts.filter(outcome=AttemptOutcome.STARTED).exists()
        assert len({bytes(attempt.request_xml or b"") for attempt in call.attempts.all()}) == 1
    assert nth > (1 if of else 3)
    measured("réponses perdues d’un appel, engagé deux fois", 0)


def _another() -> Patient:
    patient: Patient = PatientFactory()
    AmoCoverageFactory(patient=patient)
    return patient


@OF
def test_a_lot_leaves_once_with_each_of_its_invoices_whichever_answer_is_lost(of, relay, measured) -> None:
    nth, lost = 0, True
    while lost:
        nth += 1
        assert nth < 60
        invoice = scene.an_invoice()
        files = ExchangeFile.objects.count()
        lost = losing(relay, nth, of, lots.send_lots)
        lots.send_lots()
        invoice.refresh_from_db()
        assert invoice.status == InvoiceStatus.SENT, (nth, relay.lost)
        lot = ExchangeFile.objects.latest("pk")
        assert ExchangeFile.objects.count() == files + 1 and lot.status == FileStatus.WRITTEN
        assert invoice.exchange_records.count() == 1
        out = Path(lot.file.storage.path("out"))
        assert sorted(one.name for one in out.iterdir()) == sorted(ExchangeFile.objects.values_list("name", flat=True))
    # The lot is made, then deposited.
    assert nth > (2 if of else 3)
    measured("réponses perdues d’un lot, parti deux fois", 0)
