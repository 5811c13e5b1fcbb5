"""Names that stand in for those that nobody knows yet. Pure functions.

RNIV: an unknown patient has an invented identity, never the same for two people at once; an unknown birth date is the 31
December of an estimated year.
"""

from __future__ import annotations

from datetime import date
from typing import Final

# The codes of `admissions.enums.Incomplete`, which a rule does not import.
_UNKNOWN, _NEWBORN = "unknown", "newborn"
UNKNOWN_NAME: Final = "INCONNU"
#: Of a newborn whose first name is not declared yet.
NO_FIRST_NAME: Final = "PRENOM A DECLARER"
_WORDS: Final = (
    "Alpha", "Bravo", "Charlie", "Delta", "Echo", "Foxtrot", "Golf", "Hotel", "India", "Juliett", "Kilo", "Lima", "Mike",
    "November", "Oscar", "Papa", "Quebec", "Romeo", "Sierra", "Tango", "Uniform", "Victor", "Whiskey", "Xray", "Yankee",
    "Zulu",
)  # fmt: skip


def standing_in(number: int) -> str:
    """Two words of the spelling alphabet: 676 people in a row never share them."""
    first, second = divmod(number % len(_WORDS) ** 2, len(_WORDS))
    return f"{_WORDS[first]} {_WORDS[second]}"


def estimated_birth(age: int, today: date) -> date:
    """The day that stands for a birth date of which only an age, in years, is guessed."""
    year = today.year - age
    return date(year, 12, 31) if year < today.year else date(year, 1, 1)


def still_incomplete(why: str, birth_name: str, first_names: str) -> bool:
    """Whether what stood in for a name still does."""
    if why == _UNKNOWN:
        return birth_name == UNKNOWN_NAME
    return why == _NEWBORN and first_names.upper() == NO_FIRST_NAME
