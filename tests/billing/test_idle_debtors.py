"""A payer's record that serves nobody is noticed, and forgotten as soon as it serves again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from admissions.models import Coverage
from billing import debtors
from debtors.models import Debtor
from teleservices.models import TeleserviceCall
from tests.factories import AssociationFactory, DebtorFactory, FundFactory
from tests.worklists import scene

pytestmark = pytest.mark.django_db

LONG_AGO = timezone.now() - timedelta(days=800)


def an_old(**fields: object) -> Debtor:
    debtor = DebtorFactory(**fields)
    Debtor.objects.filter(pk=debtor.pk).update(created_at=LONG_AGO)
    return debtor


def idle() -> set[int]:
    debtors.mark_idle()
    return set(Debtor.objects.filter(idle_since__isnull=False).values_list("pk", flat=True))


def test_only_what_served_nobody_for_a_year_is_noticed() -> None:
    unused, covering, chosen, answering = (an_old() for _ in range(4))
    DebtorFactory()
    FundFactory()
    an_old(active=False)
    stay = scene.a_stay()
    scene.a_coverage(stay, debtor=covering)
    AssociationFactory(debtor=chosen, last_used_at=timezone.now())
    covered = scene.a_coverage(scene.a_stay(), debtor=answering)
    scene.a_call(covered.patient.stays.get(), covered, status="succeeded", finished_at=timezone.now())
    Coverage.objects.filter(pk=covered.pk).update(updated_at=LONG_AGO)
    assert idle() == {unused.pk}
    unused.refresh_from_db()
    assert unused.idle_since == timezone.localdate(LONG_AGO)
    TeleserviceCall.objects.update(finished_at=LONG_AGO)
    assert idle() == {unused.pk, answering.pk}
    scene.a_coverage(stay, debtor=unused, rank=2)
    assert idle() == {answering.pk}
