"""A statement that is planned once still finds the partial indexes."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from admissions.enums import StayStatus
from admissions.models import Stay
from gap.constants import Constant, constants
from teleservices.enums import CLAIMABLE, CallStatus
from teleservices.models import TeleserviceCall
from tests.crowd import an_amc, due_calls
from tests.factories import StayFactory


def plan_for_all_values(rows: QuerySet) -> str:
    """The plan that PostgreSQL makes of a statement without its values, tables being taken for large."""
    sql, parameters = rows.query.sql_with_params()
    numbers = iter(range(1, len(parameters) + 1))
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN (GENERIC_PLAN) " + re.sub("%s", lambda _: f"${next(numbers)}", sql))
        return "\n".join(row[0] for row in cursor.fetchall())


@pytest.mark.django_db
def test_a_constant_finds_what_the_value_finds() -> None:
    made = StayFactory(status=StayStatus.PREADMITTED)
    assert Stay.objects.get(status=Constant(StayStatus.PREADMITTED)) == made
    assert Stay.objects.get(status__in=constants(StayStatus)) == made
    assert not Stay.objects.filter(status=Constant(StayStatus.CANCELLED)).exists()
    assert not Stay.objects.exclude(status=Constant(StayStatus.PREADMITTED)).exists()


@pytest.fixture
def ledger(db) -> None:
    """Some calls to come among many that ended, and PostgreSQL knows it: not what another test left it with."""
    ended = due_calls(an_amc("0099000104"), 1_500)
    TeleserviceCall.objects.filter(pk__in=ended).update(status=CallStatus.SUCCEEDED, finished_at=timezone.now())
    for number in range(104, 110):
        due_calls(an_amc(f"0099000{number}"), 100)
    with connection.cursor() as cursor:
        cursor.execute("analyze teleservices_teleservicecall")


def test_the_plan_for_all_values_uses_the_partial_index_that_a_constant_names(ledger) -> None:
    refused = TeleserviceCall.objects.order_by("finished_at").filter(
        superseded_at__isnull=True, handled_at__isnull=True, disposition="inform_patient"
    )
    assert "call_refused_live" in plan_for_all_values(refused.filter(status=Constant(CallStatus.REFUSED)))
    assert "call_refused_live" not in plan_for_all_values(refused.filter(status=CallStatus.REFUSED))
    due = TeleserviceCall.objects.order_by("not_before").filter(channel="0099000104", lane="interactive")
    assert "call_due" in plan_for_all_values(due.filter(status__in=constants(CLAIMABLE))[:32])


@pytest.mark.parametrize("text", ["", "o'clock", "a b", "x;--", "50%", "é"])
def test_what_is_not_a_word_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="one word"):
        Constant(text)
