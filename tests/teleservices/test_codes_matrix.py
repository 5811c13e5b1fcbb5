"""Every return code, for every operation that may bring it, over the wire: what the table says of it is carried out.

The simulator answers by the marker of a member number (`RC15CLC…`: this code, to a CLC alone) or a scenario set for the
occasion. What must be seen for each treatment stands in `SEEN`; the catalogue, the simulator and this file name the
same codes for the same operations.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from admissions.enums import DischargeMode, RightsStatus, StayKind
from admissions.events import SYSTEM
from admissions.models import Coverage, Stay
from admissions.services import coverage as coverage_services
from admissions.services import stays
from billing.enums import Payer
from simulator.catalogue import load_catalogue
from teleservices.enums import CallStatus, Disposition, Family
from teleservices.models import Anomaly, ReturnCode, TeleserviceCall
from tests.chain import hasten, settle
from tests.factories import AmoCoverageFactory, CoverageFactory, DebtorFactory, PatientFactory, UnitFactory
from worklists.registry import all_worklists

pytestmark = pytest.mark.django_db
AMC = "0099000104"
ALL, QUESTIONS, COUNTS = ("IDB", "SIM", "CLC", "DEL"), ("IDB", "SIM", "CLC"), ("SIM", "CLC")

#: What the programme asks: code → (family, operations). Our catalogue and the simulator's are compared with it.
CODES: dict[str, tuple[str, tuple[str, ...]]] = {
    **dict.fromkeys(("RC01", "RC02", "RC03", "RC04"), (Family.ANOMALY, ALL)),
    **dict.fromkeys(("RC05", "RC06", "RC07"), (Family.ANOMALY, COUNTS)),
    "RC08": (Family.ANOMALY, ("CLC",)),
    **dict.fromkeys(("RC09", "RC10"), (Family.ANOMALY, ("DEL",))),
    "RC11": (Family.ANOMALY, QUESTIONS),
    "RC12": (Family.CONFIGURATION, ("SIM",)),
    "RC13": (Family.CONFIGURATION, QUESTIONS),
    **dict.fromkeys(("RC14", "RC15", "RC16", "RC17", "RC18", "RC19"), (Family.NO_THIRD_PARTY_PAYMENT, QUESTIONS)),
    "RC20": (Family.NO_THIRD_PARTY_PAYMENT, COUNTS),
    "RC21": (Family.AMO_MISMATCH, QUESTIONS),
    "RC22": (Family.MEMBER_NUMBER, QUESTIONS),
    "RC23": (Family.PRESCRIPTION_DATE, COUNTS),
    **dict.fromkeys(("RC24", "RC25", "RC26"), (Family.UNAVAILABLE, ALL)),
}
CASES = [(code, operation) for code, (_, operations) in CODES.items() for operation in operations]


# ---- one patient, one stay, brought to the point where the operation leaves ----


def nothing(_stay: Stay) -> None:
    """Nothing special before the operation leaves."""


def drive(operation: str, just_before: Callable[[Stay], None] = nothing) -> Stay:
    """A stay on which this operation has left, and everything that follows by itself has come."""
    patient = PatientFactory()
    AmoCoverageFactory(patient=patient)
    CoverageFactory(patient=patient, convention="RO", debtor=DebtorFactory(amc_number=AMC))
    unit = UnitFactory()
    at = timezone.now().replace(microsecond=0) - timedelta(days=3)
    plan = stays.StayPlan(kind=StayKind.FULL, unit=unit, planned_start_at=at)
    stay = stays.preadmit(patient, unit.establishment, plan, SYSTEM)
    steps = {
        "IDB": lambda: None,
        "SIM": lambda: stays.admit(stay.pk, at, SYSTEM),
        "CLC": lambda: stays.discharge(stay.pk, timezone.now(), DischargeMode.HOME, SYSTEM),
        "DEL": lambda: _discharge_earlier(stay),
    }
    for step, act in steps.items():
        if step == operation:
            just_before(stay)
        act()
        settle()
        if step == operation:
            break
    stay.refresh_from_db()
    return stay


def _discharge_earlier(stay: Stay) -> None:
    stay.refresh_from_db()
    earlier = timezone.now() - timedelta(days=1)
    stays.correct_discharge(stay.pk, earlier, DischargeMode.HOME, SYSTEM, version=stay.version)


def without_a_member_number(stay: Stay) -> None:
    """An AMC that found the patient by the NIR until then, and now wants the number."""
    Coverage.objects.filter(patient=stay.patient_id, kind="AMC").update(member_number=None)


def the_call(stay: Stay, operation: str, code: str) -> TeleserviceCall:
    return stay.calls.filter(operation=operation, return_code=code).order_by("pk").first()


def lists_of(stay: Stay) -> set[str]:
    """Lists of the arrival's step in which this stay stands, as itself or by one of its calls."""
    found = set()
    for worklist in all_worklists().values():
        rows = worklist.select(stay.establishment_id)
        if worklist.kind.model is TeleserviceCall and rows.filter(stay=stay).exists():
            found.add(worklist.slug)
        if worklist.kind.model is Anomaly and rows.exists():
            found.add(worklist.slug)
    return found


@pytest.fixture
def answers(simulator) -> Callable[..., None]:
    """`answers("RC03", "CLC")`: from now on the AMC answers this to that operation; `answers()`: it is itself again."""

    def say(code: str = "", operation: str = "", count: int | None = None) -> None:
        simulator.clear_scenarios()
        if code:
            asked = {"amc": AMC, "operation": operation, "behaviour": f"code:{code}"}
            simulator.control("POST", "/scenario", asked | ({"count": count} if count else {}))

    return say


# ---- what each treatment brings ----


def escalated(code: str, operation: str, answers) -> None:
    """One line for the cause; nothing is asked of the desk, nothing is asked again."""
    answers(code, operation)
    stay = drive(operation)
    call = the_call(stay, operation, code)
    assert (call.status, call.disposition, call.attempts_count) == (CallStatus.REFUSED, Disposition.ESCALATE, 1)
    assert Anomaly.objects.get().code == code
    assert lists_of(stay) == {"anomalies-a-signaler"}
    if operation == "IDB":
        assert stay.rights.first().status == RightsStatus.UNDETERMINED


def shown_to_the_referent(code: str, operation: str, answers) -> None:
    answers(code, operation)
    stay = drive(operation)
    call = the_call(stay, operation, code)
    assert (call.status, call.disposition) == (CallStatus.REFUSED, Disposition.REFERENT)
    assert lists_of(stay) == {"parametrage"}


def told_to_the_patient(code: str, operation: str, answers) -> None:
    """The third-party payment is impossible: closed rights, a bill without the AMC, the same question never again."""
    answers(code, operation)
    stay = drive(operation)
    call = the_call(stay, operation, code)
    assert (call.status, call.disposition) == (CallStatus.REFUSED, Disposition.INFORM_PATIENT)
    assert stay.rights.first().status == RightsStatus.CLOSED
    assert lists_of(stay) == {"patients-a-prevenir"}
    answers()
    before = stay.calls.count()
    _finish(stay, operation)
    assert stay.calls.count() == before
    assert Payer.AMC not in set(stay.invoices.values_list("payer", flat=True))
    assert stay.invoices.filter(payer=Payer.PATIENT).exists()


def _finish(stay: Stay, operation: str) -> None:
    """The stay goes to its bill."""
    if operation == "IDB":
        stays.admit(stay.pk, stay.planned_start_at, SYSTEM)
        settle()
    if operation in ("IDB", "SIM"):
        stays.discharge(stay.pk, timezone.now(), DischargeMode.HOME, SYSTEM)
        settle()


def waits_for_the_amo(code: str, operation: str, answers) -> None:
    """Nothing is asked of anybody; new AMO rights make the call again, by themselves."""
    answers(code, operation)
    stay = drive(operation)
    call = the_call(stay, operation, code)
    assert (call.status, call.disposition) == (CallStatus.REFUSED, Disposition.WAIT_ALIGNMENT)
    assert lists_of(stay) == {"regimes-en-attente"}
    # After a month, a référent is shown it.
    TeleserviceCall.objects.filter(pk=call.pk).update(finished_at=timezone.now() - timedelta(days=31))
    assert lists_of(stay) == {"regimes-a-aligner"}
    answers()
    fund = DebtorFactory(kind="AMO", amc_number="", amo_regime="02", amo_fund="351", amo_centre="0000")
    coverage_services.declare_coverage(stay, fund, SYSTEM, valid_from=timezone.localdate() - timedelta(days=30))
    settle()
    assert stay.calls.filter(operation=operation).order_by("-pk").first().status == CallStatus.SUCCEEDED
    assert lists_of(stay) == set()


def asks_for_the_member_number(code: str, operation: str, answers) -> None:
    """Exactly that is asked; typed, it calls again. A number that the AMC does not know closes the rights."""
    answers(code, operation, count=1)
    stay = drive(operation, without_a_member_number)
    call = the_call(stay, operation, code)
    assert (call.status, call.disposition) == (CallStatus.REFUSED, Disposition.ASK_MEMBER_NUMBER)
    assert lists_of(stay) == {"numeros-adherent"}
    coverage_services.enter_member_number(call.coverage_id, "74210088", SYSTEM)
    settle()
    assert stay.calls.filter(operation=operation).order_by("-pk").first().status == CallStatus.SUCCEEDED
    assert lists_of(stay) == set()


def replayed_with_other_dates(code: str, operation: str, answers) -> None:
    """Once with the entry's date, then the service's, by itself."""
    answers(code, operation, count=2)
    stay = drive(operation)
    asked = stay.calls.filter(operation=operation).order_by("pk")
    assert [call.parameters.get("prescription") for call in asked] == [None, "entry", "service"]
    assert [call.status for call in asked] == [CallStatus.REFUSED, CallStatus.REFUSED, CallStatus.SUCCEEDED]
    assert lists_of(stay) == set()


def retried_until_it_is_back(code: str, operation: str, answers) -> None:
    answers(code, operation)
    stay = drive(operation)
    call = the_call(stay, operation, code)
    assert (call.status, call.cause, call.not_before > timezone.now()) == (CallStatus.PLANNED, "unavailable", True)
    assert lists_of(stay) == set()
    answers()
    hasten()
    call.refresh_from_db()
    assert (call.status, call.attempts_count) == (CallStatus.SUCCEEDED, 2)
    assert stay.calls.filter(operation=operation).order_by("pk").first() == call


SEEN: dict[str, Callable[..., None]] = {
    Family.ANOMALY: escalated,
    Family.CONFIGURATION: shown_to_the_referent,
    Family.NO_THIRD_PARTY_PAYMENT: told_to_the_patient,
    Family.AMO_MISMATCH: waits_for_the_amo,
    Family.MEMBER_NUMBER: asks_for_the_member_number,
    Family.PRESCRIPTION_DATE: replayed_with_other_dates,
    Family.UNAVAILABLE: retried_until_it_is_back,
}


@pytest.mark.parametrize(("code", "operation"), CASES)
def test_what_the_table_says_of_a_code_is_carried_out(code, operation, answers) -> None:
    SEEN[CODES[code][0]](code, operation, answers)


# ---- the three lists are one ----


def test_the_catalogue_holds_the_26_codes_of_this_matrix() -> None:
    rows = ReturnCode.objects.filter(valid_until__isnull=True)
    assert {row.code: (row.family, tuple(row.operations)) for row in rows} == CODES
    assert len(CODES) == 26


def test_the_simulator_answers_each_of_them_to_the_same_operations() -> None:
    theirs = load_catalogue()
    unknown_to_us = "ZZ99"
    assert {code: row.operations for code, row in theirs.return_codes.items() if code != unknown_to_us} == {
        code: frozenset(operations) for code, (_, operations) in CODES.items()
    }
    assert {marker.prefix for marker in theirs.markers} >= set(CODES)


def test_the_families_have_the_counts_of_the_programme() -> None:
    counts = {family: sum(of == family for of, _ in CODES.values()) for family in SEEN}
    assert counts == {
        Family.ANOMALY: 11,
        Family.CONFIGURATION: 2,
        Family.NO_THIRD_PARTY_PAYMENT: 7,
        Family.AMO_MISMATCH: 1,
        Family.MEMBER_NUMBER: 1,
        Family.PRESCRIPTION_DATE: 1,
        Family.UNAVAILABLE: 3,
    }


# ---- beyond one code, one operation ----


@pytest.mark.parametrize("operation", QUESTIONS)
def test_a_member_number_that_the_amc_does_not_know_is_told_to_the_patient(operation, answers) -> None:
    answers("RC22", operation)
    stay = drive(operation)
    call = the_call(stay, operation, "RC22")
    assert call.disposition == Disposition.INFORM_PATIENT
    assert stay.rights.first().status == RightsStatus.CLOSED
    assert lists_of(stay) == {"patients-a-prevenir"}


def test_a_prescription_date_refused_to_the_end_is_shown_to_the_referent(answers) -> None:
    answers("RC23", "CLC")
    stay = drive("CLC")
    assert stay.calls.filter(operation="CLC").count() == 3
    assert lists_of(stay) == {"dates-de-prescription"}


def test_a_code_that_nobody_knows_is_kept_and_shown_once(answers) -> None:
    answers("ZZ99", "IDB")
    stay = drive("IDB")
    call = the_call(stay, "IDB", "ZZ99")
    assert (call.status, call.disposition) == (CallStatus.REFUSED, Disposition.STORE)
    assert stay.rights.first().status == RightsStatus.UNDETERMINED
    assert lists_of(stay) == {"codes-inconnus"}


def test_facts_that_change_while_a_question_is_on_its_way_put_it_again(answers, monkeypatch) -> None:
    """A member number typed while the IDB that lacks it is being answered: the refusal asks nobody for it."""
    from teleservices import policy

    answers("RC22", "IDB", count=1)
    recorded = policy.refused

    def typed_meanwhile(call, header, now) -> None:
        coverage_services.enter_member_number(call.coverage_id, "74210088", SYSTEM)
        recorded(call, header, now)

    monkeypatch.setattr(policy, "refused", typed_meanwhile)
    stay = drive("IDB", without_a_member_number)
    assert [call.status for call in stay.calls.filter(operation="IDB").order_by("pk")] == [
        CallStatus.REFUSED,
        CallStatus.SUCCEEDED,
    ]
    assert lists_of(stay) == set()
