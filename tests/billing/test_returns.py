"""Lots out, returns in: each fact applied once, whatever the file, however often, however cut."""

from __future__ import annotations

import io
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.files.storage import storages
from django.utils import timezone

from admissions.enums import DischargeMode, StayKind, StayStatus
from admissions.errors import Refused
from admissions.events import SYSTEM
from admissions.models import Stay
from admissions.services import stays
from billing import lots, returns, services
from billing.enums import FileStatus, InvoiceStatus, Payer, PaymentMeans, RecordStatus
from billing.exchange import (
    InvoicePayment,
    InvoiceRejection,
    LotAcknowledgement,
    LotHeader,
    Remittance,
    ReturnHeader,
    ReturnKind,
    read_dre,
    write_return,
)
from billing.models import Engagement, ExchangeFile, ExchangeRecord, Invoice, Payment
from tests.chain import settle
from tests.factories import AmoCoverageFactory, CoverageFactory, DebtorFactory, PatientFactory, UnitFactory

pytestmark = pytest.mark.django_db
AMC = "0099000104"


@pytest.fixture
def invoice(simulator) -> Invoice:
    """An invoice to an AMC, ready to leave."""
    return billed()


def billed() -> Invoice:
    patient = PatientFactory()
    AmoCoverageFactory(patient=patient)
    debtor = DebtorFactory._meta.model.objects.filter(amc_number=AMC).first() or DebtorFactory(amc_number=AMC)
    CoverageFactory(patient=patient, convention="RO", debtor=debtor)
    unit = UnitFactory()
    at = timezone.now() - timedelta(days=3)
    stay = stays.preadmit(patient, unit.establishment, stays.StayPlan(StayKind.FULL, unit, at), SYSTEM)
    stays.admit(stay.pk, at, SYSTEM)
    settle()
    stays.discharge(stay.pk, timezone.now(), DischargeMode.HOME, SYSTEM)
    settle()
    return stay.invoices.get(payer=Payer.AMC)


def sent() -> Invoice:
    invoice = billed()
    lots.send_lots()
    invoice.refresh_from_db()
    return invoice


def file_of(kind: ReturnKind, *records, number: str = "000000001") -> bytes:
    out = io.BytesIO()
    header = ReturnHeader(kind, number, AMC, "350000014", datetime(2026, 11, 20, 8, 0))
    write_return(header, records, out)
    return out.getvalue()


def payment(invoice: Invoice, amount: Decimal | None = None, reference: str = "VIR001") -> list:
    lot = invoice.exchange_records.first().file.lot_number
    engaged = invoice.engagement.number
    value = invoice.amount if amount is None else amount
    return [
        Remittance(0, 0, reference, date(2026, 11, 20), value, 1),
        InvoicePayment(0, 0, reference, date(2026, 11, 20), lot, invoice.number, engaged, value),
    ]


def rejection(invoice: Invoice) -> InvoiceRejection:
    lot = invoice.exchange_records.first().file.lot_number
    return InvoiceRejection(
        0, 0, lot, invoice.number, invoice.engagement.number, date(2026, 11, 20), "R07", "ADHERENT INCONNU"
    )


def test_a_ready_invoice_leaves_in_a_lot_for_exactly_what_was_engaged(invoice) -> None:
    assert lots.send_lots() == 1
    invoice.refresh_from_db()
    assert invoice.status == InvoiceStatus.SENT
    name = storages["exchange"].listdir("out")[1][0]
    with storages["exchange"].open(f"out/{name}", "rb") as file:
        items = list(read_dre(file))
    written = [item for item in items if getattr(item, "engagement_number", "")]
    assert [(one.number, one.engaged_amount) for one in written] == [(invoice.number, invoice.engagement.amount)]
    assert items[-1].complete


def test_a_recipient_with_an_accent_is_spelled_out_in_the_lot(invoice) -> None:
    Engagement.objects.filter(pk=invoice.engagement_id).update(dre_recipient="Génération – Santé d’été")
    assert lots.send_lots() == 1
    name = storages["exchange"].listdir("out")[1][0]
    with storages["exchange"].open(f"out/{name}", "rb") as file:
        header = next(item for item in read_dre(file) if isinstance(item, LotHeader))
    assert header.dre_recipient == "Generation - Sante d"


def test_an_invoice_leaves_once_however_often_lots_are_made(invoice) -> None:
    assert [lots.send_lots() for _ in range(3)] == [1, 0, 0]
    assert ExchangeFile.objects.count() == 1


def test_a_lot_prepared_by_a_worker_that_died_is_deposited_by_the_next(invoice) -> None:
    lots._prepare(invoice.debtor_id, invoice.stay.establishment_id, invoice.engagement.dre_address)
    assert not storages["exchange"].exists("out")
    lots.send_lots()
    assert len(storages["exchange"].listdir("out")[1]) == 1
    assert ExchangeFile.objects.get().status == FileStatus.WRITTEN


def test_an_invoice_that_cannot_be_written_stays_with_its_reason_and_the_others_leave(invoice) -> None:
    other = billed()
    Stay.objects.get(pk=invoice.stay_id).patient.__class__.objects.filter(pk=invoice.stay.patient_id).update(
        nir=None, nir_index=None
    )
    lots.send_lots()
    invoice.refresh_from_db()
    other.refresh_from_db()
    assert (invoice.status, bool(invoice.blocked_reason)) == (InvoiceStatus.READY, True)
    assert other.status == InvoiceStatus.SENT


def test_acknowledged_then_paid_then_the_stay_is_closed(simulator) -> None:
    invoice = sent()
    lot = invoice.exchange_records.get().file
    arl = file_of(ReturnKind.ARL, LotAcknowledgement(0, 0, lot.lot_number, True, 1, invoice.amount))
    returns.import_file("arl.txt", arl)
    invoice.refresh_from_db()
    assert invoice.status == InvoiceStatus.ACKNOWLEDGED
    returns.import_file("578.txt", file_of(ReturnKind.PAYMENT, *payment(invoice)))
    invoice.refresh_from_db()
    assert (invoice.status, invoice.paid_amount) == (InvoiceStatus.PAID, invoice.amount)
    stay = Stay.objects.get(pk=invoice.stay_id)
    assert stay.status == StayStatus.DISCHARGED
    for rest in stay.invoices.exclude(pk=invoice.pk):
        services.record_payment(
            rest.pk, rest.amount, PaymentMeans.TRANSFER, f"R{rest.number}", timezone.localdate(), SYSTEM
        )
    stay.refresh_from_db()
    assert stay.status == StayStatus.CLOSED


def test_the_same_file_renamed_pays_once_and_says_so(simulator) -> None:
    invoice = sent()
    content = file_of(ReturnKind.PAYMENT, *payment(invoice))
    returns.import_file("578.txt", content)
    again = returns.import_file("578-bis.txt", content)
    assert "déjà été reçu" in again.sentence and "578.txt" in again.sentence
    assert Payment.objects.count() == 1 and ExchangeFile.objects.get(pk=again.file.pk).resent_count == 1


def test_a_file_cut_anywhere_is_quarantined_and_the_whole_one_applies_only_the_rest(simulator) -> None:
    first, second = sent(), sent()
    whole = file_of(ReturnKind.PAYMENT, *payment(first), *payment(second, reference="VIR002"))
    lines = whole.split(b"\n")
    cut = b"\n".join(lines[:4])[:-20]
    told = returns.import_file("578.txt", cut)
    assert told.file.status == FileStatus.QUARANTINED
    assert Payment.objects.count() == 1
    told = returns.import_file("578.txt", whole)
    assert told.file.status == FileStatus.IMPORTED
    assert Payment.objects.count() == 2
    for invoice in (first, second):
        invoice.refresh_from_db()
        assert (invoice.status, invoice.paid_amount) == (InvoiceStatus.PAID, invoice.amount)


def test_an_altered_file_is_quarantined_and_nothing_of_it_is_applied(simulator) -> None:
    invoice = sent()
    content = file_of(ReturnKind.PAYMENT, *payment(invoice))
    cents = f"{int(invoice.amount * 100)}".encode()
    altered = content.replace(cents, f"{int(invoice.amount * 100) - 1}".encode(), 1)
    assert altered != content
    told = returns.import_file("578.txt", altered)
    assert told.file.status == FileStatus.QUARANTINED and not Payment.objects.exists()


@pytest.mark.parametrize("content", [b"", b"\x00\xff" * 500, b"Bonjour,\nvoici le fichier.\n", b"000" + b" " * 125])
def test_a_file_that_is_none_of_ours_is_kept_aside_without_a_crash(simulator, content: bytes) -> None:
    told = returns.import_file("bizarre.txt", content)
    assert told.file.status == FileStatus.QUARANTINED
    assert told.file.problem


def test_a_payment_of_another_amount_or_of_nobody_waits_for_a_person(simulator) -> None:
    invoice = sent()
    too_much = payment(invoice, invoice.amount + 1)
    returns.import_file("a.txt", file_of(ReturnKind.PAYMENT, *too_much))
    unknown = [
        Remittance(0, 0, "VIR9", date(2026, 11, 20), Decimal("10.00"), 1),
        InvoicePayment(0, 0, "VIR9", date(2026, 11, 20), "000000001", "260999999", "E1", Decimal("10.00")),
    ]
    returns.import_file("b.txt", file_of(ReturnKind.PAYMENT, *unknown, number="000000002"))
    waiting = ExchangeRecord.objects.filter(status=RecordStatus.UNMATCHED)
    assert waiting.count() == 2 and all(record.problem for record in waiting)
    assert not Payment.objects.exists()


def test_a_part_paid_invoice_is_not_closed(simulator) -> None:
    invoice = sent()
    returns.import_file("a.txt", file_of(ReturnKind.PAYMENT, *payment(invoice, Decimal("10.00"))))
    invoice.refresh_from_db()
    assert (invoice.status, invoice.paid_amount) == (InvoiceStatus.PARTLY_PAID, Decimal("10.00"))


def test_a_rejected_invoice_is_corrected_and_leaves_under_a_new_number(simulator, person) -> None:
    invoice = sent()
    returns.import_file("908.txt", file_of(ReturnKind.REJECTION, rejection(invoice)))
    invoice.refresh_from_db()
    assert (invoice.status, invoice.rejection_label) == (InvoiceStatus.REJECTED, "ADHERENT INCONNU")
    following = services.correct_and_resend(invoice.pk, "n° d’adhérent corrigé", SYSTEM, version=invoice.version)
    again = services.correct_and_resend(invoice.pk, "deuxième clic", SYSTEM, version=invoice.version)
    assert again == following
    invoice.refresh_from_db()
    assert (invoice.status, following.replaces, following.amount) == (InvoiceStatus.REPLACED, invoice, invoice.amount)
    assert following.number != invoice.number
    assert lots.send_lots() == 1
    following.refresh_from_db()
    returns.import_file("578.txt", file_of(ReturnKind.PAYMENT, *payment(following)))
    following.refresh_from_db()
    assert following.status == InvoiceStatus.PAID


def test_a_wrong_engagement_is_cancelled_then_asked_and_billed_again(simulator) -> None:
    invoice = sent()
    returns.import_file("908.txt", file_of(ReturnKind.REJECTION, rejection(invoice)))
    services.cancel_and_recalculate(invoice.pk, SYSTEM)
    settle()
    following = Invoice.objects.get(stay=invoice.stay_id, payer=Payer.AMC, status=InvoiceStatus.READY)
    assert following.replaces == invoice
    assert following.engagement.number != invoice.engagement.number


def test_a_sent_invoice_cannot_be_changed_even_by_the_database(simulator) -> None:
    from django.db import IntegrityError, transaction

    invoice = sent()
    with pytest.raises(IntegrityError, match="immutable"), transaction.atomic():
        Invoice.objects.filter(pk=invoice.pk).update(amount=1)


def test_shares_that_do_not_add_up_are_refused_by_the_database(invoice) -> None:
    from django.db import IntegrityError, connection, transaction

    with pytest.raises(IntegrityError, match="invoices_are_the_shares"), transaction.atomic():
        Invoice.objects.filter(stay=invoice.stay_id, payer=Payer.AMO).update(status=InvoiceStatus.CANCELLED)
        with connection.cursor() as cursor:
            cursor.execute("set constraints all immediate")


def test_a_payment_above_what_is_owed_is_refused_in_words(invoice) -> None:
    with pytest.raises(Refused, match="dépasse ce qui reste dû"):
        services.record_payment(
            invoice.pk, invoice.amount + 1, PaymentMeans.TRANSFER, "X", timezone.localdate(), SYSTEM
        )


def test_a_stay_whose_invoice_has_left_is_not_changed_behind_its_back(simulator) -> None:
    invoice = sent()
    stay = Stay.objects.get(pk=invoice.stay_id)
    with pytest.raises(Refused, match="déjà partie"):
        stays.correct_discharge(stay.pk, timezone.now(), DischargeMode.HOME, SYSTEM, version=stay.version)
    with pytest.raises(Refused, match="déjà partie"):
        services.enter_activity(stay.pk, "RAD", timezone.localdate(), 1, SYSTEM)
