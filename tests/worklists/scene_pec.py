"""Stays outside ROC, with a prise en charge in each of its states."""

from __future__ import annotations

import io
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone
from PIL import Image

from admissions.enums import RightsStatus, StayStatus
from admissions.events import Actor
from admissions.models import Rights
from admissions.querysets import care_date
from billing import invoicing
from billing.enums import AgreementAct, AgreementState
from billing.models import Agreement, AgreementLetter, AgreementLine, AgreementStep, Bill
from billing.pec import letters
from billing.pricing import price
from tests.worklists import scene


def _point() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (1, 1), "grey").save(file, "JPEG")
    return file.getvalue()


#: A JPEG of one grey point, of no letter at all.
A_PAGE = _point()


def an_agreement(state: str = AgreementState.TO_ASK, stay: Any = None, **fields: Any) -> Agreement:
    """A prise en charge as it stands in this state; granted ones pay the whole co-payment."""
    stay = stay or scene.a_stay()
    coverage = stay.patient.coverages.filter(kind="AMC").first() or scene.a_coverage(stay)
    now = timezone.now()
    if state == AgreementState.REQUESTED:
        fields = {"requested_at": now, "remind_at": now + timedelta(days=3)} | fields
    if state in ("granted", "partly_granted", "tacit", "extended"):
        fields.setdefault("valid_from", care_date(stay))
    fields.setdefault("opened_at", scene.ago(hours=5))
    agreement = Agreement.objects.create(stay=stay, coverage=coverage, debtor=coverage.debtor, state=state, **fields)
    AgreementStep.objects.create(agreement=agreement, act=AgreementAct.OPENED, state="to_ask", at=agreement.opened_at)
    if agreement.pays:
        AgreementLine.objects.create(agreement=agreement, covers="TM", percent=Decimal(100))
    return agreement


def a_letter(agreement: Agreement, *pages: bytes) -> AgreementLetter:
    """What the payer wrote, attached by nobody in particular."""
    return letters.attach(agreement.pk, pages or (A_PAGE,), Actor(None))


def a_granted_bill() -> Bill:
    """A stay that is over, billed by its agreement."""
    stay = scene.a_stay(StayStatus.DISCHARGED)
    scene.an_amo(stay)
    agreement = an_agreement(AgreementState.GRANTED, stay)
    with transaction.atomic():
        bill = invoicing.make_bill(stay, price(stay), None, agreement)
    assert bill is not None
    return bill


def one_of_each() -> None:
    """A line of each list of the circuit outside ROC."""
    outside = scene.a_stay()
    Rights.objects.create(
        status=RightsStatus.UNDETERMINED, code="HORS_ROC", answered_at=timezone.now(), stay=outside,
        coverage=scene.a_coverage(outside), care_date=timezone.localdate(),
    )  # fmt: skip
    an_agreement()
    an_agreement(AgreementState.REQUESTED, remind_at=scene.ago(hours=1), requested_at=scene.ago(days=4))
    leaving = scene.a_stay(planned_end_at=timezone.now() + timedelta(hours=20))
    an_agreement(AgreementState.REQUESTED, leaving)
    staying = scene.a_stay(planned_end_at=timezone.now() + timedelta(days=9))
    an_agreement(AgreementState.GRANTED, staying, valid_until=timezone.localdate() + timedelta(days=1))
    a_granted_bill()
    an_agreement(AgreementState.REQUESTED, unread_since=scene.ago(hours=2))
