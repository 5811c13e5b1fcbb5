"""What the AMO makes of a stay: the rights of its day of care, or of its prescription when the patient is better off."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from admissions.enums import CoverageKind, Nature
from admissions.models import Coverage, Stay
from admissions.querysets import care_date, coverages_on
from admissions.reference import amo_effects, named, situation_named
from admissions.rules.amo import favour

#: A prescription older than this is another care's.
PRESCRIBED_WITHIN: Final = timedelta(days=365)
#: What takes a stay out of the ordinary split of the price.
_SPLIT_OTHERWISE: Final = frozenset({"AME"})


@dataclass(frozen=True, slots=True)
class AmoRights:
    """The coverage of the day of care pays; the nature, the exemption and the situations are those of `day`."""

    coverage: Coverage
    day: date
    nature: str
    exemption: str
    situations: tuple[str, ...]

    @property
    def ordinary(self) -> bool:
        """The AMO and the patient share the price as everybody's."""
        return self.nature == Nature.ILLNESS and not self.exemption and not _SPLIT_OTHERWISE & set(self.situations)

    @property
    def words(self) -> list[tuple[str, str]]:
        """What is particular: what it is, and what it makes, by the table of effects. French."""
        held = [row for row in amo_effects() if row.in_force(self.day)]
        found: list[tuple[str, str]] = []
        if what := named(self.nature, self.exemption):
            alike = (self.nature, self.exemption or "0")
            made = (
                row.consequence for row in held if (row.nature, row.exemption or "0") == alike and not row.situation
            )
            found.append((what, next(made, "")))
        for code in self.situations:
            made = (row.consequence for row in held if row.situation == code)
            found.append((situation_named(code), next(made, "")))
        return found


def rights_of(stay: Stay) -> AmoRights | None:
    """None when no caisse is known on the day of care. Source of « most favourable »: SFG FIDES ACE, RG_CF613."""
    care = care_date(stay)
    days = [care]
    if stay.prescription_date and care - PRESCRIBED_WITHIN <= stay.prescription_date < care:
        days.append(stay.prescription_date)
    held = [(day, coverages_on(stay.patient_id, day, CoverageKind.AMO).order_by("rank", "pk").first()) for day in days]
    paying = held[0][1]
    if paying is None:
        return None
    known = [(day, one) for day, one in held if one is not None]
    day, best = min(
        known, key=lambda pair: favour(pair[1].nature, pair[1].exemption, pair[1].situations, amo_effects(), pair[0])
    )
    return AmoRights(paying, day, best.nature, best.exemption, tuple(best.situations))
