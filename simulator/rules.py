"""How a plausible payer computes its share. Pure functions; amounts are Decimal euros with two places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from simulator.catalogue import Catalogue, Contract, Guarantee

ZERO = Decimal("0.00")
_NOT_IN_CONTRACT = Guarantee(covered=False, ceiling=None)


@dataclass(frozen=True, slots=True)
class Line:
    """A billed service, as received. `quantity` in whole units (days for what is paid by the day)."""

    number: int
    service_code: str
    quantity: int
    unit_price: Decimal
    total: Decimal
    amo_amount: Decimal
    start: date
    end: date


@dataclass(frozen=True, slots=True)
class Shares:
    """What the AMC pays of each line, in the order of the lines, and what is left to the patient."""

    amounts: tuple[tuple[int, Decimal], ...]
    amc_total: Decimal
    patient_share: Decimal


def compute_shares(lines: Sequence[Line], kind: str, contract: Contract, catalogue: Catalogue) -> Shares:
    """The AMC pays what the AMO leaves, for the covered families, within the ceiling for each unit."""
    amounts = tuple((line.number, _amc_amount(line, kind, contract, catalogue)) for line in lines)
    amc_total = sum((amount for _, amount in amounts), ZERO)
    left_by_amo = sum((max(line.total - line.amo_amount, ZERO) for line in lines), ZERO)
    return Shares(amounts, amc_total, left_by_amo - amc_total)


def _amc_amount(line: Line, kind: str, contract: Contract, catalogue: Catalogue) -> Decimal:
    guarantee = contract.guarantees.get(catalogue.family(line.service_code, kind), _NOT_IN_CONTRACT)
    if not guarantee.covered:
        return ZERO
    left_by_amo = max(line.total - line.amo_amount, ZERO)
    return left_by_amo if guarantee.ceiling is None else min(left_by_amo, guarantee.ceiling * line.quantity)


def inconsistency(lines: Sequence[Line], entry: date, exit_: date) -> str | None:
    """The return code of the first inconsistency: amounts (RC06), then dates out of the stay (RC07); None if sound."""
    if len({line.number for line in lines}) != len(lines):
        return "RC06"
    if any(line.total != line.unit_price * line.quantity or line.amo_amount > line.total for line in lines):
        return "RC06"
    if entry > exit_ or any(not entry <= line.start <= line.end <= exit_ for line in lines):
        return "RC07"
    return None
