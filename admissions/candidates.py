"""Who may be this person: patients of a few bounded blocks, compared one by one (docs/adr/0031)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from django.db.models import Q, QuerySet

from admissions.models import Patient, PatientMatchKey
from admissions.rules.matching import Level, Likeness, Person, close_dates, compare, match_keys, shortlist
from gap.text import search_tokens

#: The most rows that a block may give: of the dates, then of the keys before and after the dates are looked at.
_OF_DATES: Final = 1_500
_OF_KEYS: Final = 3_000
_OF_NAMES: Final = 600
#: Of the best, how many are read whole: those of another hospital leave among them.
_READ: Final = 60
SHOWN: Final = 8

_TRAITS: Final = (
    "pk", "birth_name", "first_names", "birth_date", "sex", "used_name", "used_first_name", "birth_rank", "nir_index",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Candidate:
    patient: Patient
    likeness: Likeness

    @property
    def twin(self) -> bool:
        return self.likeness.level == Level.TWIN


def person_of(patient: Patient) -> Person:
    """The traits of a patient, saved or not."""
    return Person(
        birth_name=patient.birth_name,
        first_names=patient.first_names,
        birth_date=patient.birth_date,
        sex=patient.sex,
        used_name=patient.used_name,
        used_first_name=patient.used_first_name,
        birth_rank=patient.birth_rank,
        nir=patient.nir_index or "",
    )


def candidates(
    person: Person, among: QuerySet[Patient], *, nir_indexes: Sequence[str] = (), limit: int = SHOWN
) -> list[Candidate]:
    """The best first, none below `Level.FAR`. Two queries, however many people share a block.

    `nir_indexes`: the blind indexes of the NIR, under every key of the ring. A protected dossier answers to its whole
    name or its NIR, with its birth date, and to nothing that only resembles them.
    """
    if not search_tokens(person.birth_name) and not nir_indexes:
        return []
    rows = _rows(person, nir_indexes)
    known = person.nir or (nir_indexes[0] if nir_indexes else "")
    person = replace(person, nir=known)
    people = [_person(row, known, nir_indexes) for row in rows]
    compared = [(rows[place][0], compare(person, people[place])) for place in shortlist(person, people)]
    kept = sorted((one for one in compared if one[1].level != Level.NONE), key=lambda one: (-one[1].score, one[0]))
    likenesses = dict(kept[:_READ])
    found = among.filter(pk__in=list(likenesses)).defer("nir")
    shown = [
        Candidate(patient, likenesses[patient.pk]) for patient in found if _may_answer(person, patient, nir_indexes)
    ]
    return sorted(shown, key=lambda one: (-one.likeness.score, one.patient.pk))[:limit]


def _person(row: tuple[Any, ...], known: str, nir_indexes: Sequence[str]) -> Person:
    _, birth_name, first_names, birth_date, sex, used_name, used_first_name, rank, index = row
    # Under another key of the ring, the same number.
    nir = known if index and index in nir_indexes else (index or "")
    return Person(birth_name, first_names, birth_date, sex, used_name, used_first_name, rank, nir)


def _rows(person: Person, nir_indexes: Sequence[str]) -> list[tuple[Any, ...]]:
    """Traits of everybody in a block, in one query. No block is read beyond its bound."""
    words = " ".join((person.birth_name, person.used_name, person.first_names, person.used_first_name))
    # Whatever word stands for whatever name: names and first names exchanged meet too.
    straight = match_keys(person.birth_name, person.used_name, person.first_names, person.used_first_name)
    keys = straight | match_keys(person.first_names, person.used_first_name, person.birth_name, person.used_name)
    if not person.first_names:
        keys |= match_keys(words, "", words, "")
    held = PatientMatchKey.objects.filter(key__in=keys).values("patient")[:_OF_KEYS]
    named = Patient.objects.filter(pk__in=held)
    if person.birth_date:
        named = named.filter(_near(person.birth_date))
    blocks = [named.order_by().values_list(*_TRAITS)[:_OF_NAMES]]
    if person.birth_date:
        dated = Patient.objects.filter(birth_date__in=close_dates(person.birth_date))
        blocks.append(dated.order_by().values_list(*_TRAITS)[:_OF_DATES])
    if nir_indexes:
        blocks.append(Patient.objects.filter(nir_index__in=nir_indexes).order_by().values_list(*_TRAITS)[:50])
    return list(blocks[0].union(*blocks[1:])) if len(blocks) > 1 else list(blocks[0])


def _near(day: date) -> Q:
    """What a date has kept of another after one slip or two: its year, or its day and month."""
    same_day = Q(birth_date__day=day.day, birth_date__month=day.month)
    return Q(birth_date__year=day.year) | same_day


def _may_answer(person: Person, patient: Patient, nir_indexes: Sequence[str]) -> bool:
    if not patient.protection:
        return True
    if person.birth_date != patient.birth_date:
        return False
    if patient.nir_index and patient.nir_index in (person.nir, *nir_indexes):
        return True
    names = (patient.birth_name, patient.used_name)
    whole = ["".join(search_tokens(name, keep_particles=True)) for name in names if name]
    return "".join(search_tokens(person.birth_name, keep_particles=True)) in whole
