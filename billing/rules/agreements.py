"""What a payer outside ROC owes of each priced line, by the contract lines of its agreement. Pure functions.

A contract line pays a percentage of what the AMO leaves of the priced lines of its kind, for the days that the agreement
covers once its waiting days are over, within a cap a day and a ceiling; the agreement may have a ceiling of its own.
Source: the contract lines of a PEC as hospitals type them; the order of the caps (day, line, agreement) is ours
(docs/conformite.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from billing.rules.split import Line
from gap.money import euros

ZERO: Final = Decimal("0.00")
CO_PAYMENT: Final = "TM"
#: Codes of priced lines that a contract line of their own covers; every other line is care (ticket modérateur).
_KINDS: Final = {"FJH": "FJ", "FJP": "FJ", "CHP": "CHP", "REP": "REP"}


@dataclass(frozen=True, slots=True)
class Clause:
    """A contract line. `percent` of what the AMO leaves, 0 to 100; caps in euros, None for none; days from the entry."""

    covers: str
    percent: Decimal
    daily_cap: Decimal | None = None
    ceiling: Decimal | None = None
    waiting_days: int = 0


@dataclass(frozen=True, slots=True)
class Terms:
    """An agreement: its contract lines, the days it covers (both included, no end when None), its own ceiling."""

    clauses: Sequence[Clause]
    valid_from: date
    valid_until: date | None = None
    ceiling: Decimal | None = None


def kind_of(code: str) -> str:
    """Which contract line covers a priced line."""
    return _KINDS.get(code, CO_PAYMENT)


def amc_by_line(lines: Iterable[Line], terms: Terms) -> dict[int, Decimal]:
    """The payer's part of each line, by its number; never more than what the AMO leaves of it.

    Caps are used up in the order of the lines.
    """
    lines = list(lines)
    if not lines:
        return {}
    entry = min(line.first for line in lines)
    clauses = {clause.covers: clause for clause in terms.clauses}
    left_of_clause = {clause.covers: clause.ceiling for clause in terms.clauses}
    left = terms.ceiling
    found: dict[int, Decimal] = {}
    for line in lines:
        clause = clauses.get(kind_of(line.code))
        if clause is None:
            continue
        paid = _within(left_of_clause[clause.covers], _of_line(line, clause, terms, entry))
        paid = _within(left, paid)
        left_of_clause[clause.covers] = _less(left_of_clause[clause.covers], paid)
        left = _less(left, paid)
        if paid:
            found[line.number] = paid
    return found


def _of_line(line: Line, clause: Clause, terms: Terms, entry: date) -> Decimal:
    """Before the ceilings: the share of the covered days, at the clause's percentage, within its cap a day."""
    # A single room counts its nights, not the day of the exit: as many days as units, when there are fewer.
    days = min(line.quantity, (line.last - line.first).days + 1)
    first = max(line.first, terms.valid_from, entry + timedelta(days=clause.waiting_days))
    last = line.first + timedelta(days=days - 1)
    if terms.valid_until is not None:
        last = min(last, terms.valid_until)
    covered = max(0, (last - first).days + 1)
    paid = euros(line.share * covered / days * clause.percent / 100)
    return paid if clause.daily_cap is None else min(paid, clause.daily_cap * covered)


def _within(most: Decimal | None, amount: Decimal) -> Decimal:
    return amount if most is None else min(most, amount)


def _less(most: Decimal | None, amount: Decimal) -> Decimal | None:
    return None if most is None else most - amount
