"""The lists of the circuit outside ROC: what stands in each, what makes it leave, what is done in bulk."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.enums import Role
from admissions.enums import StayKind, StayStatus
from billing.enums import AgreementEnd, AgreementState, Payer
from billing.models import Agreement
from billing.pec import following
from tests.worklists import scene
from tests.worklists.scene_pec import a_granted_bill, an_agreement
from worklists.lists.pec import ASK, LEFT, REMIND
from worklists.registry import all_worklists
from worklists.services import perform

pytestmark = pytest.mark.django_db
SLUGS = ("pec-a-demander", "pec-sans-reponse", "pec-qui-expirent", "sorties-sans-reponse-pec")


def lists_of(agreement: Agreement) -> list[str]:
    here = agreement.stay.establishment_id
    return [slug for slug in SLUGS if all_worklists()[slug].select(here).filter(pk=agreement.pk).exists()]


def leaving(hours: float, **fields):
    return scene.a_stay(planned_end_at=timezone.now() + timedelta(hours=hours), **fields)


def in_days(days: int):
    return timezone.localdate() + timedelta(days=days)


CASES = {
    "to ask": (lambda: an_agreement(), ["pec-a-demander"]),
    "to ask, leaving tomorrow": (
        lambda: an_agreement("to_ask", leaving(20)), ["pec-a-demander", "sorties-sans-reponse-pec"]
    ),
    "asked today": (lambda: an_agreement("requested"), []),
    "asked, silent for too long": (
        lambda: an_agreement("requested", remind_at=scene.ago(minutes=1)), ["pec-sans-reponse"]
    ),
    "asked, gone": (
        lambda: an_agreement("requested", scene.a_stay(StayStatus.DISCHARGED)), ["sorties-sans-reponse-pec"]
    ),
    "asked, leaving in nine days": (lambda: an_agreement("requested", leaving(9 * 24)), []),
    "day care that ends in two days is not near": (
        lambda: an_agreement("requested", leaving(30, kind=StayKind.DAY)), []
    ),
    "suspended, gone": (
        lambda: an_agreement("suspended", scene.a_stay(StayStatus.DISCHARGED)), ["sorties-sans-reponse-pec"]
    ),
    "granted to the exit": (lambda: an_agreement("granted", leaving(48), valid_until=in_days(2)), []),
    "granted until the eve of the exit": (
        lambda: an_agreement("granted", leaving(9 * 24), valid_until=in_days(8)), ["pec-qui-expirent"]
    ),
    "granted for some days, no exit planned": (
        lambda: an_agreement("extended", valid_until=in_days(3)), ["pec-qui-expirent"]
    ),
    "granted for long, no exit planned": (lambda: an_agreement("extended", valid_until=in_days(30)), []),
    "granted without end": (lambda: an_agreement("granted"), []),
    "refused": (lambda: an_agreement("refused"), []),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_stands_where_somebody_is_awaited(case) -> None:
    make, expected = CASES[case]
    agreement = make()
    assert lists_of(agreement) == expected
    following.close(agreement, AgreementEnd.BY_ROC)
    assert lists_of(agreement) == []


def test_requests_and_reminders_are_noted_in_bulk_each_line_by_itself(person) -> None:
    user = person(Role.BILLING)
    first, second = an_agreement(), an_agreement()
    silent = an_agreement("requested", remind_at=scene.ago(minutes=1))
    lists = all_worklists()
    asked = perform(lists["pec-a-demander"], ASK, [first.pk, second.pk, silent.pk], user)
    assert [one.done for one in asked] == [True, True, False]
    assert [one.done for one in perform(lists["pec-sans-reponse"], REMIND, [silent.pk, first.pk], user)] == [
        True,
        False,
    ]
    assert set(Agreement.objects.values_list("state", flat=True)) == {AgreementState.REQUESTED}
    assert lists_of(first) == lists_of(silent) == []


def test_invoices_outside_roc_wait_for_whom_sends_them(person) -> None:
    invoice = a_granted_bill().invoices.get(payer=Payer.AMC)
    listed = all_worklists()["factures-hors-roc"]
    assert listed.select(invoice.stay.establishment_id).get() == invoice
    assert [one.done for one in perform(listed, LEFT, [invoice.pk], person(Role.BILLING))] == [True]
    assert not listed.select(invoice.stay.establishment_id).exists()
