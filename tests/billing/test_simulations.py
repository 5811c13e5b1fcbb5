"""Simulations: changes that come together are one, there is an end to them, and a référent sees what fired."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from accounts.enums import Role
from admissions.enums import DischargeMode, StayKind
from admissions.events import SYSTEM
from admissions.services import stays
from billing.simulations import fired_by, simulate_now, words_of
from teleservices.enums import CallStatus, LimitName
from teleservices.policy import rearm_cause
from teleservices.ruling import change_limit, limit
from tests.chain import settle
from tests.factories import AmoCoverageFactory, CoverageFactory, DebtorFactory, PatientFactory, UnitFactory
from worklists.registry import all_worklists

pytestmark = pytest.mark.django_db
AMC = "0099000104"


@pytest.fixture
def stay(simulator, establishment):
    """A patient present since yesterday, simulated once."""
    patient = PatientFactory()
    AmoCoverageFactory(patient=patient)
    CoverageFactory(patient=patient, convention="RO", debtor=DebtorFactory(amc_number=AMC))
    unit = UnitFactory(establishment=establishment)
    at = timezone.now().replace(microsecond=0) - timedelta(days=1)
    plan = stays.StayPlan(kind=StayKind.FULL, unit=unit, planned_start_at=at, planned_end_at=at + timedelta(days=4))
    stay = stays.preadmit(patient, establishment, plan, SYSTEM)
    stays.admit(stay.pk, at, SYSTEM)
    settle()
    assert simulations(stay) == [CallStatus.SUCCEEDED]
    return stay


def simulations(stay) -> list[str]:
    return list(stay.calls.filter(operation="SIM").order_by("pk").values_list("status", flat=True))


def change(stay, times: int = 1) -> None:
    """The exit is put off by a day, again and again: the content of the stay differs each time."""
    for _ in range(times):
        stay.refresh_from_db()
        later = stay.planned_end_at + timedelta(days=1)
        plan = stays.StayPlan(
            kind=stay.kind, unit=stay.unit, planned_start_at=stay.planned_start_at, planned_end_at=later
        )
        stays.change_plan(stay.pk, plan, SYSTEM, version=stay.version)
        settle()


def a_minute_later():
    return time_machine.travel(timezone.now() + timedelta(seconds=limit(LimitName.SIMULATION_MERGE) + 1))


def test_ten_changes_in_a_minute_are_one_simulation(stay) -> None:
    change(stay, 9)
    assert simulations(stay) == [CallStatus.SUCCEEDED, CallStatus.PLANNED]
    with a_minute_later():
        settle()
    assert simulations(stay) == [CallStatus.SUCCEEDED] * 2
    last = stay.calls.filter(operation="SIM").order_by("pk").last()
    assert len(fired_by(stay)[last.pk]) == 9
    assert words_of(fired_by(stay)[last.pk]) == ("9 changements regroupés\u00a0: séjour corrigé (9).")


def test_without_the_merge_each_change_is_a_simulation(stay) -> None:
    change_limit(None, LimitName.SIMULATION_MERGE, 1, timezone.localdate())
    for _ in range(3):
        change(stay)
        with time_machine.travel(timezone.now() + timedelta(seconds=2)):
            settle()
    assert len(simulations(stay)) == 4


def test_a_patient_who_waits_for_the_figures_has_them_at_once(stay, signed_in) -> None:
    change(stay)
    client = signed_in(Role.AGENT)
    shown = client.get(reverse("billing:stay-estimate", args=[stay.iep])).content.decode()
    assert "Simuler maintenant" in shown and "Provisoire, SIM à" in shown
    client.post(reverse("billing:simulate-now", args=[stay.iep]))
    settle()
    assert simulations(stay) == [CallStatus.SUCCEEDED] * 2
    assert simulate_now(stay.pk) == 0


def test_a_discharge_makes_the_waiting_simulation_pointless(stay) -> None:
    change(stay)
    stays.discharge(stay.pk, timezone.now(), DischargeMode.HOME, SYSTEM)
    settle()
    assert simulations(stay) == [CallStatus.SUCCEEDED, CallStatus.CANCELLED]
    assert stay.calls.filter(operation="SIM").order_by("pk").last().cause == "stay_discharged"
    assert stay.engagements.exists()


def test_past_the_cap_nothing_leaves_until_a_referent_says_so(stay, establishment) -> None:
    change_limit(None, LimitName.SIMULATIONS, 2, timezone.localdate())
    change(stay)
    with a_minute_later():
        settle()
        change(stay)
        settle()
    assert simulations(stay) == [CallStatus.SUCCEEDED, CallStatus.SUCCEEDED, CallStatus.NEEDS_REFERENT]
    held = stay.calls.filter(operation="SIM").order_by("pk").last()
    assert (held.cause, held.attempts_count) == ("too_many_simulations", 0)
    assert all_worklists()["appels-arretes"].select(establishment.pk).get() == held
    rearm_cause("too_many_simulations")
    settle()
    assert simulations(stay)[-1] == CallStatus.SUCCEEDED


def test_the_limits_are_seen_and_changed_from_the_command_line(capsys, db) -> None:
    call_command("call_limits", "simulation_merge_s", "5")
    assert limit(LimitName.SIMULATION_MERGE) == 5
    assert "simulation_merge_s               5" in capsys.readouterr().out
