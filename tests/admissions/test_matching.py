"""Two identities compared, and the person found again among the others."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admissions.candidates import candidates, person_of
from admissions.enums import Protection
from admissions.events import SYSTEM
from admissions.models import Patient, PatientMatchKey
from admissions.rules.matching import Level, Person, close_dates, compare, match_keys
from admissions.rules.matching.phonetics import sound_of
from admissions.services.patients import Traits, correct_patient
from tests.factories import PatientFactory, invented_nir

KNOWN = Person("LE BIHAN", "Maryvonne Anne", dt.date(1942, 1, 28), "F", used_name="TANGUY")
NAMES = st.sampled_from(
    ["LE BIHAN", "LEBIHAN", "Martin", "D’AÏT", "Jean-Luc", "MARTIN-DUPONT", "Anne Marie", "Ó", "MARIE"]
)
PEOPLE = st.builds(
    Person,
    birth_name=NAMES,
    first_names=NAMES,
    birth_date=st.dates(dt.date(1940, 1, 1), dt.date(1943, 12, 31)),
    sex=st.sampled_from(["M", "F", ""]),
    used_name=NAMES | st.just(""),
    used_first_name=NAMES | st.just(""),
    birth_rank=st.integers(1, 3),
    nir=st.sampled_from(["", "a", "b"]),
)

#: What was typed of KNOWN, and what is said of it.
SLIPS = {
    "glued particle": ({"birth_name": "Lebihan"}, ""),
    "letter left out": ({"birth_name": "LE BIAN", "used_name": ""}, "nom de naissance proche"),
    "by ear": ({"first_names": "Marivone"}, "premier prénom proche"),
    "names exchanged": ({"birth_name": "TANGUY", "used_name": "LE BIHAN"}, "nom de naissance et nom utilisé échangés"),
    "married name alone": ({"birth_name": "TANGUY", "used_name": ""}, "nom de naissance et nom utilisé échangés"),
    "first names in another order": ({"first_names": "Anne Maryvonne"}, "prénoms dans un autre ordre"),
    "one first name": ({"first_names": "Maryvonne"}, "même premier prénom"),
    "name in the place of the first name": (
        {"birth_name": "MARYVONNE", "first_names": "Le Bihan", "used_name": ""},
        "nom et prénom échangés",
    ),
    "digits exchanged": ({"birth_date": dt.date(1924, 1, 28)}, "même date de naissance, deux chiffres inversés"),
    "one digit": ({"birth_date": dt.date(1942, 1, 23)}, "un chiffre de la date de naissance diffère"),
    "day unknown": ({"birth_date": dt.date(1942, 1, 1)}, "jour de naissance inconnu"),
    "day and month unknown": ({"birth_date": dt.date(1942, 12, 31)}, "jour et mois de naissance inconnus"),
}


@pytest.mark.parametrize("slip", list(SLIPS))
def test_a_slip_of_the_hand_leaves_the_same_person_and_is_named(slip: str) -> None:
    changes, reason = SLIPS[slip]
    found = compare(replace(KNOWN, **changes), KNOWN)
    assert found.level == Level.SAME
    assert (reason in found.reasons) if reason else not found.reasons


def test_day_and_month_exchanged_are_named() -> None:
    born = replace(KNOWN, birth_date=dt.date(1942, 2, 11))
    found = compare(born, replace(born, birth_date=dt.date(1942, 11, 2)))
    assert found.level == Level.SAME
    assert found.reasons == ("même date de naissance, jour et mois inversés",)


@given(PEOPLE, PEOPLE)
def test_a_score_depends_on_nobody_s_place_and_stays_within_bounds(one: Person, other: Person) -> None:
    assert compare(one, other) == compare(other, one)
    assert 0 <= compare(one, other).score <= 100


@given(PEOPLE)
def test_the_same_traits_are_worth_a_hundred(one: Person) -> None:
    assert compare(one, one).score == 100


@pytest.mark.parametrize(
    "changes",
    [
        {"first_names": "Josette"},
        {"first_names": "Marie-Yvonne Anne", "birth_rank": 2},
        {"first_names": "Maryvon Anne", "sex": "M"},
        {"first_names": "Josette", "nir": "same"},
    ],
    ids=["first name", "rank", "sex", "number of a parent"],
)
def test_twins_are_never_told_to_be_one_person(changes: dict) -> None:
    found = compare(replace(KNOWN, nir="same"), replace(KNOWN, **changes))
    assert found.level == Level.TWIN and found.reasons[0] == "jumeau possible"


def test_a_namesake_of_another_age_and_a_stranger_born_that_day_are_nobody() -> None:
    assert compare(KNOWN, replace(KNOWN, birth_date=dt.date(1987, 10, 13))).level == Level.NONE
    assert compare(KNOWN, Person("MARTIN", "Paul", KNOWN.birth_date, "M")).level == Level.NONE


@pytest.mark.parametrize(
    "words",
    ["LEFEVRE LEFEBVRE", "DUPONT DUPOND", "BERTHELOT BERTELEAU", "RENAULT RENAUD RENO", "LECLERC LECLERCQ",
     "PHILIPPE FILIP", "YANNICK YANIC", "KERVELLA KERVELA", "THIBAULT TIBO", "GAUTHIER GOTIER"],
)  # fmt: skip
def test_what_is_said_alike_has_one_code(words: str) -> None:
    assert len({sound_of(word) for word in words.split()}) == 1


def test_close_dates_exist_and_hold_no_date_of_convention() -> None:
    assert close_dates(dt.date(1942, 1, 28)) == [
        dt.date(1942, 1, 28), dt.date(1942, 10, 28), dt.date(1924, 1, 28)
    ]  # fmt: skip


# ---- among patients ----


@pytest.fixture
def known(db) -> Patient:
    for name in ("MARTIN", "TANGUY", "LE GOFF"):
        PatientFactory(birth_name=name, first_names="Josette", birth_date=dt.date(1942, 1, 28))
    return PatientFactory(
        birth_name="LE BIHAN", first_names="Maryvonne Anne", birth_date=dt.date(1942, 1, 28), used_name="TANGUY",
        nir=invented_nir(9),
    )  # fmt: skip


@pytest.mark.parametrize("slip", list(SLIPS))
def test_who_was_mistyped_comes_first_in_two_queries(slip: str, known: Patient, django_assert_num_queries) -> None:
    typed = replace(KNOWN, **SLIPS[slip][0])
    with django_assert_num_queries(2):
        found = candidates(typed, Patient.objects.all())
    assert found[0].patient == known


def test_a_number_finds_its_person_under_another_name_but_not_a_child_on_it(known: Patient) -> None:
    numbers = Patient.indexes_of_nir(invented_nir(9))
    renamed = replace(KNOWN, birth_name="KERVELLA", used_name="", first_names="Soizic")
    assert known in [one.patient for one in candidates(renamed, Patient.objects.all(), nir_indexes=numbers)]
    child = replace(renamed, birth_date=dt.date(2020, 6, 15))
    assert not candidates(child, Patient.objects.all(), nir_indexes=numbers)


@pytest.mark.parametrize("name", ["", "  ", "-", "’"])
def test_a_name_without_a_word_resembles_nobody(name: str, known: Patient) -> None:
    assert not candidates(replace(KNOWN, birth_name=name), Patient.objects.all())


def test_nobody_out_of_what_may_be_seen_is_proposed(known: Patient) -> None:
    assert not candidates(KNOWN, Patient.objects.exclude(pk=known.pk).filter(first_names="Maryvonne"))


def test_a_protected_dossier_answers_to_a_whole_name_and_date_only(known: Patient) -> None:
    Patient.objects.filter(pk=known.pk).update(protection=next(filter(None, Protection.values)))
    everybody = Patient.objects.all()

    def proposed(person: Person) -> bool:
        return known in [one.patient for one in candidates(person, everybody)]

    assert proposed(KNOWN) and proposed(replace(KNOWN, birth_name="Lebihan"))
    assert not proposed(replace(KNOWN, birth_name="LE BIHA"))
    assert not proposed(replace(KNOWN, birth_date=dt.date(1942, 1, 1)))


def test_keys_follow_a_correction(known: Patient) -> None:
    def held() -> set[int]:
        return set(PatientMatchKey.objects.filter(patient=known).values_list("key", flat=True))

    assert held() == match_keys("LE BIHAN", "TANGUY", "Maryvonne Anne", "")
    traits = Traits("Kervella", "Maryvonne", known.birth_date, "F")
    corrected = correct_patient(known.pk, traits, SYSTEM, version=0)
    assert held() == match_keys("KERVELLA", "", "Maryvonne", "")
    assert person_of(corrected).birth_name == "KERVELLA"
