"""The circuit outside ROC at the demonstration hospital: a prise en charge in each of its states."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

from django.utils import timezone

from accounts.enums import Role
from admissions.enums import StayStatus
from admissions.events import Actor
from billing.enums import AgreementState
from billing.models import Agreement
from billing.pec import letters, services
from billing.pec.services import Reply
from billing.rules.agreements import Clause
from debtors.datamatrix import sandbox
from gap.documents import render_pdf
from worklists.demo.acts import Hospital

_ALL = (Clause("TM", Decimal(100)), Clause("FJ", Decimal(100)), Clause("CHP", Decimal(100), Decimal(45)))
_LETTER: Final = Path(__file__).parent / "data" / "accord.typ"
_PART = (Clause("TM", Decimal(80)),)


def agree(hospital: Hospital) -> None:
    """Ask and answer some; leave others to who plays. Stays planned are left to ask, but two."""
    who = hospital.someone(Role.BILLING, 0)
    gone, here, planned = (
        list(
            Agreement.objects.filter(closed_at__isnull=True, state=AgreementState.TO_ASK, stay__status=status)
            .select_related("stay")
            .order_by("pk")
        )
        for status in (StayStatus.DISCHARGED, StayStatus.ADMITTED, StayStatus.PREADMITTED)
    )
    for agreement in gone + here + planned[1:3]:
        services.ask(agreement.pk, who)
    for agreement in planned[1:3]:
        _written(agreement)
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


def _written(agreement: Agreement) -> None:
    """The payer answered by letter; nobody has typed it yet."""
    stay, today = agreement.stay, timezone.localdate()
    data = {
        "payer": agreement.debtor.name,
        "day": f"Le {today:%d/%m/%Y}",
        "number": f"PEC-{4840 + agreement.pk % 100}",
        "iep": stay.iep,
        "start": f"{timezone.localtime(stay.start_at):%d/%m/%Y}",
        "end": f"{today + timedelta(days=30):%d/%m/%Y}",
        "rows": [
            ["Ticket modérateur", "100 %", "", ""],
            ["Forfait journalier", "100 %", "", ""],
            ["Chambre particulière", "100 %", "45,00 €", "2 jours"],
        ],
    }
    drawn = sandbox.draw_untrusted(render_pdf(_LETTER, data), 30)
    assert drawn.drawn, drawn.outcome
    letters.attach(agreement.pk, drawn.pages, Actor(None))
