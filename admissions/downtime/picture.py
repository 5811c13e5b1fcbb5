"""Who is here and who is expected, at one instant, as lines of a printed list."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import Establishment
from admissions.enums import CoverageKind, RightsStatus, StayStatus
from admissions.models import Coverage, Movement, Rights, Stay
from admissions.querysets import arrivals, care_date
from gap.instances import light

_SHOWN: Final = (
    *("iep", "status", "patient_id", "started_at", "planned_start_at", "planned_end_at"),
    *("unit__code", "unit__name", "patient__ipp", "patient__birth_name", "patient__used_name"),
    *("patient__first_names", "patient__birth_date", "patient__sex", "patient__protection"),
)
_RIGHTS: Final = {
    RightsStatus.OPEN: "droits ouverts",
    RightsStatus.CLOSED: "droits fermés",
    RightsStatus.UNDETERMINED: "droits indéterminés",
}


@dataclass(frozen=True, slots=True)
class Group:
    """One table of the list: a service, or a day. `rows` are cells, in the order of the columns."""

    title: str
    rows: list[list[str]]


@dataclass(frozen=True, slots=True)
class Picture:
    """`stays`: the keys of all whose line is there, for the journal. `masked`: how many lines say no name."""

    present: list[Group]
    expected: list[Group]
    stays: list[int]
    masked: int

    @property
    def here(self) -> int:
        return sum(len(group.rows) for group in self.present)

    @property
    def to_come(self) -> int:
        return sum(len(group.rows) for group in self.expected)


def take(establishment: Establishment, now: datetime) -> Picture:
    """Present by service, then bed and name; expected today and tomorrow by hour. Nine queries, however many lines."""
    found = Stay.objects.filter(establishment=establishment, status=StayStatus.ADMITTED)
    here = _read(found.select_related("patient", "unit"))
    today = timezone.localdate(now)
    days = [(today, "aujourd’hui"), (today + timedelta(days=1), "demain")]
    to_come = [_read(arrivals(establishment, day).filter(status=StayStatus.PREADMITTED)) for day, _ in days]
    everybody = [*here, *(stay for stays in to_come for stay in stays)]
    payers, beds = _payers(everybody), _beds(here)
    here.sort(key=lambda stay: (stay.unit.code, beds.get(stay.pk, ""), stay.patient.birth_name, stay.pk))
    present = [
        Group(title, [_line(stay, _clock(stay.started_at), beds.get(stay.pk, ""), payers) for stay in stays])
        for title, stays in groupby(here, key=lambda stay: f"{stay.unit.code} {stay.unit.name}")
    ]
    expected = [
        Group(
            f"Attendus {word}, {day:%d/%m/%Y}",
            [_line(stay, _clock(stay.planned_start_at), stay.unit.name, payers) for stay in stays],
        )
        for (day, word), stays in zip(days, to_come, strict=True)
    ]
    masked = sum(1 for stay in everybody if stay.patient.protection)
    return Picture(present, expected, [stay.pk for stay in everybody], masked)


def _read(found: QuerySet[Stay]) -> list[Stay]:
    return list(light(found.only(*_SHOWN)))


def _line(stay: Stay, at: str, place: str, payers: dict[int, str]) -> list[str]:
    person = stay.patient.listed
    born = f"{person.birth_date:%d/%m/%Y}" if person.birth_date else ""
    name = person.birth_name + (f"\nutilisé {person.used_name}" if person.used_name else "")
    # Who pays may tell who it is.
    paid = "" if stay.patient.protection else payers.get(stay.pk, "rien de connu")
    leaves = _clock(stay.planned_end_at)
    return [place, stay.iep, person.ipp, name, person.first_names, born, person.sex, at, paid, leaves]


def _clock(at: datetime | None) -> str:
    return f"{timezone.localtime(at):%d/%m %H:%M}" if at else ""


def _beds(stays: Iterable[Stay]) -> dict[int, str]:
    """« 204 P » of each stay: the room and the bed of the movement that lasts."""
    open_ones = Movement.objects.filter(stay__in=[stay.pk for stay in stays], ended_at__isnull=True)
    found = open_ones.values_list("stay_id", "room", "bed")
    return {stay: " ".join(filter(None, (room, bed))) for stay, room, bed in found}


def _payers(stays: list[Stay]) -> dict[int, str]:
    """« AMO CPAM de…, AMC …, droits ouverts » of each stay: what is in force on its day, and the last answer."""
    covered = Coverage.objects.filter(patient__in={stay.patient_id for stay in stays}, active=True)
    covered = covered.select_related("debtor").only("patient_id", "kind", "valid_from", "valid_until", "debtor__name")
    by_patient: dict[int, list[Coverage]] = {}
    for coverage in light(covered.order_by("patient", "-kind", "rank")):
        by_patient.setdefault(coverage.patient_id, []).append(coverage)
    answers = Rights.objects.filter(stay__in=[stay.pk for stay in stays]).only("stay_id", "coverage_id", "status")
    answers = answers.order_by("stay_id", "coverage_id", "-answered_at", "-pk").distinct("stay_id", "coverage_id")
    told = {(one.stay_id, one.coverage_id): one.status for one in light(answers)}
    return {
        stay.pk: "\n".join(
            _payer(coverage, told.get((stay.pk, coverage.pk)))
            for coverage in by_patient[stay.patient_id]
            if coverage.valid_from <= care_date(stay) <= (coverage.valid_until or care_date(stay))
        )
        or "rien de connu"
        for stay in stays
        if stay.patient_id in by_patient
    }


def _payer(coverage: Coverage, status: str | None) -> str:
    words = f"{coverage.kind} {coverage.debtor.name}"
    if status:
        return f"{words}, {_RIGHTS[RightsStatus(status)]}"
    return words if coverage.kind == CoverageKind.AMO else f"{words}, droits non vérifiés"
