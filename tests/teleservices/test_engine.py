"""What becomes of a call when the other side refuses, is away, cuts, or answers nonsense. Real process, real sockets."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from admissions.enums import DischargeMode, RightsStatus, StayKind
from admissions.events import SYSTEM
from admissions.models import Coverage, Stay
from admissions.services import coverage as coverages
from admissions.services import stays
from billing.enums import EngagementStatus, Payer
from teleservices import engine, policy
from teleservices.enums import AttemptOutcome, CallStatus, Disposition, Family
from teleservices.models import TeleserviceCall
from tests.chain import hasten, settle
from tests.factories import AmoCoverageFactory, CoverageFactory, DebtorFactory, PatientFactory, UnitFactory

pytestmark = pytest.mark.django_db
AMC = "0099000104"


@pytest.fixture
def covered(simulator):
    patient = PatientFactory()
    AmoCoverageFactory(patient=patient)
    return CoverageFactory(patient=patient, convention="RO", debtor=DebtorFactory(amc_number=AMC))


def preadmit(covered, kind=StayKind.FULL) -> Stay:
    unit = UnitFactory()
    at = timezone.now().replace(microsecond=0) - timedelta(days=3)
    plan = stays.StayPlan(kind=kind, unit=unit, planned_start_at=at)
    return stays.preadmit(covered.patient, unit.establishment, plan, SYSTEM)


def discharged(covered) -> Stay:
    stay = preadmit(covered)
    stays.admit(stay.pk, stay.planned_start_at, SYSTEM)
    settle()
    return stays.discharge(stay.pk, timezone.now(), DischargeMode.HOME, SYSTEM)


def the(stay: Stay, operation: str) -> TeleserviceCall:
    return TeleserviceCall.objects.filter(stay=stay, operation=operation).latest("pk")


def test_an_amc_that_is_down_is_not_a_refusal_and_is_asked_again(covered, simulator) -> None:
    simulator.scenario(AMC, "http:500", "IDB", count=2)
    stay = preadmit(covered)
    settle()
    call = the(stay, "IDB")
    assert call.status == CallStatus.UNKNOWN
    assert call.not_before > timezone.now()
    assert not stay.rights.exists()
    hasten()
    hasten()
    call.refresh_from_db()
    assert (call.status, call.attempts_count) == (CallStatus.SUCCEEDED, 3)
    assert stay.rights.get().status == RightsStatus.OPEN


def test_a_lost_answer_to_a_clc_is_reconciled_by_the_same_message_and_engages_once(covered, simulator) -> None:
    before = len(simulator.engagements())
    stay = discharged(covered)
    simulator.scenario(AMC, "cut_after", "CLC", count=1)
    settle()
    call = the(stay, "CLC")
    assert (call.status, call.in_doubt) == (CallStatus.UNKNOWN, True)
    hasten()
    call.refresh_from_db()
    assert call.status == CallStatus.SUCCEEDED
    sent = [bytes(attempt.request_xml) for attempt in call.attempts.all()]
    assert len(sent) == 2 and sent[0] == sent[1]
    assert len(simulator.engagements()) == before + 1
    assert stay.engagements.count() == 1


def test_a_worker_killed_after_its_claim_leaves_an_unknown_that_the_sweeper_settles(covered, simulator) -> None:
    stay = discharged(covered)
    from admissions.events import deliver
    from admissions.models import EventDelivery

    for event_id in EventDelivery.objects.filter(done_at__isnull=True).values_list("event_id", flat=True):
        deliver(event_id)
    call = the(stay, "CLC")
    claimed = engine.claim(call.pk)
    assert claimed is not None
    engine.send(claimed)  # the answer came, and the worker died before writing it
    TeleserviceCall.objects.filter(pk=call.pk).update(claimed_until=timezone.now() - timedelta(seconds=1))
    engine.sweep()
    call.refresh_from_db()
    assert call.status == CallStatus.UNKNOWN
    hasten()
    call.refresh_from_db()
    assert call.status == CallStatus.SUCCEEDED
    assert call.attempts.filter(outcome=AttemptOutcome.LOST, reason="worker_gone").exists()
    assert len([one for one in simulator.log(call.message_id) if one["operation"] == "CLC"]) == 2
    assert stay.engagements.filter(status=EngagementStatus.IN_FORCE).count() == 1


@pytest.mark.parametrize(
    "behaviour", ["not_xml", "entity_bomb", "huge:50", "other_message_id", "invalid_answer", "truncated"]
)
def test_an_unreadable_answer_is_kept_as_unknown_and_asked_again(covered, simulator, behaviour: str) -> None:
    simulator.scenario(AMC, behaviour, "IDB", count=1)
    stay = preadmit(covered)
    settle()
    call = the(stay, "IDB")
    assert call.status == CallStatus.UNKNOWN
    assert call.attempts.get().outcome in (AttemptOutcome.INVALID, AttemptOutcome.LOST)
    hasten()
    call.refresh_from_db()
    assert call.status == CallStatus.SUCCEEDED


def test_a_code_that_nobody_knows_is_stored_and_decides_nothing(covered, simulator) -> None:
    simulator.scenario(AMC, "code:ZZ99", "IDB")
    stay = preadmit(covered)
    settle()
    call = the(stay, "IDB")
    assert (call.status, call.return_code, call.family) == (CallStatus.REFUSED, "ZZ99", Family.UNKNOWN_CODE)
    assert stay.rights.get().status == RightsStatus.UNDETERMINED


def test_an_anomaly_is_escalated_and_the_rights_stay_undetermined(covered, simulator) -> None:
    simulator.scenario(AMC, "code:RC03", "IDB")
    stay = preadmit(covered)
    settle()
    assert the(stay, "IDB").disposition == Disposition.ESCALATE
    assert stay.rights.get().status == RightsStatus.UNDETERMINED


def test_too_many_simulations_stop_until_a_referent_looks(covered, simulator) -> None:
    simulator.scenario(AMC, "code:RC12", "SIM")
    stay = preadmit(covered)
    stays.admit(stay.pk, stay.planned_start_at, SYSTEM)
    settle()
    stays.add_request(stay.pk, "CHP", timezone.localdate(), SYSTEM)
    settle()
    assert TeleserviceCall.objects.filter(stay=stay, operation="SIM").count() == 1
    assert the(stay, "SIM").disposition == Disposition.REFERENT


def test_third_party_payment_impossible_closes_the_rights_and_is_never_fished_for(covered, simulator) -> None:
    simulator.scenario(AMC, "code:RC16", "IDB")
    stay = preadmit(covered)
    settle()
    stays.admit(stay.pk, stay.planned_start_at, SYSTEM)
    settle()
    assert TeleserviceCall.objects.filter(stay=stay, operation="IDB").count() == 1
    assert stay.rights.get().status == RightsStatus.CLOSED


def test_a_regime_out_of_step_waits_for_new_rights_then_calls_again(covered, simulator) -> None:
    simulator.scenario(AMC, "code:RC21", "IDB", count=1)
    stay = preadmit(covered)
    settle()
    assert the(stay, "IDB").disposition == Disposition.WAIT_ALIGNMENT
    hasten()
    assert TeleserviceCall.objects.filter(stay=stay, operation="IDB").count() == 1
    amo = covered.patient.coverages.get(kind="AMO")
    coverages.declare_coverage(stay, amo.debtor, SYSTEM, valid_from=timezone.localdate() - timedelta(days=30))
    settle()
    assert the(stay, "IDB").status == CallStatus.SUCCEEDED
    assert stay.rights.first().status == RightsStatus.OPEN


def test_a_missing_member_number_is_asked_for_and_entering_it_calls_again(covered, simulator) -> None:
    Coverage.objects.filter(pk=covered.pk).update(member_number=None)
    simulator.scenario(AMC, "code:RC22", "IDB", count=1)
    stay = preadmit(covered)
    settle()
    refused = the(stay, "IDB")
    assert refused.disposition == Disposition.ASK_MEMBER_NUMBER
    coverages.enter_member_number(covered.pk, "77441927", SYSTEM)
    settle()
    refused.refresh_from_db()
    assert refused.superseded_at is not None
    assert the(stay, "IDB").status == CallStatus.SUCCEEDED
    assert stay.rights.first().status == RightsStatus.OPEN


def test_a_refused_prescription_date_is_replayed_with_the_entry_date(covered, simulator) -> None:
    simulator.scenario(AMC, "code:RC23", "CLC", count=1)
    stay = discharged(covered)
    settle()
    replayed = the(stay, "CLC")
    assert replayed.status == CallStatus.SUCCEEDED
    assert replayed.parameters["prescription"] == "entry"
    assert replayed.follows.return_code == "RC23"
    assert stay.engagements.count() == 1


def test_a_prescription_date_refused_three_times_goes_to_a_referent(covered, simulator) -> None:
    simulator.scenario(AMC, "code:RC23", "CLC")
    stay = discharged(covered)
    settle()
    assert TeleserviceCall.objects.filter(stay=stay, operation="CLC").count() == 3
    assert the(stay, "CLC").disposition == Disposition.REFERENT
    assert not stay.invoices.exists()


@pytest.mark.parametrize("code", ["RC24", "RC25", "RC26"])
def test_an_amc_that_says_it_is_unavailable_is_asked_again_with_the_same_message(covered, simulator, code) -> None:
    simulator.scenario(AMC, f"code:{code}", "CLC", count=1)
    stay = discharged(covered)
    settle()
    call = the(stay, "CLC")
    assert (call.status, call.in_doubt) == (CallStatus.PLANNED, False)
    assert call.not_before > timezone.now()
    hasten()
    call.refresh_from_db()
    assert call.status == CallStatus.SUCCEEDED
    assert stay.engagements.get().call == call


def test_a_refused_clc_that_only_the_patient_can_mend_is_billed_without_the_amc(covered, simulator) -> None:
    simulator.scenario(AMC, "code:RC20", "CLC")
    stay = discharged(covered)
    settle()
    assert {invoice.payer for invoice in stay.invoices.all()} == {Payer.AMO, Payer.PATIENT}


def test_a_wrong_certificate_stops_the_calls_for_one_cause_and_mending_it_starts_them(
    covered, simulator, settings
) -> None:
    from gap.pki import SERVICES_UNIT, issue_expired_client_certificate
    from teleservices import client

    good = dict(settings.TELESERVICES)
    expired = issue_expired_client_certificate(simulator.pki, SERVICES_UNIT)
    settings.TELESERVICES = good | {
        "services_certificate": str(expired.certificate),
        "services_key": str(expired.key),
    }
    client.forget()
    stay = preadmit(covered)
    settle()
    call = the(stay, "IDB")
    assert (call.status, call.in_doubt) == (CallStatus.NEEDS_REFERENT, False)
    settings.TELESERVICES = good
    client.forget()
    assert policy.rearm_cause(call.cause) == 1
    settle()
    assert stay.rights.get().status == RightsStatus.OPEN


def test_an_answer_that_cannot_be_applied_is_not_lost(covered, simulator, monkeypatch) -> None:
    from billing import services

    stay = discharged(covered)
    monkeypatch.setattr(services, "apply_engagement", _fails)
    settle()
    call = the(stay, "CLC")
    assert (call.status, call.cause) == (CallStatus.UNKNOWN, "apply_failed")
    monkeypatch.undo()
    hasten()
    call.refresh_from_db()
    assert call.status == CallStatus.SUCCEEDED
    assert stay.engagements.count() == 1


def _fails(*_arguments: object) -> None:
    raise ValueError("a fault of ours")


def test_a_call_is_never_claimed_twice(covered, simulator) -> None:
    stay = preadmit(covered)
    from admissions.events import deliver

    deliver(stay.events.get().pk)
    call = the(stay, "ANNUAIRE")
    assert engine.claim(call.pk) is not None
    assert engine.claim(call.pk) is None


def test_two_events_at_once_plan_one_call(covered, simulator) -> None:
    stay = preadmit(covered)
    stays.ask_rights_again(stay.pk, SYSTEM)
    stays.ask_rights_again(stay.pk, SYSTEM)
    settle()
    assert TeleserviceCall.objects.filter(stay=stay, operation="ANNUAIRE").count() == 1


def test_a_fresh_answer_is_not_asked_again_unless_a_person_wants_it(covered, simulator) -> None:
    stay = preadmit(covered)
    settle()
    stays.admit(stay.pk, stay.planned_start_at, SYSTEM)
    settle()
    assert TeleserviceCall.objects.filter(stay=stay, operation="IDB").count() == 1
    stays.ask_rights_again(stay.pk, SYSTEM)
    settle()
    assert TeleserviceCall.objects.filter(stay=stay, operation="IDB").count() == 2
