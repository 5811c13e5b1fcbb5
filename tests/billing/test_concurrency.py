"""Several processes at once: numbers without gap nor double, one engagement billed once."""

from __future__ import annotations

import pytest

from billing.models import NumberSeries
from tests.processes import run_together

pytestmark = pytest.mark.django_db(transaction=True)

UNPROTECTED = """
from billing.models import NumberSeries
for _ in range(40):
    series = NumberSeries.objects.get(name="race")
    time.sleep(0.001)
    series.last += 1
    series.save(update_fields=["last"])
    print(series.last)
"""

PROTECTED = """
from billing.invoicing import next_invoice_number
for _ in range(40):
    with transaction.atomic():
        number = next_invoice_number()
        time.sleep(0.001)
    print(number)
"""


def numbers(outputs: list[str]) -> list[str]:
    return [number for output in outputs for number in output.split()]


def test_without_the_lock_two_processes_give_the_same_number() -> None:
    NumberSeries.objects.create(name="race")
    given = numbers(run_together(UNPROTECTED, 2))
    assert len(set(given)) < len(given)


def test_invoice_numbers_have_no_double_and_no_gap() -> None:
    given = sorted(int(number[2:]) for number in numbers(run_together(PROTECTED, 2)))
    assert given == list(range(given[0], given[0] + 80))
