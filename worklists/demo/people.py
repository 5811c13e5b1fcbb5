"""Invented people. Names are drawn from lists; NIR have a right key and a place of birth that no commune has."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from random import Random

from admissions.services.patients import Traits
from gap.identifiers import nir_key
from worklists.demo.catalogue import UnitRow, first_names, surnames

# Departments of birth, and how often. Communes from 991 exist in none of them; 99 stands for abroad.
_DEPARTMENTS = {
    "35": 30, "29": 16, "22": 14, "56": 12, "44": 8, "75": 5, "59": 3, "13": 3, "2A": 4, "2B": 4, "974": 2, "99": 12,
}  # fmt: skip
_COMMUNES = range(991, 999)
# Corsica was one department, 20, for those born before 1976.
_CORSICA_DIVIDED = 1976
_AGES = {"paediatric": (0, 15), "maternity": (19, 42), "geriatric": (74, 98), "adult": (18, 92)}
_USED_NAME_PERCENT = 48


def moved(nir: str, place: str) -> str:
    """The same number, of another place (five figures)."""
    number = nir[:5] + place + nir[10:13]
    return number + nir_key(number)


class People:
    """Makes people, the same for the same seed. `today` bounds their ages."""

    def __init__(self, rng: Random, today: date) -> None:
        self._rng = rng
        self._today = today
        self._orders: dict[str, int] = {}

    def someone_for(self, unit: UnitRow) -> Traits:
        """A person whom this unit may care for."""
        name = unit.name.lower()
        if "pédiatrie" in name:
            return self._child()
        if "maternité" in name:
            return self._adult("maternity", sex="F")
        return self._adult("geriatric" if "gériatrie" in name else "adult")

    def homonym_of(self, traits: Traits) -> Traits:
        """Another person of the same name and first name, born another day."""
        born = traits.birth_date + timedelta(days=self._rng.choice([-1, 1]) * self._rng.randrange(200, 4000))
        born = min(born, self._today - timedelta(days=30))
        place = self._place(born.year)
        nir = self._nir(traits.sex, born, place)
        return replace(traits, birth_date=born, birth_place=place, nir=nir, used_name="", phone=self._phone())

    def newborns_of(self, mother: Traits, count: int, born: date) -> list[Traits]:
        """A newborn, or twins: the NIR is their mother's, the birth rank tells them apart."""
        sexes = [self._rng.choice("FM") for _ in range(count)]
        return [
            Traits(
                birth_name=mother.used_name or mother.birth_name,
                first_names=self._first_name(sex, born.year, 1),
                birth_date=born,
                sex=sex,
                birth_place=self._place(born.year, "35"),
                nir=mother.nir,
                birth_rank=rank,
                phone=mother.phone,
            )
            for rank, sex in enumerate(sexes, start=1)
        ]

    def _adult(self, group: str, sex: str = "") -> Traits:
        sex = sex or self._rng.choice("FM")
        born = self._born(*_AGES[group])
        place = self._place(born.year)
        birth_name = self._rng.choice(surnames())
        return Traits(
            birth_name=birth_name,
            first_names=self._first_name(sex, born.year, self._rng.choice([1, 1, 2, 3])),
            birth_date=born,
            sex=sex,
            used_name=self._used_name(sex, birth_name),
            used_first_name=self._used_first_name(sex, born.year),
            birth_place=place,
            nir=self._nir(sex, born, place),
            phone=self._phone(),
        )

    def _child(self) -> Traits:
        """A child, on the number of a parent whom we do not know."""
        sex = self._rng.choice("FM")
        born = self._born(*_AGES["paediatric"])
        parent_sex = self._rng.choice("FM")
        parent_born = date(born.year - self._rng.randrange(22, 40), self._rng.randrange(1, 13), 15)
        return Traits(
            birth_name=self._rng.choice(surnames()),
            first_names=self._first_name(sex, born.year, 1),
            birth_date=born,
            sex=sex,
            birth_place=self._place(born.year),
            nir=self._nir(parent_sex, parent_born, self._place(parent_born.year)),
            phone=self._phone(),
        )

    def _born(self, youngest: int, oldest: int) -> date:
        days = self._rng.randrange(youngest * 365 + 30, oldest * 365 + 330)
        return self._today - timedelta(days=days)

    def _first_name(self, sex: str, year: int, count: int) -> str:
        # A little before and after its years, so that no year lacks names.
        fitting = [
            row.name for row in first_names() if row.sex == sex and row.born_from - 8 <= year <= row.born_until + 8
        ]
        chosen = self._rng.sample(fitting, min(count, len(fitting)))
        return " ".join(chosen)

    def _used_name(self, sex: str, birth_name: str) -> str:
        if sex == "F" and self._rng.randrange(100) < _USED_NAME_PERCENT:
            other = self._rng.choice(surnames())
            return f"{birth_name}-{other}" if self._rng.randrange(6) == 0 and "-" not in birth_name else other
        return self._rng.choice(surnames()) if self._rng.randrange(40) == 0 else ""

    def _used_first_name(self, sex: str, year: int) -> str:
        return self._first_name(sex, year, 1) if self._rng.randrange(25) == 0 else ""

    def _place(self, year: int, department: str = "") -> str:
        """Five characters: department, then a commune that does not exist in it."""
        department = department or self._rng.choices(list(_DEPARTMENTS), list(_DEPARTMENTS.values()))[0]
        if department in ("2A", "2B") and year < _CORSICA_DIVIDED:
            department = "20"
        return (department + str(self._rng.choice(_COMMUNES))[-(5 - len(department)) :])[:5]

    def _nir(self, sex: str, born: date, place: str) -> str:
        start = f"{'2' if sex == 'F' else '1'}{born:%y%m}{place}"
        self._orders[start] = self._orders.get(start, self._rng.randrange(1, 600)) + 1
        number = f"{start}{self._orders[start] % 1000:03d}"
        return number + nir_key(number)

    def _phone(self) -> str:
        # Numbers kept for fiction by the French regulator.
        return f"06 39 98 {self._rng.randrange(100):02d} {self._rng.randrange(100):02d}"
