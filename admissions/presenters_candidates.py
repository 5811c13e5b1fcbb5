"""A dossier that resembles what was typed, as a line of a screen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from django.utils import timezone

from admissions.candidates import Candidate
from admissions.presenters import age_text
from admissions.rules.matching import Level

_WORDS: Final = {
    Level.SAME: "sans doute la même personne",
    Level.NEAR: "peut-être la même personne",
    Level.TWIN: "jumeau possible",
    Level.FAR: "à comparer",
}


@dataclass(frozen=True, slots=True)
class Resembling:
    """`likeness` and `reasons` are empty for a protected dossier: they would tell its traits."""

    ipp: str
    birth_name: str
    first_names: str
    used_name: str
    birth_date: date | None
    age: str = ""
    sex_label: str = ""
    likeness: str = ""
    reasons: str = ""
    twin: bool = False


def resembling(candidate: Candidate) -> Resembling:
    person = candidate.patient
    if person.protection:
        masked = person.listed
        return Resembling(person.ipp, masked.birth_name, "", "", None)
    reasons = [reason for reason in candidate.likeness.reasons if reason != _WORDS[Level.TWIN]]
    return Resembling(
        ipp=person.ipp,
        birth_name=person.birth_name,
        first_names=person.first_names,
        used_name=person.used_name,
        birth_date=person.birth_date,
        age=age_text(person.birth_date, timezone.localdate()),
        sex_label=f"sexe {person.get_sex_display()}",
        likeness=_WORDS[candidate.likeness.level],
        reasons=", ".join(reasons) or "mêmes noms, prénoms et date de naissance",
        twin=candidate.twin,
    )
