"""A demand sent twice has one effect and one answer, whoever sends it again and whenever."""

from __future__ import annotations

import datetime as dt
import json
import threading
import time
import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.test import Client
from django.utils import timezone

from accounts import idempotency
from accounts.enums import Scope
from accounts.models import ApiClient, IdempotentReply
from admissions.errors import Refused
from admissions.models import AdmissionEvent, Patient
from admissions.services import patients
from tests.api.conftest import ROOT, Program
from tests.factories import StayFactory

SOMEONE = {"birth_name": "KERMADEC", "first_names": "Jeanne", "birth_date": "1971-03-02", "sex": "F"}


@pytest.mark.django_db
class TestOneAfterTheOther:
    def test_a_creation_without_a_key_is_refused_and_writes_nothing(self, program) -> None:
        problem = program.post("/patients", SOMEONE, 400, key=None)
        assert problem["type"].endswith("idempotency-key-missing")
        assert "Rien n’a été enregistré" in problem["detail"]
        assert not Patient.objects.exists()

    @pytest.mark.parametrize("key", ["", "a" * 256, "clé", "a\tb"])
    def test_a_malformed_key_is_refused(self, program, key: str) -> None:
        response = program.client.post(
            f"{ROOT}/patients", SOMEONE, content_type="application/json", headers={"idempotency-key": key}
        )
        assert response.status_code == 400
        assert not Patient.objects.exists()

    def test_the_same_demand_again_gets_the_same_answer_and_has_no_effect(self, program) -> None:
        key = str(uuid.uuid4())
        first = program.send("post", "/patients", SOMEONE, key)
        again = program.send("post", "/patients", SOMEONE, key)
        assert (first.status_code, again.status_code) == (201, 201)
        assert json.loads(first.content) == json.loads(again.content)
        assert first["location"] == again["location"]
        assert again["idempotent-replayed"] == "true"
        assert not first.has_header("idempotent-replayed")
        assert Patient.objects.count() == 1

    def test_the_order_of_the_members_and_the_quotes_of_the_key_change_nothing(self, program) -> None:
        key = str(uuid.uuid4())
        program.send("post", "/patients", json.dumps(SOMEONE), key)
        again = program.send("post", "/patients", json.dumps(dict(reversed(SOMEONE.items())), indent=2), f'"{key}"')
        assert again["idempotent-replayed"] == "true"

    def test_the_same_key_for_another_body_is_refused(self, program) -> None:
        key = str(uuid.uuid4())
        program.post("/patients", SOMEONE, key=key)
        problem = program.post("/patients", {**SOMEONE, "first_names": "Anne"}, 422, key=key)
        assert problem["type"].endswith("idempotency-key-reused")
        assert Patient.objects.count() == 1

    def test_the_same_key_and_body_for_another_address_is_refused(self, program, make_world) -> None:
        one, other = make_world().stay, make_world().stay
        key = str(uuid.uuid4())
        program.post(f"/stays/{one.iep}/rights/ask-again", {}, 202, key=key)
        problem = program.post(f"/stays/{other.iep}/rights/ask-again", {}, 422, key=key)
        assert problem["type"].endswith("idempotency-key-reused")

    def test_a_key_belongs_to_its_client(self, program, api) -> None:
        key = str(uuid.uuid4())
        program.post("/patients", SOMEONE, key=key)
        Program(api()).post("/patients", {**SOMEONE, "confirm_new": True}, key=key)
        assert Patient.objects.count() == 2

    def test_a_refusal_is_told_again_even_once_its_cause_is_gone(self, program) -> None:
        stay = StayFactory()
        key = str(uuid.uuid4())
        body = {"ended_at": timezone.now().isoformat(), "mode": "home"}
        first = program.post(f"/stays/{stay.iep}/discharge", body, 422, key=key)
        program.post(f"/stays/{stay.iep}/admit", {"started_at": timezone.now().isoformat()}, 200)
        again = program.send("post", f"/stays/{stay.iep}/discharge", body, key)
        assert again.status_code == 422
        assert json.loads(again.content) == first
        assert again["content-type"] == "application/problem+json"
        assert again["idempotent-replayed"] == "true"

    def test_what_a_refused_demand_had_begun_to_write_is_undone(self, program, monkeypatch) -> None:
        real = patients.index_names

        def refuse(patient: Patient) -> None:
            real(patient)
            raise Refused("Une règle parle tard.")

        monkeypatch.setattr(patients, "index_names", refuse)
        program.post("/patients", SOMEONE, 422)
        assert not Patient.objects.exists()
        assert IdempotentReply.objects.get().status == 422

    def test_proposed_duplicates_are_told_again_and_a_new_key_confirms(self, program) -> None:
        program.post("/patients", SOMEONE)
        key = str(uuid.uuid4())
        program.post("/patients", SOMEONE, 409, key=key)
        program.post("/patients", {**SOMEONE, "confirm_new": True}, 422, key=key)
        program.post("/patients", {**SOMEONE, "confirm_new": True})
        assert Patient.objects.count() == 2

    def test_a_fault_of_ours_leaves_nothing_so_that_the_demand_can_be_sent_again(self, program, monkeypatch) -> None:
        real = patients.index_names

        def fall(patient: Patient) -> None:
            real(patient)
            raise RuntimeError("a fault of ours")

        key = str(uuid.uuid4())
        with monkeypatch.context() as broken:
            broken.setattr(patients, "index_names", fall)
            with pytest.raises(RuntimeError):
                program.send("post", "/patients", SOMEONE, key)
        assert not Patient.objects.exists()
        assert not IdempotentReply.objects.exists()
        program.post("/patients", SOMEONE, key=key)

    def test_a_key_optional_elsewhere_still_holds(self, program) -> None:
        stay = StayFactory()
        key = str(uuid.uuid4())
        for _ in range(2):
            program.post(f"/stays/{stay.iep}/rights/ask-again", {}, 202, key=key)
        program.post(f"/stays/{stay.iep}/rights/ask-again", {}, 202, key=None)
        assert AdmissionEvent.objects.filter(stay=stay, kind="rights_asked_again").count() == 2

    def test_the_kept_answer_is_encrypted_and_the_demand_is_a_digest(self, program) -> None:
        from django.db import connection

        program.post("/patients", SOMEONE)
        with connection.cursor() as cursor:
            cursor.execute("select body, request_digest from accounts_idempotentreply")
            body, digest = cursor.fetchone()
        assert b"KERMADEC" not in bytes(body)
        assert len(digest) == 64
        assert b"KERMADEC" in IdempotentReply.objects.get().body

    def test_after_a_day_a_key_is_free_again(self, program) -> None:
        key = str(uuid.uuid4())
        program.post("/patients", SOMEONE, key=key)
        IdempotentReply.objects.update(created_at=timezone.now() - dt.timedelta(hours=23, minutes=59))
        assert program.send("post", "/patients", SOMEONE, key)["idempotent-replayed"] == "true"
        IdempotentReply.objects.update(created_at=timezone.now() - dt.timedelta(hours=24, minutes=1))
        program.post("/patients", {**SOMEONE, "first_names": "Anne", "confirm_new": True}, key=key)
        assert Patient.objects.count() == 2

    def test_a_new_key_sweeps_those_that_are_over(self, program) -> None:
        for name in ("TANGUY", "LEGOFF", "PRIGENT"):
            program.post("/patients", {**SOMEONE, "birth_name": name})
        IdempotentReply.objects.update(created_at=timezone.now() - dt.timedelta(days=2))
        program.post("/patients", SOMEONE)
        assert IdempotentReply.objects.count() == 1

    def test_a_file_sent_again_with_other_boundaries_is_the_same_demand(self, program) -> None:
        stay = StayFactory()
        key = str(uuid.uuid4())

        def send(content: bytes):
            file = SimpleUploadedFile("carte.png", content, content_type="image/png")
            return program.client.post(
                f"{ROOT}/stays/{stay.iep}/cards", {"file": file}, headers={"idempotency-key": key}
            )

        first, again = send(b"not a picture"), send(b"not a picture")
        assert first.status_code == again.status_code == 422
        assert again["idempotent-replayed"] == "true"
        other = send(b"something else")
        assert other.json()["type"].endswith("idempotency-key-reused")


def _together(token: str, key: str, count: int = 4) -> list[tuple[int, str, bool]]:
    """Send the same creation from several threads at once: (status, ipp, replayed)."""
    start = threading.Barrier(count)
    answers: list[tuple[int, str, bool]] = []

    def send() -> None:
        program = Program(Client(headers={"authorization": f"Bearer {token}"}, raise_request_exception=False))
        try:
            start.wait(10)
            response = program.send("post", "/patients", {**SOMEONE, "confirm_new": True}, key)
            answers.append(
                (response.status_code, response.json().get("ipp", ""), response.has_header("idempotent-replayed"))
            )
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return answers


@pytest.mark.django_db(transaction=True)
class TestAtTheSameTime:
    @pytest.fixture
    def token(self, establishment) -> str:
        return ApiClient.issue("double clic", establishment, list(Scope.values))[1]

    @pytest.fixture(autouse=True)
    def _slow_creation(self, monkeypatch) -> None:
        """The real creation, a little long: the demands truly overlap."""
        real = patients.index_names

        def slowly(patient: Patient) -> None:
            real(patient)
            time.sleep(0.3)

        monkeypatch.setattr(patients, "index_names", slowly)

    def test_without_the_guard_each_demand_makes_a_patient(self, token, monkeypatch) -> None:
        monkeypatch.setattr(idempotency, "once", lambda view, request, required, act: act())
        answers = _together(token, str(uuid.uuid4()))
        assert [status for status, _, _ in answers] == [201] * 4
        assert Patient.objects.count() == 4

    def test_with_the_guard_all_get_the_one_patient(self, token) -> None:
        answers = _together(token, str(uuid.uuid4()))
        assert [status for status, _, _ in answers] == [201] * 4
        assert Patient.objects.count() == 1
        assert {ipp for _, ipp, _ in answers} == {Patient.objects.get().ipp}
        assert sorted(replayed for _, _, replayed in answers) == [False, True, True, True]

    def test_when_the_first_fails_the_one_that_waited_does_the_work(self, token, monkeypatch) -> None:
        real, turn = patients.index_names, iter([True])

        def first_falls(patient: Patient) -> None:
            real(patient)
            if next(turn, False):
                raise RuntimeError("a fault of ours")

        monkeypatch.setattr(patients, "index_names", first_falls)
        answers = _together(token, str(uuid.uuid4()), count=2)
        assert sorted(status for status, _, _ in answers) == [201, 500]
        assert Patient.objects.count() == 1
