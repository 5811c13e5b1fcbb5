"""The screen of codes: what is open by family, code and operation, its trend, and the share that needed nobody."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.enums import Role
from teleservices.enums import CallStatus, Disposition, Family
from tests.worklists import scene
from worklists import codes

pytestmark = pytest.mark.django_db


def refused(code: str = "RC15", operation: str = "IDB", days_ago: float = 0, **fields):
    at = scene.ago(days=days_ago)
    fields = {"first_sent_at": at, "finished_at": at} | fields
    return scene.a_refusal(
        Disposition.INFORM_PATIENT, Family.NO_THIRD_PARTY_PAYMENT, code, operation=operation, **fields
    )


def lines(establishment) -> dict[str, codes.CodeLine]:
    return {line.code: line for block in codes.blocks(establishment.pk) for line in block.codes}


def test_each_code_has_its_count_its_oldest_and_its_operations(establishment) -> None:
    refused(days_ago=3)
    refused(operation="CLC")
    refused(code="RC16")
    found = lines(establishment)
    assert (found["RC15"].count, found["RC16"].count) == (2, 1)
    assert [(one.operation, one.count) for one in found["RC15"].operations] == [("CLC", 1), ("IDB", 1)]
    assert timezone.now() - found["RC15"].oldest > timedelta(days=2)


def test_families_come_in_the_order_of_the_programme_with_the_sum_of_their_codes(establishment) -> None:
    for family, (disposition, code) in scene.FAMILIES.items():
        scene.a_refusal(disposition, family, code)
    scene.a_waiting_call()
    blocks = codes.blocks(establishment.pk)
    assert [block.family for block in blocks] == list(Family.values)
    assert all(block.count == 1 for block in blocks)


def test_what_was_handled_is_no_longer_open_and_still_counts_in_the_trend(establishment) -> None:
    refused(days_ago=1, handled_at=timezone.now())
    for _ in range(3):
        refused(days_ago=10, handled_at=timezone.now())
    line = lines(establishment)["RC15"]
    assert (line.count, sum(line.by_day), line.trend) == (0, 4, -2)


def test_each_count_opens_a_list_of_as_many_lines(establishment, signed_in) -> None:
    refused()
    refused(operation="CLC")
    refused(code="RC16")
    scene.an_anomaly()
    client = signed_in(Role.REFERENT)
    html = client.get("/codes/").content.decode()
    found = re.findall(r'<a class="pill" href="([^"]+)">(\w+) <b class="num">(\d+)</b>', html)
    assert len(found) == 4
    for address, _, count in found:
        page = client.get(address.replace("&amp;", "&")).content.decode()
        assert page.count('name="ids"') == int(count), address


def test_the_share_counts_the_dossiers_that_nobody_had_to_touch(establishment) -> None:
    def answered(**fields):
        return scene.a_call(
            scene.a_stay(),
            status=CallStatus.SUCCEEDED,
            first_sent_at=timezone.now(),
            finished_at=timezone.now(),
            **fields,
        )

    for _ in range(8):
        answered()
    refused()  # somebody must tell the patient
    scene.a_refusal(
        Disposition.REPLAY_WITH_ENTRY_DATE, Family.PRESCRIPTION_DATE, "RC23", superseded_at=timezone.now(),
        first_sent_at=timezone.now(),
    )  # fmt: skip
    answered_long_ago = answered()
    answered_long_ago.first_sent_at = scene.ago(days=40)
    answered_long_ago.save()
    share = codes.share(establishment.pk)
    assert (share.dossiers, share.alone, share.percent) == (10, 9, 90.0)
    assert not share.reached


def test_a_refusal_that_somebody_handled_is_still_an_exception(establishment) -> None:
    refused(handled_at=timezone.now())
    assert codes.share(establishment.pk).percent == 0


def test_without_a_call_there_is_no_share(establishment) -> None:
    assert codes.share(establishment.pk).percent is None


def test_the_screen_costs_the_same_queries_for_one_refusal_and_for_many(
    establishment, signed_in, django_assert_max_num_queries
) -> None:
    client = signed_in(Role.REFERENT)
    for _ in range(3):
        for family, (disposition, code) in scene.FAMILIES.items():
            scene.a_refusal(disposition, family, code, first_sent_at=timezone.now())
    with django_assert_max_num_queries(11):
        client.get("/codes/")
