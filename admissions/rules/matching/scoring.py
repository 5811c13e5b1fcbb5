"""How much two identities are alike, from 0 to 100, and why, in words that an agent may check on a document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import Final

from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA

from admissions.rules.matching.blocks import close_dates
from admissions.rules.matching.phonetics import sound_of
from gap.text import search_tokens

_NAME, _FIRST, _DATE = 36, 30, 34
#: What the other sex takes away; what is left of two people born on a day under a name, who may be twins.
_OTHER_SEX, _TWINS, _OTHER_AGE = 6, 65, 0.85
#: Of those who share a block, how many are compared in full.
_SHORTLIST: Final = 60
SAME, NEAR, FAR = 86, 74, 60


class Level(StrEnum):
    SAME = "same"
    NEAR = "near"
    TWIN = "twin"
    FAR = "far"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Person:
    """Traits to compare. `nir`: anything equal for equal numbers, empty when unknown (a blind index will do)."""

    birth_name: str
    first_names: str
    birth_date: date | None
    sex: str = ""
    used_name: str = ""
    used_first_name: str = ""
    birth_rank: int = 1
    nir: str = ""


@dataclass(frozen=True, slots=True)
class Likeness:
    score: int
    level: Level
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """A share from 0 to 1, and what to say of it."""

    share: float
    reason: str = ""


def compare(one: Person, other: Person) -> Likeness:
    """Symmetric; 100 for the same traits. Two children of a birth are never told to be the same person."""
    straight = _names(one, other)
    crossed = _crossed(one, other)
    name, first = max(straight, crossed, key=lambda pair: _NAME * pair[0].share + _FIRST * pair[1].share)
    day = _dates(one.birth_date, other.birth_date)
    score = _NAME * name.share + _FIRST * first.share + _DATE * day.share
    if day.share == 0:
        # Namesakes of another age are many, and nobody else.
        score *= _OTHER_AGE
    reasons = [part.reason for part in (name, first, day) if part.reason]
    if one.sex and other.sex and one.sex != other.sex:
        score -= _OTHER_SEX
        reasons.append("sexe différent")
    same_nir = bool(one.nir) and one.nir == other.nir
    if same_nir:
        # A child on a parent's number shares it: the birth date must agree.
        reasons.append("même NIR")
        score = max(score, 80.0) if day.share >= 0.8 else score
    if _twins(one, other, name, first):
        return Likeness(min(round(score), _TWINS), Level.TWIN, ("jumeau possible", *reasons))
    return _levelled(min(round(score), 100 if score > 99.5 else 99), tuple(reasons))


def shortlist(one: Person, others: Sequence[Person]) -> list[int]:
    """Places in `others` of those worth a full comparison: those whose words look most like these, and every equal NIR."""
    found = process.extract(
        _words(one), [_words(other) for other in others], scorer=fuzz.token_set_ratio, limit=_SHORTLIST, score_cutoff=40
    )
    kept = [place for _, _, place in found]
    return kept + [n for n, other in enumerate(others) if one.nir and other.nir == one.nir and n not in kept]


@lru_cache(maxsize=50_000)
def _words_of(*names: str) -> str:
    return " ".join(word for name in names for word in search_tokens(name))


def _words(person: Person) -> str:
    return _words_of(person.birth_name, person.used_name, person.first_names, person.used_first_name)


def _levelled(score: int, reasons: tuple[str, ...]) -> Likeness:
    level = Level.SAME if score >= SAME else Level.NEAR if score >= NEAR else Level.FAR if score >= FAR else Level.NONE
    return Likeness(max(score, 0), level, reasons)


def _twins(one: Person, other: Person, name: _Part, first: _Part) -> bool:
    if one.birth_date is None or one.birth_date != other.birth_date or name.share < 0.9 or first.share == 1:
        return False
    other_sex = one.sex != other.sex and "" not in (one.sex, other.sex)
    return first.share < 0.75 or one.birth_rank != other.birth_rank or other_sex


def _names(one: Person, other: Person) -> tuple[_Part, _Part]:
    return _family(one, other), _given(one, other)


def _family(one: Person, other: Person) -> _Part:
    birth = likeness(one.birth_name, other.birth_name)
    best, reason = birth, "" if birth == 1 else "nom de naissance proche"
    pairs = (
        (one.used_name, other.birth_name, "nom de naissance et nom utilisé échangés"),
        (one.birth_name, other.used_name, "nom de naissance et nom utilisé échangés"),
        (one.used_name, other.used_name, "même nom utilisé"),
    )
    for left, right, why in pairs:
        # A little less than the birth names: a used name is shared by a household.
        if left and right and (found := 0.94 * likeness(left, right)) > best:
            best, reason = found, why
    return _Part(best, reason if best >= 0.5 else "nom différent")


def _given(one: Person, other: Person) -> _Part:
    left, right = search_tokens(one.first_names), search_tokens(other.first_names)
    if left == right:
        return _Part(1.0)
    if sorted(left) == sorted(right):
        return _Part(0.98, "prénoms dans un autre ordre")
    best = likeness(one.first_names, other.first_names)
    reason = "prénoms proches"
    if left and right and (head := word_likeness(left[0], right[0])) * 0.96 > best:
        best, reason = head * 0.96, "même premier prénom" if head == 1 else "premier prénom proche"
    usual = [
        (one.used_first_name, other.first_names),
        (one.first_names, other.used_first_name),
        (one.used_first_name, other.used_first_name),
    ]
    for mine, theirs in usual:
        if mine and theirs and (found := 0.94 * max(_any_word(mine, theirs), likeness(mine, theirs))) > best:
            best, reason = found, "prénom utilisé"
    if (found := 0.9 * _any_word(one.first_names, other.first_names)) > best:
        best, reason = found, "un prénom en commun"
    return _Part(best, reason if best >= 0.6 else "prénoms différents")


def _crossed(one: Person, other: Person) -> tuple[_Part, _Part]:
    """The name typed in the place of the first name, and the other way round."""
    there = max(likeness(one.birth_name, other.first_names), _any_word(one.birth_name, other.first_names))
    back = max(likeness(one.first_names, other.birth_name), _any_word(one.first_names, other.birth_name))
    # The weaker of both: half an exchange is none, and the score must not depend on who is compared to whom.
    share = 0.93 * min(there, back)
    return _Part(share, "nom et prénom échangés"), _Part(share)


def _any_word(one: str, other: str) -> float:
    left, right = search_tokens(one), search_tokens(other)
    return max((word_likeness(a, b) for a in left for b in right), default=0.0)


def likeness(one: str, other: str) -> float:
    """Of two names of one or more words: whole, run together, in another order, or one cut out of the other."""
    return _likeness(one, other) if one <= other else _likeness(other, one)


@lru_cache(maxsize=50_000)
def _likeness(one: str, other: str) -> float:
    left, right = search_tokens(one), search_tokens(other)
    if not left or not right:
        return 0.0
    if left == right:
        return 1.0
    whole = (
        "".join(search_tokens(one, keep_particles=True)), "".join(search_tokens(other, keep_particles=True)),
        "".join(left), "".join(right),
    )  # fmt: skip
    if whole[0] == whole[1] or whole[2] == whole[3]:
        return 1.0
    found = max(word_likeness(whole[0], whole[1]), word_likeness(whole[2], whole[3]))
    if len(left) > 1 or len(right) > 1:
        found = max(found, 0.97 * word_likeness("".join(sorted(left)), "".join(sorted(right))))
        short, long = sorted((left, right), key=len)
        kept = sum(max(word_likeness(word, each) for each in long) for word in short) / len(short)
        found = max(found, 0.92 * kept)
    return found


def word_likeness(one: str, other: str) -> float:
    """1 for the same letters; more for what is said alike than for what only looks alike. A slip of the hand is one
    letter too many, missing, another, or two neighbours exchanged."""
    if one == other:
        return 1.0
    written = float(OSA.normalized_similarity(one, other))
    return max(written, 0.5 + written / 2 - 0.05) if sound_of(one) == sound_of(other) else written


_UNKNOWN_DAY: Final = "jour de naissance inconnu"


@lru_cache(maxsize=20_000)
def _dates(one: date | None, other: date | None) -> _Part:
    if one is None or other is None:
        return _Part(0.8, "date de naissance inconnue")
    if one == other:
        return _Part(1.0)
    if (one.day, one.month, one.year) == (other.month, other.day, other.year):
        return _Part(0.92, "même date de naissance, jour et mois inversés")
    if one.year == other.year:
        if one.month == other.month and 1 in (one.day, other.day):
            return _Part(0.9, _UNKNOWN_DAY)
        if any((each.day, each.month) in ((1, 1), (31, 12)) for each in (one, other)):
            return _Part(0.85, "jour et mois de naissance inconnus")
    if other in close_dates(one) or one in close_dates(other):
        return _Part(0.9, "même date de naissance, deux chiffres inversés")
    wrong = sum(a != b for a, b in zip(f"{one:%Y%m%d}", f"{other:%Y%m%d}", strict=True))
    if wrong == 1:
        return _Part(0.85, "un chiffre de la date de naissance diffère")
    if wrong == 2:
        return _Part(0.5, "deux chiffres de la date de naissance diffèrent")
    return _Part(0.0, "date de naissance différente")
