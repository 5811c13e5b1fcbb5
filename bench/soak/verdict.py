"""What both sides remember at the end, compared: nothing lost, nothing twice."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from django.db import connection
from django.db.models import F

from accounts.models import Establishment
from admissions.models import EventDelivery
from billing.enums import EngagementStatus
from billing.models import Engagement
from simulator.store import FILE_NAME
from teleservices.enums import OPEN, AttemptOutcome, CallStatus
from teleservices.messages import NATIONAL
from teleservices.models import TeleserviceAttempt, TeleserviceCall
from worklists import supervision

_CODE = re.compile(rb"CodeRetour>([^<]+)<")


@dataclass(frozen=True, slots=True)
class Verdict:
    calls: int
    #: What one side knows and the other does not, and what is not finished: a sentence each.
    lost: list[str]
    #: What had two effects, or left as a new message while the old one was unknown.
    twice: list[str]


def judge(state: Path) -> Verdict:
    with sqlite3.connect(state / FILE_NAME) as memory:
        answers = memory.execute("select message_id, operation, answer from answers").fetchall()
        engagements = memory.execute(
            "select number, amc_number, dossier_number, amount_cents, cancelled_at is null from engagements"
        ).fetchall()
    answered = {message: (operation, _CODE.search(answer)) for message, operation, answer in answers}
    return Verdict(
        calls=TeleserviceCall.objects.count(),
        lost=[*_unfinished(), *_answers_not_taken_in(answered), *_engagements_that_differ(engagements)],
        twice=[*_sent_beside_an_unknown(), *_engaged_twice(engagements)],
    )


def _unfinished() -> list[str]:
    rows = {
        "appels ouverts": TeleserviceCall.objects.filter(status__in=OPEN),
        "tentatives sans issue": TeleserviceAttempt.objects.filter(outcome=AttemptOutcome.STARTED),
        "événements dus": EventDelivery.objects.filter(done_at__isnull=True),
    }
    found = [f"{count} {name}" for name, query in rows.items() if (count := query.count())]
    for establishment in Establishment.objects.all():
        for day in supervision.days(establishment.pk):
            if day.awaited or day.sent != day.accepted + day.refused:
                found.append(f"{day.day} : {day.sent} envoyés, {day.accepted} acceptés, {day.refused} refusés")
    return found


def _answers_not_taken_in(answered: dict[str, tuple[str, re.Match[bytes] | None]]) -> list[str]:
    """Every message that the other side processed is a call here, with the code that it gave."""
    ours = {
        str(message): (operation, code)
        for message, operation, code in TeleserviceCall.objects.values_list("message_id", "operation", "return_code")
    }
    found = []
    for message, (operation, code) in answered.items():
        given = code.group(1).decode() if code else ""
        if message not in ours:
            found.append(f"{operation} traité là-bas, inconnu ici")
        elif ours[message] != (operation, given):
            found.append(f"{operation} répondu {given} là-bas, {ours[message][1] or 'rien'} ici")
    remembered = set(answered)
    # What only reads leaves nothing on the other side: the directory, the national services.
    succeeded = TeleserviceCall.objects.filter(status=CallStatus.SUCCEEDED).exclude(
        operation__in=("ANNUAIRE", *NATIONAL)
    )
    return found + [
        f"{operation} répondu ici, inconnu là-bas"
        for message, operation in succeeded.values_list("message_id", "operation")
        if str(message) not in remembered
    ]


def _engagements_that_differ(theirs: list[tuple[str, str, str, int, int]]) -> list[str]:
    known = {(number, cents, bool(in_force)) for number, _amc, _dossier, cents, in_force in theirs}
    ours = {
        (number, int(amount * 100), status != EngagementStatus.CANCELLED)
        for number, amount, status in Engagement.objects.values_list("number", "amount", "status")
    }
    return [f"engagement {number} : d’un côté seulement" for number, _cents, _in_force in sorted(known ^ ours)]


def _engaged_twice(theirs: list[tuple[str, str, str, int, int]]) -> list[str]:
    in_force = [(amc, dossier) for _number, amc, dossier, _cents, still in theirs if still]
    twice = sorted({one for one in in_force if in_force.count(one) > 1})
    by_stay = Engagement.objects.filter(status=EngagementStatus.IN_FORCE).values_list("stay_id", flat=True)
    found = list(by_stay)
    return [f"dossier {dossier} engagé deux fois" for _amc, dossier in twice] + [
        f"séjour {stay} engagé deux fois ici" for stay in sorted({one for one in found if found.count(one) > 1})
    ]


def _sent_beside_an_unknown() -> list[str]:
    """Two CLC, or two DEL, of one stay and coverage: the second left after the first had its answer."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            select later.operation, later.id from teleservices_teleservicecall as earlier
            join teleservices_teleservicecall as later using (stay_id, coverage_id, operation)
            where later.id > earlier.id and earlier.operation in ('CLC', 'DEL')
              and later.first_sent_at < coalesce(earlier.finished_at, 'infinity') and earlier.first_sent_at is not null
            """
        )
        found = [f"{operation} {pk} parti alors que le précédent était inconnu" for operation, pk in cursor.fetchall()]
    too_many = TeleserviceAttempt.objects.filter(number__gt=F("call__attempts_count")).count()
    return found + ([f"{too_many} tentatives de trop"] if too_many else [])
