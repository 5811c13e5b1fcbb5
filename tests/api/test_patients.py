"""/patients: find, create without a double, correct without overwriting."""

from __future__ import annotations

import datetime as dt
import json
import logging
import uuid

import pytest

from accounts.models import ApiClient
from admissions.api.patients import PatientCorrection
from admissions.enums import IdentityStatus
from admissions.models import AdmissionEvent, Patient
from tests.api.conftest import ROOT
from tests.factories import PatientFactory, StayFactory, invented_nir, known_as

pytestmark = pytest.mark.django_db

HELENE = {
    "birth_name": "Le Bihan",
    "first_names": "Hélène Marie",
    "birth_date": "1984-05-17",
    "sex": "F",
    "nir": "2 84 05 99 990 001" + " " + invented_nir(1)[-2:],
}


def test_a_patient_is_created_named_by_ipp_and_read_again(program) -> None:
    response = program.send("post", "/patients", {**HELENE, "phone": "02 99 00 00 00"})
    created = json.loads(response.content)
    assert response.status_code == 201
    assert response["location"] == f"{ROOT}/patients/{created['ipp']}"
    assert created["nir"] == invented_nir(1)
    assert created["birth_name"] == "LE BIHAN"
    assert created["version"] == 0
    assert program.get(f"/patients/{created['ipp']}") == created


def test_duplicates_are_proposed_before_saving(program) -> None:
    known = program.post("/patients", HELENE)
    problem = program.post("/patients", {**HELENE, "nir": "", "first_names": "Hélène"}, 409)
    assert problem["type"].endswith(":duplicates")
    assert [duplicate["ipp"] for duplicate in problem["duplicates"]] == [known["ipp"]]
    assert "nir" not in problem["duplicates"][0]
    assert Patient.objects.count() == 1
    other = program.post("/patients", {**HELENE, "first_names": "Anne", "confirm_new": True})
    assert Patient.objects.count() == 2
    # What was only proposed took no number.
    assert int(other["ipp"]) == int(known["ipp"]) + 1


def test_duplicates_of_another_hospital_are_not_shown(program, stranger) -> None:
    ipp = program.post("/patients", HELENE)["ipp"]
    StayFactory(patient=Patient.objects.get(ipp=ipp))
    assert stranger.post("/patients", HELENE)["ipp"] != ipp


@pytest.mark.parametrize("query", ["bihan", "LEBIHAN", "Hélène 17/05/1984", "le bihan helene"])
def test_a_person_is_found_by_names_in_any_form(program, query: str) -> None:
    ipp = program.post("/patients", HELENE)["ipp"]
    program.post("/patients", {**HELENE, "birth_name": "Quéméner", "first_names": "Paul", "birth_date": "1990-01-01"})
    assert [line["ipp"] for line in program.get("/patients", q=query)["results"]] == [ipp]
    assert [line["ipp"] for line in program.post("/patients/search", {"q": query}, 200)["results"]] == [ipp]


def test_a_person_is_found_by_nir_in_a_body_only(program) -> None:
    ipp = program.post("/patients", HELENE)["ipp"]
    found = program.post("/patients/search", {"nir": HELENE["nir"]}, 200, key=None)
    assert [line["ipp"] for line in found["results"]] == [ipp]
    for typed in (invented_nir(1), HELENE["nir"], invented_nir(1)[:13]):
        problem = program.get("/patients", 400, q=typed)
        assert problem["type"].endswith(":nir-in-address")
        assert invented_nir(1) not in json.dumps(problem)


def test_a_search_by_nir_says_what_is_wrong_without_repeating_it(program) -> None:
    wrong = invented_nir(1)[:-2] + "00"
    problem = program.post("/patients/search", {"nir": wrong}, 400)
    assert problem["errors"][0]["field"] == "nir"
    assert "clé" in problem["errors"][0]["detail"]
    assert wrong not in json.dumps(problem)


def test_filters_by_ipp_and_birth_date(program) -> None:
    one, _other = PatientFactory(), PatientFactory(birth_date=dt.date(1950, 1, 1))
    assert program.get("/patients", ipp=one.ipp)["count"] == 1
    assert program.get("/patients", birth_date="1984-05-17")["results"][0]["ipp"] == one.ipp


def test_a_correction_needs_the_version_that_was_read(program) -> None:
    ipp = program.post("/patients", HELENE)["ipp"]
    corrected = program.patch(f"/patients/{ipp}", {"phone": "0299", "version": 0})
    assert (corrected["phone"], corrected["version"], corrected["nir"]) == ("0299", 1, invented_nir(1))
    problem = program.patch(f"/patients/{ipp}", {"phone": "0000", "email": "a@b.fr", "version": 0}, 409)
    assert problem["current"]["phone"] == "0299"
    assert problem["current"]["version"] == 1
    assert all(problem[name] for name in ("message", "kept", "todo"))
    read = program.get(f"/patients/{ipp}")
    assert (read["phone"], read["email"], read["version"]) == ("0299", "", 1)
    assert program.patch(f"/patients/{ipp}", {"phone": "1"}, 400)["errors"][0]["field"] == "version"


def test_a_put_says_everything_again_and_empties_the_rest(program) -> None:
    ipp = program.post("/patients", {**HELENE, "phone": "0299"})["ipp"]
    replaced = program.put(f"/patients/{ipp}", {**HELENE, "nir": None, "version": 0})
    assert (replaced["phone"], replaced["nir"]) == ("", None)


def test_what_is_read_can_be_sent_back(program) -> None:
    ipp = program.post("/patients", {**HELENE, "nir": ""})["ipp"]
    read = program.get(f"/patients/{ipp}")
    traits = {name: value for name, value in read.items() if name in PatientCorrection().fields}
    assert program.put(f"/patients/{ipp}", traits)["version"] == 1


def test_a_patient_keeps_which_program_created_them(program) -> None:
    created = program.post("/patients", HELENE)
    patient = Patient.objects.get(ipp=created["ipp"])
    assert (patient.client, patient.created_by) == (ApiClient.objects.get(), None)
    assert created["created_by"] == patient.client.name


def test_a_corrected_identity_says_which_program_did_it(program) -> None:
    patient = PatientFactory()
    StayFactory(patient=patient)
    program.patch(f"/patients/{patient.ipp}", {"birth_name": "MORVANEC", "version": 0})
    event = AdmissionEvent.objects.get(kind="patient_corrected")
    assert (event.client, event.created_by) == (ApiClient.objects.get(), None)


@pytest.mark.parametrize("status", list(IdentityStatus))
def test_the_matricule_travels_of_a_qualified_identity_alone(program, status) -> None:
    patient = PatientFactory()
    known_as(status, patient)
    read = program.get(f"/patients/{patient.ipp}")
    qualified = status == IdentityStatus.QUALIFIED
    assert (read["ins"], bool(read["ins_oid"])) == ((invented_nir(patient.pk) if qualified else None), qualified)


def test_the_traits_of_a_qualified_identity_are_locked(program) -> None:
    patient = PatientFactory()
    known_as(IdentityStatus.QUALIFIED, patient)
    problem = program.patch(f"/patients/{patient.ipp}", {"sex": "M", "version": 0}, 422)
    assert problem["message"] and problem["kept"] and problem["todo"]


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"nir": invented_nir(1)[:-2] + "00"}, 422, "nir"),
        ({"birth_date": "2090-01-01"}, 422, "birth_date"),
        ({"birth_date": "1790-01-01"}, 400, "birth_date"),
        ({"birth_date": "1984-02-30"}, 400, "birth_date"),
        ({"birth_date": "17/05/1984"}, 400, "birth_date"),
        ({"birth_name": "R2D2"}, 422, "birth_name"),
        ({"birth_name": "  "}, 400, "birth_name"),
        ({"birth_name": "É" * 101}, 400, "birth_name"),
        ({"birth_name": "ß" * 51}, 400, "birth_name"),
        ({"birth_name": "A\u0000"}, 400, "birth_name"),
        ({"birth_name": 12.5e300}, 422, "birth_name"),
        ({"birth_name": None}, 400, "birth_name"),
        ({"sex": "X"}, 400, "sex"),
        ({"sex": ["F"]}, 400, "sex"),
        ({"birth_place": "2C004"}, 400, "birth_place"),
        ({"email": "pas une adresse"}, 400, "email"),
        ({"phone": "<script>"}, 400, "phone"),
        ({"birth_rank": 0}, 400, "birth_rank"),
        ({"birth_rank": 10**30}, 400, "birth_rank"),
        ({"surname": "LE BIHAN"}, 400, "surname"),
        ({"ipp": "100000000"}, 400, "ipp"),
        ({"\ud800": 1}, 400, "\\ud800"),
    ],
)
def test_what_is_wrong_is_said_field_by_field_and_nothing_is_saved(program, change, status: int, field: str) -> None:
    problem = program.post("/patients", {**HELENE, **change}, status)
    said = problem["field"] if status == 422 else problem["errors"][0]["field"]
    assert said == field
    assert not Patient.objects.exists()
    for value in change.values():
        if isinstance(value, str) and len(value) > 4:
            assert value not in json.dumps(problem, ensure_ascii=False)


@pytest.mark.parametrize("department", ["2A", "2B"])
def test_a_corsican_nir_is_accepted(program, department: str) -> None:
    body = f"28405{department}990001"
    number = body.replace("2A", "19").replace("2B", "18")
    nir = f"{body}{97 - int(number) % 97:02d}"
    created = program.post("/patients", {**HELENE, "nir": nir.lower(), "birth_place": department + "004"})
    assert created["nir"] == nir
    assert program.post("/patients/search", {"nir": nir}, 200)["count"] == 1


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff\xfe",
        b"[]",
        b'"texte"',
        b"null",
        b'{"sex": NaN}',
        b'{"sex": "F", "sex": "M"}',
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"birth_rank": ' + b"9" * 5000 + b"}",
    ],
)
def test_a_body_that_is_not_a_json_object_is_a_problem_in_french(program, body: bytes) -> None:
    problem = program.post("/patients", body, 400)
    assert problem["type"].endswith(":malformed")
    assert "JSON" in problem["detail"]


def test_a_body_or_a_form_too_large_is_refused_before_it_is_read(program) -> None:
    assert program.post("/patients", b'{"a": "' + b"x" * 1_100_000 + b'"}', 413)["type"].endswith(":too-large")
    program.post("/patients", b"x" * 11_600_000, 413, content_type="multipart/form-data; boundary=x")


def test_no_cache_on_the_way_keeps_a_dossier(program) -> None:
    ipp = program.post("/patients", HELENE)["ipp"]
    for address in (f"/patients/{ipp}", "/patients", "/patients/999999999"):
        response = program.client.get(ROOT + address)
        assert response["cache-control"] == "no-store"
        assert "OPTIONS" not in response["allow"]
    head = program.client.head(f"{ROOT}/patients/{ipp}")
    assert (head.status_code, head.content) == (200, b"")


def test_an_empty_body_says_what_is_missing(program) -> None:
    missing = {fault["field"] for fault in program.post("/patients", b"", 400)["errors"]}
    assert missing == {"birth_name", "first_names", "birth_date", "sex"}


def test_another_format_is_415_and_another_wish_406(program) -> None:
    program.post("/patients", "a=b", 415, content_type="application/x-www-form-urlencoded")
    response = program.client.get(f"{ROOT}/patients", headers={"accept": "text/html"})
    assert response.status_code == 406


@pytest.mark.parametrize("query", [{"nom": "x"}, {"ipp": "12"}, {"birth_date": "demain"}, {"birth_date": "9999-12-31"}])
def test_a_parameter_that_is_unknown_or_wrong_is_refused(program, query: dict[str, str]) -> None:
    problem = program.get("/patients", 400, **query)
    assert problem["errors"][0]["field"] == next(iter(query))


def test_pages_hold_50_rows_and_200_at_most(program) -> None:
    for _ in range(51):
        PatientFactory()
    first = program.get("/patients")
    assert (first["count"], len(first["results"]), first["previous"]) == (51, 50, None)
    assert len(program.get("/patients", page=2)["results"]) == 1
    assert len(program.get("/patients", page_size=1000)["results"]) == 51
    program.get("/patients", 404, page=3)
    program.get("/patients", 404, page="x")


@pytest.mark.parametrize("ipp", ["12345678", "1234567890", "abcdefghi", "١٢٣٤٥٦٧٨٩"])
def test_what_is_no_ipp_is_not_found(program, ipp: str) -> None:
    problem = json.loads(program.client.get(f"{ROOT}/patients/{ipp}").content)
    assert (problem["status"], problem["detail"]) == (404, "Cette adresse n’existe pas.")


def test_no_log_repeats_what_was_searched_for(program, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    program.get("/patients", 400, q="MORVANNEC Hélène", zut="1")
    program.post("/patients", {**HELENE, "birth_name": "R2D2", "first_names": "Guénaëlle"}, 422, key=str(uuid.uuid4()))
    from gap.logs import redact

    lines = [redact(None, "", dict(record.msg)) for record in caplog.records if isinstance(record.msg, dict)]
    assert lines
    assert "MORVANNEC" not in str(lines) and "Guénaëlle" not in caplog.text
