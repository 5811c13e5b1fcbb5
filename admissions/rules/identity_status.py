"""What makes an identity sure, and what the national service's answer is worth beside ours. Pure functions.

Source: RNIV (référentiel national d'identitovigilance), volets 1 and 2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from gap.text import search_tokens

# The codes of the statuses and of an unknown sex: `admissions.enums`, which a rule does not import.
_PROVISIONAL, _VALIDATED, _RETRIEVED, _QUALIFIED = "PROV", "VALI", "RECUP", "QUAL"
_SEX_UNKNOWN = "I"
STRICT_TRAITS = ("birth_name", "first_names", "birth_date", "sex", "birth_place")


@dataclass(frozen=True, slots=True)
class StrictTraits:
    """The five strict traits, as one side has them. `birth_date` as text: ISO when it is a day of the calendar.

    `first_names`: all of them, separated by spaces. `birth_place`: INSEE code of five characters, "" when unknown.
    """

    birth_name: str
    first_names: str
    birth_date: str
    sex: str
    birth_place: str = ""


def status_of(*, ins: bool, document: bool) -> str:
    """The status that two facts make: the matricule was recovered, a trusted document was compared."""
    if ins:
        return _QUALIFIED if document else _RETRIEVED
    return _VALIDATED if document else _PROVISIONAL


def why_not_asked(*, sex: str, doubtful: bool, fictitious: bool) -> str:
    """Why the national service may not be asked of this identity, in French; "" when it may."""
    if fictitious:
        return "L’identité est fictive\u00a0: INSi n’est pas interrogé."
    if doubtful:
        return "L’identité est douteuse\u00a0: INSi n’est pas interrogé tant que le doute n’est pas levé."
    if sex == _SEX_UNKNOWN:
        return "Le sexe est inconnu\u00a0: INSi ne cherche qu’une femme ou un homme."
    return ""


def differences(ours: StrictTraits, theirs: StrictTraits) -> list[str]:
    """The strict traits of which the two sides truly disagree, in the order of the document.

    Accents, hyphens, apostrophes and case are not differences; neither are the last first names, when one side has fewer,
    nor a birth place that one of the two does not know.
    """
    found = []
    if _plain(ours.birth_name) != _plain(theirs.birth_name):
        found.append("birth_name")
    if not _same_start(_words(theirs.first_names), _words(ours.first_names)):
        found.append("first_names")
    if ours.birth_date != theirs.birth_date:
        found.append("birth_date")
    if ours.sex != theirs.sex:
        found.append("sex")
    if ours.birth_place and theirs.birth_place and ours.birth_place.upper() != theirs.birth_place.upper():
        found.append("birth_place")
    return found


def calendar_day(text: str) -> date | None:
    """The day that an ISO text names; None for a lunar date, which names none."""
    try:
        return date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) else None
    except ValueError:
        return None


def _words(text: str) -> tuple[str, ...]:
    return search_tokens(text, keep_particles=True)


def _plain(text: str) -> str:
    # « LE BIHAN » and « LEBIHAN » are one name written twice.
    return "".join(_words(text))


def _same_start(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """One list begins with the other: each side may know fewer first names, in the order of the birth certificate."""
    shared = min(len(one), len(other))
    return shared > 0 and one[:shared] == other[:shared]
