"""Text: keys for searching names, text of fixed-width records, French forms of amounts and dates out of templates."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from gap.money import euros

NBSP: Final = "\u00a0"
NARROW_NBSP: Final = "\u202f"
MONTHS: Final = (
    "janvier", "février", "mars", "avril", "mai", "juin",
    "juillet", "août", "septembre", "octobre", "novembre", "décembre",
)  # fmt: skip

# Letters that no Unicode decomposition takes apart.
_LIGATURES: Final = str.maketrans(
    {
        "œ": "oe", "Œ": "OE", "æ": "ae", "Æ": "AE", "ß": "ss", "ẞ": "SS", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L",
        "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "TH", "ı": "i", "ĳ": "ij", "Ĳ": "IJ",
        "’": "'", "‘": "'", "ʼ": "'", "´": "'", "«": '"', "»": '"', "“": '"', "”": '"', "…": "...",
        "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "−": "-", "€": "EUR", "°": "o", "·": " ",
    }
)  # fmt: skip
_WORD: Final = re.compile(r"[A-Z0-9]+")

#: Words that a person may or may not say of a name: « de La Tour » is found by « Tour ».
PARTICLES: Final = frozenset(
    (
        "D", "DE", "DU", "DES", "L", "LE", "LA", "LES", "DI", "DA", "DEL", "DELLA", "DOS", "ET",
        "VAN", "VON", "VER", "DER", "DEN", "TEN", "EL", "AL", "BEN", "BENT", "IBN",
    )
)  # fmt: skip


def unaccented(text: str) -> str:
    """ASCII of a text: accents gone, ligatures and signs spelled out, the rest dropped; ASCII is untouched."""
    spelled = unicodedata.normalize("NFKD", text.translate(_LIGATURES))
    return spelled.encode("ascii", "ignore").decode("ascii")


def search_tokens(text: str, *, keep_particles: bool = False) -> tuple[str, ...]:
    """Upper ASCII words of a name, in order: « Jean-Œdipe d’Ésope » → JEAN, OEDIPE, ESOPE.

    Particles are left out unless asked for, or unless the name is made of nothing else (« Lê », « Ben »).
    """
    words = tuple(_WORD.findall(unaccented(text).upper()))
    if keep_particles:
        return words
    return tuple(word for word in words if word not in PARTICLES) or words


def search_key(text: str) -> str:
    """The words of a name joined by one space, particles left out: what an index column holds."""
    return " ".join(search_tokens(text))


def b2_text(text: str, length: int | None = None) -> str:
    """Text of a B2 record: upper case, no accents, one space between words, cut at `length` characters if given."""
    clean = " ".join(unaccented(text).upper().split())
    clean = "".join(character for character in clean if character.isprintable())
    return clean if length is None else clean[:length].rstrip()


def format_euros(amount: Decimal | int, *, symbol: bool = True) -> str:
    """« 1 234,50 € » with a narrow no-break space between thousands and a no-break space before the sign."""
    digits = f"{abs(euros(amount)):,.2f}".replace(",", NARROW_NBSP).replace(".", ",")
    sign = "−" if euros(amount) < 0 else ""
    return sign + digits + (f"{NBSP}€" if symbol else "")


def format_date(day: date) -> str:
    """« 03/05/2026 »."""
    return f"{day.day:02d}/{day.month:02d}/{day.year:04d}"


def format_long_date(day: date) -> str:
    """« 3 mai 2026 », « 1er mars 2026 »."""
    number = "1er" if day.day == 1 else str(day.day)
    return f"{number}{NBSP}{MONTHS[day.month - 1]} {day.year}"


def format_datetime(instant: datetime) -> str:
    """« 03/05/2026 à 14 h 05 », in the zone that the instant carries."""
    return f"{format_date(instant.date())} à {instant.hour}{NBSP}h{NBSP}{instant.minute:02d}"
