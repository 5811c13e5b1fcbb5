"""The circuit outside ROC at the demonstration hospital: a prise en charge in each of its states."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from django.utils import timezone

from accounts.enums import Role
from admissions.enums import StayStatus
from billing.enums import AgreementState
from billing.models import Agreement
from billing.pec import services
from billing.pec.services import Reply
from billing.rules.agreements import Clause
from worklists.demo.acts import Hospital

_ALL = (Clause("TM", Decimal(100)), Clause("FJ", Decimal(100)), Clause("CHP", Decimal(100), Decimal(45)))
_PART = (Clause("TM", Decimal(80)),)


def agree(hospital: Hospital) -> None:
    """Ask and answer some; leave others to who plays. Stays planned are left to ask."""
    who = hospital.someone(Role.BILLING, 0)
    gone, here = (
        list(
            Agreement.objects.filter(closed_at__isnull=True, state=AgreementState.TO_ASK, stay__status=status)
            .select_related("stay")
            .order_by("pk")
        )
        for status in (StayStatus.DISCHARGED, StayStatus.ADMITTED)
    )
    for agreement in gone + here:
        services.ask(agreement.pk, who)
    if gone:
        asked = timezone.now() - timedelta(days=6)
        Agreement.objects.filter(pk=gone[0].pk).update(requested_at=asked, remind_at=asked + timedelta(days=3))
    replies = (
        Reply(AgreementState.GRANTED, "PEC-4821", clauses=_ALL),
        Reply(AgreementState.REFUSED),
        Reply(AgreementState.PARTLY_GRANTED, "PEC-4822", clauses=_PART),
    )
    for agreement, reply in zip(gone[1:], replies, strict=False):
        services.answer(agreement.pk, reply, who)
    for number, agreement in enumerate(here):
        # It ends before the exit: the first waits for an extension, the last has had it.
        soon = timezone.localdate() if number < 2 else timezone.localdate() + timedelta(days=30)
        services.answer(agreement.pk, Reply(AgreementState.GRANTED, f"PEC-{4830 + number}", clauses=_ALL), who)
        if number == 1:
            services.answer(agreement.pk, Reply(AgreementState.SUSPENDED), who)
        else:
            services.answer(agreement.pk, Reply(AgreementState.EXTENDED, valid_until=soon), who)
