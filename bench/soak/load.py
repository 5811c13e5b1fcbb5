"""Stays lived by the product's services, many at once, each step when its turn comes; what the faults break is done again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from django.db import InterfaceError, OperationalError, close_old_connections, connection
from django.utils import timezone

from admissions.enums import DischargeMode, RequestCode, StayKind
from admissions.events import SYSTEM
from admissions.models import Stay
from admissions.services import stays
from debtors.models import Debtor
from gap.supervisor import signals
from teleservices.gates import CIRCUIT_OPEN
from teleservices.models import RetryPolicy
from tests.factories import AmoCoverageFactory, CoverageFactory, DebtorFactory, PatientFactory, UnitFactory

T = TypeVar("T")
#: Payers of the simulator that have no behaviour of their own.
PAYERS = [f"00990001{number:02d}" for number in range(1, 13)]
_LIVED_AT_ONCE = 60
# So that the calls of a step have their time before the next one of the same stay.
_PACE_S = 0.03
_PATIENCE_S = 60


def quicken() -> None:
    """Seconds where a hospital has minutes: the rules of retries are rows."""
    RetryPolicy.objects.exclude(cause=CIRCUIT_OPEN).update(first_delay_s=1, factor=2, cap_s=4)
    RetryPolicy.objects.filter(cause=CIRCUIT_OPEN).update(first_delay_s=1, factor=2, cap_s=3)


def persist(action: Callable[[], T]) -> T:
    """Do it again until the database is there. Raises OperationalError after a minute."""
    until = time.monotonic() + _PATIENCE_S
    while True:
        signals.check()
        try:
            return action()
        except (OperationalError, InterfaceError):
            if time.monotonic() > until:
                raise
            connection.close()
            close_old_connections()
            time.sleep(0.2)


@dataclass(slots=True)
class Life:
    """What is left to do of one stay."""

    steps: list[str]
    debtor: Debtor
    stay_id: int = 0
    at: timedelta = field(default_factory=lambda: timedelta(days=3))


def live(count: int, chance: random.Random, told: Callable[[int], None]) -> None:
    """Live `count` stays. `told`: how many have begun."""
    payers = [persist(lambda number=number: _payer(number)) for number in PAYERS]
    alive: list[Life] = []
    begun = 0
    while alive or begun < count:
        signals.check()
        if begun < count and len(alive) < _LIVED_AT_ONCE:
            alive.append(Life(_script(chance), chance.choice(payers)))
            begun += 1
            told(begun)
        life = chance.choice(alive)
        persist(lambda life=life: _step(life, life.steps[0]))
        life.steps.pop(0)
        if not life.steps:
            alive.remove(life)
        time.sleep(_PACE_S)


def _payer(number: str) -> Debtor:
    return Debtor.objects.filter(amc_number=number).first() or DebtorFactory(amc_number=number)


def _script(chance: random.Random) -> list[str]:
    if chance.random() < 0.06:
        return ["preadmit", "cancel"]
    steps = ["preadmit", "admit"]
    if chance.random() < 0.3:
        steps.append("request")
    steps.append("discharge")
    if chance.random() < 0.2:
        steps.append("correct")
    return steps


def _step(life: Life, step: str) -> None:
    match step:
        case "preadmit":
            patient = PatientFactory()
            AmoCoverageFactory(patient=patient)
            CoverageFactory(patient=patient, convention="RO", debtor=life.debtor)
            unit = UnitFactory()
            at = timezone.now().replace(microsecond=0) - life.at
            life.stay_id = stays.preadmit(
                patient, unit.establishment, stays.StayPlan(StayKind.FULL, unit, at), SYSTEM
            ).pk
        case "cancel":
            stays.cancel(life.stay_id, "ne viendra pas", SYSTEM)
        case "admit":
            stay = Stay.objects.get(pk=life.stay_id)
            stays.admit(stay.pk, stay.planned_start_at or timezone.now(), SYSTEM)
        case "request":
            stay = Stay.objects.get(pk=life.stay_id)
            stays.add_request(stay.pk, RequestCode.SINGLE_ROOM, timezone.localdate(stay.start_at), SYSTEM)
        case "discharge":
            stays.discharge(life.stay_id, timezone.now(), DischargeMode.HOME, SYSTEM)
        case "correct":
            stay = Stay.objects.get(pk=life.stay_id)
            at = timezone.now() - timedelta(days=1)
            stays.correct_discharge(stay.pk, at, DischargeMode.HOME, SYSTEM, version=stay.version)
