"""Which stays the hospital has: `data/plots.csv` says how many of each, this draws who comes, where and when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Final

from django.utils import timezone

from admissions.enums import AmoPiece, CoverageSource, Domain, StayKind
from admissions.services.patients import Traits
from worklists.demo.cards import NOBODY, Cards, Cover
from worklists.demo.catalogue import DATA, FundRow, UnitRow, funds, rows, units
from worklists.demo.people import People, moved

FULL_SIZE = 500
# Hours of arrival, and how many come at each: the desk's busy morning.
HOURS = {7: 6, 8: 13, 9: 12, 10: 9, 11: 7, 12: 2, 13: 6, 14: 8, 15: 6, 16: 4, 17: 2}
_JUST_LEFT = timedelta(minutes=10)
# Stories of a payer that is still awaited: their lists show them when it has lasted longer than it should (four hours).
_HANGS = frozenset({"unavailable", "outage", "unknown_outcome"})
_LEFT_HANGING = timedelta(hours=6)
_ACTS = ("CS", "CS", "CNP", "RAD", "BIO")
# Nobody comes back before this: two stays of a person never touch.
_APART = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Plot:
    """One kind of story. Days are counted from today; `kinds` are weighted."""

    name: str
    count: int
    kinds: tuple[tuple[str, int], ...]
    domains: tuple[str, ...]
    first_day: int
    last_day: int
    nights: tuple[int, int]
    coverage: str
    amc: str
    member: str
    until: str
    traits: frozenset[str]


#: Trait of a plot → the place of a NIR of whose holder the AMO has something particular to say (nobody's).
_KNOWN_TO_CDRI: Final = {
    "cdri_ald": "99801", "cdri_c2s": "99803", "no_amo": "99818", "cdri_several": "99819", "cdri_partial": "99822",
}  # fmt: skip


@dataclass(slots=True, eq=False)
class Person:
    """Someone and their rights. `patient_id` once they are known here."""

    traits: Traits
    fund: FundRow | None
    cover: Cover
    #: Whence the caisse is known, and on which piece.
    source: CoverageSource = CoverageSource.DECLARED
    piece: str = ""
    patient_id: int = 0
    stays: list[Script] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Script:
    """What happens to one stay, and when. Instants are aware. `stay_id` once it exists."""

    plot: Plot
    person: Person
    unit: UnitRow
    kind: StayKind
    preadmitted_at: datetime
    carded_at: datetime
    arrival: datetime
    planned_exit: datetime | None
    exit: datetime | None
    acts: list[tuple[str, date]]
    single_room_from: date | None = None
    moves_at: datetime | None = None
    cancelled_at: datetime | None = None
    corrected_at: datetime | None = None
    stay_id: int = 0
    #: Instants of what the file does not plan (a corrected identity…), by kind of event.
    other_instants: dict[str, datetime] = field(default_factory=dict)

    def has(self, trait: str) -> bool:
        return trait in self.plot.traits


def read_plots(size: int) -> list[Plot]:
    """The stories at the wanted size: each keeps one stay at least, so that a small hospital shows every state."""
    return [_plot(row, size) for row in rows(DATA / "plots.csv")]


def _plot(row: dict[str, str], size: int) -> Plot:
    kinds = []
    for part in row["kinds"].split("|"):
        name, _, weight = part.partition(":")
        kinds.append((name, int(weight)))
    first, _, last = row["nights"].partition(":")
    domains = tuple(row["domains"].split("|"))
    return Plot(
        name=row["plot"],
        # However small the hospital, each of the plot's domains has its stay.
        count=max(len(set(domains)), round(int(row["count"]) * size / FULL_SIZE)),
        kinds=tuple(kinds),
        domains=domains,
        first_day=int(row["first_day"]),
        last_day=int(row["last_day"]),
        nights=(int(first), int(last)),
        coverage=row["coverage"],
        amc=row["amc"],
        member=row["member"],
        until=row["until"],
        traits=frozenset(filter(None, row["traits"].split("|"))),
    )


class Casting:
    """Draws the stays of every plot. The same seed and day give the same hospital."""

    def __init__(self, rng: Random, now: datetime) -> None:
        self._rng = rng
        self._now = now
        self._today = timezone.localdate(now)
        self._people = People(rng, self._today)
        first, last = self._today - timedelta(days=75), self._today + timedelta(days=20)
        self._cards = Cards(rng, date(first.year, 1, 1), date(last.year, 12, 31))
        self._ordinary: list[Person] = []

    def stays(self, plots: list[Plot]) -> list[Script]:
        """Every stay, the oldest arrival first."""
        scripts = [script for plot in plots for script in self._stays_of(plot)]
        scripts.extend(self._births(plots))
        return sorted(scripts, key=lambda script: script.arrival)

    def _stays_of(self, plot: Plot) -> Iterator[Script]:
        for number in range(plot.count):
            kind = StayKind(
                self._rng.choices([name for name, _ in plot.kinds], [weight for _, weight in plot.kinds])[0]
            )
            unit = self._unit(kind, plot.domains[number % len(plot.domains)])
            yield self._script(plot, kind, unit)

    def _unit(self, kind: StayKind, domain: str) -> UnitRow:
        fitting = [unit for unit in units() if unit.kind == kind and unit.domain == domain]
        fitting = fitting or [unit for unit in units() if unit.kind == kind]
        return self._rng.choices(fitting, [unit.weight for unit in fitting])[0]

    def _script(self, plot: Plot, kind: StayKind, unit: UnitRow, person: Person | None = None) -> Script:
        arrival, planned_exit = self._arrival(plot, kind)
        if plot.until == "discharged":
            while planned_exit >= self._now - (_LEFT_HANGING if plot.name in _HANGS else _JUST_LEFT):
                arrival, planned_exit = arrival - timedelta(days=1), planned_exit - timedelta(days=1)
        person = person or self._person(plot, unit, arrival, planned_exit)
        preadmitted_at = self._preadmission(plot, kind, arrival)
        script = Script(
            plot=plot,
            person=person,
            unit=unit,
            kind=kind,
            preadmitted_at=preadmitted_at,
            carded_at=min(preadmitted_at + timedelta(minutes=self._rng.randrange(1, 9)), self._now),
            arrival=arrival,
            planned_exit=planned_exit if kind != StayKind.EMERGENCY else None,
            exit=planned_exit if plot.until == "discharged" else None,
            acts=[],
        )
        person.stays.append(script)
        self._add_acts(script)
        self._add_turns(script)
        return script

    def _arrival(self, plot: Plot, kind: StayKind) -> tuple[datetime, datetime]:
        day = self._today + timedelta(days=self._rng.randint(plot.first_day, plot.last_day))
        if kind in (StayKind.EXTERNAL, StayKind.DAY, StayKind.SESSION) and plot.first_day != plot.last_day:
            while day.weekday() >= 5 and day > self._today + timedelta(days=plot.first_day):
                day -= timedelta(days=1)
        hour = self._rng.choices(list(HOURS), list(HOURS.values()))[0]
        minute = self._rng.randrange(0, 60, 5)
        if kind in (StayKind.DAY, StayKind.SESSION):
            hour = min(hour, self._rng.choice([7, 7, 8, 9]))
        elif kind == StayKind.EMERGENCY and plot.first_day < 0:
            hour = self._rng.randrange(24)
        arrival = _at(day, hour, minute)
        if kind == StayKind.FULL:
            nights = self._rng.randint(*plot.nights)
            leaving = day + timedelta(days=nights)
            if plot.until == "admitted":
                leaving = max(leaving, self._today + timedelta(days=self._rng.randint(0, 6)))
            if nights == 0:
                return _at(day, min(hour, 12), minute), _at(day, 17, minute)
            return arrival, _at(leaving, self._rng.randint(10, 16), self._rng.randrange(0, 60, 5))
        minutes = {StayKind.DAY: (360, 560), StayKind.SESSION: (200, 300), StayKind.EMERGENCY: (90, 540)}
        return arrival, arrival + timedelta(minutes=self._rng.randint(*minutes.get(kind, (25, 110))))

    def _preadmission(self, plot: Plot, kind: StayKind, arrival: datetime) -> datetime:
        if kind == StayKind.EMERGENCY and arrival <= self._now:
            return arrival - timedelta(minutes=2)
        before = timedelta(days=self._rng.choice([1, 2, 3, 5, 8, 12, 18]), minutes=self._rng.randrange(300))
        made = arrival - before
        if made >= self._now:
            made = self._now - timedelta(days=self._rng.randrange(1, 6), minutes=self._rng.randrange(300))
        return made.replace(hour=min(max(timezone.localtime(made).hour, 8), 17))

    def _person(self, plot: Plot, unit: UnitRow, arrival: datetime, leaving: datetime) -> Person:
        special = bool(plot.amc or plot.member or plot.traits - {"rooms", "moves", "single_room"})
        special = special or plot.coverage != "card" or unit.domain != Domain.MCO or "aternité" in unit.name
        if not special and self._ordinary and self._rng.randrange(100) < 60:
            nights = plot.until != "preadmitted" and any(name == StayKind.FULL for name, _ in plot.kinds)
            free = [person for person in self._ordinary if _is_free(person, arrival, leaving, nights)]
            if free:
                return self._rng.choice(free)
        person = self._newcomer(plot, unit)
        if not special and "édiatrie" not in unit.name and "ériatrie" not in unit.name:
            self._ordinary.append(person)
        return person

    def _newcomer(self, plot: Plot, unit: UnitRow) -> Person:
        if self._ordinary and self._rng.randrange(45) == 0:
            traits = self._people.homonym_of(self._rng.choice(self._ordinary).traits)
        else:
            traits = self._people.someone_for(unit)
        cover = self._cards.cover(plot.coverage, plot.amc, plot.member, unit.domain)
        fund = self._fund(plot)
        if traits.nir and (place := next((_KNOWN_TO_CDRI[name] for name in plot.traits if name in _KNOWN_TO_CDRI), "")):
            traits = replace(traits, nir=moved(traits.nir, place))
        if "cdri_several" in plot.traits:
            return Person(traits, fund, cover, CoverageSource.PAPER, AmoPiece.RIGHTS)
        return Person(traits, fund, cover)

    def _fund(self, plot: Plot) -> FundRow | None:
        if "no_amo" in plot.traits:
            return None
        # The payers that doubt the AMO regime know these people in another one.
        choice = [fund for fund in funds() if fund.regime != "02"] if "RC21" in plot.member else list(funds())
        return self._rng.choices(choice, [fund.weight for fund in choice])[0]

    def _births(self, plots: list[Plot]) -> Iterator[Script]:
        """Two mothers in the maternity ward, and their children: one, then twins, on their mothers' numbers."""
        plot = next(plot for plot in plots if plot.name == "present")
        ward = next(unit for unit in units() if unit.name == "Maternité")
        for count in (1, 2):
            mother = self._script(plot, StayKind.FULL, ward)
            mother.single_room_from = mother.moves_at = None
            yield mother
            born_at = mother.arrival + (self._now - mother.arrival) * self._rng.uniform(0.2, 0.6)
            born_at = born_at.replace(second=0, microsecond=0)
            for traits in self._people.newborns_of(mother.person.traits, count, timezone.localdate(born_at)):
                baby = self._script(
                    plot, StayKind.FULL, ward, Person(traits, mother.person.fund, NOBODY, CoverageSource.BIRTH)
                )
                baby.arrival = baby.preadmitted_at = baby.carded_at = born_at
                baby.planned_exit = mother.planned_exit
                baby.single_room_from = baby.moves_at = None
                yield baby

    def _add_acts(self, script: Script) -> None:
        external = script.kind in (StayKind.EXTERNAL, StayKind.EMERGENCY)
        if script.exit is None or script.has("no_activity") or not (external or self._rng.randrange(4) == 0):
            return
        day = timezone.localdate(script.arrival)
        for code in self._rng.sample(sorted(set(_ACTS)), self._rng.choice([1, 1, 2])):
            script.acts.append((code, day))

    def _add_turns(self, script: Script) -> None:
        """What may happen during a stay: another service, a single room, a corrected exit, a cancellation."""
        plot, first = script.plot, timezone.localdate(script.arrival)
        if script.kind == StayKind.FULL and script.arrival < self._now:
            nights = ((script.exit or self._now) - script.arrival).days
            if script.has("single_room") or (script.has("rooms") and self._rng.randrange(4) == 0 and nights > 1):
                script.single_room_from = min(first + timedelta(days=self._rng.choice([0, 1])), self._today)
            if (script.has("moves") or script.has("rooms")) and nights > 2 and self._rng.randrange(4) == 0:
                script.moves_at = script.arrival + timedelta(days=1, hours=self._rng.randrange(1, 5))
        if plot.until == "cancelled":
            latest = min(self._now, script.arrival + timedelta(hours=3))
            script.cancelled_at = max(latest - timedelta(hours=self._rng.randrange(1, 40)), script.preadmitted_at)
        if script.has("corrected") and script.exit:
            script.corrected_at = min(script.exit + timedelta(hours=self._rng.randrange(3, 30)), self._now)


def _is_free(person: Person, arrival: datetime, leaving: datetime, nights: bool) -> bool:
    # One hospitalisation each: the waves admit everybody before anybody leaves.
    if nights and any(stay.kind == StayKind.FULL for stay in person.stays):
        return False
    return all(
        leaving + _APART < stay.arrival or arrival > (stay.planned_exit or stay.arrival) + _APART
        for stay in person.stays
    )


def _at(day: date, hour: int, minute: int) -> datetime:
    return timezone.make_aware(datetime.combine(day, time(hour, minute)))
