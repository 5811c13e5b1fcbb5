"""The national identity, launched by events: over the wire, from the admission to the status it makes."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from admissions.enums import EventKind, IdentityAct, IdentityStatus, InsOutcome, Protection, StayKind
from admissions.events import SYSTEM, record_event
from admissions.models import Patient, Stay
from admissions.services import identity, stays
from admissions.services.patients import Traits, correct_patient, create_patient
from teleservices import client
from teleservices.enums import CallStatus
from teleservices.messages import Operation
from teleservices.models import TeleserviceCall
from tests.chain import settle
from tests.factories import UnitFactory

pytestmark = pytest.mark.django_db(transaction=True)
TRAITS = {"birth_date": dt.date(1984, 5, 17), "sex": "F", "birth_place": "35991"}


@pytest.fixture
def insi(simulator, settings):
    settings.INSI = {"url": simulator.insi_url, "authorisation": "ESSAI", "production": False}
    client.forget()
    yield simulator
    client.forget()


def come(establishment, name: str, first_names: str = "Hélène", **traits) -> Stay:
    patient = create_patient(Traits(name, first_names, **(TRAITS | traits)), SYSTEM)
    return preadmitted(establishment, patient)


def preadmitted(establishment, patient: Patient, hours: int = 1) -> Stay:
    start = timezone.now() + dt.timedelta(hours=hours)
    plan = stays.StayPlan(kind=StayKind.EXTERNAL, unit=UnitFactory(establishment=establishment), planned_start_at=start)
    stay = stays.preadmit(patient, establishment, plan, SYSTEM)
    settle()
    return stay


def asked(patient_id: int) -> list[TeleserviceCall]:
    return list(TeleserviceCall.objects.filter(stay__patient=patient_id, operation=Operation.INSI).order_by("pk"))


def now(stay: Stay) -> Patient:
    return Patient.objects.get(pk=stay.patient_id)


def test_a_pre_admission_recovers_the_identity_and_the_document_qualifies_it(insi, establishment) -> None:
    stay = come(establishment, "Morvan")
    patient = now(stay)
    assert (patient.identity_status, patient.ins_outcome) == (IdentityStatus.RETRIEVED, InsOutcome.FOUND)
    (call,) = asked(patient.pk)
    assert (call.status, call.return_code, call.coverage, call.debtor) == (CallStatus.SUCCEEDED, "00", None, None)
    assert patient.ins_records.get().message_id == call.message_id
    patient = identity.check_document(patient.pk, "CNI", SYSTEM, version=patient.version)
    settle()
    assert patient.identity_status == IdentityStatus.QUALIFIED
    # It is known: neither the admission nor another stay asks again.
    stays.admit(stay.pk, timezone.now(), SYSTEM)
    settle()
    preadmitted(establishment, patient, hours=48)
    assert len(asked(patient.pk)) == 1


def test_each_first_name_is_tried_and_the_series_stops_at_the_one_that_finds(insi, establishment) -> None:
    stay = come(establishment, "Second", "Premier Yann", sex="M")
    calls = asked(stay.patient_id)
    assert [call.return_code for call in calls] == ["01", "00"]
    assert calls[1].follows == calls[0]
    assert now(stay).identity_status == IdentityStatus.RETRIEVED


def test_the_birth_place_settles_between_several(insi, establishment) -> None:
    stay = come(establishment, "Departage")
    assert [call.return_code for call in asked(stay.patient_id)] == ["02", "00"]
    lost = come(establishment, "Departage", birth_place="", birth_date=dt.date(1990, 1, 2))
    assert [call.return_code for call in asked(lost.patient_id)] == ["02"]
    assert now(lost).ins_outcome == InsOutcome.SEVERAL


def test_nobody_is_said_once_and_asked_again_after_a_week_or_on_demand(insi, establishment) -> None:
    stay = come(establishment, "Introuvable", "Anne Maëlle")
    assert [call.return_code for call in asked(stay.patient_id)] == ["01"] * 4
    patient = now(stay)
    assert (patient.identity_status, patient.ins_outcome) == (IdentityStatus.PROVISIONAL, InsOutcome.NONE)
    assert patient.identity_changes.get().act == IdentityAct.INS_NONE
    stays.admit(stay.pk, timezone.now(), SYSTEM)
    settle()
    assert len(asked(patient.pk)) == 4
    record_event(stay, EventKind.IDENTITY_ASKED, SYSTEM)
    settle()
    assert len(asked(patient.pk)) == 8
    Patient.objects.filter(pk=patient.pk).update(ins_answered_at=timezone.now() - dt.timedelta(days=8))
    preadmitted(establishment, patient, hours=48)
    assert len(asked(patient.pk)) == 12


def test_corrected_traits_are_asked_about_at_once(insi, establishment) -> None:
    stay = come(establishment, "Introuvable")
    patient = now(stay)
    correct_patient(patient.pk, Traits("Morvan", "Hélène", **TRAITS), SYSTEM, version=patient.version)
    settle()
    assert now(stay).identity_status == IdentityStatus.RETRIEVED


def test_an_answer_about_traits_that_changed_meanwhile_is_not_theirs(insi, establishment, monkeypatch) -> None:
    from teleservices import engine

    stay = come(establishment, "Introuvable")
    record_event(stay, EventKind.IDENTITY_ASKED, SYSTEM)
    real = engine.send

    def meanwhile(claimed):
        result = real(claimed)
        patient = now(stay)
        if patient.birth_name == "INTROUVABLE":
            correct_patient(patient.pk, Traits("Morvan", "Hélène", **TRAITS), SYSTEM, version=patient.version)
        return result

    monkeypatch.setattr(engine, "send", meanwhile)
    settle()
    patient = now(stay)
    assert (patient.birth_name, patient.identity_status) == ("MORVAN", IdentityStatus.RETRIEVED)
    assert IdentityAct.INS_NONE not in patient.identity_changes.filter(pk__gt=1).values_list("act", flat=True)[:2]


def test_what_insi_knows_otherwise_waits_for_a_person(insi, establishment) -> None:
    stay = come(establishment, "Ailleurs")
    patient = now(stay)
    assert (patient.ins_outcome, patient.ins) == (InsOutcome.PROPOSED, None)
    assert patient.ins_proposals.get().differences == ["birth_place"]


def test_an_answer_that_was_lost_is_had_by_the_same_message(insi, establishment) -> None:
    insi.control("POST", "/scenario", {"amc": "insi", "behaviour": "cut_after", "count": 1})
    stay = come(establishment, "Morvan")
    (call,) = asked(stay.patient_id)
    assert call.status == CallStatus.UNKNOWN
    TeleserviceCall.objects.update(not_before=timezone.now())
    settle()
    assert now(stay).identity_status == IdentityStatus.RETRIEVED
    assert len(asked(stay.patient_id)) == 1
    assert [entry["outcome"] for entry in insi.log(call.message_id)] == ["00+cut_after", "00"]


def test_a_software_that_is_not_authorised_stops_for_a_referent(insi, establishment) -> None:
    stay = come(establishment, "Refuse")
    (call,) = asked(stay.patient_id)
    assert (call.status, call.cause) == (CallStatus.NEEDS_REFERENT, "insi_desir_550")


def test_a_production_keeps_no_matricule_of_tests(insi, establishment, settings) -> None:
    settings.INSI = settings.INSI | {"production": True}
    client.forget()
    stay = come(establishment, "Morvan")
    (call,) = asked(stay.patient_id)
    assert (call.status, call.cause, now(stay).ins) == (CallStatus.NEEDS_REFERENT, "insi_test_matricule", None)


def test_two_stays_of_a_patient_ask_once(insi, establishment) -> None:
    insi.control("POST", "/scenario", {"amc": "insi", "behaviour": "http:503"})
    stay = come(establishment, "Morvan")
    preadmitted(establishment, now(stay), hours=48)
    assert len(asked(stay.patient_id)) == 1


def test_nothing_is_asked_of_whom_it_may_not_be_asked(insi, establishment) -> None:
    secret = create_patient(Traits("Morvan", "Hélène", **TRAITS), SYSTEM)
    Patient.objects.filter(pk=secret.pk).update(protection=Protection.SECRET)
    preadmitted(establishment, secret)
    unsexed = come(establishment, "Morvan", sex="I")
    doubted = create_patient(Traits("Kerdoncuff", "Yann", **TRAITS), SYSTEM)
    identity.report(doubted.pk, IdentityAct.DOUBTFUL, "deux personnes", SYSTEM)
    preadmitted(establishment, doubted)
    assert [asked(pk) for pk in (secret.pk, unsexed.patient_id, doubted.pk)] == [[], [], []]


def test_an_installation_that_is_not_connected_asks_nothing(simulator, establishment) -> None:
    assert asked(come(establishment, "Morvan").patient_id) == []
