"""Somebody who cannot say who they are, a child who has just been born: registered at once, completed as a task."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.enums import Role
from admissions.enums import CoverageKind, EventKind, Incomplete, Sex, StayKind, StayStatus
from admissions.errors import Refused
from admissions.events import SYSTEM
from admissions.models import Patient, Stay
from admissions.rules.at_once import estimated_birth, standing_in, still_incomplete
from admissions.services import at_once, stays
from admissions.services.patients import Traits, correct_patient
from tests.factories import AmoCoverageFactory, PatientFactory, StayFactory, UnitFactory, invented_nir
from worklists.registry import all_worklists

pytestmark = pytest.mark.django_db


def unknown(establishment, key=None) -> Stay:
    return at_once.register_unknown(
        establishment,
        UnitFactory(),
        StayKind.EMERGENCY,
        sex=Sex.MALE,
        age=60,
        actor=SYSTEM,
        creation_key=key or uuid4(),
    )


def listed(establishment) -> set[int]:
    return set(all_worklists()["identites-a-completer"].select(establishment.pk).values_list("pk", flat=True))


@pytest.fixture
def mother() -> Stay:
    patient = PatientFactory(birth_name="MORVAN", sex="F", nir=invented_nir(2))
    AmoCoverageFactory(patient=patient)
    stay = StayFactory(patient=patient, kind=StayKind.FULL)
    return stays.admit(stay.pk, timezone.now() - dt.timedelta(hours=5), SYSTEM)


def birth(**changes) -> at_once.Birth:
    return replace(at_once.Birth(timezone.now() - dt.timedelta(hours=1), "F", "MORVAN"), **changes)


def test_two_unknown_people_are_never_called_the_same() -> None:
    assert len({standing_in(number) for number in range(676)}) == 676
    assert standing_in(676) == standing_in(0) == "Alpha Alpha"


def test_an_age_makes_the_day_that_the_rule_says() -> None:
    assert estimated_birth(60, dt.date(2026, 11, 23)) == dt.date(1966, 12, 31)
    assert estimated_birth(0, dt.date(2026, 11, 23)) == dt.date(2026, 1, 1)
    assert still_incomplete(Incomplete.NEWBORN, "MORVAN", "Prenom a declarer")
    assert not still_incomplete(Incomplete.NONE, "INCONNU", "Alpha Alpha")


def test_an_unknown_patient_is_admitted_at_once_and_stays_a_task_until_known(establishment) -> None:
    key = uuid4()
    stay = unknown(establishment, key)
    patient = stay.patient
    assert stay.status == StayStatus.ADMITTED
    assert (patient.birth_name, patient.incomplete, patient.fictitious) == ("INCONNU", Incomplete.UNKNOWN, True)
    assert unknown(establishment, key) == stay
    assert unknown(establishment).patient.first_names != patient.first_names
    assert stay.pk in listed(establishment)
    # Half known is not known: the name still stands in.
    half = Traits("Inconnu", "Yann", dt.date(1966, 12, 31), "M")
    patient = correct_patient(patient.pk, half, SYSTEM, version=patient.version)
    assert (patient.incomplete, patient.fictitious) == (Incomplete.UNKNOWN, True)
    whole = Traits("Kerdoncuff", "Yann", dt.date(1964, 2, 3), "M", nir=invented_nir(4, sex="1", year=64, month=2))
    patient = correct_patient(patient.pk, whole, SYSTEM, version=patient.version, document="CNI")
    assert (patient.incomplete, patient.fictitious, patient.identity_status) == ("", False, "VALI")
    assert stay.pk not in listed(establishment)


def test_a_child_has_a_dossier_a_stay_and_the_rights_of_its_mother(mother, establishment) -> None:
    stay = at_once.register_birth(mother.pk, birth(), SYSTEM)
    child = stay.patient
    assert (child.mother, child.nir, child.birth_rank) == (mother.patient, mother.patient.nir, 1)
    assert (stay.status, stay.unit, stay.establishment) == (StayStatus.ADMITTED, mother.unit, mother.establishment)
    theirs = child.coverages.get(kind=CoverageKind.AMO)
    assert (theirs.debtor, theirs.valid_from) == (mother.patient.coverages.get().debtor, child.birth_date)
    assert mother.events.get(kind=EventKind.BIRTH_REGISTERED).detail == {"stay": stay.iep}
    assert stay.pk in listed(establishment) and mother.pk not in listed(establishment)
    declared = Traits("Morvan", "Lena", child.birth_date, "F", nir=child.nir)
    assert correct_patient(child.pk, declared, SYSTEM, version=child.version).incomplete == ""


def test_twins_are_told_apart_by_their_rank(mother) -> None:
    at_once.register_birth(mother.pk, birth(first_names="Lena"), SYSTEM)
    with pytest.raises(Refused, match="rang 1 est déjà né"):
        at_once.register_birth(mother.pk, birth(first_names="Maël", sex="M"), SYSTEM)
    assert Patient.objects.filter(mother=mother.patient).count() == 1
    at_once.register_birth(mother.pk, birth(first_names="Maël", sex="M", rank=2), SYSTEM)
    assert list(mother.patient.children.order_by("birth_rank").values_list("incomplete", flat=True)) == ["", ""]


def test_a_birth_is_registered_from_the_stay_of_the_mother(signed_in, mother) -> None:
    desk = signed_in(Role.AGENT)
    url = reverse("admissions:act", args=[mother.iep, "naissance"])
    assert 'value="MORVAN"' in desk.get(url).text
    at = timezone.localtime() - dt.timedelta(hours=1)
    sent = {"born_at": f"{at:%d/%m/%Y %H:%M}", "sex": "F", "birth_name": "Morvan", "first_names": "", "rank": "1"}
    assert desk.post(url, sent | {"rank": "0"}).status_code == 422
    assert "Naissance enregistrée" in desk.post(url, sent, follow=True).text
    again = desk.post(url, sent)
    assert again.status_code == 422 and "déjà né" in again.text
    child = Stay.objects.get(patient__mother=mother.patient)
    timeline = desk.get(reverse("teleservices:stay-timeline", args=[mother.iep])).text
    assert child.iep in timeline


def test_a_man_and_a_consultation_give_no_birth(signed_in, mother) -> None:
    desk = signed_in(Role.AGENT)
    Patient.objects.filter(pk=mother.patient_id).update(sex="M")
    answer = desk.get(reverse("admissions:act", args=[mother.iep, "naissance"]), follow=True)
    assert "n’est plus possible" in answer.text


def test_an_unknown_patient_is_registered_with_four_answers(signed_in, django_assert_max_num_queries) -> None:
    desk = signed_in(Role.AGENT)
    unit = UnitFactory()
    url = reverse("admissions:unknown")
    with django_assert_max_num_queries(12):
        assert "Âge estimé" in desk.get(url).text
    assert desk.post(url, {"sex": "I", "age": "300", "unit": unit.pk, "kind": "emergency"}).status_code == 422
    sent = {"sex": "I", "age": "30", "unit": unit.pk, "kind": "emergency", "creation_key": str(uuid4())}
    first, second = desk.post(url, sent), desk.post(url, sent)
    assert first["Location"] == second["Location"]
    shown = desk.get(first["Location"]).text
    assert "INCONNU" in shown and "Identité fictive" in shown
