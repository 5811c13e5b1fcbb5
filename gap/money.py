"""Money: `Decimal` euros with two places, rounded half up, integer cents at the edge of codecs."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Final

CENT: Final = Decimal("0.01")
ZERO: Final = Decimal("0.00")
_SPACES: Final = str.maketrans("", "", " \u00a0\u202f\u2009")


def euros(value: Decimal | int | str) -> Decimal:
    """Amount in euros, two places, ROUND_HALF_UP (1.005 → 1.01, −1.005 → −1.01).

    Text may be written the French way (« 1 234,5 »). Raises TypeError for a float (it has already lost the cents)
    and ValueError for what is not a finite number.
    """
    if isinstance(value, float | bool):
        raise TypeError("Money is never a float nor a bool.")
    try:
        if isinstance(value, str):
            value = value.translate(_SPACES).removesuffix("€").replace(",", ".")
        amount = Decimal(value)
        if not amount.is_finite():
            raise ValueError("Montant non fini.")
        # Adding zero turns -0.00 into 0.00, which people read as a mistake.
        return amount.quantize(CENT, rounding=ROUND_HALF_UP) + ZERO
    except InvalidOperation as error:
        raise ValueError("Ce montant n’est pas un nombre.") from error


def to_cents(amount: Decimal) -> int:
    """Whole cents of an amount in euros. Raises ValueError for a fraction of a cent: nothing is rounded here."""
    cents = amount * 100
    if not amount.is_finite() or cents != cents.to_integral_value():
        raise ValueError("Ce montant a une fraction de centime.")
    return int(cents)


def from_cents(cents: int) -> Decimal:
    """Euros, two places, of a whole number of cents."""
    return Decimal(cents).scaleb(-2).quantize(CENT)


def percent(amount: Decimal, rate_percent: Decimal | int) -> Decimal:
    """`rate_percent` % of an amount, in euros: percent(Decimal("23.00"), 70) → 16.10."""
    return euros(amount * Decimal(rate_percent) / 100)
