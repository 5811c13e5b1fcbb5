"""A program of the hospital, and a hospital with one of everything."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from accounts.models import ApiClient, Establishment
from admissions.enums import EventKind, RightsStatus, StayStatus
from admissions.events import SYSTEM, record_event
from admissions.models import Card, Coverage, Movement, ParticularRequest, Patient, Rights, Stay
from billing.enums import (
    AgreementAct,
    AgreementEnd,
    AgreementState,
    Covered,
    EngagementStatus,
    FileDirection,
    FileKind,
    FileStatus,
    InvoiceStatus,
    Payer,
    PaymentMeans,
    RecordStatus,
)
from billing.models import (
    Agreement,
    AgreementLine,
    AgreementStep,
    Bill,
    Engagement,
    Estimate,
    ExchangeFile,
    ExchangeRecord,
    Invoice,
    InvoiceLine,
    Payment,
)
from debtors.models import DatamatrixAssociation
from teleservices.enums import AttemptOutcome, CallStatus
from teleservices.models import TeleserviceAttempt, TeleserviceCall
from tests.factories import (
    AmoCoverageFactory,
    AssociationFactory,
    CoverageFactory,
    EstablishmentFactory,
    PatientFactory,
    StayFactory,
    UnitFactory,
)

ROOT = "/api/v1"


class Program:
    """A REST client: JSON in, JSON out, a new idempotency key for each POST unless told otherwise."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def get(self, path: str, expect: int = 200, **query: Any) -> Any:
        return self._read(self.client.get(ROOT + path, query), expect)

    def post(self, path: str, body: Any = None, status: int = 201, key: str | None = "", **options: Any) -> Any:
        return self._read(self.send("post", path, {} if body is None else body, key, **options), status)

    def put(self, path: str, body: Any, status: int = 200) -> Any:
        return self._read(self.send("put", path, body, None), status)

    def patch(self, path: str, body: Any, status: int = 200) -> Any:
        return self._read(self.send("patch", path, body, None), status)

    def send(self, method: str, path: str, body: Any, key: str | None = "", **options: Any) -> HttpResponse:
        """`key`: empty = a new one; None = no header."""
        headers = {} if key is None else {"idempotency-key": key or str(uuid.uuid4())}
        text = body if isinstance(body, str | bytes) else json.dumps(body)
        options.setdefault("content_type", "application/json")
        return getattr(self.client, method)(ROOT + path, text, headers=headers, **options)

    @staticmethod
    def _read(response: HttpResponse, status: int) -> Any:
        assert response.status_code == status, (response.status_code, response.content.decode())
        expected = "application/problem+json" if status >= 400 else "application/json"
        assert response["content-type"] == expected
        body = json.loads(response.content)
        if status >= 400:
            assert body["status"] == status
            assert body["type"].startswith("urn:mini-gap:problem:")
        return body


@pytest.fixture
def program(api: Callable[..., Client]) -> Program:
    return Program(api())


@pytest.fixture
def elsewhere(db) -> Establishment:
    """Another hospital: another legal FINESS."""
    return EstablishmentFactory(finess_site="290000033", finess_legal="290000017", name="CH de Kermor")


@pytest.fixture
def stranger(elsewhere: Establishment) -> Program:
    """A program of the other hospital, with every scope."""
    from accounts.enums import Scope

    _, token = ApiClient.issue("ailleurs", elsewhere, list(Scope.values))
    return Program(Client(headers={"authorization": f"Bearer {token}"}))


@dataclass
class World:
    """One of everything, of one stay."""

    patient: Patient
    stay: Stay
    movement: Movement
    request: ParticularRequest
    card: Card
    coverage: Coverage
    amo: Coverage
    call: TeleserviceCall
    invoice: Invoice
    payment: Payment
    file: ExchangeFile
    association: DatamatrixAssociation
    agreement: Agreement


@pytest.fixture
def make_world(establishment: Establishment) -> Callable[..., World]:
    """Rows as they are, for reads: a discharged stay, answered, engaged and billed."""

    def make(place: Establishment = establishment, patient: Patient | None = None, children: int = 1) -> World:
        now = timezone.now().replace(microsecond=0)
        patient = patient or PatientFactory()
        unit = UnitFactory(establishment=place)
        start, end = now - dt.timedelta(days=5), now - dt.timedelta(days=1)
        while Stay.objects.filter(patient=patient, started_at__lt=end).exists():
            start, end = start + dt.timedelta(days=10), end + dt.timedelta(days=10)
        stay = StayFactory(
            patient=patient,
            unit=unit,
            status=StayStatus.DISCHARGED,
            planned_start_at=start,
            started_at=start,
            ended_at=end,
            discharge_mode="home",
        )
        movement = None
        for number in range(children):
            begins = start + dt.timedelta(minutes=10 * number)
            movement = Movement.objects.create(
                stay=stay, unit=unit, room="1", started_at=begins, ended_at=begins + dt.timedelta(minutes=10)
            )
            request = ParticularRequest.objects.create(
                stay=stay, code="CHP", starts_on=start.date(), ends_on=end.date() + dt.timedelta(days=number)
            )
        amo = AmoCoverageFactory(patient=patient)
        coverage = None
        for rank in range(1, children + 1):
            coverage = CoverageFactory(patient=patient, rank=rank)
            Rights.objects.create(
                coverage=coverage, stay=stay, status=RightsStatus.OPEN, care_date=start.date(), answered_at=now
            )
        card = Card.objects.create(
            patient=patient, content="carte inventée", fingerprint=uuid.uuid4().hex, recognised=False, reader="test"
        )
        event = record_event(stay, EventKind.STAY_PREADMITTED, SYSTEM)
        call = TeleserviceCall.objects.create(
            stay=stay,
            coverage=coverage,
            debtor=coverage.debtor,
            channel=coverage.debtor.amc_number,
            event=event,
            operation="CLC",
            status=CallStatus.SUCCEEDED,
            not_before=now,
            finished_at=now,
        )
        for number in range(1, children + 1):
            TeleserviceAttempt.objects.create(
                call=call,
                number=number,
                started_at=now,
                outcome=AttemptOutcome.ANSWERED,
                request_xml=b"<secret>MORVAN</secret>",
                response_xml=b"<secret>MORVAN</secret>",
            )
        split = {"total": Decimal("100.00"), "amo_share": Decimal("80.00"), "amc_share": Decimal("15.00")}
        estimate = Estimate.objects.create(
            stay=stay, coverage=coverage, patient_share=Decimal("5.00"), answered_at=now, **split
        )
        line = {
            "code": "11",
            "label": "Médecine",
            "quantity": 1,
            "unit_price": Decimal("100.00"),
            "total": Decimal("100.00"),
            "amo_share": Decimal("80.00"),
            "derivation": "inventée",
        }
        for number in range(1, children + 1):
            estimate.lines.create(number=number, amc_share=Decimal("15.00"), patient_share=Decimal("5.00"), **line)
        engagement = Engagement.objects.create(
            stay=stay,
            coverage=coverage,
            debtor=coverage.debtor,
            call=call,
            number=f"E{uuid.uuid4().hex[:12]}",
            amount=Decimal("15.00"),
            status=EngagementStatus.IN_FORCE,
            engaged_at=now,
            dre_address="dre",
            dre_recipient="1",
        )
        owed = Decimal("15.00") * children
        bill = Bill.objects.create(
            stay=stay, total=owed, amo_share=Decimal("0.00"), amc_share=owed, patient_share=Decimal("0.00")
        )
        invoice = Invoice.objects.create(
            number=f"98{Invoice.objects.count() + 1:07d}",
            bill=bill,
            stay=stay,
            payer=Payer.AMC,
            debtor=coverage.debtor,
            coverage=coverage,
            engagement=engagement,
            amount=owed,
            paid_amount=Decimal("1.00") * children,
            status=InvoiceStatus.PARTLY_PAID,
        )
        file = ExchangeFile.objects.create(
            direction=FileDirection.OUT,
            kind=FileKind.DRE_ES,
            name="DRE.txt",
            content_digest=uuid.uuid4().hex,
            lot_number=f"{ExchangeFile.objects.count() + 1:09d}",
            status=FileStatus.WRITTEN,
        )
        for number in range(1, children + 1):
            InvoiceLine.objects.create(
                invoice=invoice,
                number=number,
                amount=Decimal("15.00"),
                starts_on=start.date(),
                ends_on=end.date(),
                **line,
            )
            payment = Payment.objects.create(
                invoice=invoice,
                amount=Decimal("1.00"),
                means=PaymentMeans.TRANSFER,
                reference=f"VIR{number}",
                received_on=now.date(),
            )
            ExchangeRecord.objects.create(
                file=file, line=number, invoice=invoice, invoice_number=invoice.number, status=RecordStatus.APPLIED
            )
        association = AssociationFactory(debtor=coverage.debtor)
        # Of the time before the payer was on ROC.
        agreement = Agreement.objects.create(
            stay=stay,
            coverage=coverage,
            debtor=coverage.debtor,
            state=AgreementState.GRANTED,
            opened_at=start,
            valid_from=start.date(),
            answered_at=now,
        )
        for covered in list(Covered)[:children]:
            AgreementLine.objects.create(agreement=agreement, covers=covered, percent=Decimal(100))
        for _ in range(children):
            AgreementStep.objects.create(agreement=agreement, act=AgreementAct.ANSWERED, state="granted", at=now)
        agreement.closed_at, agreement.closed_reason = now, AgreementEnd.BY_ROC
        agreement.save()
        return World(
            patient, stay, movement, request, card, coverage, amo, call, invoice, payment, file, association, agreement
        )

    return make


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()
