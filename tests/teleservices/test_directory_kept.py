"""What the directory said does not grow old: by night for what open stays need, and when a person asks."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.enums import Role
from admissions.enums import EventKind, RightsStatus, StayStatus
from admissions.models import Rights
from debtors.models import DirectoryEntry
from teleservices import directory
from teleservices.enums import Lane
from teleservices.models import TeleserviceCall
from tests.factories import DirectoryEntryFactory
from tests.worklists import scene

pytestmark = pytest.mark.django_db


def a_route(*, status: str = StayStatus.ADMITTED, age_h: float = 30, found: bool = True):
    """An open stay, and what the directory said of its route so long ago."""
    stay = scene.a_stay(status)
    scene.an_event(stay)
    coverage = scene.a_coverage(stay)
    entry = DirectoryEntryFactory(
        amc_number=coverage.debtor.amc_number, found=found, answered_at=timezone.now() - timedelta(hours=age_h)
    )
    return stay, coverage, entry


def asked() -> list[tuple[int, str, str]]:
    return list(TeleserviceCall.objects.order_by("pk").values_list("stay_id", "operation", "lane"))


def test_the_old_route_of_an_open_stay_is_asked_once_in_the_lane_of_the_night() -> None:
    stay, coverage, _ = a_route()
    other = scene.a_stay()
    scene.an_event(other)
    scene.a_coverage(other, debtor=coverage.debtor)
    a_route(age_h=2)
    a_route(status=StayStatus.CANCELLED)
    assert directory.refresh_old() == 1
    assert directory.refresh_old() == 1, "the call under way is the one"
    [(carried_by, operation, lane)] = asked()
    assert carried_by in (stay.pk, other.pk) and (operation, lane) == ("ANNUAIRE", Lane.BATCH)


def test_a_referent_asks_now_whatever_the_age_and_is_told_when_nobody_needs_it(signed_in) -> None:
    _, coverage, entry = a_route(age_h=0.1)
    client = signed_in(Role.REFERENT)
    path = f"/fragments/debiteurs/{coverage.debtor_id}/annuaire/"
    assert "Annuaire redemandé pour 1" in client.post(path, follow=True).text
    assert asked()[0][1:] == ("ANNUAIRE", Lane.INTERACTIVE)
    TeleserviceCall.objects.all().delete()
    DirectoryEntry.objects.filter(pk=entry.pk).delete()
    assert "rien n’a été demandé" in client.post(path, follow=True).text
    assert not asked()


def test_a_payer_that_joined_roc_brings_its_open_stays_back_once() -> None:
    stay, coverage, _ = a_route()
    Rights.objects.create(
        stay=stay, coverage=coverage, status=RightsStatus.UNDETERMINED, code="HORS_ROC",
        answered_at=timezone.now() - timedelta(days=1), care_date=timezone.localdate(),
    )  # fmt: skip
    still, outside, _ = a_route(found=False)
    Rights.objects.create(
        stay=still, coverage=outside, status=RightsStatus.UNDETERMINED, code="HORS_ROC",
        answered_at=timezone.now(), care_date=timezone.localdate(),
    )  # fmt: skip
    assert directory.bring_back() == 1
    assert stay.events.filter(kind=EventKind.RIGHTS_ASKED_AGAIN).count() == 1
    scene.a_call(stay, coverage)
    assert directory.bring_back() == 0
