"""The AMO rights, launched by events: over the wire, from the pre-admission to the coverage that they make."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from admissions.enums import AmoOutcome, CoverageKind, CoverageSource, EventKind, Protection, StayKind
from admissions.events import SYSTEM, Actor, record_event
from admissions.models import AdmissionEvent, AmoAnswer, AmoDifference, Coverage, Patient, Stay
from admissions.services import identity, stays
from admissions.services.at_once import Birth, register_birth
from admissions.services.coverage import declare_coverage
from admissions.services.patients import Traits, correct_patient, create_patient
from gap.crypto import blind_index
from teleservices import client, national
from teleservices.enums import CallStatus, Lane
from teleservices.messages import Operation
from teleservices.models import TeleserviceCall
from tests.chain import settle
from tests.factories import FundFactory, UnitFactory

pytestmark = pytest.mark.django_db(transaction=True)


def nir_of(place: str, order: int = 1) -> str:
    """A NIR of this place (five figures after the month), which the simulator knows a row of when it is 99 8NN."""
    body = f"28405{place}{order:03d}"
    return f"{body}{97 - int(body) % 97:02d}"


@pytest.fixture
def cdri(simulator, settings):
    settings.CDRI = {"url": simulator.cdri_url}
    client.forget()
    yield simulator
    client.forget()


@pytest.fixture
def fund():
    return FundFactory()


def come(establishment, place: str = "99990", actor: Actor = SYSTEM, **traits) -> Stay:
    given = {"birth_date": dt.date(1984, 5, 17), "sex": "F", "nir": nir_of(place)} | traits
    return preadmitted(establishment, create_patient(Traits("Morvan", "Hélène", **given), SYSTEM), actor=actor)


def preadmitted(establishment, patient: Patient, hours: int = 1, actor: Actor = SYSTEM) -> Stay:
    start = timezone.now() + dt.timedelta(hours=hours)
    plan = stays.StayPlan(kind=StayKind.FULL, unit=UnitFactory(establishment=establishment), planned_start_at=start)
    stay = stays.preadmit(patient, establishment, plan, actor)
    settle()
    return stay


def asked(patient_id: int) -> list[TeleserviceCall]:
    return list(TeleserviceCall.objects.filter(stay__patient=patient_id, operation=Operation.CDRI).order_by("pk"))


def amo(stay: Stay) -> list[Coverage]:
    return list(
        Coverage.objects.filter(patient=stay.patient_id, kind=CoverageKind.AMO, active=True).order_by("valid_from")
    )


def test_a_pre_admission_finds_the_fund_and_the_validity_of_the_answer_spares_the_next(
    cdri, establishment, fund
) -> None:
    stay = come(establishment)
    (call,) = asked(stay.patient_id)
    assert (call.status, call.return_code, call.lane) == (CallStatus.SUCCEEDED, "OK", Lane.INTERACTIVE)
    answer = AmoAnswer.objects.get()
    assert (answer.outcome, answer.message_id, answer.piece) == (AmoOutcome.FOUND, call.message_id, "2")
    (held,) = amo(stay)
    assert (held.debtor, held.source, held.answer, held.quality) == (fund, CoverageSource.CDRI, answer, "1")
    assert held.insured == stay.patient.nir
    stays.admit(stay.pk, timezone.now(), SYSTEM)
    settle()
    preadmitted(establishment, stay.patient, hours=72)
    assert len(asked(stay.patient_id)) == 1


def test_an_answer_whose_validity_is_over_is_asked_again_before_the_bill(cdri, establishment, fund) -> None:
    stay = come(establishment)
    stays.admit(stay.pk, timezone.now(), SYSTEM)
    settle()
    AmoAnswer.objects.update(expires_at=timezone.now() - dt.timedelta(minutes=1))
    stays.discharge(stay.pk, timezone.now(), "home", SYSTEM)
    settle()
    assert len(asked(stay.patient_id)) == 2


def test_the_agent_who_admits_is_named_and_the_night_names_nobody(cdri, establishment, fund, agent) -> None:
    stay = come(establishment, actor=Actor(agent))
    (call,) = asked(stay.patient_id)
    sent = bytes(call.attempts.get().request_xml)
    assert b"UNITAIRE" in sent and agent.get_username().encode() in sent
    event = AdmissionEvent.objects.filter(stay=stay).first()
    batch = national.ask_rights(stay, event, force=True, batch=True)
    assert (batch.lane, batch.parameters["batch"]) == (Lane.BATCH, True)
    settle()
    sent = bytes(batch.attempts.get().request_xml)
    assert b"LOT" in sent and agent.get_username().encode() not in sent


def test_an_exempted_patient_is_shown_as_the_fund_says(cdri, establishment, fund) -> None:
    assert [row.exemption for row in amo(come(establishment, "99801"))] == ["4"]


def test_situations_and_regimes_come_with_the_coverage(cdri, establishment, fund) -> None:
    assert amo(come(establishment, "99803"))[0].situations == ["C2S"]


def test_another_regime_replaces_what_was_declared_and_the_rights_of_the_amc_are_asked_again(
    cdri, establishment, fund
) -> None:
    other = FundFactory(code="AMO023500000", name="MSA des Portes de Bretagne", amo_regime="02", amo_fund="350")
    patient = create_patient(Traits("Morvan", "Hélène", dt.date(1984, 5, 17), "F", nir=nir_of("99814")), SYSTEM)
    start = timezone.now() + dt.timedelta(hours=1)
    plan = stays.StayPlan(kind=StayKind.FULL, unit=UnitFactory(establishment=establishment), planned_start_at=start)
    stay = stays.preadmit(patient, establishment, plan, SYSTEM)
    declare_coverage(stay, fund, SYSTEM, valid_from=timezone.localdate().replace(month=1, day=1))
    settle()
    assert amo(stay)[-1].debtor == other
    said = AdmissionEvent.objects.filter(stay=stay, kind=EventKind.COVERAGE_CHANGED, created_by__isnull=True)
    assert said.filter(detail__kind="AMO").count() == 2


@pytest.mark.parametrize(
    ("place", "outcome"),
    [("99818", AmoOutcome.NONE), ("99819", AmoOutcome.SEVERAL)],
    ids=["nobody", "several"],
)
def test_who_is_not_found_is_asked_again_after_a_day_or_on_demand(cdri, establishment, fund, place, outcome) -> None:
    stay = come(establishment, place)
    assert AmoAnswer.objects.get().outcome == outcome
    stays.admit(stay.pk, timezone.now(), SYSTEM)
    settle()
    assert len(asked(stay.patient_id)) == 1
    record_event(stay, EventKind.RIGHTS_ASKED_AGAIN, SYSTEM)
    settle()
    assert len(asked(stay.patient_id)) == 2
    AmoAnswer.objects.update(answered_at=timezone.now() - dt.timedelta(days=2))
    preadmitted(establishment, stay.patient, hours=72)
    assert len(asked(stay.patient_id)) == 3


def test_a_closed_service_is_said_on_the_dossier_and_asked_again_by_itself(cdri, establishment, fund) -> None:
    stay = come(establishment, "99821")
    (call,) = asked(stay.patient_id)
    assert (call.status, call.return_code, call.cause) == (CallStatus.PLANNED, "CD04", "unavailable")
    assert AmoAnswer.objects.get().outcome == AmoOutcome.CLOSED
    Patient.objects.filter(pk=stay.patient_id).update(
        nir=nir_of("99990"), nir_index=blind_index(nir_of("99990"), "patient.nir")
    )
    TeleserviceCall.objects.filter(pk=call.pk).update(not_before=timezone.now())
    settle()
    assert AmoAnswer.objects.get().outcome == AmoOutcome.FOUND
    assert len(amo(stay)) == 1


def test_a_partial_answer_says_what_it_lacks(cdri, establishment, fund) -> None:
    come(establishment, "99822")
    answer = AmoAnswer.objects.get()
    assert (answer.outcome, answer.missing) == (AmoOutcome.PARTIAL, ["03.05", "03.10"])


def test_a_corrected_number_is_asked_about_at_once(cdri, establishment, fund) -> None:
    stay = come(establishment, "99818")
    patient = Patient.objects.get(pk=stay.patient_id)
    traits = Traits("Morvan", "Hélène", patient.birth_date, "F", nir=nir_of("99990"))
    correct_patient(patient.pk, traits, SYSTEM, version=patient.version)
    settle()
    assert [call.return_code for call in asked(patient.pk)] == ["CD02", "OK"]
    assert len(amo(stay)) == 1


def test_an_answer_about_a_number_that_changed_meanwhile_is_not_theirs(cdri, establishment, fund, monkeypatch) -> None:
    from teleservices import engine

    real = engine.send

    def meanwhile(claimed):
        Patient.objects.update(birth_rank=2)
        return real(claimed)

    monkeypatch.setattr(engine, "send", meanwhile)
    stay = come(establishment)
    assert asked(stay.patient_id)[0].status == CallStatus.SUCCEEDED
    assert not AmoAnswer.objects.exists()


def test_nobody_is_asked_about_without_a_number_in_doubt_or_kept_secret(cdri, establishment, fund) -> None:
    assert asked(come(establishment, nir="").patient_id) == []
    patient = create_patient(Traits("Autre", "Hélène", dt.date(1984, 5, 17), "F", nir=nir_of("99990", 2)), SYSTEM)
    Patient.objects.filter(pk=patient.pk).update(protection=Protection.SECRET)
    patient.refresh_from_db()
    assert asked(preadmitted(establishment, patient).patient_id) == []


def test_a_newborn_is_asked_about_under_the_mother_s_number(cdri, establishment, fund) -> None:
    stay = come(establishment)
    stays.admit(stay.pk, timezone.now() - dt.timedelta(hours=2), SYSTEM)
    settle()
    child = register_birth(stay.pk, Birth(timezone.now() - dt.timedelta(hours=1), "F", "MORVAN", "Anne", 1), SYSTEM)
    settle()
    (call,) = asked(child.patient_id)
    assert call.return_code == "OK"
    (held,) = amo(child)
    # The answer confirms what came with the birth, or replaces it where it gives other days.
    assert held.source in (CoverageSource.BIRTH, CoverageSource.CDRI) and held.insured == stay.patient.nir
    assert (held.answer.quality, held.quality) == ("6", "6")


def test_an_unknown_fund_waits_for_its_record(cdri, establishment) -> None:
    stay = come(establishment)
    assert amo(stay) == []
    waiting = AmoDifference.objects.get()
    assert (waiting.field, waiting.cause) == ("fund", "unknown_fund")


def test_an_identity_in_doubt_is_not_sent(cdri, establishment, fund) -> None:
    stay = come(establishment, "99818")
    identity.report(stay.patient_id, "doubtful", "deux pièces différentes", SYSTEM)
    record_event(stay, EventKind.RIGHTS_ASKED_AGAIN, SYSTEM)
    settle()
    assert len(asked(stay.patient_id)) == 1
