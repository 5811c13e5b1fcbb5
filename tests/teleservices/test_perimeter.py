"""The ramp-up: what a mode lets through, what moving it does, and that it says so beforehand."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.utils import timezone

from admissions.enums import Domain, EventKind, RightsStatus, StayKind
from admissions.errors import Refused
from admissions.events import SYSTEM
from admissions.services import stays
from debtors.enums import DebtorKind
from teleservices import perimeter
from teleservices.enums import CallStatus, Circle, Lane, PerimeterMode
from teleservices.models import Perimeter, PerimeterAmc
from teleservices.perimeter import Effect, apply_due, effect_of, mode_of, move, name_amc, remove_amc
from tests.chain import settle
from tests.factories import AmoCoverageFactory, CoverageFactory, DebtorFactory, PatientFactory, UnitFactory
from worklists.registry import all_worklists

pytestmark = pytest.mark.django_db
AMC = "0099000104"


@pytest.fixture
def today():
    return timezone.localdate()


@pytest.fixture
def amc():
    return DebtorFactory(amc_number=AMC, name="Prévoyance du Rail")


@pytest.fixture
def preadmit(simulator, establishment, amc):
    """`preadmit()` one patient of this AMC in MCO; their calls have ended."""

    def make(domain: str = "MCO"):
        patient = PatientFactory()
        AmoCoverageFactory(patient=patient)
        CoverageFactory(patient=patient, convention="RO", debtor=amc)
        unit = UnitFactory(establishment=establishment, code=f"9{domain[:3]}", domain=domain)
        plan = stays.StayPlan(kind=StayKind.FULL, unit=unit, planned_start_at=timezone.now())
        stay = stays.preadmit(patient, establishment, plan, SYSTEM)
        settle()
        return stay

    return make


def operations(stay) -> list[tuple[str, str]]:
    return list(stay.calls.order_by("pk").values_list("operation", "status"))


def follow() -> int:
    """The night's task, until nobody is left to tell; then what it planned."""
    told = 0
    while count := apply_due():
        told += count
    settle()
    return told


ASKED = [("ANNUAIRE", CallStatus.SUCCEEDED), ("IDB", CallStatus.SUCCEEDED)]


@pytest.mark.parametrize(
    ("mode", "circle", "asked"),
    [
        (PerimeterMode.CLOSED, Circle.MIRROR, False),
        (PerimeterMode.MIRROR, None, False),
        (PerimeterMode.MIRROR, Circle.TRUST, False),
        (PerimeterMode.MIRROR, Circle.MIRROR, True),
        (PerimeterMode.CIRCLE, None, False),
        (PerimeterMode.CIRCLE, Circle.TRUST, True),
        (PerimeterMode.CIRCLE, Circle.MIRROR, True),
        (PerimeterMode.ALL, None, True),
    ],
)
def test_a_mode_lets_its_own_amc_through_and_no_other(
    mode, circle, asked, preadmit, establishment, amc, referent, today
) -> None:
    if circle:
        name_amc(establishment, amc, circle, referent)
    move(establishment, Domain.MCO, mode, referent, today)
    stay = preadmit()
    assert operations(stay) == (ASKED if asked else [])
    last = stay.rights.first()
    assert (last.status, last.code) == (
        (RightsStatus.OPEN, "OK") if asked else (RightsStatus.UNDETERMINED, "HORS_PERIMETRE")
    )


def test_where_nothing_was_decided_everybody_is_asked(preadmit, establishment) -> None:
    assert mode_of(establishment.pk, "MCO") == PerimeterMode.ALL
    assert operations(preadmit()) == ASKED


def test_outside_the_perimeter_the_stay_goes_the_way_of_before_by_itself(
    preadmit, establishment, referent, today
) -> None:
    move(establishment, Domain.MCO, PerimeterMode.MIRROR, referent, today)
    stay = preadmit()
    assert all_worklists()["hors-roc"].select(establishment.pk).get() == stay
    stays.admit(stay.pk, stay.planned_start_at, SYSTEM)
    settle()
    assert operations(stay) == []
    assert stay.rights.count() == 1  # said once


def test_a_domain_moves_alone(preadmit, establishment, referent, today) -> None:
    move(establishment, Domain.SMR, PerimeterMode.CLOSED, referent, today)
    assert operations(preadmit("MCO")) == ASKED
    assert operations(preadmit("SMR")) == []


def test_what_a_move_does_is_told_before_and_is_what_it_does(preadmit, establishment, referent, today) -> None:
    stays_open = [preadmit() for _ in range(3)]
    assert effect_of(establishment.pk, "MCO", PerimeterMode.MIRROR) == Effect(entering=0, leaving=3)
    move(establishment, Domain.MCO, PerimeterMode.MIRROR, referent, today)
    assert follow() == 3
    assert {stay.rights.first().code for stay in stays_open} == {"HORS_PERIMETRE"}
    assert effect_of(establishment.pk, "MCO", PerimeterMode.ALL) == Effect(entering=3, leaving=0)


def test_the_stays_that_enter_are_asked_by_themselves_after_the_patients_who_wait(
    preadmit, establishment, referent, today
) -> None:
    move(establishment, Domain.MCO, PerimeterMode.CLOSED, referent, today)
    stay = preadmit()
    with time_machine.travel(timezone.now() + timedelta(days=1)):
        move(establishment, Domain.MCO, PerimeterMode.ALL, referent, timezone.localdate())
        assert follow() == 1
        assert follow() == 0
    assert stay.rights.first().status == RightsStatus.OPEN
    assert set(stay.calls.values_list("lane", flat=True)) == {Lane.BATCH}
    assert stay.events.filter(kind=EventKind.PERIMETER_CHANGED).count() == 1


def test_a_call_that_has_not_left_is_given_up_when_its_amc_leaves(
    preadmit, establishment, amc, referent, today, simulator
) -> None:
    simulator.control("POST", "/scenario", {"amc": AMC, "operation": "IDB", "behaviour": "code:RC24"})
    stay = preadmit()
    move(establishment, Domain.MCO, PerimeterMode.CLOSED, referent, today)
    follow()
    idb = stay.calls.get(operation="IDB")
    assert (idb.status, idb.cause) == (CallStatus.CANCELLED, "outside_perimeter")


def test_an_amc_named_or_removed_takes_its_stays_along(preadmit, establishment, amc, referent, today) -> None:
    move(establishment, Domain.MCO, PerimeterMode.CIRCLE, referent, today)
    stay = preadmit()
    follow()
    named = name_amc(establishment, amc, Circle.TRUST, referent)
    follow()
    assert stay.rights.first().status == RightsStatus.OPEN
    assert remove_amc(establishment, named.pk)
    follow()
    assert stay.rights.first().code == "HORS_PERIMETRE"
    assert not remove_amc(establishment, named.pk)


def test_a_refusal_for_our_settings_is_asked_again_once_they_change(
    preadmit, establishment, amc, referent, today, simulator
) -> None:
    simulator.control("POST", "/scenario", {"amc": AMC, "operation": "IDB", "behaviour": "code:RC13", "count": 1})
    stay = preadmit()
    assert all_worklists()["parametrage"].select(establishment.pk).count() == 1
    name_amc(establishment, amc, Circle.MIRROR, referent)
    move(establishment, Domain.MCO, PerimeterMode.MIRROR, referent, today)
    follow()
    assert all_worklists()["parametrage"].select(establishment.pk).count() == 0
    assert stay.rights.first().status == RightsStatus.OPEN


def test_a_move_planned_for_later_waits_for_its_day(preadmit, establishment, referent, today) -> None:
    stay = preadmit()
    move(establishment, Domain.MCO, PerimeterMode.CLOSED, referent, today + timedelta(days=2))
    assert (follow(), mode_of(establishment.pk, "MCO")) == (0, PerimeterMode.ALL)
    with time_machine.travel(timezone.now() + timedelta(days=2)):
        assert mode_of(establishment.pk, "MCO") == PerimeterMode.CLOSED
        assert follow() == 1
    assert stay.rights.first().code == "HORS_PERIMETRE"


def test_a_turn_that_stops_in_the_middle_is_taken_up_by_the_next(preadmit, establishment, referent, today) -> None:
    for _ in range(3):
        preadmit()
    move(establishment, Domain.MCO, PerimeterMode.CLOSED, referent, today)
    assert [apply_due(limit=2), apply_due(limit=2), apply_due(limit=2)] == [2, 1, 0]
    assert Perimeter.objects.get(mode=PerimeterMode.CLOSED).applied_at is not None


def test_the_database_holds_one_mode_a_domain(establishment, referent, today) -> None:
    move(establishment, Domain.MCO, PerimeterMode.CLOSED, referent, today)
    with pytest.raises(IntegrityError, match="one_perimeter_in_force"), transaction.atomic():
        Perimeter.objects.create(
            establishment=establishment, domain="MCO", mode=PerimeterMode.ALL, valid_from=today + timedelta(days=1)
        )


def test_only_a_complementary_is_named(establishment, referent) -> None:
    fund = DebtorFactory(kind=DebtorKind.AMO, amc_number="", amo_regime="01", amo_fund="351", amo_centre="0000")
    with pytest.raises(Refused, match="complémentaire"):
        perimeter.name_amc(establishment, fund, Circle.MIRROR, referent)
    assert not PerimeterAmc.objects.exists()
