"""What the AMO's answer makes of a stay: rights on a day, the exemption that applies, what differs from what we had.

Pure functions. Source of the codes: SFG FIDES ACE, as `admissions/data/amo_effects.csv` gives them; of « most favourable »:
the same, RG_CF613.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date


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
    """What a code makes: a row of the table. The lowest `precedence` wins."""

    list: str
    code: str
    precedence: int
    nature: str
    exemption: str
    situation: str
    label: str
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


@dataclass(frozen=True, slots=True)
class Facts:
    """What bills are addressed by, as one side has it. Dates are days included."""

    regime: str = ""
    fund: str = ""
    centre: str = ""
    exemption: str = ""
    situations: tuple[str, ...] = ()
    rights_from: date | None = None
    rights_until: date | None = None


def differences(had: Facts, got: Facts) -> dict[str, tuple[str, str]]:
    """Field → (what we had, what the AMO says), where they differ. What the AMO leaves empty is no difference.

    Rights that begin before or end after what we had are no difference either, as long as they hold what we had.
    """
    found: dict[str, tuple[str, str]] = {}
    for name in ("regime", "fund", "centre"):
        ours, theirs = str(getattr(had, name)), str(getattr(got, name))
        if theirs and ours != theirs:
            found[name] = (ours, theirs)
    if had.exemption != got.exemption:
        found["exemption"] = (had.exemption, got.exemption)
    if set(had.situations) != set(got.situations):
        found["situations"] = (" ".join(sorted(had.situations)), " ".join(sorted(got.situations)))
    if got.rights_until is not None and (had.rights_until is None or had.rights_until > got.rights_until):
        found["rights_until"] = (_day(had.rights_until), _day(got.rights_until))
    if got.rights_from is not None and had.rights_from is not None and had.rights_from < got.rights_from:
        found["rights_from"] = (_day(had.rights_from), _day(got.rights_from))
    return found


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""
