"""Prises en charge outside ROC by REST: read, noted as sent, reminded, answered; the stay says what it waits for."""

from __future__ import annotations

import datetime as dt
import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from PIL import Image

from accounts.enums import Role
from accounts.models import ApiClient
from billing.enums import AgreementState, InvoiceStatus, Payer
from billing.models import Agreement
from teleservices.models import Webhook, WebhookMessage
from tests.api.conftest import ROOT
from tests.worklists.scene_pec import a_granted_bill, an_agreement

pytestmark = pytest.mark.django_db
GRANTED = {
    "state": "granted",
    "number": "PEC-2026-0412",
    "lines": [
        {"covers": "TM", "percent": "80"},
        {"covers": "CHP", "percent": "100.00", "daily_cap": "45.00", "waiting_days": 1},
    ],
}


@pytest.fixture
def agreement(establishment) -> Agreement:
    """Opened by the facts: nobody has asked the payer yet."""
    return an_agreement()


def test_it_is_noted_as_sent_once_then_answered_by_contract_lines(program, agreement) -> None:
    address = f"/agreements/{agreement.pk}"
    assert program.get(f"/stays/{agreement.stay.iep}")["agreement"]["state"] == "to_ask"
    sent = program.post(f"{address}/sent", {}, 200)
    assert (sent["state"], [step["act"] for step in sent["steps"]]) == ("requested", ["opened", "requested"])
    again = program.post(f"{address}/sent", {}, 200)
    assert (again["requested_at"], again["version"]) == (sent["requested_at"], sent["version"])
    answered = program.post(f"{address}/answer", GRANTED | {"version": sent["version"]}, 200)
    assert (answered["state"], answered["number"]) == ("granted", "PEC-2026-0412")
    assert [(line["covers"], line["percent"], line["daily_cap"]) for line in answered["lines"]] == [
        ("TM", "80.00", None),
        ("CHP", "100.00", "45.00"),
    ]
    problem = program.post(f"{address}/answer", GRANTED | {"version": sent["version"]}, 409)
    assert problem["kept"]
    assert program.get(address) == answered


def test_a_reminder_leaves_from_its_day_on(program, agreement) -> None:
    address = f"/agreements/{agreement.pk}"
    program.post(f"{address}/sent", {}, 200)
    assert "La prochaine relance est prévue le" in program.post(f"{address}/reminder", {}, 422)["message"]
    Agreement.objects.update(remind_at=timezone.now() - dt.timedelta(hours=1))
    assert program.post(f"{address}/reminder", {}, 200)["reminders"] == 1


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"valid_from": "2026-11-10", "valid_until": "2026-11-01"}, 422, "valid_until"),
        ({"state": "extended"}, 422, "valid_until"),
        ({"lines": []}, 422, "lines"),
        ({"state": "tacit"}, 400, "state"),
        ({"state": "to_ask"}, 400, "state"),
        ({"ceiling": "-1.00"}, 400, "ceiling"),
        ({"lines": [{"covers": "TM", "percent": "120"}]}, 400, "lines"),
        ({"lines": [{"covers": "TM", "percent": "50"}, {"covers": "TM", "percent": "60"}]}, 400, "lines"),
        ({"lines": [{"covers": "FJ", "percent": "100", "daily_cap": "-1"}]}, 400, "lines"),
    ],
    ids=["dates", "no new end", "no line", "tacit", "to ask", "ceiling", "percent", "twice", "cap"],
)
def test_an_answer_that_cannot_be_is_refused_and_changes_nothing(program, agreement, change, status, field) -> None:
    address = f"/agreements/{agreement.pk}"
    version = program.post(f"{address}/sent", {}, 200)["version"]
    problem = program.post(f"{address}/answer", GRANTED | {"version": version} | change, status)
    told = problem["field"] if status == 422 else problem["errors"][0]["field"]
    assert told.split(".")[0].split("[")[0] == field
    assert program.get(address)["state"] == "requested"


def test_a_closed_one_is_read_and_takes_no_answer(program, world) -> None:
    address = f"/agreements/{world.agreement.pk}"
    assert program.get(address)["closed_reason"] == "by_roc"
    assert "fermée" in program.post(f"{address}/answer", GRANTED | {"version": 0}, 422)["message"]
    assert "fermée" in program.post(f"{address}/sent", {}, 422)["message"]


def test_they_are_told_apart(program, agreement, world) -> None:
    def found(**query: object) -> list[int]:
        return [line["id"] for line in program.get("/agreements", **query)["results"]]

    assert found() == [agreement.pk, world.agreement.pk]
    assert found(open="true") == [agreement.pk]
    assert found(open="false", state=["granted", "refused"]) == [world.agreement.pk]
    assert found(stay=agreement.stay.iep) == [agreement.pk]
    assert found(debtor=world.coverage.debtor.code) == [world.agreement.pk]
    assert found(opened_to="2020-01-01") == []


def test_the_stay_says_who_is_awaited_until_its_invoice_has_left(program, establishment) -> None:
    stay = a_granted_bill().stay
    number = stay.invoices.get(payer=Payer.AMC).number

    def next_action() -> str:
        return str(program.get(f"/stays/{stay.iep}")["next_action"]["code"])

    assert next_action() == "send_invoice"
    assert program.get(f"/invoices/{number}")["agreement"] == stay.agreements.get().pk
    assert program.post(f"/invoices/{number}/sent", {}, 200)["status"] == "sent"
    assert next_action() == "wait_payment" if not stay.invoices.filter(payer=Payer.PATIENT) else "collect"
    assert (
        "déjà partie"
        in program.post(
            f"/agreements/{stay.agreements.get().pk}/answer", GRANTED | {"version": stay.agreements.get().version}, 422
        )["message"]
    )


def test_an_invoice_of_roc_leaves_by_its_lot_alone(program, world) -> None:
    world.invoice.status = InvoiceStatus.READY
    world.invoice.save()
    assert "par les lots" in program.post(f"/invoices/{world.invoice.number}/sent", {}, 422)["message"]


def test_each_step_is_told_to_the_programs_that_asked(program, agreement) -> None:
    client = ApiClient.objects.get()
    Webhook.objects.create(client=client, url="https://pec.example/", kinds=["agreement.changed"], secret="s")
    program.post(f"/agreements/{agreement.pk}/sent", {}, 200)
    (message,) = WebhookMessage.objects.all()
    assert (message.kind, message.data["state"]) == ("agreement.changed", AgreementState.REQUESTED)
    assert message.data["link"].endswith(f"/api/v1/agreements/{agreement.pk}")


def test_a_letter_is_joined_once_and_waits_for_a_person(program, agreement, signed_in) -> None:
    address = f"{ROOT}/agreements/{agreement.pk}/letters"
    page = io.BytesIO()
    Image.new("RGB", (400, 560), "white").save(page, "PDF")
    for status in (201, 200):
        page.seek(0)
        answer = program.client.post(address, {"file": SimpleUploadedFile("accord.pdf", page.read())})
        assert answer.status_code == status
    assert answer.json()["unread_since"] and answer.json()["state"] == "to_ask"
    letter = agreement.letters.get()
    assert letter.pages.count() == 1 and letter.who == ApiClient.objects.get().name
    assert agreement.steps.get(act="attached").who == ApiClient.objects.get().name
    assert agreement.stay.iep in signed_in(Role.BILLING).get("/listes/pec-reponses-a-saisir/").text


@pytest.mark.parametrize(
    ("content", "told"), [(b"PK a spreadsheet", "ni une image"), (b"%PDF-1.4 cut", "abîmé")], ids=["kind", "damaged"]
)
def test_a_letter_that_cannot_be_drawn_is_refused_with_why(content, told, program, agreement) -> None:
    address = f"{ROOT}/agreements/{agreement.pk}/letters"
    answer = program.client.post(address, {"file": SimpleUploadedFile("accord.pdf", content)})
    assert answer.status_code == 422 and told in answer.text
    assert not agreement.letters.exists()
