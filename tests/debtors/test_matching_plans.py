"""The way from a card to its debtor is an index at each rule, however many associations there are."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from debtors.querysets import CardContext, match_card, search_debtors
from tests.factories import DebtorFactory

pytestmark = pytest.mark.django_db

_FILL = """
insert into debtors_datamatrixassociation (fingerprint, amc_number, convention, csr, domain, debtor_id, status,
  multiple_centres, valid_from, created_at, use_count, contested_count, version)
select md5(n::text) || md5(n::text), lpad((n / 10)::text, 10, '0'), 'R' || chr(65 + n % 10), '', 'MCO', %s, 'validated',
  false, '2020-01-01', now(), 0, 0, 0
from generate_series(1, 20000) n
"""


@pytest.fixture
def _twenty_thousand() -> None:
    debtor = DebtorFactory(amc_number="0000000500")
    with connection.cursor() as cursor:
        cursor.execute(_FILL.replace("n % 10", "n %% 10"), [debtor.pk])
        cursor.execute("analyze debtors_datamatrixassociation")


def plans(context: CardContext) -> list[str]:
    with CaptureQueriesContext(connection) as asked:
        match_card(context, timezone.localdate())
    with connection.cursor() as cursor:
        found = []
        for query in asked.captured_queries:
            cursor.execute(f"explain {query['sql']}")
            found.append("\n".join(row[0] for row in cursor.fetchall()))
    return found


@pytest.mark.usefixtures("_twenty_thousand")
@pytest.mark.parametrize(
    ("amc", "convention", "csr", "rules"),
    [
        ("0000000500", "RA", "", 2),
        ("0000000500", "RA", "999", 3),
        ("0000000500", "ZZ", "", 4),
        ("9999999999", "RO", "", 4),
    ],
    ids=["exact context", "convention", "AMC alone", "nothing"],
)
def test_each_rule_reads_an_index(amc, convention, csr, rules) -> None:
    found = plans(CardContext("f" * 64, amc, convention, csr, "MCO"))
    assert len(found) == rules
    for plan in found:
        assert not re.search(r"Seq Scan on debtors_datamatrixassociation", plan), plan
        assert "Index" in plan


def test_a_search_reads_the_records_of_payers_once() -> None:
    DebtorFactory(name="Alliance Loire Santé", town="Nantes")
    for text in ("loire", "nantes", "0099"):
        with CaptureQueriesContext(connection) as asked:
            list(search_debtors(text)[:9])
        assert len(asked) == 1
