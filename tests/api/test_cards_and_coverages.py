"""Cards and coverages by REST: found, chosen, learnt, declared."""

from __future__ import annotations

import datetime as dt
import io
import json
from functools import partial
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.utils import timezone

from admissions.api import coverages
from admissions.enums import CoverageSource
from admissions.models import AdmissionEvent, Card, Coverage
from debtors.datamatrix import CardFields, Convention, encode, sandbox
from debtors.enums import AssociationStatus
from debtors.models import DatamatrixAssociation
from tests.api.conftest import ROOT, Program
from tests.factories import AssociationFactory, DebtorFactory, FundFactory, StayFactory

pytestmark = pytest.mark.django_db


def card_text(amc_number: str = "7000000001", **fields: object) -> str:
    year = timezone.localdate().year
    values = {
        "valid_from": dt.date(year, 1, 1),
        "valid_until": dt.date(year, 12, 31),
        "amc_number": amc_number,
        "conventions": (Convention("AC"),),
        "member_number": "08441927",
        **fields,
    }
    return encode(CardFields(**values))


@pytest.fixture
def where() -> str:
    return f"/stays/{StayFactory().iep}"


def test_a_known_card_covers_the_patient(program, where) -> None:
    debtor = AssociationFactory().debtor
    answer = program.post(f"{where}/cards", {"text": card_text(debtor.amc_number)})
    assert (answer["outcome"], answer["unchanged"]) == ("covered", False)
    assert answer["coverage"]["debtor"]["code"] == debtor.code
    assert answer["coverage"]["source"] == "card"
    assert answer["card"]["recognised"] is True
    assert answer["level"]
    assert Card.objects.get().reader == "api"
    stay = program.get(where)
    assert [coverage["debtor"]["code"] for coverage in stay["coverages"]] == [debtor.code]


def test_the_same_card_again_changes_nothing(program, where) -> None:
    text = card_text(AssociationFactory().debtor.amc_number)
    program.post(f"{where}/cards", {"text": text})
    again = program.post(f"{where}/cards", {"text": text}, 200)
    assert (again["outcome"], again["unchanged"]) == ("covered", True)
    assert Card.objects.count() == Coverage.objects.count() == 1
    assert AdmissionEvent.objects.filter(kind="coverage_changed").count() == 1


def test_an_unknown_card_needs_the_grid_and_the_table_learns(program, where) -> None:
    debtor = DebtorFactory(amc_number="7000000001")
    answer = program.post(f"{where}/cards", {"text": card_text()})
    assert (answer["outcome"], answer["coverage"], answer["choices"]) == ("grid", None, [])
    coverage = program.post(f"{where}/cards/{answer['card']['id']}/debtor", {"debtor": debtor.code})
    assert coverage["debtor"]["code"] == debtor.code
    assert DatamatrixAssociation.objects.get().status == AssociationStatus.TO_VALIDATE
    other = f"/stays/{StayFactory().iep}"
    assert program.post(f"{other}/cards", {"text": card_text()})["outcome"] == "covered"


def test_several_centres_are_a_choice(program, where) -> None:
    debtors = [DebtorFactory(amc_number="7000000001", multiple_centres=True) for _ in range(2)]
    for debtor in debtors:
        AssociationFactory(debtor=debtor, multiple_centres=True)
    answer = program.post(f"{where}/cards", {"text": card_text()})
    assert answer["outcome"] == "choice"
    assert {choice["debtor"]["code"] for choice in answer["choices"]} == {debtor.code for debtor in debtors}


def test_a_text_that_is_no_card_is_kept_and_said(program, where) -> None:
    answer = program.post(f"{where}/cards", {"text": "https://exemple.invalid/pas-une-carte"})
    assert (answer["outcome"], answer["card"]["recognised"]) == ("grid", False)
    assert "forme d’une carte" in answer["message"]


def test_a_card_out_of_date_opens_nothing(program, where) -> None:
    text = card_text(valid_from=dt.date(2019, 1, 1), valid_until=dt.date(2019, 12, 31))
    answer = program.post(f"{where}/cards", {"text": text})
    assert answer["outcome"] == "grid"
    assert "31/12/2019" in answer["message"]
    assert not Coverage.objects.exists()


@pytest.mark.parametrize("text", ["", "x" * 6001, "\u0000", None, 12, ["a"]])
def test_a_text_that_cannot_be_is_refused_without_being_repeated(program, where, text) -> None:
    response = program.send("post", f"{where}/cards", {"text": text})
    assert response.status_code in (201, 400)
    if response.status_code == 400:
        assert "xxxx" not in response.content.decode()


def _image(text: str, kind: str) -> bytes:
    import zxingcpp
    from PIL import Image

    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.DataMatrix)
    picture = Image.fromarray(code.to_image(scale=6)).convert("L")
    canvas = Image.new("L", (picture.width + 120, picture.height + 120), 255)
    canvas.paste(picture, (60, 60))
    content = io.BytesIO()
    canvas.save(content, kind)
    return content.getvalue()


def _send(program: Program, where: str, file: SimpleUploadedFile, key: str) -> HttpResponse:
    """As a program does: while the reader is busy, the same demand again, with the same key."""
    for _ in range(6):
        file.seek(0)
        response = program.client.post(f"{ROOT}{where}/cards", {"file": file}, headers={"idempotency-key": key})
        if response.status_code != 503:
            break
        assert int(response["retry-after"]) > 0
    return response


def test_a_busy_reader_says_to_come_back_and_keeps_no_answer(program, where, monkeypatch) -> None:
    file = SimpleUploadedFile("carte.png", _image(card_text(AssociationFactory().debtor.amc_number), "PNG"))
    address, headers = f"{ROOT}{where}/cards", {"idempotency-key": "occupé".encode().hex()}
    # The real reader, with no time to wait for its turn.
    monkeypatch.setattr(coverages, "read_untrusted", partial(sandbox.read_untrusted, deadline_s=0.05))
    with sandbox._lock:
        busy = program.client.post(address, {"file": file}, headers=headers)
    assert (busy.status_code, busy["retry-after"]) == (503, "2")
    assert busy["content-type"] == "application/problem+json"
    monkeypatch.undo()
    assert _send(program, where, file, headers["idempotency-key"]).status_code == 201


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "PDF"])
def test_an_image_of_a_card_is_read_and_kept(program, where, tmp_path: Path, kind: str) -> None:
    debtor = AssociationFactory().debtor
    file = SimpleUploadedFile(f"carte.{kind.lower()}.html", _image(card_text(debtor.amc_number), kind))
    response = _send(program, where, file, f"image-{kind}")
    answer = response.json()
    assert (response.status_code, answer["outcome"]) == (201, "covered"), answer
    card = Card.objects.get()
    # A picture of ours, whatever was sent and under whatever name.
    assert card.image.read()[:3] == b"\xff\xd8\xff" and Path(card.image.name).suffix == ".jpg"


def test_an_image_without_a_card_is_refused_with_what_to_do(program, where) -> None:
    def send(content: bytes, key: str) -> dict[str, object]:
        file = SimpleUploadedFile("carte.png", content, content_type="image/png")
        response = _send(program, where, file, key)
        assert response.status_code == 422, response.content
        return response.json()

    from PIL import Image

    blank = io.BytesIO()
    Image.new("L", (200, 200), 255).save(blank, "PNG")
    assert send(blank.getvalue(), "blank")["outcome"] == "no_code"
    assert send(b"MZ not a picture", "text")["outcome"] == "not_an_image"
    assert not Card.objects.exists()


def test_a_form_without_its_file_or_with_something_else_is_refused(program, where) -> None:
    response = program.client.post(f"{ROOT}{where}/cards", {"text": "x"}, headers={"idempotency-key": "form"})
    assert {fault["field"] for fault in response.json()["errors"]} == {"file", "text"}
    broken = program.client.generic(
        "POST",
        f"{ROOT}{where}/cards",
        b"--x\r\nContent-Disposition: nothing",
        content_type="multipart/form-data; boundary=x",
        headers={"idempotency-key": "broken"},
    )
    assert broken.status_code == 400
    assert broken["content-type"] == "application/problem+json"


def test_a_card_of_another_patient_is_not_found(program, make_world) -> None:
    one, other = make_world(), make_world()
    body = {"debtor": one.coverage.debtor.code}
    program.post(f"/stays/{one.stay.iep}/cards/{other.card.pk}/debtor", body, 404)


def test_rights_are_declared_without_a_card(program, where) -> None:
    amo, amc = FundFactory(), DebtorFactory()
    declared = program.post(f"{where}/coverages", {"debtor": amo.code, "valid_from": "2026-01-01"})
    assert (declared["kind"], declared["source"]) == ("AMO", CoverageSource.API)
    body = {"debtor": amc.code, "valid_from": "2026-01-01", "convention": "AC", "member_number": "AB 12"}
    assert program.post(f"{where}/coverages", body)["kind"] == "AMC"
    assert AdmissionEvent.objects.filter(kind="coverage_changed", client__isnull=False).count() == 2


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"debtor": "INCONNU"}, 400, "debtor"),
        ({"valid_until": "2025-01-01"}, 422, "valid_until"),
        ({"convention": "ac"}, 400, "convention"),
        ({"csr": "é"}, 400, "csr"),
        ({"rank": 0}, 400, "rank"),
        ({"member_number": "n°1"}, 400, "member_number"),
        ({"source": "card"}, 400, "source"),
    ],
)
def test_a_coverage_that_cannot_be_is_refused(program, where, change, status: int, field: str) -> None:
    body = {"debtor": DebtorFactory().code, "valid_from": "2026-01-01", **change}
    problem = program.post(f"{where}/coverages", body, status)
    assert (problem["field"] if status == 422 else problem["errors"][0]["field"]) == field
    assert not Coverage.objects.exists()


def test_a_caisse_has_no_member_number(program, where) -> None:
    body = {"debtor": FundFactory().code, "valid_from": "2026-01-01", "member_number": "1"}
    assert program.post(f"{where}/coverages", body, 400)["errors"][0]["field"] == "member_number"


def test_the_member_number_is_corrected_alone(program, world) -> None:
    address = f"/stays/{world.stay.iep}/coverages/{world.coverage.pk}"
    assert program.patch(address, {"member_number": " ab 12 "})["member_number"] == "AB12"
    assert program.patch(address, {"member_number": "n°"}, 422)["field"] == "member_number"
    program.patch(f"/stays/{world.stay.iep}/coverages/{world.amo.pk}", {"member_number": "1"}, 404)


def test_the_content_of_a_card_never_comes_back(program, where) -> None:
    text = card_text(AssociationFactory().debtor.amc_number)
    answers = [program.post(f"{where}/cards", {"text": text}), program.get(where), program.get(f"{where}/events")]
    assert text not in json.dumps(answers)
