"""A new day at the demonstration hospital: today's and tomorrow's arrivals, when they are missing."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from random import Random

from django.utils import timezone

from accounts.enums import Role
from accounts.models import Establishment
from admissions.enums import Domain, StayKind, StayStatus
from admissions.errors import Refused
from admissions.models import Patient, Stay, Unit
from admissions.querysets import arrivals
from admissions.services.stays import StayPlan, preadmit
from worklists.demo.acts import Hospital
from worklists.demo.catalogue import UnitRow, units
from worklists.demo.plots import FULL_SIZE, HOURS, read_plots

_KINDS = {StayKind.EXTERNAL: 18, StayKind.DAY: 14, StayKind.FULL: 22, StayKind.SESSION: 3}


def add_arrivals(establishment: Establishment, size: int) -> int:
    """Plan the arrivals that today and tomorrow lack, for people already known. Returns how many. Moves nothing."""
    now = timezone.now()
    day = timezone.localdate(now)
    plots = read_plots(size) if size else []
    added = 0
    for offset in (0, 1):
        wanted = sum(plot.count for plot in plots if plot.first_day == plot.last_day == offset)
        missing = wanted - arrivals(establishment.pk, day + timedelta(days=offset)).count()
        # A few arrivals more or less are a hospital's life; a day that is empty is not.
        if wanted and missing > wanted // 2:
            added += _fill(establishment, day + timedelta(days=offset), missing, now)
    return added


def _fill(establishment: Establishment, day: date, count: int, now: datetime) -> int:
    rng = Random(f"{day:%Y%m%d}-{FULL_SIZE}")  # noqa: S311
    hospital = Hospital(establishment, rng, now)
    busy = Stay.objects.filter(status__in=[StayStatus.PREADMITTED, StayStatus.ADMITTED]).values("patient")
    adults = Patient.objects.filter(birth_date__lt=day - timedelta(days=18 * 366)).exclude(pk__in=busy)
    patients = list(adults.order_by("pk"))
    rng.shuffle(patients)
    added = 0
    for number, patient in enumerate(patients[:count]):
        plan = _plan(rng, hospital.units, day)
        try:
            preadmit(patient, establishment, plan, hospital.someone(Role.AGENT, number))
        except Refused:
            continue  # this person has a stay at that very time: somebody else will come
        added += 1
    return added


def _plan(rng: Random, known: dict[str, Unit], day: date) -> StayPlan:
    kind = rng.choices(list(_KINDS), list(_KINDS.values()))[0]
    fitting: list[UnitRow] = [row for row in units() if row.kind == kind and row.domain == Domain.MCO]
    fitting = [row for row in fitting if row.name not in ("Maternité", "Consultations de pédiatrie")]
    unit = known[rng.choices(fitting, [row.weight for row in fitting])[0].code]
    hour = rng.choices(list(HOURS), list(HOURS.values()))[0]
    start = timezone.make_aware(datetime.combine(day, time(hour, rng.randrange(0, 60, 5))))
    length = timedelta(days=rng.randint(1, 7)) if kind == StayKind.FULL else timedelta(hours=rng.randint(1, 6))
    return StayPlan(kind=kind, unit=unit, planned_start_at=start, planned_end_at=start + length, prescription_date=day)
