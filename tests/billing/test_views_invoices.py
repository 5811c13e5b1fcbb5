"""Screens of the invoices: find, read, correct, recalculate, record a payment."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.enums import Role
from accounts.models import ApiClient
from admissions.events import Actor
from billing.enums import InvoiceStatus, Payer, PaymentMeans
from billing.models import Invoice, Payment
from billing.services import record_payment
from billing.stay_money import timeline_entries
from tests.factories import EstablishmentFactory
from tests.worklists import scene

pytestmark = pytest.mark.django_db


def page_of(invoice: Invoice) -> str:
    return f"/factures/{invoice.number}/"


# ---- the list ----


def test_invoices_are_filtered_by_the_address(signed_in) -> None:
    parts = scene.three_invoices()
    other = scene.an_invoice(status=InvoiceStatus.REJECTED)
    client = signed_in(Role.BILLING)

    def numbers(**query: str) -> set[str]:
        return set(re.findall(r'href="/factures/(\d{9})/"', client.get("/factures/", query).content.decode()))

    mine = {invoice.number for invoice in parts.values()}
    assert numbers() == mine | {other.number}
    assert numbers(payeur="PATIENT") == {parts[Payer.PATIENT].number}
    assert numbers(etat="rejected") == {other.number}
    assert numbers(q=parts[Payer.AMO].stay.iep) == mine
    assert numbers(q=other.number) == {other.number}
    assert numbers(q=other.debtor.name) == {other.number}
    assert numbers(debiteur=str(other.debtor_id)) == {other.number}
    assert numbers(age="30") == set()


@pytest.mark.parametrize("query", ["page=-1", "tri=x", "etat=x", "debiteur=a", "age=0", "q=%27%22"])
def test_an_address_written_by_hand_never_breaks_the_list(query, signed_in) -> None:
    scene.an_invoice()
    assert signed_in(Role.BILLING).get(f"/factures/?{query}").status_code == 200


def test_the_list_costs_the_same_queries_for_one_invoice_and_for_fifty(signed_in) -> None:
    scene.an_invoice()
    client = signed_in(Role.BILLING)
    client.get("/factures/")
    with CaptureQueriesContext(connection) as few:
        client.get("/factures/")
    for _ in range(50):
        scene.an_invoice(Payer.PATIENT)
    with CaptureQueriesContext(connection) as many:
        assert "Page suivante" in client.get("/factures/").content.decode()
    assert len(few) == len(many) <= 9


def test_the_file_holds_what_is_filtered(signed_in) -> None:
    kept, left = scene.an_invoice(Payer.PATIENT), scene.an_invoice()
    response = signed_in(Role.BILLING).get("/factures/", {"payeur": "PATIENT", "format": "csv"})
    text = b"".join(response.streaming_content).decode()
    assert kept.number in text and left.number not in text
    assert "210,40" in text
    response = signed_in(Role.BILLING).get("/factures/", {"format": "xlsx"})
    assert response.content[:2] == b"PK"


# ---- one invoice ----


def test_an_invoice_says_its_state_its_lines_and_where_each_amount_comes_from(signed_in) -> None:
    parts = scene.three_invoices()
    html = signed_in(Role.BILLING).get(page_of(parts[Payer.AMC])).content.decode()
    assert "Elle part seule dans le prochain lot" in html
    assert "ticket modérateur 20 %" in html
    assert "210,40" in html and "841,60" in html
    assert "Égale à l’engagement" in html
    assert parts[Payer.PATIENT].number in html
    assert parts[Payer.AMC].stay.patient.birth_name in html


@pytest.mark.parametrize("payer", Payer)
@pytest.mark.parametrize("status", InvoiceStatus)
def test_every_state_of_every_payer_is_told_in_three_sentences(payer, status, signed_in) -> None:
    invoice = scene.an_invoice(payer)
    now = timezone.now()
    dates = dict.fromkeys(("sent_at", "acknowledged_at", "rejected_at", "settled_at"), now)
    Invoice.objects.filter(pk=invoice.pk).update(status=status, **dates)
    try:
        html = signed_in(Role.BILLING).get(page_of(invoice)).content.decode()
        for words in ("Ce qui s’est passé", "Ce que fait le système", "Ce que vous pouvez faire"):
            assert words in html
    finally:
        # PostgreSQL holds a bill to its live invoices at the end of the test.
        Invoice.objects.filter(pk=invoice.pk).update(status=InvoiceStatus.READY)


def test_an_invoice_of_another_establishment_is_not_found(person, client) -> None:
    invoice = scene.an_invoice()
    user = person(Role.BILLING)
    user.establishment = EstablishmentFactory(finess_site="290000017", finess_legal="290000009")
    user.save()
    user.role_assignments.update(establishment=user.establishment)
    client.force_login(user)
    for address in ("", "corriger/", "recalculer/", "paiement/"):
        assert client.get(page_of(invoice) + address).status_code == 404
        assert client.post(page_of(invoice) + address).status_code in (404, 405)


def test_one_invoice_costs_a_bounded_number_of_queries(signed_in) -> None:
    invoice = scene.three_invoices()[Payer.AMC]
    client = signed_in(Role.BILLING)
    client.get(page_of(invoice))
    with CaptureQueriesContext(connection) as few:
        client.get(page_of(invoice))
    for _ in range(5):
        scene.a_record(status="applied", invoice=invoice, invoice_number=invoice.number)
        Payment.objects.create(
            invoice=invoice,
            amount=Decimal("1.00"),
            means="transfer",
            reference=str(uuid4())[:30],
            received_on=timezone.localdate(),
        )
    with CaptureQueriesContext(connection) as many:
        client.get(page_of(invoice))
    assert len(few) == len(many) <= 20


@pytest.mark.parametrize(("role", "linked"), [(Role.BILLING, True), (Role.CASHIER, False)])
def test_a_file_is_a_link_only_for_who_may_open_it(role, linked, signed_in) -> None:
    invoice = scene.three_invoices()[Payer.AMC]
    record = scene.a_record(status="applied", invoice=invoice, invoice_number=invoice.number)
    said = signed_in(role).get(page_of(invoice)).content.decode()
    assert record.file.name in said
    assert (f'href="/echanges/{record.file_id}/"' in said) is linked


# ---- correct and resend ----


def correct(client, invoice: Invoice, note: str = "Date de sortie corrigée", version: int | None = None):
    data = {"note": note, "version": invoice.version if version is None else version}
    return client.post(f"{page_of(invoice)}corriger/", data)


def test_a_rejected_invoice_leaves_again_under_a_new_number(signed_in) -> None:
    invoice = scene.three_invoices(status=InvoiceStatus.REJECTED)[Payer.AMC]
    client = signed_in(Role.BILLING)
    html = client.get(page_of(invoice)).content.decode()
    assert "Date de sortie différente" in html
    response = correct(client, invoice)
    following = Invoice.objects.get(replaces=invoice)
    assert response["Location"] == page_of(following)
    html = client.get(page_of(following)).content.decode()
    assert invoice.number in html
    assert "Correction : Date de sortie corrigée" in html
    assert following.number in client.get(page_of(invoice)).content.decode()


def test_correcting_twice_makes_one_invoice(signed_in) -> None:
    invoice = scene.three_invoices(status=InvoiceStatus.REJECTED)[Payer.AMC]
    client = signed_in(Role.BILLING)
    first, second = correct(client, invoice), correct(client, invoice)
    assert first["Location"] == second["Location"]
    assert Invoice.objects.filter(replaces=invoice).count() == 1


def test_an_empty_note_is_told_beside_its_field(signed_in) -> None:
    invoice = scene.three_invoices(status=InvoiceStatus.REJECTED)[Payer.AMC]
    response = correct(signed_in(Role.BILLING), invoice, note="  ")
    assert response.status_code == 422
    assert "Ce champ est à remplir" in response.content.decode()


def test_what_changed_meanwhile_is_told_and_the_note_is_kept(signed_in) -> None:
    invoice = scene.three_invoices(status=InvoiceStatus.REJECTED)[Payer.AMC]
    response = correct(signed_in(Role.BILLING), invoice, note="Ma correction", version=99)
    html = response.content.decode()
    assert response.status_code == 422
    assert "a changé pendant votre saisie" in html
    assert 'value="Ma correction"' in html
    assert not Invoice.objects.filter(replaces=invoice).exists()


def test_an_engagement_is_cancelled_and_asked_again_by_the_chain(signed_in) -> None:
    invoice = scene.three_invoices(status=InvoiceStatus.REJECTED)[Payer.AMC]
    client = signed_in(Role.BILLING)
    response = client.post(f"{page_of(invoice)}recalculer/", follow=True)
    assert "L’annulation de l’engagement est demandée" in response.content.decode()
    assert invoice.stay.calls.filter(operation="DEL").count() == 1
    again = client.post(f"{page_of(invoice)}recalculer/")
    assert again.status_code == 422
    assert invoice.stay.calls.filter(operation="DEL").count() == 1


# ---- payments ----


def pay(client, invoice: Invoice, **data: str):
    fields = {
        "amount": "60,00",
        "means": "card",
        "reference": "TICKET 12",
        "received_on": f"{timezone.localdate():%d/%m/%Y}",
        "creation_key": str(uuid4()),
    }
    return client.post(f"{page_of(invoice)}paiement/", fields | data)


def test_the_cashier_collects_the_share_of_the_patient(person, client) -> None:
    share = scene.three_invoices()[Payer.PATIENT]
    cashier = person(Role.CASHIER)
    client.force_login(cashier)
    assert "Constater un paiement" in client.get(page_of(share)).content.decode()
    assert pay(client, share).status_code == 302
    payment = Payment.objects.get(invoice=share)
    assert (payment.amount, payment.created_by) == (Decimal("60.00"), cashier)
    share.refresh_from_db()
    assert share.status == InvoiceStatus.PAID


def test_billing_records_what_the_caisse_pays(signed_in) -> None:
    invoice = scene.three_invoices()[Payer.AMO]
    client = signed_in(Role.BILLING)
    assert pay(client, invoice, amount="841,60", means="transfer", reference="VIR 1").status_code == 302
    assert Payment.objects.get(invoice=invoice).amount == Decimal("841.60")


@pytest.mark.parametrize(
    ("role", "payer", "sentence"),
    [
        (Role.BILLING, Payer.PATIENT, "s’encaisse à la régie"),
        (Role.CASHIER, Payer.AMO, "se constate à la facturation"),
        (Role.BILLING, Payer.AMC, "arrive par fichier"),
    ],
)
def test_each_collects_its_own(role, payer, sentence, signed_in) -> None:
    invoice = scene.three_invoices()[payer]
    client = signed_in(role)
    assert "Constater le paiement" not in client.get(page_of(invoice)).content.decode()
    response = pay(client, invoice)
    assert response.status_code == 422
    assert sentence in response.content.decode()
    assert not Payment.objects.exists()


def test_a_payment_names_the_program_that_recorded_it(person, client, api) -> None:
    share = scene.three_invoices()[Payer.PATIENT]
    api()
    program = ApiClient.objects.get()
    today = timezone.localdate()
    record_payment(share.pk, Decimal("60.00"), PaymentMeans.TRANSFER, "VIR 1", today, Actor(client=program))
    client.force_login(person(Role.CASHIER))
    assert f"constaté par {program.name}" in client.get(page_of(share)).content.decode()
    assert f"Par {program.name}" in [entry.detail for entry in timeline_entries(share.stay)]


def test_a_double_click_is_one_payment(signed_in) -> None:
    share = scene.three_invoices()[Payer.PATIENT]
    client = signed_in(Role.CASHIER)
    key = str(uuid4())
    for _ in range(2):
        assert pay(client, share, amount="20,00", creation_key=key).status_code == 302
    assert Payment.objects.filter(invoice=share).count() == 1


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"amount": "60,01"}, "dépasse ce qui reste dû"),
        ({"amount": "abc"}, "Écrivez un montant"),
        ({"amount": "-5"}, "supérieur à zéro"),
        ({"received_on": "31/02/2026"}, "Écrivez une date"),
        ({"received_on": f"{timezone.localdate() + timedelta(days=2):%d/%m/%Y}"}, "dans le futur"),
        ({"reference": ""}, "Ce champ est à remplir"),
    ],
)
def test_a_wrong_payment_keeps_what_was_typed_and_says_why_beside_its_field(data, sentence, signed_in) -> None:
    share = scene.three_invoices()[Payer.PATIENT]
    response = pay(signed_in(Role.CASHIER), share, **({"reference": "TICKET 77"} | data))
    html = response.content.decode()
    assert response.status_code == 422
    assert sentence in html
    if "reference" not in data:
        assert 'value="TICKET 77"' in html
    if "amount" in data:
        assert f'value="{data["amount"]}"' in html
    assert not Payment.objects.exists()


@pytest.mark.parametrize("action", ["corriger", "recalculer", "paiement"])
def test_an_address_of_action_typed_by_hand_comes_back_to_the_invoice(action, signed_in) -> None:
    invoice = scene.an_invoice()
    assert signed_in(Role.BILLING).get(f"{page_of(invoice)}{action}/")["Location"] == page_of(invoice)
