"""Calls, invoices, payments, files and associations by REST."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from django.utils import timezone

from admissions.enums import StayStatus
from billing.enums import InvoiceStatus, Payer
from billing.models import Bill, Invoice, InvoiceLine, Payment
from debtors import decisions
from debtors.enums import AssociationStatus
from tests.factories import AssociationFactory, DebtorFactory, FundFactory

pytestmark = pytest.mark.django_db


# ---- calls ----


def test_a_call_shows_its_tries_and_never_a_message_nor_a_name(program, world) -> None:
    call = program.get(f"/calls/{world.call.message_id}")
    assert (call["operation"], call["status"], call["stay"]) == ("CLC", "succeeded", world.stay.iep)
    assert [attempt["outcome"] for attempt in call["attempts"]] == ["answered"]
    everything = json.dumps([call, program.get("/calls")])
    assert "secret" not in everything and world.patient.birth_name not in everything


def test_calls_are_told_apart(program, make_world) -> None:
    one, other = make_world(), make_world()
    other.call.operation, other.call.family, other.call.disposition = "IDB", "unavailable", "retry"
    other.call.save()

    def found(**query: object) -> list[str]:
        return [line["message_id"] for line in program.get("/calls", **query)["results"]]

    mine, theirs = str(one.call.message_id), str(other.call.message_id)
    assert found() == [theirs, mine]
    assert found(stay=one.stay.iep) == [mine]
    assert found(operation="IDB") == [theirs]
    assert found(operation=["IDB", "CLC"]) == [theirs, mine]
    assert found(status="refused") == []
    assert found(family="unavailable") == [theirs]
    assert found(disposition="retry") == [theirs]
    assert found(debtor=one.coverage.debtor.code) == [mine]
    assert found(planned_to="2020-01-01") == []


# ---- invoices ----


def test_an_invoice_shows_its_lines_and_its_payments(program, world) -> None:
    invoice = program.get(f"/invoices/{world.invoice.number}")
    assert (invoice["amount"], invoice["paid_amount"], invoice["payer"]) == ("15.00", "1.00", "AMC")
    assert [line["code"] for line in invoice["lines"]] == ["11"]
    assert [payment["reference"] for payment in invoice["payments"]] == ["VIR1"]
    assert (invoice["replaces"], invoice["replaced_by"]) == (None, None)


def test_invoices_are_told_apart(program, make_world) -> None:
    one, other = make_world(), make_world()
    Invoice.objects.filter(pk=other.invoice.pk).update(status=InvoiceStatus.REJECTED)

    def found(**query: object) -> list[str]:
        return [line["number"] for line in program.get("/invoices", **query)["results"]]

    assert found() == [other.invoice.number, one.invoice.number]
    assert found(ordering="created_at") == [one.invoice.number, other.invoice.number]
    assert found(status="rejected") == [other.invoice.number]
    assert found(payer="PATIENT") == []
    assert found(stay=one.stay.iep) == [one.invoice.number]
    assert found(debtor=one.coverage.debtor.code) == [one.invoice.number]
    assert found(created_from=timezone.localdate().isoformat()) == [other.invoice.number, one.invoice.number]
    assert found(created_to="2020-01-01") == []


def test_a_rejected_invoice_is_corrected_under_a_new_number_chained_to_the_old(program, world) -> None:
    Invoice.objects.update(status=InvoiceStatus.REJECTED, paid_amount=0)
    Payment.objects.all().delete()
    address = f"/invoices/{world.invoice.number}"
    version = program.get(address)["version"]
    program.post(f"{address}/correct-and-resend", {"note": "NIR corrigé", "version": version + 1}, 409)
    response = program.send("post", f"{address}/correct-and-resend", {"note": "NIR corrigé", "version": version})
    following = response.json()
    assert response.status_code == 201
    assert response["location"] == f"/api/v1/invoices/{following['number']}"
    assert following["replaces"] == world.invoice.number
    assert program.get(address)["replaced_by"] == following["number"]
    assert program.get(address)["status"] == "replaced"
    again = program.post(f"{address}/correct-and-resend", {"note": "NIR corrigé", "version": version})
    assert again["number"] == following["number"]
    assert Invoice.objects.count() == 2


def test_only_a_rejected_invoice_is_corrected_or_recalculated(program, world) -> None:
    address = f"/invoices/{world.invoice.number}"
    version = program.get(address)["version"]
    program.post(f"{address}/correct-and-resend", {"note": "rien", "version": version}, 422)
    program.post(f"{address}/cancel-and-recalculate", {}, 422)


def test_a_recalculation_is_accepted_and_plans_the_cancellation(program, world) -> None:
    Invoice.objects.update(status=InvoiceStatus.REJECTED)
    answer = program.post(f"/invoices/{world.invoice.number}/cancel-and-recalculate", {}, 202)
    assert "annulé" in answer["message"]
    assert world.stay.calls.filter(operation="DEL").count() == 1
    problem = program.post(f"/invoices/{world.invoice.number}/correct-and-resend", {"note": "x", "version": 0}, 422)
    assert "recalcul" in problem["message"]


def test_a_recalculation_is_refused_when_another_invoice_of_the_stay_is_paid(program, world) -> None:
    Bill.objects.update(total=Decimal("20.00"), patient_share=Decimal("5.00"))
    paid = Invoice.objects.create(
        number="260009999",
        bill=world.invoice.bill,
        stay=world.stay,
        payer=Payer.PATIENT,
        amount=Decimal("5.00"),
        status=InvoiceStatus.PAID,
    )
    day = timezone.localdate()
    InvoiceLine.objects.create(
        invoice=paid, number=1, code="11", label="Médecine", quantity=1, unit_price=5, total=5, amo_share=0, amount=5,
        starts_on=day, ends_on=day, derivation="inventée",
    )  # fmt: skip
    Invoice.objects.filter(pk=world.invoice.pk).update(status=InvoiceStatus.REJECTED)
    program.post(f"/invoices/{world.invoice.number}/cancel-and-recalculate", {}, 422)
    assert not world.stay.calls.filter(operation="DEL").exists()


PAYMENT = {"amount": "14.00", "means": "transfer", "reference": "VIR-42", "received_on": "2026-01-02"}


def test_a_payment_settles_the_invoice_and_the_stay(program, world) -> None:
    address = f"/invoices/{world.invoice.number}"
    payment = program.post(f"{address}/payments", PAYMENT)
    assert (payment["amount"], payment["reference"]) == ("14.00", "VIR-42")
    kept = Payment.objects.get(pk=payment["id"])
    assert (kept.client.name, kept.created_by) == (payment["by"], None)
    invoice = program.get(address)
    assert (invoice["status"], invoice["paid_amount"]) == ("paid", "15.00")
    world.stay.refresh_from_db()
    assert world.stay.status == StayStatus.CLOSED


def test_a_reference_counts_once(program, world) -> None:
    address = f"/invoices/{world.invoice.number}/payments"
    first = program.post(address, PAYMENT | {"amount": "2.00"})
    assert program.post(address, PAYMENT | {"amount": "2.00"})["id"] == first["id"]
    assert program.post(address, PAYMENT | {"amount": "3.00"}, 422)["field"] == "reference"
    assert Payment.objects.filter(reference="VIR-42").count() == 1


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"amount": "14.01"}, 422, "amount"),
        ({"amount": "0"}, 422, "amount"),
        ({"amount": "-1.00"}, 422, "amount"),
        ({"amount": "1.005"}, 400, "amount"),
        ({"amount": "NaN"}, 400, "amount"),
        ({"amount": True}, 400, "amount"),
        ({"amount": 1e300}, 400, "amount"),
        ({"means": "troc"}, 400, "means"),
        ({"reference": ""}, 400, "reference"),
        ({"received_on": "2090-01-01"}, 422, "received_on"),
    ],
)
def test_a_payment_that_cannot_be_is_refused(program, world, change, status: int, field: str) -> None:
    problem = program.post(f"/invoices/{world.invoice.number}/payments", PAYMENT | change, status)
    assert (problem["field"] if status == 422 else problem["errors"][0]["field"]) == field
    assert Payment.objects.count() == 1


# ---- exchanges ----


def test_a_file_shows_its_records_and_those_of_no_other_hospital(program, stranger, world) -> None:
    address = f"/exchange-files/{world.file.pk}"
    assert program.get(address)["record_counts"] == [{"status": "applied", "count": 1}]
    records = program.get(f"{address}/records")["results"]
    assert [record["invoice_number"] for record in records] == [world.invoice.number]
    assert program.get(f"{address}/records", status="unmatched")["count"] == 0
    stranger.get(address, 404)


def test_a_file_that_names_no_invoice_is_shown_to_whoever_may_read_files(program, stranger, world) -> None:
    world.file.records.update(invoice=None)
    assert stranger.get("/exchange-files", direction="out", kind="DRE-ES", status="written")["count"] == 1
    assert program.get("/exchange-files", lot_number=world.file.lot_number)["count"] == 1


# ---- debtors ----


def test_debtors_are_found_by_any_fragment(program) -> None:
    debtor = DebtorFactory(name="Mutuelle du Léon", town="Brest", amc_number="7123456789")
    fund = FundFactory()
    for query in ("léon", "brest", "7123 4567"):
        assert [line["code"] for line in program.get("/debtors", q=query)["results"]] == [debtor.code]
    assert [line["code"] for line in program.get("/debtors", kind="AMO")["results"]] == [fund.code]
    assert program.get("/debtors", amc_number="7123456789")["count"] == 1
    assert program.get(f"/debtors/{debtor.code}")["town"] == "Brest"
    program.get("/debtors/INCONNU", 404)


def test_an_association_is_validated_once(program) -> None:
    association = AssociationFactory(status=AssociationStatus.TO_VALIDATE)
    listed = program.get("/associations", status="to_validate")["results"]
    assert [line["id"] for line in listed] == [association.pk]
    assert "fingerprint" not in listed[0]
    address = f"/associations/{association.pk}"
    decided = program.post(f"{address}/decision", {"status": "validated", "version": 0}, 200)
    assert (decided["status"], decided["version"]) == ("validated", 1)
    problem = program.post(f"{address}/decision", {"status": "rejected", "version": 0}, 409)
    assert problem["kept"]
    assert program.get(address)["status"] == "validated"


def test_an_association_is_modified_towards_an_active_amc_only(program) -> None:
    association, other = AssociationFactory(status=AssociationStatus.TO_VERIFY), DebtorFactory()
    address = f"/associations/{association.pk}/decision"
    for code in (FundFactory().code, "INCONNU", DebtorFactory(active=False).code):
        body = {"status": "validated", "debtor": code, "version": 0}
        assert program.post(address, body, 400)["errors"][0]["field"] == "debtor"
    program.post(address, {"status": "rejected", "debtor": other.code, "version": 0}, 400)
    program.post(address, {"status": "to_verify", "version": 0}, 400)
    modified = program.post(address, {"status": "validated", "debtor": other.code, "version": 0}, 200)
    assert modified["debtor"] == other.code


def test_an_association_is_deleted_as_on_the_screen_and_may_be_given_back(program) -> None:
    association = AssociationFactory(status=AssociationStatus.VALIDATED)
    address = f"/associations/{association.pk}/decision"
    problem = program.post(address, {"status": "deleted", "debtor": DebtorFactory().code, "version": 0}, 400)
    assert problem["errors"][0]["field"] == "debtor"
    deleted = program.post(address, {"status": "deleted", "version": 0}, 200)
    assert (deleted["status"], deleted["version"]) == ("deleted", 1)
    kept = association.decisions.get()
    assert (kept.kind, kept.status_before) == ("delete", "validated")
    program.post(address, {"status": "deleted", "version": 0}, 409)
    assert decisions.undo(kept.batch, None) == [(association.pk, True, "")]


def test_two_validated_associations_of_one_context_are_a_conflict(program) -> None:
    one = AssociationFactory()
    other = AssociationFactory(amc_number=one.amc_number, status=AssociationStatus.TO_VALIDATE)
    problem = program.post(f"/associations/{other.pk}/decision", {"status": "validated", "version": 0}, 409)
    assert "déjà en vigueur" in problem["message"]
