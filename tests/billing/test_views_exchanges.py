"""Screens of the exchanges: files, their records, what a person deposits and recognises."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.enums import Role
from billing.enums import FileKind, FileStatus, InvoiceStatus, Payer, RecordStatus
from billing.models import ExchangeFile, ExchangeRecord, Payment
from tests.factories import EstablishmentFactory
from tests.worklists import scene

pytestmark = pytest.mark.django_db


def test_every_lot_sent_is_accepted_refused_or_awaited(signed_in) -> None:
    for status in (FileStatus.ACKNOWLEDGED, FileStatus.REFUSED, FileStatus.WRITTEN, FileStatus.PREPARED):
        scene.a_file(FileKind.DRE_ES, status)
    scene.a_file(resent_count=2)
    scene.a_file(status=FileStatus.QUARANTINED)
    html = signed_in(Role.BILLING).get("/echanges/").content.decode()
    assert "1 acceptés + 1 refusés + 2 attendus" in html
    assert "2 fois" in html


def test_files_are_filtered_by_the_address(signed_in) -> None:
    lot, back = scene.a_file(FileKind.DRE_ES, FileStatus.WRITTEN), scene.a_file(status=FileStatus.QUARANTINED)
    client = signed_in(Role.BILLING)
    for query, kept, left in (
        ({"sens": "in"}, back, lot),
        ({"etat": "written"}, lot, back),
        ({"q": lot.lot_number}, lot, back),
    ):
        html = client.get("/echanges/", query).content.decode()
        assert kept.name in html and left.name not in html
    assert "Aucun fichier ne répond" in client.get("/echanges/", {"deja": "oui"}).content.decode()


@pytest.mark.parametrize("page", ["/echanges/", "/echanges/{pk}/"])
def test_pages_cost_the_same_queries_for_one_line_and_for_fifty(page, signed_in) -> None:
    file = scene.a_file()
    scene.a_record(file)
    client = signed_in(Role.BILLING)
    address = page.format(pk=file.pk)
    client.get(address)
    with CaptureQueriesContext(connection) as few:
        client.get(address)
    for _ in range(50):
        scene.a_record(file)
        scene.a_file()
    with CaptureQueriesContext(connection) as many:
        client.get(address)
    assert len(few) == len(many) <= 10


def test_one_file_counts_its_records_by_what_became_of_them(signed_in) -> None:
    file = scene.a_file()
    scene.a_record(file, RecordStatus.APPLIED)
    scene.a_record(file, RecordStatus.UNMATCHED, invoice_number="269999999")
    client = signed_in(Role.BILLING)
    html = client.get(f"/echanges/{file.pk}/").content.decode()
    assert "269999999" in html
    html = client.get(f"/echanges/{file.pk}/", {"etat": "applied"}).content.decode()
    assert "269999999" not in html


@pytest.mark.parametrize(
    ("role", "status"),
    [(Role.BILLING, 200), (Role.REFERENT, 200), (Role.ADMINISTRATOR, 200), (Role.AGENT, 403), (Role.CASHIER, 403)],
)
def test_a_file_is_downloaded_as_an_attachment_by_who_may(role, status, signed_in) -> None:
    file = scene.a_file(name="RET-7.txt")
    response = signed_in(role).get(f"/echanges/{file.pk}/fichier/")
    assert response.status_code == status
    if status == 200:
        assert b"".join(response.streaming_content).startswith(b"000")
        assert response["Content-Disposition"] == 'attachment; filename="RET-7.txt"'
        assert response["Content-Type"] == "application/octet-stream"
        assert response["X-Content-Type-Options"] == "nosniff"


def test_a_file_whose_content_is_gone_is_not_found(signed_in) -> None:
    file = scene.a_file()
    file.file.storage.delete(file.file.name)
    assert signed_in(Role.BILLING).get(f"/echanges/{file.pk}/fichier/").status_code == 404


def deposit(client, content: bytes, name: str = "retour.txt"):
    return client.post("/echanges/depot/", {"file": SimpleUploadedFile(name, content)}, follow=True)


def test_a_file_deposited_twice_is_taken_once_and_says_so(signed_in) -> None:
    client = signed_in(Role.BILLING)
    first = deposit(client, b"n'importe quoi")
    assert "quarantaine" in first.content.decode()
    second = deposit(client, b"n'importe quoi", "autre-nom.txt")
    assert "a déjà été reçu" in second.content.decode()
    assert ExchangeFile.objects.get().resent_count == 1


def test_a_deposit_without_a_file_is_told(signed_in) -> None:
    response = signed_in(Role.BILLING).post("/echanges/depot/", {})
    assert response.status_code == 422
    assert "Choisissez un fichier" in response.content.decode()


def test_an_empty_file_is_taken_into_quarantine_and_breaks_nothing(signed_in) -> None:
    assert deposit(signed_in(Role.BILLING), b"").status_code == 200


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.REFERENT])
def test_only_billing_deposits(role, signed_in) -> None:
    client = signed_in(role)
    assert "Déposer un retour" not in client.get("/echanges/").content.decode()
    assert deposit(client, b"x").status_code == 403


# ---- unmatched returns ----


@pytest.fixture
def sent():
    return scene.three_invoices(status=InvoiceStatus.SENT)[Payer.AMC]


def wrong_number(number: str) -> str:
    return number[:-1] + ("0" if number[-1] != "0" else "1")


def a_payment_record(invoice, **fields):
    file = scene.a_file(FileKind.PAYMENT)
    ExchangeFile.objects.filter(pk=file.pk).update(recipient=invoice.debtor.amc_number)
    file.refresh_from_db()
    values = {"amount": invoice.amount, "reference": "VIR-88", "invoice_number": wrong_number(invoice.number)}
    return scene.a_record(file, **(values | fields))


def test_the_likeliest_invoice_comes_first_with_why(sent, signed_in) -> None:
    record = a_payment_record(sent)
    html = signed_in(Role.BILLING).get(f"/echanges/lignes/{record.pk}/").content.decode()
    assert sent.number in html
    for why in ("n° à un chiffre près", "montant exact", "même organisme"):
        assert why in html


def test_a_recognised_payment_is_applied_once(sent, signed_in) -> None:
    record = a_payment_record(sent)
    client = signed_in(Role.BILLING)
    for _ in range(2):
        response = client.post(f"/echanges/lignes/{record.pk}/rapprocher/", {"number": sent.number})
        assert response["Location"] == f"/echanges/{record.file_id}/"
    sent.refresh_from_db()
    record.refresh_from_db()
    assert sent.status == InvoiceStatus.PAID
    assert Payment.objects.get().record == record
    assert (record.status, record.invoice) == (RecordStatus.APPLIED, sent)
    assert "Rapproché à la main" in record.problem


def test_a_recognised_rejection_is_applied(sent, signed_in) -> None:
    record = scene.a_record(
        scene.a_file(FileKind.REJECTION), code="R044", label="Contrat inconnu", invoice_number=wrong_number(sent.number)
    )
    signed_in(Role.BILLING).post(f"/echanges/lignes/{record.pk}/rapprocher/", {"number": sent.number})
    sent.refresh_from_db()
    assert (sent.status, sent.rejection_code) == (InvoiceStatus.REJECTED, "R044")


@pytest.mark.parametrize(
    ("number", "sentence"), [("12", "neuf chiffres"), ("269999999", "Aucune facture de l’établissement")]
)
def test_a_number_that_is_nobodys_is_told_and_kept(number, sentence, sent, signed_in) -> None:
    record = a_payment_record(sent)
    response = signed_in(Role.BILLING).post(f"/echanges/lignes/{record.pk}/rapprocher/", {"number": number})
    html = response.content.decode()
    assert response.status_code == 422
    assert sentence in html and f'value="{number}"' in html


def test_a_payment_above_what_is_due_is_refused(sent, signed_in) -> None:
    record = a_payment_record(sent, amount=sent.amount + Decimal("0.01"))
    response = signed_in(Role.BILLING).post(f"/echanges/lignes/{record.pk}/rapprocher/", {"number": sent.number})
    assert response.status_code == 422
    assert "dépasse ce qui reste dû" in response.content.decode()
    assert not Payment.objects.exists()


def test_an_unreadable_line_cannot_be_matched(sent, signed_in) -> None:
    record = a_payment_record(sent, status=RecordStatus.INVALID)
    response = signed_in(Role.BILLING).post(f"/echanges/lignes/{record.pk}/rapprocher/", {"number": sent.number})
    assert response.status_code == 422
    assert ExchangeRecord.objects.get(pk=record.pk).status == RecordStatus.INVALID


def test_an_invoice_of_another_establishment_is_never_matched(sent, person, client) -> None:
    record = a_payment_record(sent)
    user = person(Role.BILLING)
    user.establishment = EstablishmentFactory(finess_site="290000017", finess_legal="290000009")
    user.save()
    user.role_assignments.update(establishment=user.establishment)
    client.force_login(user)
    assert sent.number not in client.get(f"/echanges/lignes/{record.pk}/").content.decode()
    assert client.post(f"/echanges/lignes/{record.pk}/rapprocher/", {"number": sent.number}).status_code == 422


def test_an_administrator_sees_the_line_and_no_patient(sent, signed_in) -> None:
    record = a_payment_record(sent)
    html = signed_in(Role.ADMINISTRATOR).get(f"/echanges/lignes/{record.pk}/").content.decode()
    assert "revient à la facturation" in html
    assert sent.stay.patient.birth_name not in html
