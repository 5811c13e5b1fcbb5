"""The lines of the day's arrivals: who comes, when, and what is missing. A few queries however many lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from django.urls import reverse
from django.utils import timezone
from django.utils.module_loading import import_string

from accounts.sight import Here
from admissions.enums import OUTSIDE_ROC, CoverageKind, IdentityStatus, RightsStatus, StayStatus
from admissions.models import Coverage, Rights, Stay
from admissions.presenters import KINDS, nights
from admissions.querysets import arrivals, care_date
from gap.instances import light
from gap.text import NBSP

# A patient five minutes after the hour is not late.
LATE_AFTER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Missing:
    """The one thing to say of a line: what a person must do first, else what the system is doing, else nothing."""

    word: str
    tone: str
    icon: str
    complete: bool = False

    @property
    def yours(self) -> bool:
        return self.tone == "you"


COMPLETE: Final = Missing(f"Rien{NBSP}: dossier complet", "ok", "circle-check", complete=True)
# Nothing more is asked of the desk, which sees it before the patient comes.
REFUSED: Final = Missing("Tiers payant refusé", "stop", "ban", complete=True)

_HINTS: list[str] = []


def register_hint(path: str) -> None:
    """`path` names a function of stay ids that gives, by stay id, what is missing seen from a floor above (calls)."""
    if path not in _HINTS:
        _HINTS.append(path)


@dataclass(frozen=True, slots=True)
class ArrivalRow:
    """One line."""

    stay_id: int
    iep: str
    ipp: str
    planned_at: datetime
    late_minutes: int
    admitted: bool
    birth_name: str
    first_names: str
    used_name: str
    birth_date: date | None
    born: str
    unit: str
    kind: str
    missing: Missing

    # Of the fifty lines of a page, not of the whole day.
    @property
    def url(self) -> str:
        return reverse("admissions:stay", args=[self.iep])

    @property
    def admit_url(self) -> str:
        return reverse("admissions:admission", args=[self.iep])


#: Filter of the address → its test.
VIEWS: Final[dict[str, Callable[[ArrivalRow], bool]]] = {
    "a-admettre": lambda row: not row.admitted,
    "incompletes": lambda row: not row.admitted and row.missing.yours,
    "admises": lambda row: row.admitted,
}


# What a line says and nothing more: the rest of a patient, encrypted for a part, is not read five hundred times.
_SHOWN: Final = (
    *("iep", "kind", "status", "planned_start_at", "planned_end_at", "started_at", "ended_at", "unit__name"),
    *("patient__ipp", "patient__identity_status", "patient__birth_name", "patient__first_names", "patient__used_name"),
    *("patient__birth_date", "patient__sex", "patient__protection"),
)


def arrivals_of(here: Here, day: date) -> list[ArrivalRow]:
    """Every arrival of a day, the first to come first. Bounded by a day of what is seen; four queries, and hints."""
    shown = arrivals(here, day).only(*_SHOWN)
    stays = list(light(shown))
    coverages = _coverages(stays)
    rights = _rights(stays)
    hints: dict[int, Missing] = {}
    for path in _HINTS:
        provider: Callable[[Iterable[int]], dict[int, Missing]] = import_string(path)
        hints |= provider([stay.pk for stay in stays])
    now = timezone.now()
    return [_row(stay, coverages.get(stay.pk, []), rights, hints.get(stay.pk), now) for stay in stays]


def _coverages(stays: list[Stay]) -> dict[int, list[Coverage]]:
    """The coverages in force on each stay's own day of care."""
    by_patient: dict[int, list[Coverage]] = {}
    found = Coverage.objects.filter(patient__in={stay.patient_id for stay in stays}, active=True)
    found = found.only("patient_id", "kind", "valid_from", "valid_until")
    for coverage in light(found.order_by("patient", "kind", "rank")):
        by_patient.setdefault(coverage.patient_id, []).append(coverage)
    return {
        stay.pk: [
            coverage
            for coverage in by_patient.get(stay.patient_id, [])
            if coverage.valid_from <= care_date(stay)
            and (coverage.valid_until is None or care_date(stay) <= coverage.valid_until)
        ]
        for stay in stays
    }


def _rights(stays: list[Stay]) -> dict[tuple[int, int], Rights]:
    """The last answer on each coverage of each stay."""
    answers = (
        Rights.objects.filter(stay__in=[stay.pk for stay in stays])
        .only("stay_id", "coverage_id", "status", "code")
        .order_by("stay_id", "coverage_id", "-answered_at", "-pk")
        .distinct("stay_id", "coverage_id")
    )
    return {(answer.stay_id, answer.coverage_id): answer for answer in light(answers)}


def _row(
    stay: Stay,
    coverages: list[Coverage],
    rights: dict[tuple[int, int], Rights],
    hint: Missing | None,
    now: datetime,
) -> ArrivalRow:
    patient = stay.patient.listed
    admitted = stay.status != StayStatus.PREADMITTED
    late = now - stay.planned_start_at
    count = nights(stay)
    words = KINDS[stay.kind] + (f", {count}{NBSP}nuit{'s' if count > 1 else ''}" if count else "")
    return ArrivalRow(
        stay_id=stay.pk,
        iep=stay.iep,
        ipp=patient.ipp,
        planned_at=stay.planned_start_at,
        late_minutes=int(late.total_seconds() // 60) if not admitted and late > LATE_AFTER else 0,
        admitted=admitted,
        birth_name=patient.birth_name,
        first_names=patient.first_names,
        used_name=patient.used_name,
        birth_date=patient.birth_date,
        born={"F": "née", "M": "né"}.get(patient.sex, "né(e)"),
        unit=stay.unit.name,
        kind=words,
        missing=missing(stay, coverages, rights, hint),
    )


def missing(
    stay: Stay, coverages: list[Coverage], rights: dict[tuple[int, int], Rights], hint: Missing | None
) -> Missing:
    """What a person must do comes first, in the order of the admission; then what is awaited."""
    if stay.patient.identity_status in (IdentityStatus.PROVISIONAL, IdentityStatus.RETRIEVED):
        return Missing("Pièce d’identité à contrôler", "you", "id")
    kinds = {coverage.kind for coverage in coverages}
    if CoverageKind.AMO not in kinds:
        return Missing("Assurance maladie à saisir", "you", "building-bank")
    if CoverageKind.AMC not in kinds:
        return Missing("Carte de mutuelle à scanner", "you", "scan")
    if hint is not None:
        return hint
    answers = [rights.get((stay.pk, coverage.pk)) for coverage in coverages if coverage.kind == CoverageKind.AMC]
    if any(answer is None for answer in answers):
        return Missing("Droits AMC demandés", "run", "loader-2")
    if any(
        answer and answer.status == RightsStatus.UNDETERMINED and answer.code not in OUTSIDE_ROC for answer in answers
    ):
        return Missing("Droits AMC indéterminés", "wait", "help-circle")
    if answers and all(answer and answer.status == RightsStatus.CLOSED for answer in answers):
        return REFUSED
    return COMPLETE


# ---- the picture ----


@dataclass(frozen=True, slots=True)
class Hour:
    """One bar: expected and admitted, drawn in a frame of 900 × 74."""

    hour: int
    expected: int
    admitted: int
    x: str
    width: str
    centre: str
    expected_y: str
    expected_height: str
    admitted_y: str
    admitted_height: str


@dataclass(frozen=True, slots=True)
class Picture:
    bars: list[Hour]
    now_x: str
    now_text: str


_LEFT, _WIDE, _FLOOR, _HIGH, _GAP = 6.0, 888.0, 52.0, 42.0, 12.0


def hours(rows: list[ArrivalRow], now: datetime | None) -> Picture:
    """Bars from the first to the last hour of the day's arrivals, 7 h to 17 h at least. Lengths as text, for SVG."""
    counts: dict[int, list[int]] = {hour: [0, 0] for hour in range(7, 18)}
    for row in rows:
        both = counts.setdefault(timezone.localtime(row.planned_at).hour, [0, 0])
        both[0] += 1
        both[1] += row.admitted
    first, last = min(counts), max(counts)
    most = max((both[0] for both in counts.values()), default=0) or 1
    step = _WIDE / (last - first + 1)
    bars = []
    for hour in range(first, last + 1):
        expected, admitted = counts.get(hour, [0, 0])
        x = _LEFT + (hour - first) * step
        tall, done = expected / most * _HIGH, admitted / most * _HIGH
        bars.append(
            Hour(
                hour,
                expected,
                admitted,
                f"{x:.1f}",
                f"{step - _GAP:.1f}",
                f"{x + (step - _GAP) / 2:.1f}",
                f"{_FLOOR - tall:.1f}",
                f"{tall:.1f}",
                f"{_FLOOR - done:.1f}",
                f"{done:.1f}",
            )
        )
    if now is None or not first <= now.hour <= last:
        return Picture(bars, "", "")
    at = _LEFT + (now.hour - first + now.minute / 60) * step - _GAP / 2
    return Picture(bars, f"{max(at, _LEFT):.1f}", f"{now:%H:%M}")
