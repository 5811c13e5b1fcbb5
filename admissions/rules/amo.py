"""What the AMO's answer makes of a stay: rights on a day, the exemption that applies, what differs from what we had.

Pure functions. Source of the codes: SFG FIDES ACE, as `admissions/data/amo_effects.csv` gives them; of « most favourable »:
the same, RG_CF613.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True, slots=True)
class Period:
    """A code of one of the answer's lists (ETM, MTM, SP) over days, both included; open at either end when None."""

    list: str
    code: str
    starts_on: date | None = None
    ends_on: date | None = None

    def covers(self, day: date) -> bool:
        return (self.starts_on is None or self.starts_on <= day) and (self.ends_on is None or day <= self.ends_on)


@dataclass(frozen=True, slots=True)
class Effect:
    """What a code makes: a row of the table. The lowest `precedence` wins. `consequence`: what to say of it, in French."""

    list: str
    code: str
    precedence: int
    nature: str
    exemption: str
    situation: str
    label: str
    consequence: str
    valid_from: date
    valid_until: date | None = None

    def in_force(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_until is None or day <= self.valid_until)


@dataclass(frozen=True, slots=True)
class Applied:
    """What applies to a stay. `day`: the one that it was judged on; `situations`: all that hold that day."""

    nature: str
    exemption: str
    situations: tuple[str, ...]
    label: str
    day: date


_A_DAY = timedelta(days=1)
#: Nothing particular: illness, the ordinary share.
ORDINARY_NATURE = "10"
_NOTHING = 1_000


def rights_open(rights_from: date | None, rights_until: date | None, day: date) -> bool | None:
    """Whether rights cover a day, the last one included; None when the answer says nothing of them."""
    if rights_from is None and rights_until is None:
        return None
    return (rights_from is None or rights_from <= day) and (rights_until is None or day <= rights_until)


def applied(periods: Sequence[Period], table: Iterable[Effect], care: date, prescribed: date | None = None) -> Applied:
    """What applies on the day of care, or on that of the prescription when it is more favourable to the patient."""
    rows = list(table)
    judged = [_on(periods, rows, day) for day in dict.fromkeys([care, *([prescribed] if prescribed else [])])]
    return min(judged, key=lambda one: one[0])[1]


def _on(periods: Sequence[Period], table: Sequence[Effect], day: date) -> tuple[int, Applied]:
    said = {(period.list, period.code) for period in periods if period.covers(day)}
    holding = sorted(
        (row for row in table if row.in_force(day) and (row.list, row.code) in said),
        key=lambda row: (row.precedence, row.list, row.code),
    )
    if not holding:
        return _NOTHING, Applied(ORDINARY_NATURE, "", (), "", day)
    first = holding[0]
    situations = tuple(dict.fromkeys(row.situation for row in holding if row.situation))
    return first.precedence, Applied(first.nature, first.exemption, situations, first.label, day)


def slices(
    periods: Sequence[Period], table: Iterable[Effect], first: date, last: date | None
) -> list[tuple[date, date | None, Applied]]:
    """The days from `first` to `last`, both included, cut where what applies changes. No two neighbours are alike."""
    rows = list(table)
    starts = {first}
    for period in periods:
        starts |= {period.starts_on} if period.starts_on else set()
        starts |= {period.ends_on + _A_DAY} if period.ends_on else set()
    days = sorted(day for day in starts if first <= day and (last is None or day <= last))
    found: list[tuple[date, date | None, Applied]] = []
    for day in days:
        here = _on(periods, rows, day)[1]
        if found and _alike(found[-1][2], here):
            continue
        if found:
            found[-1] = (found[-1][0], day - _A_DAY, found[-1][2])
        found.append((day, last, here))
    return found


def _alike(one: Applied, other: Applied) -> bool:
    return (one.nature, one.exemption, one.situations) == (other.nature, other.exemption, other.situations)


def favour(nature: str, exemption: str, situations: Iterable[str], table: Iterable[Effect], day: date) -> int:
    """How favourable to the patient: the rank of the first effect that makes these; `_NOTHING` when none does."""
    held = set(situations)
    ranks = [
        row.precedence
        for row in table
        if row.in_force(day)
        and (
            row.situation in held
            if row.situation
            else (row.nature, row.exemption) == (nature, exemption) and exemption not in ("", "0")
        )
    ]
    if nature != ORDINARY_NATURE:
        ranks += [row.precedence for row in table if row.in_force(day) and row.nature == nature]
    return min(ranks, default=_NOTHING)


@dataclass(frozen=True, slots=True)
class Facts:
    """What bills are addressed by on a day, as one side has it. `fund`: régime, caisse and centre, as the AMO writes them.

    `insured`: NIR and key, 15 characters. Dates are days included. Empty or None: that side says nothing of it.
    """

    fund: str = ""
    insured: str = ""
    nature: str = ORDINARY_NATURE
    exemption: str = ""
    situations: tuple[str, ...] = ()
    rights_from: date | None = None
    rights_until: date | None = None


def differences(had: Facts, got: Facts, day: date) -> list[str]:
    """What the AMO says otherwise on the day of care, by the names of `AmoField`. What it leaves empty differs from nothing.

    Rights that hold that day and begin earlier, or end later, than those we had differ from nothing either.
    """
    found: list[str] = []
    if got.fund and had.fund != got.fund:
        found.append("fund")
    if got.insured and had.insured and had.insured != got.insured:
        found.append("insured")
    if (had.nature, had.exemption or "0") != (got.nature, got.exemption or "0"):
        found.append("exemption")
    if set(had.situations) != set(got.situations):
        found.append("situations")
    if rights_open(got.rights_from, got.rights_until, day) is False:
        found.append("closed")
    elif _longer(had, got):
        found.append("period")
    return found


def _longer(had: Facts, got: Facts) -> bool:
    """What we had goes on after the AMO's end, or had begun before its start."""
    late = got.rights_until is not None and (had.rights_until is None or had.rights_until > got.rights_until)
    early = got.rights_from is not None and had.rights_from is not None and had.rights_from < got.rights_from
    return late or early
