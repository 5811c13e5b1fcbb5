"""Patients: created with strict traits, found again whatever is typed, never twice by a double click."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from admissions.enums import IdentityStatus
from admissions.errors import Conflict, Refused
from admissions.events import SYSTEM
from admissions.models import Patient
from admissions.querysets import search_patients
from admissions.services.patients import Traits, correct_patient, create_patient
from tests.factories import PatientFactory, StayFactory, invented_nir, known_as

pytestmark = pytest.mark.django_db
TRAITS = Traits(birth_name="Le Bihan", first_names="Maryvonne Anne", birth_date=dt.date(1942, 1, 28), sex="F")


def test_a_patient_gets_an_ipp_of_nine_digits_and_a_name_in_capitals() -> None:
    patient = create_patient(TRAITS, SYSTEM)
    assert len(patient.ipp) == 9 and patient.ipp.isdigit()
    assert patient.birth_name == "LE BIHAN"


@pytest.mark.parametrize(
    "typed",
    [
        "le bihan",
        "LEBIHAN",
        "bihan",
        "Bihan maryvonne",
        "maryvonne le bihan",
        "LE BIHAN 28/01/1942",
        "28011942",
        "anne bih",
    ],
)
def test_a_patient_is_found_whatever_is_typed(typed: str) -> None:
    patient = create_patient(TRAITS, SYSTEM)
    PatientFactory(birth_name="MARTIN", first_names="Josette", birth_date=dt.date(1950, 3, 4))
    assert list(search_patients(typed, Patient.objects.all())) == [patient]


@pytest.mark.parametrize("typed", ["le bihan", "Lebihan", "LE BIHAN"])
def test_a_name_written_in_one_word_is_found_in_two(typed: str) -> None:
    patient = create_patient(replace(TRAITS, birth_name="Lebihan"), SYSTEM)
    assert list(search_patients(typed, Patient.objects.all())) == [patient]


def test_accents_hyphens_and_used_names_are_found() -> None:
    traits = replace(TRAITS, birth_name="Lefèvre-Œuvrard", first_names="Anne-Zoé", used_name="D’Aït Saïd")
    patient = create_patient(traits, SYSTEM)
    for typed in ("lefevre", "oeuvrard", "LEFEVRE OEUVRARD", "ait said", "zoe", "d'ait said anne"):
        assert list(search_patients(typed, Patient.objects.all())) == [patient], typed


def test_a_patient_is_found_by_ipp_iep_and_nir() -> None:
    patient = PatientFactory(nir=invented_nir(7))
    stay = StayFactory(patient=patient)
    assert list(search_patients(patient.ipp, Patient.objects.all())) == [patient]
    assert list(search_patients(stay.iep, Patient.objects.all())) == [patient]
    assert list(search_patients(invented_nir(7), Patient.objects.all())) == [patient]
    spaced = f"{invented_nir(7)[0]} {invented_nir(7)[1:3]} {invented_nir(7)[3:]}"
    assert list(search_patients(spaced, Patient.objects.all())) == [patient]


@pytest.mark.parametrize("typed", ["", "   ", "%", "_", "''", "zzz"])
def test_an_empty_or_odd_question_finds_nobody(typed: str) -> None:
    PatientFactory()
    assert not search_patients(typed, Patient.objects.all()).exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"birth_date": timezone.localdate() + dt.timedelta(days=1)}, "birth_date"),
        ({"birth_date": dt.date(1850, 1, 1)}, "birth_date"),
        ({"birth_name": "  "}, "birth_name"),
        ({"birth_name": "Le Bihan <script>"}, "birth_name"),
        ({"first_names": "4nne"}, "first_names"),
        ({"nir": invented_nir(1)[:13] + "00"}, "nir"),
        ({"nir": "12345"}, "nir"),
    ],
)
def test_bad_traits_are_refused_in_words_and_nothing_is_created(changes: dict, field: str) -> None:
    with pytest.raises(Refused) as refusal:
        create_patient(replace(TRAITS, **changes), SYSTEM)
    assert refusal.value.field == field
    assert refusal.value.message.endswith(".")
    assert not Patient.objects.exists()


@pytest.mark.parametrize("department", ["2A", "2B"])
def test_a_corsican_nir_is_accepted_with_its_key(department: str) -> None:
    body = f"28405{department}990117"
    key = 97 - int(body.replace("2A", "19").replace("2B", "18")) % 97
    patient = create_patient(replace(TRAITS, nir=f"{body}{key:02d}"), SYSTEM)
    assert patient.nir == f"{body}{key:02d}"


def test_the_nir_is_not_in_clear_in_the_database(django_assert_num_queries) -> None:
    from django.db import connection

    patient = PatientFactory(nir=invented_nir(3))
    with connection.cursor() as cursor:
        cursor.execute("select p::text from admissions_patient p where id = %s", [patient.pk])
        row = cursor.fetchone()[0]
    assert invented_nir(3) not in row and invented_nir(3).encode().hex() not in row
    assert Patient.objects.get(pk=patient.pk).nir == invented_nir(3)


def test_the_same_click_twice_creates_one_patient() -> None:
    key = uuid4()
    one, two = create_patient(TRAITS, SYSTEM, creation_key=key), create_patient(TRAITS, SYSTEM, creation_key=key)
    assert one == two and Patient.objects.count() == 1


def test_the_second_of_two_corrections_is_told_and_overwrites_nothing() -> None:
    patient = create_patient(TRAITS, SYSTEM)
    correct_patient(patient.pk, replace(TRAITS, phone="0299000000"), SYSTEM, version=0)
    with pytest.raises(Conflict):
        correct_patient(patient.pk, replace(TRAITS, phone="0299111111"), SYSTEM, version=0)
    patient.refresh_from_db()
    assert patient.phone == "0299000000"


def test_the_strict_traits_of_a_qualified_identity_are_locked() -> None:
    patient = create_patient(TRAITS, SYSTEM)
    known_as(IdentityStatus.QUALIFIED, patient)
    with pytest.raises(Refused, match="verrouillés"):
        correct_patient(patient.pk, replace(TRAITS, birth_name="Lebras"), SYSTEM, version=0)
    assert correct_patient(patient.pk, replace(TRAITS, phone="0299000000"), SYSTEM, version=0).phone


def last_ipp() -> int:
    with connection.cursor() as cursor:
        cursor.execute("select last_value from patient_ipp")
        return int(cursor.fetchone()[0])


def test_an_ipp_is_taken_by_a_creation_alone() -> None:
    key = uuid4()
    patient = create_patient(TRAITS, SYSTEM, creation_key=key)
    assert int(patient.ipp) == last_ipp()
    create_patient(TRAITS, SYSTEM, creation_key=key)
    for refused in ({"nir": "123"}, {"birth_name": "K3rvella"}, {"birth_date": dt.date(2999, 1, 1)}):
        with pytest.raises(Refused):
            create_patient(replace(TRAITS, **refused), SYSTEM)
    assert int(patient.ipp) == last_ipp()
    assert int(create_patient(TRAITS, SYSTEM).ipp) == int(patient.ipp) + 1
