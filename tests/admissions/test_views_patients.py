"""The dossier of a person and the correction of the identity, alone or with a colleague at the same time."""

from __future__ import annotations

import datetime as dt

import pytest
from django.urls import reverse

from accounts.enums import Role
from accounts.models import ApiClient
from admissions.enums import IdentityStatus
from admissions.events import Actor
from admissions.models import AdmissionEvent, Patient
from admissions.services.patients import Traits, create_patient
from tests.factories import CoverageFactory, PatientFactory, StayFactory, invented_nir, known_as

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(signed_in):
    return signed_in(Role.AGENT)


@pytest.fixture
def patient(establishment) -> Patient:
    return PatientFactory(birth_name="MORVAN", first_names="Hélène Marie", used_name="KERDONCUFF", nir=invented_nir(2))


def typed(patient: Patient, **changes):
    return {
        "birth_name": patient.birth_name,
        "first_names": patient.first_names,
        "birth_date": f"{patient.birth_date:%d/%m/%Y}",
        "sex": patient.sex,
        "used_name": patient.used_name,
        "nir": patient.nir,
        "birth_rank": "1",
        "version": str(patient.version),
    } | changes


def test_the_dossier_shows_the_banner_the_stays_and_the_coverages(desk, patient) -> None:
    stay = StayFactory(patient=patient)
    coverage = CoverageFactory(patient=patient)
    page = desk.get(reverse("admissions:patient", args=[patient.ipp])).text
    for text in (
        "MORVAN",
        "Hélène Marie",
        "nom utilisé KERDONCUFF",
        "17/05/1984",
        patient.ipp,
        stay.iep,
        coverage.debtor.name,
    ):
        assert text in page
    assert "2\u00a084\u00a005\u00a099\u00a0990\u00a0002" in page


def test_the_dossier_says_who_created_it(desk, establishment, person, api) -> None:
    colleague = person(Role.AGENT, last_name="Quentel")
    traits = Traits("Le Bihan", "Maryvonne", dt.date(1942, 1, 28), "F")
    by_hand = create_patient(traits, Actor(colleague))
    api()
    program = ApiClient.objects.get()
    by_program = create_patient(traits, Actor(client=program))
    for patient, name in ((by_hand, "N. Quentel"), (by_program, program.name)):
        assert f"par {name}</dd>" in desk.get(reverse("admissions:patient", args=[patient.ipp])).text


def test_homonyms_are_told(desk, patient) -> None:
    PatientFactory(birth_name="MORVAN", first_names="Hélène", nir=invented_nir(3))
    PatientFactory(birth_name="MORVAN", first_names="Yves", nir=invented_nir(4))
    assert "1 homonyme" in desk.get(reverse("admissions:patient", args=[patient.ipp])).text


def test_an_identity_is_corrected(desk, patient) -> None:
    answer = desk.post(reverse("admissions:identity", args=[patient.ipp]), typed(patient, used_name="Le Goff"))
    assert answer["Location"] == reverse("admissions:patient", args=[patient.ipp])
    patient.refresh_from_db()
    assert patient.used_name == "LE GOFF"


def test_two_people_at_once_see_both_values_and_nothing_is_overwritten(desk, patient) -> None:
    mine = typed(patient, used_name="Le Goff", phone="0601020304")
    desk.post(reverse("admissions:identity", args=[patient.ipp]), typed(patient, used_name="Tanguy"))
    answer = desk.post(reverse("admissions:identity", args=[patient.ipp]), mine)
    assert answer.status_code == 409
    assert "TANGUY" in answer.text and "Le Goff" in answer.text and 'value="0601020304"' in answer.text
    patient.refresh_from_db()
    assert patient.used_name == "TANGUY"
    # The next save is made with both values before one's eyes.
    again = mine | {"version": str(patient.version)}
    assert desk.post(reverse("admissions:identity", args=[patient.ipp]), again).status_code == 302


def test_the_strict_traits_of_a_qualified_identity_are_text_and_cannot_be_sent(desk, patient) -> None:
    known_as(IdentityStatus.QUALIFIED, patient)
    page = desk.get(reverse("admissions:identity", args=[patient.ipp])).text
    assert 'name="birth_name"' not in page and "Traits verrouillés" in page
    desk.post(
        reverse("admissions:identity", args=[patient.ipp]), typed(patient, birth_name="AUTRE", phone="0601020304")
    )
    patient.refresh_from_db()
    assert (patient.birth_name, patient.phone) == ("MORVAN", "0601020304")


def test_a_document_seen_validates_the_identity_and_tells_the_stays(desk, patient) -> None:
    stay = StayFactory(patient=patient)
    answer = desk.post(
        reverse("admissions:identity-check", args=[patient.ipp]),
        {"version": str(patient.version), "iep": stay.iep, "document": "CNI"},
    )
    assert answer["Location"] == reverse("admissions:admission", args=[stay.iep])
    patient.refresh_from_db()
    assert patient.identity_status == IdentityStatus.VALIDATED
    assert AdmissionEvent.objects.filter(stay=stay, kind="patient_corrected").count() == 1
    # Seen twice is seen once.
    desk.post(
        reverse("admissions:identity-check", args=[patient.ipp]), {"version": str(patient.version), "document": "CNI"}
    )
    assert AdmissionEvent.objects.filter(stay=stay, kind="patient_corrected").count() == 1


def test_a_document_compared_with_traits_that_changed_since_validates_nothing(desk, patient) -> None:
    answer = desk.post(
        reverse("admissions:identity-check", args=[patient.ipp]), {"version": "99", "document": "CNI"}, follow=True
    )
    assert "corrigée par quelqu’un d’autre" in answer.text
    patient.refresh_from_db()
    assert patient.identity_status == IdentityStatus.PROVISIONAL
