"""Anomalies: one line a cause, its dossiers called again once it is solved, its evidence without anybody's name."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from admissions.enums import EventKind, RightsStatus, StayKind
from admissions.errors import Conflict, Refused
from admissions.events import SYSTEM
from admissions.models import Stay
from admissions.services import stays
from teleservices import anomalies, evidence
from teleservices.enums import AnomalyState, CallStatus, Lane, Recipient
from teleservices.models import Anomaly, TeleserviceCall
from tests.chain import settle
from tests.factories import (
    AmoCoverageFactory,
    CoverageFactory,
    DebtorFactory,
    EstablishmentFactory,
    PatientFactory,
    UnitFactory,
)

pytestmark = pytest.mark.django_db
AMC = "0099000104"


@pytest.fixture
def refusing(simulator, establishment):
    """The AMC refuses every IDB with RC03; `refusing(n)` preadmits n patients of this hospital that it covers."""
    simulator.control("POST", "/scenario", {"amc": AMC, "operation": "IDB", "behaviour": "code:RC03"})
    debtor = DebtorFactory(amc_number=AMC, name="Prévoyance du Rail")
    unit = UnitFactory(establishment=establishment)

    def preadmit(count: int = 1) -> list[Stay]:
        found = []
        for _ in range(count):
            patient = PatientFactory()
            AmoCoverageFactory(patient=patient)
            CoverageFactory(patient=patient, convention="RO", debtor=debtor, member_number="74210088")
            plan = stays.StayPlan(kind=StayKind.FULL, unit=unit, planned_start_at=timezone.now())
            found.append(stays.preadmit(patient, establishment, plan, SYSTEM))
        settle()
        return found

    return preadmit


def heal(simulator) -> None:
    simulator.clear_scenarios()


def counted(anomaly: Anomaly) -> int:
    return anomalies.with_dossiers(Anomaly.objects.filter(pk=anomaly.pk)).get().dossiers


def test_the_same_answer_for_three_dossiers_is_one_anomaly(refusing, establishment) -> None:
    refusing(3)
    anomaly = Anomaly.objects.get()
    assert (anomaly.code, anomaly.operation, anomaly.debtor.name) == ("RC03", "IDB", "Prévoyance du Rail")
    assert (anomaly.establishment, anomaly.state) == (establishment, AnomalyState.TO_REPORT)
    assert counted(anomaly) == 3


def test_another_code_is_another_anomaly(refusing, simulator) -> None:
    refusing()
    heal(simulator)
    simulator.control("POST", "/scenario", {"amc": AMC, "operation": "IDB", "behaviour": "code:RC11"})
    refusing()
    assert set(Anomaly.objects.values_list("code", flat=True)) == {"RC03", "RC11"}


def test_the_database_holds_one_open_anomaly_a_cause(refusing) -> None:
    refusing()
    known = Anomaly.objects.get()
    with pytest.raises(IntegrityError, match="one_open_anomaly_a_cause"), transaction.atomic():
        Anomaly.objects.create(
            establishment=known.establishment, code=known.code, operation=known.operation, debtor=known.debtor
        )


def test_reported_then_answered_its_dossiers_still_wait(refusing, referent) -> None:
    refusing(2)
    anomaly = Anomaly.objects.get()
    anomalies.report(anomaly.pk, referent, recipient=Recipient.AMC, reference="INC-4411")
    anomalies.answered(anomaly.pk, referent, note="Corrigé en version 3.2, attendue lundi.")
    anomaly.refresh_from_db()
    assert (anomaly.state, anomaly.recipient, anomaly.reference) == (AnomalyState.ANSWERED, Recipient.AMC, "INC-4411")
    assert [(step.state, step.dossiers, step.by) for step in anomaly.steps.all()] == [
        ("reported", 2, referent),
        ("answered", 2, referent),
    ]
    assert anomalies.rearm_solved() == 0
    assert counted(anomaly) == 2


def test_solved_all_its_dossiers_are_called_again_after_the_patients_who_wait(refusing, simulator, referent) -> None:
    found = refusing(3)
    heal(simulator)
    anomalies.solve(Anomaly.objects.get().pk, referent, note="FINESS ajouté chez l’organisme.")
    assert anomalies.rearm_solved() == 3
    settle()
    for stay in found:
        assert stay.rights.first().status == RightsStatus.OPEN
        assert stay.events.filter(kind=EventKind.ANOMALY_SOLVED).count() == 1
        calls = stay.calls.filter(operation="IDB").order_by("pk")
        assert [(call.status, call.lane) for call in calls] == [
            (CallStatus.REFUSED, Lane.INTERACTIVE),
            (CallStatus.SUCCEEDED, Lane.BATCH),
        ]
    assert anomalies.rearm_solved() == 0


def test_a_turn_that_stops_in_the_middle_is_taken_up_by_the_next(refusing, simulator, referent) -> None:
    refusing(3)
    heal(simulator)
    anomalies.solve(Anomaly.objects.get().pk, referent)
    assert [anomalies.rearm_solved(limit=1) for _ in range(4)] == [1, 1, 1, 0]
    settle()
    assert TeleserviceCall.objects.filter(operation="IDB", status=CallStatus.SUCCEEDED).count() == 3


def test_refused_again_after_the_solution_it_is_another_anomaly_that_knows_the_first(refusing, referent) -> None:
    refusing()
    first = Anomaly.objects.get()
    anomalies.solve(first.pk, referent)
    anomalies.rearm_solved()
    settle()
    again = Anomaly.objects.exclude(pk=first.pk).get()
    assert (again.state, counted(again)) == (AnomalyState.TO_REPORT, 1)
    assert anomalies.seen_before(again) == first
    assert anomalies.rearm_solved() == 0


def test_a_stay_cancelled_since_is_not_called_again(refusing, simulator, referent) -> None:
    (stay,) = refusing()
    stays.cancel(stay.pk, "reporté par le patient", SYSTEM)
    settle()
    heal(simulator)
    anomalies.solve(Anomaly.objects.get().pk, referent)
    anomalies.rearm_solved()
    settle()
    assert list(stay.calls.filter(operation="IDB").values_list("status", flat=True)) == [CallStatus.REFUSED]
    assert not stay.events.filter(kind=EventKind.ANOMALY_SOLVED).exists()


def test_a_refusal_recorded_at_the_moment_of_the_solution_is_not_forgotten(refusing, referent) -> None:
    refusing()
    anomaly = Anomaly.objects.get()
    anomalies.solve(anomaly.pk, referent)
    # It had read that the anomaly was open, and was written just after.
    TeleserviceCall.objects.update(finished_at=timezone.now() + timedelta(milliseconds=5))
    assert anomalies.rearm_solved() == 0
    assert anomalies.notice_forgotten() == 1
    assert counted(Anomaly.objects.exclude(pk=anomaly.pk).get()) == 1
    assert anomalies.notice_forgotten() == 0


def test_without_a_follow_up_its_dossiers_stop_waiting(refusing, referent) -> None:
    refusing(2)
    anomaly = Anomaly.objects.get()
    with pytest.raises(Refused, match="motif est vide"):
        anomalies.dismiss(anomaly.pk, referent, note=" ")
    anomalies.dismiss(anomaly.pk, referent, note="L’organisme quitte ROC en janvier.")
    assert counted(anomaly) == 0
    assert set(TeleserviceCall.objects.filter(return_code="RC03").values_list("handled_by", flat=True)) == {referent.pk}
    assert anomalies.rearm_solved() == 0


def test_the_second_of_two_people_is_told_and_overwrites_nothing(refusing, referent, person) -> None:
    refusing()
    anomaly = Anomaly.objects.get()
    anomalies.report(anomaly.pk, referent, recipient=Recipient.AMC, version=anomaly.version)
    with pytest.raises(Conflict, match=referent.short_name):
        anomalies.report(anomaly.pk, referent, recipient=Recipient.VENDOR, version=anomaly.version)
    anomaly.refresh_from_db()
    assert anomaly.recipient == Recipient.AMC


def test_what_is_over_is_over(refusing, referent) -> None:
    refusing()
    anomaly = Anomaly.objects.get()
    anomalies.solve(anomaly.pk, referent)
    with pytest.raises(Conflict, match="déjà résolue"):
        anomalies.report(anomaly.pk, referent, recipient=Recipient.AMC)


def test_an_answer_to_what_nobody_reported_is_refused(refusing, referent) -> None:
    refusing()
    with pytest.raises(Refused, match="n’a été signalée à personne"):
        anomalies.answered(Anomaly.objects.get().pk, referent, note="Corrigé.")


def test_nobody_treats_the_anomalies_of_another_hospital(refusing, referent) -> None:
    refusing()
    referent.establishment = EstablishmentFactory(finess_legal="990000018", finess_site="990000026")
    with pytest.raises(Refused, match="votre établissement"):
        anomalies.solve(Anomaly.objects.get().pk, referent)


# ---- evidence ----


def unzipped(anomaly: Anomaly) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(evidence.build(anomaly))) as pack:
        return {name: pack.read(name).decode("utf-8-sig") for name in pack.namelist()}


def test_the_evidence_says_what_how_and_when_and_nobody_s_name(refusing) -> None:
    (stay,) = refusing()
    pack = unzipped(Anomaly.objects.get())
    call = stay.calls.get(operation="IDB")
    cause = json.loads(pack["anomalie.json"])
    assert (cause["code"], cause["operation"], cause["dossiers_concernes"]) == ("RC03", "IDB", 1)
    assert cause["versions"]["contrat"]
    asked, said = (pack[f"messages/{call.message_id}-1-{kind}.xml"] for kind in ("requete", "reponse"))
    assert "CodeRetour>RC03<" in said
    assert str(call.message_id) in asked
    assert str(call.message_id) in pack["appels.csv"]
    whole = "\n".join(pack.values())
    patient = stay.patient
    for secret in (patient.nir, patient.birth_name, patient.first_name, str(patient.birth_date), "74210088", stay.iep):
        assert secret not in whole


def test_what_is_masked_keeps_the_shape_that_shows_a_fault(refusing) -> None:
    (stay,) = refusing()
    pack = unzipped(Anomaly.objects.get())
    asked = pack[f"messages/{stay.calls.get(operation='IDB').message_id}-1-requete.xml"]
    assert evidence.shape(stay.patient.nir) in asked
    assert evidence.shape("1 85 04 É-é 2A") == "9 99 99 A-a 9A"


def test_an_answer_that_is_no_message_is_told_and_not_shown(refusing) -> None:
    (stay,) = refusing()
    call = stay.calls.get(operation="IDB")
    call.attempts.update(response_xml=b"<html>Mme MORVAN, 1 85 04</html>")
    pack = unzipped(Anomaly.objects.get())
    assert pack[f"messages/{call.message_id}-1-reponse.txt"] == "Illisible : 32 octets, non joints.\n"
    assert "MORVAN" not in "\n".join(pack.values())
