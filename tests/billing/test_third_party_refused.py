"""An AMC that refuses the third-party payment: the patient is told, the stay goes on without it, nobody fishes for a yes."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from accounts.enums import Role
from admissions.enums import DischargeMode, EventKind, IdentityStatus, RightsStatus, StayKind
from admissions.errors import Refused
from admissions.events import SYSTEM, Actor
from admissions.services import coverage as coverages
from admissions.services import stays
from billing.enums import Payer
from billing.stay_money import estimate_of
from teleservices.enums import CallStatus
from tests.chain import hasten, settle
from tests.factories import AmoCoverageFactory, CoverageFactory, DebtorFactory, PatientFactory, UnitFactory, known_as

pytestmark = pytest.mark.django_db
AMC = "0099000104"


@pytest.fixture
def refused(simulator, establishment):
    """A stay preadmitted for today, whose AMC says that the contract is over."""
    simulator.control("POST", "/scenario", {"amc": AMC, "operation": "IDB", "behaviour": "code:RC15"})
    patient = PatientFactory()
    known_as(IdentityStatus.VALIDATED, patient)
    AmoCoverageFactory(patient=patient)
    CoverageFactory(patient=patient, convention="RO", debtor=DebtorFactory(amc_number=AMC, name="Prévoyance du Rail"))
    unit = UnitFactory(establishment=establishment)
    plan = stays.StayPlan(kind=StayKind.FULL, unit=unit, planned_start_at=timezone.now() - timedelta(days=3))
    stay = stays.preadmit(patient, establishment, plan, SYSTEM)
    settle()
    simulator.clear_scenarios()  # asked again, it would say yes
    return stay


def questions(stay) -> int:
    return stay.calls.filter(operation="IDB").count()


def test_nobody_asks_the_same_question_again(refused, agent) -> None:
    with pytest.raises(Refused) as told:
        stays.ask_rights_again(refused.pk, Actor(agent))
    assert told.value.sentence == (
        "L’organisme a refusé le tiers payant : Contrat résilié à la date des soins. Rien n’a été modifié. "
        "Scannez une autre carte, ou corrigez la couverture : la demande repart seule."
    )
    assert not refused.events.filter(kind=EventKind.RIGHTS_ASKED_AGAIN).exists()


def test_neither_does_the_system_on_another_day(refused) -> None:
    with time_machine.travel(timezone.now() + timedelta(days=1)):
        stays.admit(refused.pk, refused.planned_start_at, SYSTEM)
        settle()
    assert questions(refused) == 1


def test_a_corrected_coverage_is_another_question_and_says_who_asked(refused, agent) -> None:
    amc = refused.patient.coverages.get(kind="AMC")
    coverages.enter_member_number(amc.pk, "55120077", Actor(agent))
    settle()
    assert questions(refused) == 2
    assert refused.rights.first().status == RightsStatus.OPEN
    asked = refused.calls.filter(operation="IDB").order_by("-pk").first()
    assert (asked.status, asked.event.kind, asked.event.created_by) == (
        CallStatus.SUCCEEDED,
        EventKind.COVERAGE_CHANGED,
        agent,
    )


def test_a_stay_moved_to_other_days_is_another_question(refused) -> None:
    refused.refresh_from_db()
    plan = stays.StayPlan(kind=refused.kind, unit=refused.unit, planned_start_at=timezone.now() + timedelta(days=20))
    stays.change_plan(refused.pk, plan, SYSTEM, version=refused.version)
    settle()
    assert questions(refused) == 2


def test_the_stay_is_billed_without_that_amc_by_any_way(refused) -> None:
    stays.admit(refused.pk, refused.planned_start_at, SYSTEM)
    stays.discharge(refused.pk, timezone.now(), DischargeMode.HOME, SYSTEM)
    settle()
    assert {invoice.payer for invoice in refused.invoices.all()} == {Payer.AMO, Payer.PATIENT}
    bill = refused.bills.get()
    assert (bill.amc_share, bill.patient_share) == (0, bill.total - bill.amo_share)


def test_an_amc_that_pays_after_all_is_billed_again_while_nothing_has_left(refused) -> None:
    stays.admit(refused.pk, refused.planned_start_at, SYSTEM)
    stays.discharge(refused.pk, timezone.now(), DischargeMode.HOME, SYSTEM)
    settle()
    coverages.enter_member_number(refused.patient.coverages.get(kind="AMC").pk, "55120077", SYSTEM)
    settle()
    bill = refused.bills.get(status="current")
    assert bill.amc_share == refused.engagements.get().amount > 0


def test_what_the_amc_had_announced_holds_no_more(simulator, refused) -> None:
    coverages.enter_member_number(refused.patient.coverages.get(kind="AMC").pk, "55120077", SYSTEM)
    settle()
    stays.admit(refused.pk, refused.planned_start_at, SYSTEM)
    settle()
    assert estimate_of(refused).amc > 0
    simulator.control("POST", "/scenario", {"amc": AMC, "operation": "SIM", "behaviour": "code:RC20"})
    stays.add_request(refused.pk, "CHP", timezone.localdate() - timedelta(days=2), SYSTEM)
    settle()
    hasten()
    assert estimate_of(refused).amc == 0


def test_the_notice_says_why_what_it_costs_and_what_to_do(refused, signed_in) -> None:
    client = signed_in(Role.AGENT)
    html = client.get(reverse("billing:third-party-notice", args=[refused.iep])).content.decode()
    assert "votre complémentaire n’avance pas les frais" in html
    assert "Prévoyance du Rail" in html and "Contrat résilié à la date des soins" in html
    assert refused.patient.birth_name in html and refused.iep in html
    assert refused.patient.nir not in html
    shown = f"{estimate_of(refused).patient:.2f}".replace(".", ",")
    assert shown in html.replace("\u202f", "").replace("\u00a0", "")


def test_without_a_refusal_there_is_no_notice(signed_in, establishment) -> None:
    from tests.worklists import scene

    stay = scene.a_stay()
    scene.a_coverage(stay)
    client = signed_in(Role.AGENT)
    answer = client.get(reverse("billing:third-party-notice", args=[stay.iep]), follow=True)
    assert "il n’y a pas d’avis à remettre" in answer.content.decode()


def test_the_notice_costs_a_known_number_of_queries(refused, signed_in, django_assert_max_num_queries) -> None:
    client = signed_in(Role.AGENT)
    with django_assert_max_num_queries(22):
        client.get(reverse("billing:third-party-notice", args=[refused.iep]))


def test_the_arrivals_of_the_day_say_it_before_the_patient_comes(refused, signed_in) -> None:
    client = signed_in(Role.AGENT)
    day = f"{timezone.localtime(refused.planned_start_at):%d/%m/%Y}"
    asked = reverse("admissions:arrivals")
    assert "Prévenir\u00a0: contrat résilié" in client.get(asked, {"jour": day}).content.decode()
    refused.calls.filter(operation="IDB").update(handled_at=timezone.now())
    assert "Tiers payant refusé" in client.get(asked, {"jour": day}).content.decode()


def test_a_portal_reads_it_on_the_stay(refused, api) -> None:
    stay = api().get(f"/api/v1/stays/{refused.iep}").json()
    said = stay["third_party_payment"]
    assert (said["status"], said["code"]) == ("impossible", "RC15")
    assert said["reason"] == "Contrat résilié à la date des soins"
    coverages.enter_member_number(refused.patient.coverages.get(kind="AMC").pk, "55120077", SYSTEM)
    settle()
    assert api().get(f"/api/v1/stays/{refused.iep}").json()["third_party_payment"]["status"] == "possible"
