"""Rows of every kind, as a hospital has them. Invented people; each function makes one thing and says its defaults."""

from __future__ import annotations

import itertools
from dataclasses import asdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.core.files.base import ContentFile
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from admissions.enums import EventKind, StayKind, StayStatus
from admissions.models import AdmissionEvent, BrokenGlass, Coverage, EventDelivery, Stay
from billing.enums import (
    EngagementStatus,
    FileDirection,
    FileKind,
    FileStatus,
    InvoiceStatus,
    Payer,
    RecordStatus,
)
from billing.models import Bill, Engagement, Estimate, ExchangeFile, ExchangeRecord, Invoice, InvoiceLine
from billing.restored import RESTORED
from teleservices import anomalies, gates
from teleservices.connection_test import ShownCertificate
from teleservices.enums import AnomalyState, CallStatus, Disposition, Family, HandshakeState
from teleservices.models import (
    Anomaly,
    Circuit,
    ConnectionTest,
    MaintenanceWindow,
    TeleserviceAttempt,
    TeleserviceCall,
)
from tests.factories import (
    AmoCoverageFactory,
    CoverageFactory,
    PatientFactory,
    StayFactory,
    UnitFactory,
)

_numbers = itertools.count(1)
NAMES = (
    "LEFÈVRE",
    "OUEDRAOGO",
    "BERTHELOT",
    "NGUYEN",
    "KOWALSKI",
    "PETIT",
    "AÏT SAÏD",
    "DELAUNAY",
    "FONTAINE",
    "MORVAN",
)
FIRST = ("Monique", "Issa", "Camille", "Thi Lan", "Stanislas", "Louise", "Yanis", "Roger", "Agnès", "Hélène")


def ago(**delta: float) -> datetime:
    return timezone.now() - timedelta(**delta)


def a_patient(**traits: Any):
    number = next(_numbers)
    return PatientFactory(
        birth_name=NAMES[number % 10],
        first_names=FIRST[number % 10],
        birth_date=date(1940 + number % 60, 5, 17),
        **traits,
    )


def a_stay(status: StayStatus = StayStatus.ADMITTED, days_ago: float = 2, **fields: Any) -> Stay:
    at = ago(days=days_ago)
    times: dict[str, Any] = {"planned_start_at": at}
    if status in (StayStatus.ADMITTED, StayStatus.DISCHARGED, StayStatus.CLOSED):
        times["started_at"] = at
    if status in (StayStatus.DISCHARGED, StayStatus.CLOSED):
        times |= {"ended_at": ago(hours=3), "discharge_mode": "home"}
    return StayFactory(status=status, **{"patient": fields.pop("patient", None) or a_patient(), **times, **fields})


def a_coverage(stay: Stay, **fields: Any) -> Coverage:
    fields.setdefault("valid_from", date(2020, 1, 1))
    return CoverageFactory(patient=stay.patient, **fields)


def an_amo(stay: Stay, **fields: Any) -> Coverage:
    fields.setdefault("valid_from", date(2020, 1, 1))
    return AmoCoverageFactory(patient=stay.patient, **fields)


def an_event(stay: Stay, kind: str = EventKind.STAY_ADMITTED, **fields: Any) -> AdmissionEvent:
    return AdmissionEvent.objects.create(stay=stay, kind=kind, occurred_at=timezone.now(), **fields)


def a_call(stay: Stay | None = None, coverage: Coverage | None = None, *, at: datetime | None = None, **fields: Any):
    """A call, planned now unless `at`."""
    stay = stay or a_stay()
    coverage = coverage or stay.patient.coverages.filter(kind="AMC").first() or a_coverage(stay)
    fields.setdefault("not_before", timezone.now() + timedelta(minutes=5))
    fields.setdefault("channel", gates.channel_of(fields.get("operation", "IDB"), coverage.debtor.amc_number))
    if fields.get("status") == CallStatus.CALLING:
        fields.setdefault("slot", 1)
    call = TeleserviceCall.objects.create(
        stay=stay,
        coverage=coverage,
        debtor=coverage.debtor,
        event=stay.events.first() or an_event(stay),
        operation=fields.pop("operation", "IDB"),
        **fields,
    )
    if at:
        TeleserviceCall.objects.filter(pk=call.pk).update(planned_at=at)
        call.refresh_from_db()
    return call


def a_closed_circuit() -> Circuit:
    """A payer that answers nobody any more, and a maintenance that another has announced."""
    debtor = a_coverage(a_stay()).debtor
    now = timezone.now()
    MaintenanceWindow.objects.create(
        channel=debtor.amc_number, starts_at=now, ends_at=now + timedelta(hours=2), reason="Changement de version"
    )
    return Circuit.objects.create(
        channel=debtor.amc_number, operation="IDB", failures=7, openings=2, last_cause="read_timeout", opened_at=now,
        retry_at=now + timedelta(minutes=4),
    )  # fmt: skip


def a_refusal(disposition: str, family: str, code: str = "RC14", stay: Stay | None = None, **fields: Any):
    """A refused call that still asks something."""
    fields.setdefault("finished_at", ago(hours=2))
    call = a_call(
        stay,
        status=CallStatus.REFUSED,
        disposition=disposition,
        family=family,
        return_code=code,
        attempts_count=1,
        duration_ms=412,
        **fields,
    )
    if disposition == Disposition.ESCALATE:
        anomalies.notice(call)
    return call


def regimes_long_apart():
    """An AMC that has known another regime for longer than alignment takes."""
    return a_refusal(Disposition.WAIT_ALIGNMENT, Family.AMO_MISMATCH, "RC21", finished_at=ago(days=40))


def an_anomaly(state: str = AnomalyState.TO_REPORT, **fields: Any) -> Anomaly:
    """An anomaly with one dossier."""
    anomaly = anomalies.notice(a_refusal(Disposition.ESCALATE, Family.ANOMALY, "RC06", **fields))
    if state != AnomalyState.TO_REPORT:
        anomaly.state, anomaly.recipient, anomaly.reference = state, "amc", "INC-4411"
        anomaly.save()
    return anomaly


def an_opening(stay: Stay | None = None, **fields: Any) -> BrokenGlass:
    """A protected dossier that a colleague opened ten minutes ago, and that nobody has reviewed."""
    stay = stay or a_stay()
    colleague = User.objects.create_user(f"ouvre-{next(_numbers)}", establishment=stay.establishment)
    opened: dict[str, Any] = {
        "user": colleague, "patient": stay.patient, "establishment": stay.establishment, "protection": "exposed",
        "reason": "reception", "at": ago(minutes=10), "until": timezone.now() + timedelta(hours=3),
    }  # fmt: skip
    return BrokenGlass.objects.create(**opened | fields)


def a_connection_test(stay: Stay | None = None, **fields: Any) -> ConnectionTest:
    """A test d'accrochage that succeeded, unless said otherwise."""
    stay = stay or a_stay()
    fields.setdefault("asked_at", ago(minutes=20))
    ended: dict[str, Any] = {"status": CallStatus.SUCCEEDED, "return_code": "OK", "finished_at": ago(minutes=19)}
    directory = a_call(stay, operation="ANNUAIRE", **ended)
    idb = a_call(stay, directory.coverage, **ended)
    for call, path in ((directory, "annuaire"), (idb, f"amc/{idb.channel}/idb")):
        TeleserviceAttempt.objects.create(
            call=call, number=1, started_at=ago(minutes=19, seconds=5), duration_ms=43, outcome="answered",
            url=f"https://roc.exemple.fr:8443/{path}", http_status=200,
        )  # fmt: skip
    values = {
        "state": HandshakeState.SUCCEEDED,
        "finished_at": ago(minutes=19, seconds=-1),
        "directory_call": directory,
        "idb_call": idb,
        "software": "mini-GAP 0.1.0",
        "certificates": [asdict(ShownCertificate("annuaire AMC", "CH de Valmont", "IGC", "3A4B", "2027-11-22"))],
    } | fields
    return ConnectionTest.objects.create(
        establishment=stay.establishment, stay=stay, coverage=idb.coverage, debtor=idb.debtor,
        event=an_event(stay, EventKind.CONNECTION_TESTED), **values,
    )  # fmt: skip


#: One refusal, or wait, of each family of the programme, as the policy leaves it.
FAMILIES = {
    Family.ANOMALY: (Disposition.ESCALATE, "RC03"),
    Family.CONFIGURATION: (Disposition.REFERENT, "RC13"),
    Family.NO_THIRD_PARTY_PAYMENT: (Disposition.INFORM_PATIENT, "RC15"),
    Family.AMO_MISMATCH: (Disposition.WAIT_ALIGNMENT, "RC21"),
    Family.MEMBER_NUMBER: (Disposition.ASK_MEMBER_NUMBER, "RC22"),
    Family.PRESCRIPTION_DATE: (Disposition.REFERENT, "RC23"),
    Family.UNKNOWN_CODE: (Disposition.STORE, "ZZ99"),
}


def a_waiting_call(cause: str = "unavailable", hours: float = 6, **fields: Any):
    return a_call(status=CallStatus.PLANNED, cause=cause, attempts_count=3, at=ago(hours=hours), **fields)


def a_bill(stay: Stay, amo: str = "841.60", amc: str = "210.40", patient: str = "60.00") -> Bill:
    shares = {"amo_share": Decimal(amo), "amc_share": Decimal(amc), "patient_share": Decimal(patient)}
    return Bill.objects.create(stay=stay, total=sum(shares.values()), **shares)


def an_engagement(stay: Stay, coverage: Coverage, amount: str = "210.40") -> Engagement:
    call = a_call(
        stay,
        coverage,
        operation="CLC",
        status=CallStatus.SUCCEEDED,
        finished_at=timezone.now(),
        attempts_count=1,
        duration_ms=480,
    )
    return Engagement.objects.create(
        stay=stay,
        coverage=coverage,
        debtor=coverage.debtor,
        call=call,
        number=f"E-{next(_numbers):06d}",
        amount=Decimal(amount),
        line_amounts={"1": amount},
        dre_address="DRE-0001",
        dre_recipient="R1",
        status=EngagementStatus.IN_FORCE,
        engaged_at=ago(hours=2),
    )


@transaction.atomic
def an_invoice(payer: str = Payer.AMC, status: str = InvoiceStatus.READY, *, stay: Stay | None = None, **fields: Any):
    """An invoice of a discharged stay with its bill (this payer owes it all when there was none), its line, and for an
    AMC its engagement."""
    stay = stay or a_stay(StayStatus.DISCHARGED, kind=StayKind.FULL)
    alone = dict.fromkeys(("amo", "amc", "patient"), "0.00") | {payer.lower(): "210.40"}
    bill = stay.bills.filter(status="current").first() or a_bill(stay, **alone)
    links: dict[str, Any] = {}
    if payer == Payer.AMC:
        coverage = stay.patient.coverages.filter(kind="AMC").first() or a_coverage(stay)
        links = {
            "debtor": coverage.debtor,
            "coverage": coverage,
            "engagement": stay.engagements.first() or an_engagement(stay, coverage),
        }
    elif payer == Payer.AMO:
        coverage = stay.patient.coverages.filter(kind="AMO").first() or an_amo(stay)
        links = {"debtor": coverage.debtor, "coverage": coverage}
    amount = {Payer.AMO: bill.amo_share, Payer.AMC: bill.amc_share, Payer.PATIENT: bill.patient_share}[payer]
    dates: dict[str, Any] = {}
    if status in (InvoiceStatus.SENT, InvoiceStatus.ACKNOWLEDGED, InvoiceStatus.REJECTED):
        dates["sent_at"] = ago(hours=30)
    if status == InvoiceStatus.REJECTED:
        dates |= {"rejected_at": ago(hours=5), "rejection_code": "R012", "rejection_label": "Date de sortie différente"}
    if status == InvoiceStatus.PAID:
        dates |= {
            "sent_at": ago(days=7),
            "acknowledged_at": ago(days=6),
            "settled_at": ago(days=1),
            "paid_amount": amount,
        }
    invoice = Invoice.objects.create(
        number=f"26{5_000_000 + next(_numbers):07d}", bill=bill, stay=stay, payer=payer, status=status, amount=amount,
        **{**links, **dates, **fields},
    )  # fmt: skip
    InvoiceLine.objects.create(
        invoice=invoice, number=1, code="11", label="Hospitalisation", quantity=1, unit_price=bill.total,
        total=bill.total, amo_share=bill.amo_share, amount=amount, starts_on=timezone.localdate() - timedelta(days=2),
        ends_on=timezone.localdate(), derivation="1 × 1 112,00 €, ticket modérateur 20 %",
    )  # fmt: skip
    return invoice


def three_invoices(stay: Stay | None = None, status: str = InvoiceStatus.READY, **fields: Any) -> dict[str, Invoice]:
    """A whole bill: AMO, AMC and patient; `status` and `fields` are those of the AMC's."""
    stay = stay or a_stay(StayStatus.DISCHARGED, kind=StayKind.FULL, days_ago=4)
    with transaction.atomic():
        a_bill(stay)
        return {
            Payer.AMO: an_invoice(Payer.AMO, stay=stay),
            Payer.AMC: an_invoice(Payer.AMC, status, stay=stay, **fields),
            Payer.PATIENT: an_invoice(Payer.PATIENT, stay=stay),
        }


def a_file(kind: str = FileKind.PAYMENT, status: str = FileStatus.IMPORTED, **fields: Any) -> ExchangeFile:
    number = next(_numbers)
    fields.setdefault("direction", FileDirection.OUT if kind == FileKind.DRE_ES else FileDirection.IN)
    fields.setdefault("name", f"{kind}-{number:04d}.txt")
    if fields["direction"] == FileDirection.OUT:
        fields.setdefault("lot_number", f"{number:09d}")
    file = ExchangeFile(kind=kind, status=status, content_digest=f"{number:064d}", recipient="7000000001", **fields)
    file.file.save(f"kept/{file.name}", ContentFile(b"000DONNEES FICTIVES\r\n"), save=False)
    file.save()
    return file


def a_held_lot(**fields: Any) -> ExchangeFile:
    """A lot that was ready when the hospital came back to a backup."""
    lot, invoice = a_file(FileKind.DRE_ES, FileStatus.PREPARED, problem=RESTORED), an_invoice(status="sent", **fields)
    return a_record(lot, RecordStatus.APPLIED, invoice=invoice).file


def a_record(file: ExchangeFile | None = None, status: str = RecordStatus.UNMATCHED, **fields: Any) -> ExchangeRecord:
    file = file or a_file()
    fields.setdefault("line", file.records.count() + 1)
    fields.setdefault("problem", "Aucune facture ne porte ce n°." if status == RecordStatus.UNMATCHED else "")
    return ExchangeRecord.objects.create(file=file, status=status, **fields)


def a_failed_delivery(**fields: Any) -> EventDelivery:
    return EventDelivery.objects.create(
        event=an_event(a_stay()),
        consumer="billing",
        attempts=4,
        problem="KeyError",
        not_before=timezone.now() + timedelta(minutes=9),
        **fields,
    )


def an_estimate(stay: Stay, amc: str = "130.00") -> Estimate:
    return Estimate.objects.create(
        stay=stay, total=Decimal("1000"), amo_share=Decimal("800"), amc_share=Decimal(amc),
        patient_share=Decimal("200") - Decimal(amc), answered_at=timezone.now(),
    )  # fmt: skip


def undecided() -> dict[str, Stay]:
    no_tariff = UnitFactory(code="9999", tariff_code="")
    stays = {
        "no_night": a_stay(
            StayStatus.DISCHARGED, started_at=ago(hours=4), planned_start_at=ago(hours=4), ended_at=ago(hours=4)
        ),
        "too_long": a_stay(StayStatus.DISCHARGED, days_ago=45),
        "no_tariff": a_stay(StayStatus.DISCHARGED, unit=no_tariff),
        "exemption": a_stay(StayStatus.DISCHARGED),
    }
    for name, stay in stays.items():
        an_amo(stay, exemption="1" if name == "exemption" else "")
    return stays


def everything() -> None:
    """One line at least in each list."""
    from tests.worklists import scene_pec

    scene_pec.one_of_each()
    for family, (disposition, code) in FAMILIES.items():
        a_refusal(disposition, family, code)
    an_anomaly(AnomalyState.REPORTED)
    regimes_long_apart()
    a_waiting_call()
    a_call(status=CallStatus.UNKNOWN, cause="lost", attempts_count=1, in_doubt=True, at=ago(hours=3))
    a_call(status=CallStatus.NEEDS_REFERENT, cause="idb_url_missing")
    a_stay(StayStatus.PREADMITTED, days_ago=0)
    a_stay(StayStatus.DISCHARGED)
    waiting = a_stay(StayStatus.DISCHARGED)
    an_amo(waiting)
    a_coverage(waiting)
    undecided()
    an_amo(a_stay(StayStatus.DISCHARGED, kind=StayKind.EXTERNAL, days_ago=0.5))
    an_invoice(blocked_reason="Le NIR manque.")
    an_invoice(blocked_reason=RESTORED)
    a_held_lot()
    an_invoice(status=InvoiceStatus.REJECTED)
    an_invoice(status=InvoiceStatus.SENT)
    an_invoice(Payer.PATIENT)
    an_invoice(Payer.AMO)
    a_record()
    a_file(status=FileStatus.QUARANTINED)
    a_failed_delivery()
    a_call(not_before=ago(minutes=30))
    # Which builds on this module.
    from tests.worklists import scene_reference

    scene_reference.everything()
