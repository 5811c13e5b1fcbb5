"""Passwords made of what everybody here knows: the product, the hospital, the trade, the season (ASVS 5.0, 6.1.2 and 6.2.11).

The list of stolen passwords knows nothing of this hospital: « MiniGap-Rennes-2026! » is in none, and is what somebody who
works here would try first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final

from django.core.exceptions import ValidationError

from gap.text import unaccented

WORDS_FILE: Final = Path(__file__).resolve().parent / "data" / "context_words.txt"
#: So many different letters, or so many figures, beside such words make a password somebody's own.
OWN_LETTERS: Final = 6
OWN_FIGURES: Final = 8
_DISGUISES: Final = str.maketrans("0134578@$!|€", "oieastbasile")
_SHORTEST: Final = 3


@cache
def listed_words() -> frozenset[str]:
    """The words of the trade and of the calendar."""
    lines = WORDS_FILE.read_text(encoding="utf-8").splitlines()
    return frozenset(_letters(line) for line in lines if line and not line.startswith("#"))


def is_of_context(password: str, more: Iterable[str] = ()) -> bool:
    """Whether a password is made of such words and little else. `more`: the words of this hospital."""
    words = {word for word in listed_words() | {_letters(word) for word in more} if len(word) >= _SHORTEST}
    text = _letters(password)
    left = text
    for word in sorted(words, key=len, reverse=True):
        # A space: what stood on both sides makes no new word.
        left = left.replace(word, " ")
    own = set(left.replace(" ", ""))
    return left != text and len(own) < OWN_LETTERS and sum(map(str.isdigit, password)) < OWN_FIGURES


def _letters(text: str) -> str:
    return re.sub(r"[^a-z]", "", unaccented(text).lower().translate(_DISGUISES))


class ContextWordsValidator:
    """For AUTH_PASSWORD_VALIDATORS."""

    def validate(self, password: str, user: Any = None) -> None:
        if is_of_context(password, _words_of(user)):
            raise ValidationError(
                "Ce mot de passe ne tient qu’à des mots que tout le monde connaît ici (l’hôpital, le métier, la saison), "
                "qu’on essaie en premier. Choisissez-en un autre\u00a0: une phrase à vous.",
                code="password_of_context",
            )

    def get_help_text(self) -> str:
        return "Il ne tient pas aux mots de l’hôpital et du métier."


def _words_of(user: Any) -> list[str]:
    """Of the hospital where this person works: its name, word by word."""
    establishment = getattr(user, "establishment", None)
    return re.findall(r"\w+", establishment.name) if establishment else []
