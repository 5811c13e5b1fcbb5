"""Where to look: keys under which a person is kept, and the dates that one slip of the hand makes of another."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from hashlib import blake2b

from admissions.rules.matching.phonetics import sound_of
from gap.text import search_tokens

#: Of one side: beyond it, a name is no name, and its pairs would fill a page.
_WORDS = 5


def match_keys(birth_name: str, used_name: str, first_names: str, used_first_name: str) -> set[int]:
    """One key for each (sound of a word of the names × sound of a first name); whole names run together count as words.

    64 bits, signed, as `bigint` keeps them. Two people of one key are only to be compared.
    """
    names, firsts = _sounds((birth_name, used_name)), _sounds((first_names, used_first_name))
    return {_key(name, first) for name in names for first in firsts}


def _sounds(texts: Iterable[str]) -> list[str]:
    found: dict[str, None] = {}
    for text in texts:
        words = search_tokens(text)[:_WORDS]
        found.update(dict.fromkeys(map(sound_of, words)))
        glued = "".join(search_tokens(text, keep_particles=True))
        if glued and (glued,) != words:
            found[sound_of(glued)] = None
    return list(found)


@lru_cache(maxsize=100_000)
def _key(name: str, first: str) -> int:
    return int.from_bytes(blake2b(f"{name}|{first}".encode(), digest_size=8).digest(), "big", signed=True)


def close_dates(birth_date: date) -> list[date]:
    """The date itself first, then those that two neighbouring digits or day and month exchanged make of it.

    The dates of convention (unknown day or month) are not among them: a hospital has thousands of 1 January and of
    31 December. Names lead to those.
    """
    day, month, year = f"{birth_date.day:02d}", f"{birth_date.month:02d}", f"{birth_date.year:04d}"
    made = [
        (day, month, year),
        (month, day, year),
        (day[::-1], month, year),
        (day, month[::-1], year),
        (day, month, year[:2] + year[:1:-1]),
        (day, month, year[0] + year[2] + year[1] + year[3]),
    ]
    found: dict[date, None] = {}
    for parts in made:
        try:
            found[date(int(parts[2]), int(parts[1]), int(parts[0]))] = None
        except ValueError:
            continue
    return [one for one in found if abs(one.year - birth_date.year) <= 100]
