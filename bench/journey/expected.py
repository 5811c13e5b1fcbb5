"""What the journey's stays must cost, worked out by hand: this module knows nothing of the product's pricing.

Ordinary law (CSS L.174-4, R.160-5): the insured owes 20 % of a stay and 30 % of external care, and the daily charge of
the exit day; the nights' daily charge is inside the 20 %. Daily tariffs are the demonstration's. The payers' contracts
are those of the simulator.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

_CENT = Decimal("0.01")
_MEDICINE_DAY = Decimal("1052.00")
_SINGLE_ROOM_DAY = Decimal("65.00")
_SINGLE_ROOM_CEILING = Decimal("50.00")  # contract « Santé Équilibre »
_ACTS = {"CS": Decimal("30.00"), "RAD": Decimal("42.50")}
# The forfait journalier went from 20 € to 23 € on 1 March 2026 (JO of 28/02/2026).
_DAILY_CHARGES = ((date(2026, 3, 1), Decimal("23.00")), (date(2018, 1, 1), Decimal("20.00")))


@dataclass(frozen=True, slots=True)
class Shares:
    """Who owes what, in euros."""

    amo: Decimal
    amc: Decimal
    patient: Decimal

    @property
    def total(self) -> Decimal:
        return self.amo + self.amc + self.patient


def medicine_stay(nights: int, exit_day: date, *, single_room_nights: int = 0) -> Shares:
    """A hospitalisation in medicine, the AMC paying all that is left but a single room above its ceiling."""
    base = _MEDICINE_DAY * nights
    left = _percent(base, 20) + _daily_charge(exit_day)
    room = _SINGLE_ROOM_DAY * single_room_nights
    paid_room = min(room, _SINGLE_ROOM_CEILING * single_room_nights)
    return Shares(base - _percent(base, 20), left + paid_room, room - paid_room)


def medicine_by_contract(
    nights: int,
    exit_day: date,
    *,
    single_room_nights: int,
    percent: int,
    paid_room_nights: int,
    room_cap: Decimal,
    ceiling: Decimal,
) -> Shares:
    """The same, outside ROC: so much of the 20 %, the whole daily charge, some nights of the room within their cap, and
    the ceiling of the whole."""
    base = _MEDICINE_DAY * nights
    left, daily = _percent(base, 20), _daily_charge(exit_day)
    room = _SINGLE_ROOM_DAY * single_room_nights
    paid = min(ceiling, _percent(left, percent) + daily + min(_SINGLE_ROOM_DAY, room_cap) * paid_room_nights)
    return Shares(base - left, paid, left + daily + room - paid)


def external_care(*acts: str) -> Shares:
    """Consultations and acts, the AMC paying the 30 %."""
    left = sum((_percent(_ACTS[act], 30) for act in acts), Decimal(0))
    return Shares(sum((_ACTS[act] for act in acts), Decimal(0)) - left, left, Decimal("0.00"))


def without_amc(shares: Shares) -> Shares:
    """The same, the patient paying what the AMC does not."""
    return Shares(shares.amo, Decimal("0.00"), shares.amc + shares.patient)


def _daily_charge(day: date) -> Decimal:
    return next(amount for since, amount in _DAILY_CHARGES if day >= since)


def _percent(amount: Decimal, rate: int) -> Decimal:
    return (amount * rate / 100).quantize(_CENT, ROUND_HALF_UP)
