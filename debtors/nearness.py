"""How near two names of payers are, whatever their accents, their order of words and their legal form."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import Final

from gap.text import PARTICLES, unaccented

_WORD: Final = re.compile(r"[A-Z0-9]+")
#: Words that half of the payers have, in full or cut: they tell none from another.
_COMMON: Final = frozenset(
    (
        "MUTUELLE", "MUTUELLES", "MUT", "MUTUALITE", "MUTUALISTE", "COMPLEMENTAIRE", "ASSURANCE", "ASSURANCES", "ASS",
        "PREVOYANCE", "PREV", "INSTITUTION", "INST", "GROUPE", "UNION", "SOCIETE", "STE", "SOC", "CAISSE", "SA", "SAM",
        "SAS", "GIE", "IP",
    )
)  # fmt: skip


def key(name: str) -> str:
    """The words that tell a payer from another, in alphabetical order; all its words when it has no other."""
    words = _WORD.findall(unaccented(name).upper())
    telling = [word for word in words if word not in _COMMON and word not in PARTICLES]
    return " ".join(sorted(telling or words))


def near(a: str, b: str) -> float:
    """From 0 (nothing in common) to 1 (the same name)."""
    return near_keys(key(a), key(b))


def near_keys(a: str, b: str) -> float:
    """As `near`, of names already made into keys."""
    if not a or not b:
        return 0.0
    if a == b:
        return 1.0
    ours, theirs = set(a.split()), set(b.split())
    shared = len(ours & theirs) / min(len(ours), len(theirs))
    letters = SequenceMatcher(None, a, b, autojunk=False).ratio()
    # « Santé Loire » in « Alliance Santé Loire » is near, not the same.
    return max(letters, 0.9 * shared if min(len(ours), len(theirs)) > 1 else 0.0)
