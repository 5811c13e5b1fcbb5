"""The connection plan of a hospital: milestones of the programme, planned and real dates, and the table sent to the ANS.

Source: programme SIMPHONIE, réunion éditeurs du 25/06/2020, « Fiche processus de mise en œuvre de ROC » and « Planning
de déploiement ».
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Final

from django.db import transaction
from django.utils import timezone

from accounts.models import Establishment, User
from admissions.errors import Conflict, Refused
from teleservices.enums import CallStatus, PlanStatus
from teleservices.messages import Operation
from teleservices.models import ConnectionMilestone, ConnectionPlan, TeleserviceCall
from teleservices.perimeter import TESTED

PHASES: Final = {
    "0": "Prérequis et préparation",
    "1": "Lecture des datamatrix",
    "2": "Tiers payant ROC avec un organisme",
}
#: Columns of the table that the ANS collects, in its order and words.
HEADERS: Final = (
    "Nom de l’établissement", "Finess juridique", "Finess géographique", "Statut du planning",
    "Date démarrage du projet en ETS", "Date d’envoi à l’ANS du planning validé entre l’éditeur et l’ETS",
    "Date accrochage technique", "Date démarrage flux réels", "Date fin projet en ETS",
)  # fmt: skip
_CALENDAR: Final = ("start", "plan_sent", "handshake", "real_flows", "end")


@dataclass(frozen=True, slots=True)
class Milestone:
    """One line of the programme's sheet. `calendar` names its column in the ANS's table, if it has one."""

    code: str
    phase: str
    label: str
    calendar: str


@cache
def milestones() -> tuple[Milestone, ...]:
    """Those of the programme, in its order."""
    path = Path(__file__).parent / "data" / "connection_milestones.csv"
    with path.open(newline="", encoding="utf-8") as file:
        return tuple(Milestone(**row) for row in csv.DictReader(file))


@dataclass(frozen=True, slots=True)
class Dates:
    """When a milestone is planned, and when it was reached."""

    planned_on: date | None = None
    done_on: date | None = None

    @property
    def late(self) -> bool:
        return self.done_on is None and self.planned_on is not None and self.planned_on < timezone.localdate()


def plan_of(establishment: Establishment) -> ConnectionPlan:
    """The plan as it stands; a hospital that has written nothing has an empty one, not saved."""
    found = ConnectionPlan.objects.filter(establishment=establishment).select_related("updated_by").first()
    return found or ConnectionPlan(establishment=establishment, version=0)


def dates_of(plan: ConnectionPlan) -> dict[str, Dates]:
    if plan.pk is None:
        return {}
    return {row.code: Dates(row.planned_on, row.done_on) for row in plan.milestones.all()}


@transaction.atomic
def save(
    establishment: Establishment, user: User, *, status: PlanStatus, dates: Mapping[str, Dates], version: int
) -> ConnectionPlan:
    """Write the whole plan. Raises Conflict when somebody wrote it meanwhile, Refused for a date done in the future."""
    known = {milestone.code: milestone for milestone in milestones()}
    today = timezone.localdate()
    for code, said in dates.items():
        if code not in known:
            raise Refused("Ce jalon n’est pas celui du programme.")
        if said.done_on and said.done_on > today:
            raise Refused(
                f"« {known[code].label} » ne peut être fait dans le futur.",
                todo="Mettez cette date dans « prévu ».",
                field=f"done-{code}",
            )
    plan, _ = ConnectionPlan.objects.get_or_create(establishment=establishment, defaults={"version": 0})
    plan = ConnectionPlan.objects.select_for_update().get(pk=plan.pk)
    if plan.version != version:
        who = plan.updated_by.short_name if plan.updated_by else "quelqu’un"
        raise Conflict(f"{who} a changé le plan pendant votre saisie.", todo="Rechargez la page, puis recommencez.")
    plan.status, plan.updated_by, plan.version = status, user, version + 1
    plan.save()
    for code, said in dates.items():
        if said.planned_on or said.done_on:
            ConnectionMilestone.objects.update_or_create(
                plan=plan, code=code, defaults={"planned_on": said.planned_on, "done_on": said.done_on}
            )
        else:
            plan.milestones.filter(code=code).delete()
    return plan


def done_on(establishment: Establishment, code: str) -> date | None:
    """When a milestone was reached; None while it is not."""
    found = ConnectionMilestone.objects.filter(plan__establishment=establishment, code=code)
    return found.values_list("done_on", flat=True).first()


@transaction.atomic
def reached(establishment: Establishment, code: str, day: date, user: User | None) -> bool:
    """The system saw a milestone reached that day: written unless somebody gave it a real date. False: it had one.

    The plan is a new version: whoever has it open is told.
    """
    plan, _ = ConnectionPlan.objects.get_or_create(establishment=establishment, defaults={"version": 0})
    plan = ConnectionPlan.objects.select_for_update().get(pk=plan.pk)
    milestone, _ = ConnectionMilestone.objects.get_or_create(plan=plan, code=code)
    if milestone.done_on is not None:
        return False
    milestone.done_on = day
    milestone.save(update_fields=["done_on"])
    plan.version, plan.updated_by = plan.version + 1, user
    plan.save()
    return True


def first_real_call(establishment: Establishment) -> date | None:
    """The day of the first question on rights that an AMC answered: what « démarrage des flux réels » may be.

    A test d'accrochage is not real flow.
    """
    first = (
        TeleserviceCall.objects.filter(
            stay__establishment=establishment, operation=Operation.IDB, status=CallStatus.SUCCEEDED
        )
        .exclude(parameters__has_key=TESTED)
        .order_by("pk")
        .values_list("finished_at", flat=True)
        .first()
    )
    return timezone.localdate(first) if first else None


def ans_row(plan: ConnectionPlan) -> tuple[str, ...]:
    """The hospital's line of the ANS's table: the real date of each column, else the planned one."""
    dates = dates_of(plan)
    by_column = {one.calendar: dates.get(one.code, Dates()) for one in milestones() if one.calendar}
    written = (by_column[name] for name in _CALENDAR)
    here = plan.establishment
    return (
        here.name,
        here.finess_legal,
        here.finess_site,
        plan.get_status_display(),
        *(f"{day:%d/%m/%Y}" if (day := one.done_on or one.planned_on) else "" for one in written),
    )
