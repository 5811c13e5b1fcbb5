"""An answer of INSi and a colleague at the desk, on one patient, at one instant: neither waits for the other for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import OperationalError, connections, transaction
from django.utils import timezone

from admissions.enums import EventKind
from admissions.events import SYSTEM, record_event
from admissions.models import Patient, Stay
from teleservices import engine
from teleservices.messages import Operation
from teleservices.models import TeleserviceCall
from tests.factories import PatientFactory, StayFactory

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*acts: Callable[[], object]) -> list[str]:
    """Each in its thread, its connection and its transaction. Returns the failures."""
    failures: list[str] = []

    def carry(act: Callable[[], object]) -> None:
        try:
            with transaction.atomic():
                act()
        except OperationalError as problem:
            failures.append(str(problem).split("\n")[0])
        finally:
            connections["default"].close()

    threads = [threading.Thread(target=carry, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return failures


@pytest.mark.parametrize("protected", [False, True], ids=["whole locks", "locks without the key"])
def test_an_answer_and_a_document_at_one_instant(establishment, protected) -> None:
    stay = StayFactory(patient=PatientFactory())
    call = TeleserviceCall.objects.create(
        stay=stay, operation=Operation.INSI, channel="insi", not_before=timezone.now(),
        event=record_event(stay, EventKind.IDENTITY_ASKED, SYSTEM),
    )  # fmt: skip
    both = threading.Barrier(2)

    def patient_locked() -> Patient:
        return Patient.objects.select_for_update(of=("self",), no_key=True).get(pk=stay.patient_id)

    def answer() -> None:
        # As the engine records: the stay first, then what the answer is about.
        if protected:
            engine._TO_RECORD.get(call=call.pk)
        else:
            Stay.objects.select_for_update().get(pk=stay.pk)
        both.wait(10)
        patient_locked()

    def desk() -> None:
        # As a document compared: the patient, then the stays that learn of it.
        patient_locked()
        both.wait(10)
        record_event(stay, EventKind.PATIENT_CORRECTED, SYSTEM)

    failures = at_once(answer, desk)
    assert failures == [] if protected else ["deadlock" in failures[0]] == [True]
