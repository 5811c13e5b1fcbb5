"""Who owes what of a stay: AMO, then the part that the AMC and the patient share. Pure functions over dated values.

Source: CSS L.174-4 and R.160-5, arrêté du 17/04/2018 annexe 1; the decision table is stay_rules (rows 1, 2, 10, 13 for
the common law). TM = proportional share of the insured; FJ = forfait journalier; DS = nights; X = exit day (0 on
death or transfer). With TM ≥ FJ × DS the insured owes TM + FJ × X; else FJ × (DS + X), the TM being absorbed, and the
AMO part is reduced by FJ × DS − TM. Exemptions, flat participation and stays beyond the days subject to TM are refused
here with their reason: they are never priced at a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from gap.money import euros
from gap.text import format_euros

ZERO = Decimal("0.00")


class NotDecided(Exception):
    """The rules known here do not cover this stay. `reason` is a French sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Nights:
    """Nights in one unit at one daily tariff: `first` the first night's date, `count` how many follow."""

    code: str
    label: str
    first: date
    count: int
    price: Decimal


@dataclass(frozen=True, slots=True)
class Extra:
    """An act, or something asked on top of care: `count` units at `price` from `first` to `last`, both included."""

    code: str
    label: str
    first: date
    last: date
    count: int
    price: Decimal
    reimbursable: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A priced service. `share` is what the AMO leaves: the AMC's and the patient's part together."""

    number: int
    code: str
    label: str
    quantity: int
    unit_price: Decimal
    total: Decimal
    amo: Decimal
    first: date
    last: date
    derivation: str

    @property
    def share(self) -> Decimal:
        return self.total - self.amo


def split_full_stay(
    nights: Sequence[Nights],
    extras: Sequence[Extra],
    exit_day: date,
    *,
    tm_percent: Decimal,
    tm_max_days: int,
    daily_charge: Callable[[date], Decimal],
    daily_charge_code: str,
    exit_charged: bool,
) -> list[Line]:
    """Lines of a full hospitalisation under the common law. `daily_charge` gives the FJ of a date. Raises NotDecided."""
    count = sum(part.count for part in nights)
    if count > tm_max_days:
        raise NotDecided(
            f"Séjour de plus de {tm_max_days} jours : le ticket modérateur au-delà n’est pas encore réglé ici."
        )
    base = sum((euros(part.price * part.count) for part in nights), ZERO)
    share = euros(base * tm_percent / 100)
    days = [part.first + timedelta(days=offset) for part in nights for offset in range(part.count)]
    charge = sum((daily_charge(day) for day in days), ZERO)
    absorbed = share < charge
    lines: list[Line] = []
    left = max(share, charge)
    for index, part in enumerate(nights):
        total = euros(part.price * part.count)
        # The last line takes the rounding, so that the sum is exact to the cent.
        mine = left if index == len(nights) - 1 else (euros(left * total / base) if base else ZERO)
        mine = min(mine, total)
        left -= mine
        base -= total
        how = f"{part.count} × {format_euros(part.price)}"
        if absorbed:
            how += f", forfait journalier de {count} nuits ({format_euros(charge)}) au-dessus du ticket modérateur"
        else:
            how += f", ticket modérateur {tm_percent.normalize():f} %"
        lines.append(_line(part.code, part.label, part.count, part.price, mine, part.first, _last(part), how))
    if left > 0:
        raise NotDecided("Le forfait journalier dépasse le prix du séjour : cas à voir par la facturation.")
    if exit_charged:
        fj = daily_charge(exit_day)
        lines.append(
            _line(
                daily_charge_code,
                "Forfait journalier",
                1,
                fj,
                fj,
                exit_day,
                exit_day,
                "jour de sortie" + (" et nuits, comptées plus haut" if absorbed else ", les nuits sont dans le TM"),
            )
        )
    lines.extend(_extras(extras, tm_percent))
    return _numbered(lines)


def split_without_nights(items: Sequence[Extra], *, tm_percent: Decimal) -> list[Line]:
    """Lines of what has no night: external care, day care, sessions, home care days. No daily charge."""
    return _numbered(_extras(items, tm_percent))


def share_out(lines: Iterable[Line], amc_by_line: dict[int, Decimal]) -> list[tuple[Line, Decimal, Decimal]]:
    """Each line with the AMC's part and the patient's. Raises NotDecided if the AMC pays more than what is left."""
    shared = []
    for line in lines:
        amc = euros(amc_by_line.get(line.number, ZERO))
        if amc < 0 or amc > line.share:
            raise NotDecided(
                f"L’organisme annonce {format_euros(amc)} pour « {line.label} », dont il ne reste que "
                f"{format_euros(line.share)} après l’assurance maladie."
            )
        shared.append((line, amc, line.share - amc))
    return shared


def _extras(extras: Sequence[Extra], tm_percent: Decimal) -> list[Line]:
    lines = []
    for extra in extras:
        total = euros(extra.price * extra.count)
        how = f"{extra.count} × {format_euros(extra.price)}"
        if extra.reimbursable:
            mine = euros(total * tm_percent / 100)
            how += f", ticket modérateur {tm_percent.normalize():f} %"
        else:
            mine = total
            how += ", non remboursé par l’assurance maladie"
        lines.append(_line(extra.code, extra.label, extra.count, extra.price, mine, extra.first, extra.last, how))
    return lines


def _last(part: Nights) -> date:
    return part.first + timedelta(days=max(part.count - 1, 0))


def _line(
    code: str, label: str, quantity: int, price: Decimal, share: Decimal, first: date, last: date, how: str
) -> Line:
    total = euros(price * quantity)
    return Line(0, code, label, quantity, euros(price), total, total - share, first, last, how)


def _numbered(lines: Sequence[Line]) -> list[Line]:
    return [replace(line, number=number) for number, line in enumerate(lines, start=1)]
