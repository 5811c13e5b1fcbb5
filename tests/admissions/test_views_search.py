"""Find a dossier, and begin one for somebody unknown."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.enums import Role
from admissions.models import Patient
from admissions.views.patients import guess
from tests.factories import PatientFactory, StayFactory, invented_nir

pytestmark = pytest.mark.django_db
HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def desk(signed_in):
    return signed_in(Role.AGENT)


def search(client, text, **headers):
    return client.post(reverse("admissions:search"), {"q": text}, **headers)


@pytest.mark.parametrize(
    "typed",
    ["le bihan", "LEBIHAN", "bihan maryvonne", "Tanguy", "28/01/1942", "28011942", "maryvonne 28.01.1942", "Bihàn"],
)
def test_one_person_alone_opens_at_once_however_the_name_is_said(desk, typed) -> None:
    patient = PatientFactory(
        birth_name="LE BIHAN", used_name="TANGUY", first_names="Maryvonne", birth_date=dt.date(1942, 1, 28)
    )
    PatientFactory(birth_name="MARTIN")
    answer = search(desk, typed)
    assert (answer.status_code, answer["Location"]) == (302, reverse("admissions:patient", args=[patient.ipp]))


def test_a_number_opens_its_dossier(desk) -> None:
    nir = invented_nir(31)
    stay = StayFactory(patient=PatientFactory(nir=nir))
    assert search(desk, stay.iep)["Location"] == reverse("admissions:stay", args=[stay.iep])
    for number in (stay.patient.ipp, nir, f"{nir[0]} {nir[1:3]} {nir[3:5]} {nir[5:]}"):
        assert search(desk, number)["Location"] == reverse("admissions:patient", args=[stay.patient.ipp])


def test_several_people_are_listed_with_what_tells_them_apart(desk) -> None:
    for day in (3, 17):
        PatientFactory(
            birth_name="BERTHELOT", first_names="Camille", birth_date=dt.date(1984, 5, day), used_name="ROUSSEAU"
        )
    page = search(desk, "berthelot").text
    assert "2\u00a0dossiers" in page
    assert "03/05/1984" in page and "17/05/1984" in page and "ROUSSEAU" in page


def test_results_as_one_types_are_the_part_of_the_page(desk) -> None:
    for day in (3, 17):
        StayFactory(patient=PatientFactory(birth_name="BERTHELOT", birth_date=dt.date(1984, 5, day)))
    part, page = search(desk, "berthelot", **HTMX).text, search(desk, "berthelot").text
    assert "<html" not in part
    token = 'name="csrfmiddlewaretoken" value="'

    def strip(text: str) -> str:
        return text[: text.index(token)] + text[text.index(token) + len(token) + 64 :]

    start = page.index('<section class="panel" id="results"')
    inner = page[start : page.index("</section>", start) + len("</section>")]
    assert strip(part.strip()) == strip(inner)


def test_as_many_queries_for_one_result_as_for_thirty(desk) -> None:
    counts = []
    for number in (2, 30):
        while Patient.objects.count() < number:
            patient = PatientFactory(birth_name="BERTHELOT", birth_date=dt.date(1984, 5, 1))
            StayFactory(patient=patient)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            search(desk, "berthelot", **HTMX)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_nobody_found_proposes_a_pre_admission_that_carries_what_was_typed(desk) -> None:
    page = search(desk, "Kervella Yannick 02/03/1971").text
    assert "Personne ne répond" in page
    form = desk.post(reverse("admissions:new"), {"typed": "Kervella Yannick 02/03/1971"}).text
    for value in ("KERVELLA", "Yannick", "02/03/1971"):
        assert f'value="{value}"' in form


def test_a_page_of_results_that_nobody_asked_is_quiet(desk) -> None:
    assert "Tapez deux mots" in desk.get(reverse("admissions:search")).text
    assert "Tapez deux mots" in search(desk, "   ").text


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("Kervella Yannick", {"birth_name": "KERVELLA", "first_names": "Yannick"}),
        ("de la tour anne marie", {"birth_name": "DE LA TOUR", "first_names": "Anne Marie"}),
        ("Lê", {"birth_name": "LÊ", "first_names": ""}),
        ("02/03/1971", {"birth_name": "", "first_names": "", "birth_date": dt.date(1971, 3, 2)}),
        (invented_nir(5, sex="1"), {"nir": invented_nir(5, sex="1"), "sex": "M"}),
    ],
)
def test_what_was_typed_is_taken_as_the_beginning_of_an_identity(typed, expected) -> None:
    assert guess(typed) == expected


# ---- creation ----


def identity(**changes):
    return {
        "birth_name": "Kervella",
        "first_names": "Yannick",
        "birth_date": "02/03/1971",
        "sex": "M",
        "birth_rank": "1",
        "creation_key": str(uuid.uuid4()),
    } | changes


def test_a_new_person_is_created_then_the_stay_is_asked(desk) -> None:
    answer = desk.post(reverse("admissions:new"), identity(nir=invented_nir(40, sex="1", year=71, month=3)))
    patient = Patient.objects.get()
    assert (patient.birth_name, patient.birth_date) == ("KERVELLA", dt.date(1971, 3, 2))
    assert answer["Location"] == reverse("admissions:new-stay", args=[patient.ipp])


def test_a_walk_in_stays_one_along_the_flow(desk) -> None:
    answer = desk.post(reverse("admissions:new"), identity(walk_in="1"))
    assert answer["Location"].endswith("?venue=1")


def test_likely_duplicates_are_proposed_before_anything_is_created(desk) -> None:
    PatientFactory(birth_name="KERVELLA", first_names="Yannick", birth_date=dt.date(1971, 3, 2), sex="M")
    sent = identity()
    answer = desk.post(reverse("admissions:new"), sent)
    assert answer.status_code == 422
    assert "C’est cette personne" in answer.text and "Créer quand même" in answer.text
    assert 'value="Kervella"' in answer.text
    assert Patient.objects.count() == 1
    assert desk.post(reverse("admissions:new"), sent | {"anyway": "1"}).status_code == 302
    assert Patient.objects.count() == 2


def test_a_form_sent_again_after_a_lost_answer_is_no_duplicate_of_itself(desk) -> None:
    sent = identity()
    first = desk.post(reverse("admissions:new"), sent)
    assert first.status_code == 302
    assert desk.post(reverse("admissions:new"), sent)["Location"] == first["Location"]
    assert Patient.objects.count() == 1


def test_a_form_sent_twice_creates_one_person(desk) -> None:
    sent = identity()
    first = desk.post(reverse("admissions:new"), sent | {"anyway": "1"})
    again = desk.post(reverse("admissions:new"), sent | {"anyway": "1"})
    assert first["Location"] == again["Location"]
    assert Patient.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"birth_date": "31/02/1971"}, "Cette date n’existe pas."),
        ({"birth_date": ""}, "obligatoire"),
        ({"birth_name": "K3rvella"}, "Un nom ne contient que des lettres"),
        ({"nir": "123"}, "NIR"),
    ],
)
def test_a_refusal_keeps_every_typed_value_and_speaks_beside_its_field(desk, changes, said) -> None:
    answer = desk.post(reverse("admissions:new"), identity(**changes))
    assert answer.status_code == 422
    assert said in answer.text
    assert 'value="Yannick"' in answer.text and 'aria-invalid="true"' in answer.text
    assert not Patient.objects.exists()
