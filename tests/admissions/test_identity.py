"""How sure an identity is: a document, a matricule, both or none, and what undoes them."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from uuid import uuid4

import pytest
from django.db import IntegrityError, ProgrammingError, transaction
from django.utils import timezone

from admissions.enums import EventKind, IdentityAct, IdentityStatus, InsEnd, InsOutcome, ProposalState
from admissions.errors import Conflict, Refused
from admissions.events import SYSTEM
from admissions.models import AdmissionEvent, IdentityChange, InsRecord, Patient
from admissions.rules.identity_status import StrictTraits, differences, status_of, why_not_asked
from admissions.services import identity
from admissions.services.identity import FormerIns, FoundIdentity
from admissions.services.patients import Traits, correct_patient, create_patient
from tests.factories import StayFactory, invented_nir, known_as

pytestmark = pytest.mark.django_db
TEST_OID = "1.2.250.1.213.1.4.10"
PROV, VALI, RECUP, QUAL = (
    IdentityStatus.PROVISIONAL, IdentityStatus.VALIDATED, IdentityStatus.RETRIEVED, IdentityStatus.QUALIFIED,
)  # fmt: skip
TRAITS = Traits("Le Bihan", "Anne-Lise Maëlle", dt.date(1984, 5, 17), "F", birth_place="35991")
THEIRS = StrictTraits("LE BIHAN", "ANNE-LISE MAELLE JEANNE", "1984-05-17", "F", "35991")


@pytest.fixture
def patient() -> Patient:
    return create_patient(TRAITS, SYSTEM)


def found(patient: Patient, traits: StrictTraits = THEIRS, **more) -> Patient:
    """INSi answers of this patient."""
    asked = more.pop("asked", identity.strict_traits(patient))
    said = FoundIdentity(more.pop("ins", invented_nir(3)), TEST_OID, traits, **more)
    identity.found(patient.pk, said, asked=asked, message_id=uuid4(), at=timezone.now())
    return Patient.objects.get(pk=patient.pk)


def seen(patient: Patient, kind: str = "CNI") -> Patient:
    return identity.check_document(patient.pk, kind, SYSTEM, version=patient.version)


def acts(patient: Patient) -> list[str]:
    return list(patient.identity_changes.order_by("pk").values_list("act", flat=True))


@pytest.mark.parametrize(
    ("ins", "document", "status"),
    [(False, False, PROV), (False, True, VALI), (True, False, RECUP), (True, True, QUAL)],
    ids=["neither", "document alone", "INS alone", "both"],
)
def test_two_facts_make_the_four_statuses(patient, ins, document, status) -> None:
    assert status_of(ins=ins, document=document) == status
    if ins:
        patient = found(patient)
    if document:
        patient = seen(patient)
    assert Patient.objects.get(pk=patient.pk).identity_status == status


def test_whatever_comes_first_the_two_together_qualify(patient) -> None:
    assert found(seen(patient)).identity_status == QUAL
    assert acts(patient) == [IdentityAct.DOCUMENT, IdentityAct.INS_FOUND]


@pytest.mark.parametrize("status", [VALI, RECUP, QUAL])
def test_the_database_refuses_a_status_that_nothing_bears_out(patient, status) -> None:
    with pytest.raises(IntegrityError, match="status_follows_ins_and_document"):
        Patient.objects.filter(pk=patient.pk).update(identity_status=status)


def test_the_database_refuses_a_qualified_identity_that_is_doubtful(patient) -> None:
    known_as(QUAL, patient)
    for attribute in ("doubtful", "fictitious"):
        with pytest.raises(IntegrityError, match="doubtful_or_fictitious"), transaction.atomic():
            Patient.objects.filter(pk=patient.pk).update(**{attribute: True})


def test_the_history_of_an_identity_can_only_grow(patient) -> None:
    seen(patient)
    for change in (lambda rows: rows.update(reason="autre"), lambda rows: rows.delete()):
        with pytest.raises(ProgrammingError, match="append"), transaction.atomic():
            change(IdentityChange.objects.all())


def test_a_document_that_proves_nothing_is_noted_and_validates_nothing(patient) -> None:
    patient = seen(patient, "CAV")
    assert (patient.identity_status, patient.document_kind) == (PROV, "")
    assert patient.identity_changes.get().document == "CAV"
    with pytest.raises(Refused, match="quelle pièce"):
        seen(patient, "XXX")


def test_traits_that_moved_since_they_were_compared_are_not_validated(patient) -> None:
    with pytest.raises(Conflict):
        identity.check_document(patient.pk, "CNI", SYSTEM, version=patient.version + 1)
    assert acts(patient) == []


def test_the_service_completes_what_we_lack_and_its_spelling_becomes_ours(patient) -> None:
    Patient.objects.filter(pk=patient.pk).update(birth_place="")
    patient.refresh_from_db()
    patient = found(patient)
    assert (patient.birth_name, patient.first_names, patient.birth_place) == (
        "LE BIHAN", "ANNE-LISE MAELLE JEANNE", "35991",
    )  # fmt: skip
    assert (patient.ins, patient.ins_oid, patient.ins_outcome) == (invented_nir(3), TEST_OID, InsOutcome.FOUND)
    # Found again by the name that was completed.
    assert patient.name_tokens.filter(token="JEANNE").exists()


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"birth_name": "LEBIHAN"}, []),
        ({"birth_name": "LE BIHEN"}, ["birth_name"]),
        ({"first_names": "ANNE LISE"}, []),
        ({"first_names": "MAELLE"}, ["first_names"]),
        ({"first_names": "ANNE LISE MAELLE"}, []),
        ({"first_names": "MAELLE ANNE-LISE"}, ["first_names"]),
        ({"birth_date": "1984-00-00"}, ["birth_date"]),
        ({"sex": "M"}, ["sex"]),
        ({"birth_place": "29991"}, ["birth_place"]),
        ({"birth_place": ""}, []),
    ],
    ids=[
        "glued",
        "spelling",
        "fewer first names",
        "another first name",
        "hyphen",
        "order",
        "lunar date",
        "sex",
        "place",
        "no place",
    ],
)
def test_what_counts_as_a_difference(change, differs) -> None:
    ours = StrictTraits("LE BIHAN", "Anne-Lise Maëlle", "1984-05-17", "F", "35991")
    assert differences(ours, replace(THEIRS, **change)) == differs


def test_an_identity_that_is_not_quite_ours_waits_for_a_person(patient) -> None:
    patient = found(seen(patient), replace(THEIRS, birth_place="29991"))
    assert (patient.identity_status, patient.ins, patient.ins_outcome) == (VALI, None, InsOutcome.PROPOSED)
    proposal = patient.ins_proposals.get()
    assert (proposal.state, proposal.differences) == (ProposalState.WAITING, ["birth_place"])
    patient = identity.decide(patient.pk, True, SYSTEM, version=patient.version)
    # Its traits are others than those of the document: the document is to be compared again.
    assert (patient.identity_status, patient.birth_place) == (RECUP, "29991")
    assert seen(patient).identity_status == QUAL


def test_an_identity_that_was_set_aside_changes_nothing_and_is_not_decided_twice(patient) -> None:
    patient = found(patient, replace(THEIRS, sex="M"))
    with pytest.raises(Conflict):
        identity.decide(patient.pk, False, SYSTEM, version=patient.version - 1)
    patient = identity.decide(patient.pk, False, SYSTEM, version=patient.version)
    assert (patient.identity_status, patient.sex, patient.ins_outcome) == (PROV, "F", InsOutcome.REFUSED)
    with pytest.raises(Conflict):
        identity.decide(patient.pk, True, SYSTEM, version=patient.version)


def test_an_answer_about_traits_that_were_corrected_meanwhile_is_dropped(patient) -> None:
    asked = identity.strict_traits(patient)
    patient = correct_patient(patient.pk, replace(TRAITS, birth_name="Le Bihen"), SYSTEM, version=patient.version)
    assert found(patient, asked=asked).ins is None
    identity.not_found(patient.pk, InsOutcome.NONE, asked=asked, message_id=uuid4(), at=timezone.now())
    assert Patient.objects.get(pk=patient.pk).ins_outcome == InsOutcome.UNASKED


def test_a_locked_trait_opens_with_a_reason_and_nothing_stays_sure(patient) -> None:
    patient = found(seen(patient))
    ours = replace(TRAITS, first_names=patient.first_names)
    with pytest.raises(Refused, match="verrouillés"):
        correct_patient(patient.pk, replace(ours, sex="M"), SYSTEM, version=patient.version)
    patient = correct_patient(
        patient.pk, replace(ours, birth_date=dt.date(1984, 5, 18)), SYSTEM, version=patient.version,
        reason="changement d’état civil",
    )  # fmt: skip
    assert (patient.identity_status, patient.ins, patient.document_kind) == (PROV, None, "")
    assert patient.ins_outcome == InsOutcome.UNASKED
    record = InsRecord.objects.get()
    assert (record.ins, record.ended_for) == (invented_nir(3), InsEnd.TRAITS)
    line = patient.identity_changes.first()
    assert (line.act, line.reason) == (IdentityAct.TRAITS, "changement d’état civil")
    assert '"1984-05-17", "1984-05-18"' in line.traits


def test_corrected_from_a_document_an_identity_is_validated_at_once(patient) -> None:
    patient = seen(patient)
    patient = correct_patient(
        patient.pk, replace(TRAITS, birth_place="35992"), SYSTEM, version=patient.version, document="PAS"
    )
    assert (patient.identity_status, patient.document_kind) == (VALI, "PAS")
    patient = correct_patient(patient.pk, replace(TRAITS, birth_place="35993"), SYSTEM, version=patient.version)
    assert patient.identity_status == PROV


@pytest.mark.parametrize(("says", "lifts"), [("DOUBTFUL", "TRUSTED"), ("FICTITIOUS", "REAL")])
def test_a_doubt_takes_matricule_and_document_away_until_it_is_lifted(patient, says, lifts) -> None:
    patient = found(seen(patient))
    stay = StayFactory(patient=patient)
    with pytest.raises(Refused, match="pourquoi"):
        identity.report(patient.pk, IdentityAct[says], " ", SYSTEM)
    patient = identity.report(patient.pk, IdentityAct[says], "deux personnes sous un nom", SYSTEM)
    assert (patient.identity_status, patient.ins, patient.document_seen_at) == (PROV, None, None)
    assert why_not_asked(sex="F", doubtful=patient.doubtful, fictitious=patient.fictitious)
    with pytest.raises(Refused, match="ne la valide pas"):
        seen(patient)
    assert found(patient).ins is None
    assert list(AdmissionEvent.objects.filter(stay=stay).values_list("detail", flat=True)) == [{"identity": "PROV"}]
    patient = identity.report(patient.pk, IdentityAct[lifts], "pièces revues", SYSTEM)
    # The services are to be asked again: this event is not of an identity that only changed its status.
    assert AdmissionEvent.objects.filter(stay=stay, kind=EventKind.PATIENT_CORRECTED, detail={}).count() == 1
    assert found(seen(patient)).identity_status == QUAL


def test_a_homonym_is_said_and_takes_nothing_away(patient) -> None:
    patient = identity.report(found(seen(patient)).pk, IdentityAct.HOMONYM, "", SYSTEM)
    assert (patient.homonym, patient.identity_status) == (True, QUAL)
    assert not identity.report(patient.pk, IdentityAct.ALONE, "", SYSTEM).homonym


def test_former_matricules_are_kept_once_with_the_dates_that_the_service_gives(patient) -> None:
    former = (
        FormerIns(invented_nir(4), TEST_OID, dt.date(2014, 1, 1), dt.date(2010, 1, 1)),
        FormerIns(invented_nir(5), TEST_OID),
    )
    patient = found(patient, former=former)
    patient = found(patient, former=former)
    kept = {record.ins: record.ended_for for record in patient.ins_records.all()}
    assert kept == {invented_nir(3): "", invented_nir(4): InsEnd.FORMER, invented_nir(5): InsEnd.FORMER}
    assert acts(patient) == [IdentityAct.INS_FOUND, IdentityAct.INS_CONFIRMED]


def test_a_matricule_that_the_service_no_longer_confirms_is_given_up(patient) -> None:
    patient = found(seen(patient))
    identity.verified(patient.pk, invented_nir(9), False, message_id=None, at=timezone.now())
    assert Patient.objects.get(pk=patient.pk).identity_status == QUAL
    identity.verified(patient.pk, invented_nir(3), True, message_id=None, at=timezone.now())
    identity.verified(patient.pk, invented_nir(3), False, message_id=None, at=timezone.now())
    patient.refresh_from_db()
    assert (patient.identity_status, patient.ins_outcome) == (VALI, InsOutcome.REFUTED)
    assert InsRecord.objects.get().ended_for == InsEnd.REFUTED


@pytest.mark.parametrize("outcome", [InsOutcome.NONE, InsOutcome.SEVERAL])
def test_nobody_or_several_changes_only_what_is_known_of_the_question(patient, outcome) -> None:
    asked = identity.strict_traits(patient)
    identity.not_found(seen(patient).pk, outcome, asked=asked, message_id=uuid4(), at=timezone.now())
    patient.refresh_from_db()
    assert (patient.identity_status, patient.ins_outcome) == (VALI, outcome)
