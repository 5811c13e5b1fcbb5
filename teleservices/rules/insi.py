"""What to ask INSi, in which order, and which matricules may be believed. Pure functions.

The search takes one first name: each in turn, then each with the birth place, when nobody or several people are found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from teleservices.messages_insi import Found

#: OID → (what it numbers, whether it may be believed in production). Source: FR Core (Interop'Santé).
OIDS: Final = {
    "1.2.250.1.213.1.4.8": ("INS-NIR", True),
    "1.2.250.1.213.1.4.9": ("INS-NIA", True),
    "1.2.250.1.213.1.4.10": ("INS-NIR-TEST", False),
    "1.2.250.1.213.1.4.11": ("INS-NIR-DEMO", False),
}


@dataclass(frozen=True, slots=True)
class Question:
    """One try: this first name, with the birth place or without."""

    first_name: str
    with_place: bool


def questions(first_names: str, birth_place: str) -> list[Question]:
    """The tries for an identity, in order. `first_names`: separated by spaces; compound ones by hyphens."""
    names = list(dict.fromkeys(name for name in first_names.replace(",", " ").split() if name))
    alone = [Question(name, False) for name in names]
    return alone + [Question(name, True) for name in names] if birth_place else alone


def following(asked: int, outcome: Found, count: int) -> int | None:
    """The number of the next try after this one (from 0), or None: it is found, or everything was tried."""
    return asked + 1 if outcome != Found.ONE and asked + 1 < count else None


def settled(outcomes: list[Found]) -> Found:
    """What a series of tries comes to: several people if any try met several, else nobody."""
    return Found.SEVERAL if Found.SEVERAL in outcomes else Found.NONE


def believable(oid: str, *, production: bool) -> bool:
    """Whether a matricule of this kind may be kept. Those of tests and demonstrations never are in production."""
    known = OIDS.get(oid)
    return known is not None and (known[1] or not production)
