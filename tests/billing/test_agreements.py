"""The circuit outside ROC: a prise en charge is opened by the facts, asked, reminded, answered, billed, closed."""

from __future__ import annotations

import csv
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.utils import timezone

import billing
from admissions.enums import DischargeMode, IdentityStatus, Protection, StayKind
from admissions.errors import Conflict, Refused
from admissions.events import SYSTEM, Actor
from admissions.models import Patient
from admissions.services import coverage as coverages
from admissions.services import stays
from billing import services
from billing.enums import AGREEMENT_STEPS, AgreementEnd, AgreementState, InvoiceStatus, Payer
from billing.lots import send_lots
from billing.models import Agreement, AgreementLine, AgreementStep
from billing.pec import services as pec
from billing.pec.rules import all_rules, rule_for
from billing.rules.agreements import Clause
from debtors.models import DirectoryEntry
from tests.chain import settle
from tests.factories import (
    AmoCoverageFactory,
    CoverageFactory,
    DebtorFactory,
    DirectoryEntryFactory,
    PatientFactory,
    UnitFactory,
    known_as,
)

pytestmark = pytest.mark.django_db
OUT = "7000009999"
GRANT = pec.Reply(
    AgreementState.GRANTED,
    number="PEC-77",
    clauses=[Clause("TM", Decimal(100)), Clause("CHP", Decimal(100), daily_cap=Decimal(45))],
)


@pytest.fixture
def outside(simulator, establishment):
    """Makes a stay whose AMC no directory knows, three days ago."""

    def make(kind: StayKind = StayKind.FULL, *, admit: bool = True, **fields):
        patient = PatientFactory()
        known_as(IdentityStatus.VALIDATED, patient)
        AmoCoverageFactory(patient=patient)
        debtor = fields.pop("debtor", None) or DebtorFactory(amc_number=OUT, name="Mutuelle du Bocage")
        CoverageFactory(patient=patient, debtor=debtor, convention="RO")
        plan = stays.StayPlan(
            kind=kind,
            unit=UnitFactory(establishment=establishment),
            planned_start_at=timezone.now() - timedelta(days=3),
            **fields,
        )
        stay = stays.preadmit(patient, establishment, plan, SYSTEM)
        settle()
        if admit:
            stays.admit(stay.pk, stay.planned_start_at, SYSTEM)
            settle()
        stay.refresh_from_db()
        return stay

    return make


def leave(stay) -> None:
    stays.discharge(stay.pk, timezone.now(), DischargeMode.HOME, SYSTEM)
    settle()


def agreement_of(stay) -> Agreement:
    return stay.agreements.get(closed_at__isnull=True)


def story(agreement: Agreement) -> list[tuple[str, str]]:
    return list(agreement.steps.values_list("act", "state"))


# ---- opened and closed by facts ----


def test_a_preadmission_outside_roc_opens_an_agreement_with_all_that_is_known(outside) -> None:
    stay = outside(admit=False)
    found = agreement_of(stay)
    assert (found.state, found.debtor.name) == ("to_ask", "Mutuelle du Bocage")
    assert found.coverage.member_number == "08441927"
    assert story(found) == [("opened", "to_ask")]


def test_asked_again_by_each_event_it_stays_the_one(outside) -> None:
    stay = outside()
    stays.add_request(stay.pk, "CHP", timezone.localdate(), SYSTEM)
    stays.ask_rights_again(stay.pk, SYSTEM)
    settle()
    assert stay.agreements.count() == 1


def test_external_care_needs_no_request_the_attestation_is_enough(outside, agent) -> None:
    stay = outside(StayKind.EXTERNAL)
    assert agreement_of(stay).state == AgreementState.TACIT
    services.enter_activity(stay.pk, "CS", timezone.localdate(), 1, Actor(agent))
    leave(stay)
    bill = stay.bills.get()
    assert bill.amc_share == bill.total - bill.amo_share > 0


def test_an_amc_that_joins_roc_closes_it_and_engages_itself(outside) -> None:
    debtor = DebtorFactory(amc_number="0099000104", name="Prévoyance du Rail")
    entry = DirectoryEntryFactory(amc_number=debtor.amc_number, convention="RO", domain="MCO", found=False)
    stay = outside(debtor=debtor)
    assert agreement_of(stay).state == AgreementState.TO_ASK
    DirectoryEntry.objects.filter(pk=entry.pk).update(answered_at=timezone.now() - timedelta(days=2))
    stays.ask_rights_again(stay.pk, SYSTEM)
    settle()
    assert stay.agreements.get().closed_reason == AgreementEnd.BY_ROC
    leave(stay)
    assert stay.engagements.exists()
    assert stay.invoices.get(payer=Payer.AMC).agreement is None


def test_another_coverage_closes_it_and_opens_another(outside) -> None:
    stay = outside()
    other = DebtorFactory(amc_number="7000008888", name="Mutuelle des Marais")
    coverages.declare_coverage(
        stay, other, SYSTEM, valid_from=timezone.localdate() - timedelta(days=9), convention="RO"
    )
    settle()
    assert list(stay.agreements.order_by("pk").values_list("closed_reason", "debtor__name")) == [
        (AgreementEnd.COVERAGE_REPLACED, "Mutuelle du Bocage"),
        ("", "Mutuelle des Marais"),
    ]


def test_a_cancelled_stay_closes_it(outside) -> None:
    stay = outside()
    stays.cancel(stay.pk, "ne viendra pas", SYSTEM)
    settle()
    assert stay.agreements.get().closed_reason == AgreementEnd.STAY_CANCELLED


def test_nobody_is_asked_about_a_birth_kept_secret(outside) -> None:
    stay = outside()
    Patient.objects.filter(pk=stay.patient_id).update(protection=Protection.SECRET)
    stays.add_request(stay.pk, "CHP", timezone.localdate(), SYSTEM)
    stays.ask_rights_again(stay.pk, SYSTEM)
    settle()
    assert [one.closed_reason for one in stay.agreements.all()] == [AgreementEnd.KEPT_SECRET]


# ---- asked, reminded, answered ----


def test_a_request_is_counted_once_and_reminded_after_its_delay(outside, agent) -> None:
    who = Actor(agent)
    found = agreement_of(outside())
    assert pec.ask(found.pk, who).requested_at == pec.ask(found.pk, who).requested_at
    with pytest.raises(Refused, match="prochaine relance"):
        pec.remind(found.pk, who)
    with time_machine.travel(timezone.now() + timedelta(days=rule_for("full", timezone.localdate()).remind_after)):
        assert pec.remind(found.pk, who).reminders == 1
        with pytest.raises(Refused, match="prochaine relance"):
            pec.remind(found.pk, who)
    assert story(found) == [("opened", "to_ask"), ("requested", "requested"), ("reminded", "requested")]
    assert found.steps.last().by == agent


def test_silence_is_an_agreement_only_where_the_rule_says_so(outside, monkeypatch) -> None:
    found = agreement_of(outside())
    pec.ask(found.pk, SYSTEM)
    later = timezone.now() + timedelta(days=40)
    assert pec.presume_due(later) == 0
    from dataclasses import replace

    monkeypatch.setattr(pec, "rule_for", lambda kind, day: replace(rule_for(kind, day), tacit_after=15))
    assert pec.presume_due(later) == 1
    found.refresh_from_db()
    assert (found.state, [str(line) for line in found.lines.all()]) == ("tacit", ["TM 100.00 %"])


def test_a_granted_stay_is_billed_by_its_contract_lines(outside, agent) -> None:
    stay = outside()
    stays.add_request(stay.pk, "CHP", timezone.localdate() - timedelta(days=3), SYSTEM)
    found = agreement_of(stay)
    pec.ask(found.pk, Actor(agent))
    leave(stay)
    assert not stay.bills.exists()  # it waits for the answer
    pec.answer(found.pk, GRANT, Actor(agent))
    bill = stay.bills.get()
    invoice = bill.invoices.get(payer=Payer.AMC)
    assert (invoice.agreement, invoice.engagement, invoice.debtor.name) == (found, None, "Mutuelle du Bocage")
    by_code = {line.code: line.amount for line in invoice.lines.all()}
    assert by_code["CHP"] == Decimal("135.00")
    assert "FJH" not in by_code  # the exit's daily charge is not agreed
    assert bill.amo_share + bill.amc_share + bill.patient_share == bill.total
    assert not stay.calls.filter(operation="CLC").exists()


def test_its_invoice_leaves_by_a_person_never_by_the_lots(outside, agent) -> None:
    stay = outside()
    found = agreement_of(stay)
    pec.answer(found.pk, GRANT, Actor(agent))
    leave(stay)
    invoice = stay.invoices.get(payer=Payer.AMC)
    assert send_lots() == 0
    assert pec.invoice_left(invoice.pk, Actor(agent)).status == InvoiceStatus.SENT
    with pytest.raises(Refused, match="n’est plus à envoyer"):
        pec.invoice_left(invoice.pk, Actor(agent))
    with pytest.raises(Refused, match="déjà partie"):
        pec.answer(found.pk, pec.Reply(AgreementState.REFUSED), Actor(agent))
    with pytest.raises(IntegrityError, match="sent_invoice_is_immutable"), transaction.atomic():
        stay.invoices.filter(payer=Payer.AMC).update(agreement=None)
    with pytest.raises(Refused, match="part seule"):
        pec.invoice_left(stay.invoices.get(payer=Payer.AMO).pk, Actor(agent))


def test_a_refusal_bills_the_patient(outside, agent) -> None:
    stay = outside()
    found = agreement_of(stay)
    pec.answer(found.pk, GRANT, Actor(agent))
    leave(stay)
    assert stay.bills.get().amc_share > 0
    pec.answer(found.pk, pec.Reply(AgreementState.REFUSED), Actor(agent))
    bill = stay.bills.get(status="current")
    assert (bill.amc_share, bill.patient_share) == (0, bill.total - bill.amo_share)
    assert {one.payer for one in bill.invoices.all()} == {Payer.AMO, Payer.PATIENT}


def test_an_extension_pays_the_nights_that_it_adds(outside, agent) -> None:
    stay = outside()
    found = agreement_of(stay)
    first = timezone.localdate(stay.started_at)
    short = pec.Reply(AgreementState.GRANTED, valid_from=first, valid_until=first, clauses=[Clause("TM", Decimal(100))])
    pec.answer(found.pk, short, Actor(agent))
    leave(stay)
    before = stay.bills.get().amc_share
    pec.answer(found.pk, pec.Reply(AgreementState.EXTENDED, valid_until=timezone.localdate()), Actor(agent))
    assert stay.bills.get(status="current").amc_share == before * 3


def test_a_suspended_agreement_waits(outside, agent) -> None:
    stay = outside()
    found = agreement_of(stay)
    pec.answer(found.pk, GRANT, Actor(agent))
    pec.answer(found.pk, pec.Reply(AgreementState.SUSPENDED), Actor(agent))
    leave(stay)
    assert not stay.bills.exists()


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (pec.Reply(AgreementState.GRANTED), "Aucune ligne"),
        (pec.Reply(AgreementState.EXTENDED, clauses=GRANT.clauses), "nouvelle fin"),
        (
            pec.Reply(
                AgreementState.GRANTED,
                valid_from=timezone.localdate(),
                valid_until=timezone.localdate() - timedelta(days=1),
                clauses=GRANT.clauses,
            ),
            "finit avant",
        ),
        (
            pec.Reply(
                AgreementState.EXTENDED, valid_until=timezone.localdate() + timedelta(days=9), clauses=GRANT.clauses
            ),
            "ne peut plus passer",
        ),
    ],
    ids=["no line", "no end", "ends before", "not granted yet"],
)
def test_an_answer_that_says_nothing_usable_is_explained(reply, told, outside, agent) -> None:
    found = agreement_of(outside())
    with pytest.raises(Refused, match=told):
        pec.answer(found.pk, reply, Actor(agent))
    found.refresh_from_db()
    assert (found.state, found.steps.count()) == ("to_ask", 1)


def test_two_people_do_not_answer_over_each_other(outside, agent) -> None:
    found = agreement_of(outside())
    pec.answer(found.pk, GRANT, Actor(agent), version=found.version)
    with pytest.raises(Conflict):
        pec.answer(found.pk, pec.Reply(AgreementState.REFUSED), Actor(agent), version=found.version)


# ---- what PostgreSQL holds ----


def test_the_database_holds_the_same_steps_as_the_code(outside) -> None:
    found = agreement_of(outside())
    Agreement.objects.filter(pk=found.pk).update(
        valid_from=timezone.localdate(), requested_at=timezone.now(), remind_at=timezone.now()
    )
    found.refresh_from_db()
    every = {(one, after) for one in AgreementState for after in AgreementState if one != after}
    refused = set()
    for one, after in every:
        found.delete()
        found.state = one
        found.save(force_insert=True)
        try:
            with transaction.atomic():
                Agreement.objects.filter(pk=found.pk).update(state=after)
        except IntegrityError:
            refused.add((one, after))
    allowed = {(one, AgreementState(after)) for one, afters in AGREEMENT_STEPS.items() for after in afters}
    assert every - refused == allowed


def test_a_closed_agreement_its_lines_and_its_history_stay_as_they_are(outside, agent) -> None:
    stay = outside()
    found = agreement_of(stay)
    pec.answer(found.pk, GRANT, Actor(agent))
    stays.cancel(stay.pk, "erreur", SYSTEM)
    settle()
    tries = {
        "closed_agreement_is_immutable": [
            lambda: Agreement.objects.filter(pk=found.pk).update(number="x"),
            lambda: AgreementLine.objects.filter(agreement=found).update(percent=1),
            lambda: AgreementLine.objects.create(agreement=found, covers="FJ", percent=1),
        ],
        "agreement_history_is_append_only": [lambda: AgreementStep.objects.filter(agreement=found).update(note="x")],
    }
    for name, acts in tries.items():
        for act in acts:
            with pytest.raises(IntegrityError, match=name), transaction.atomic():
                act()
    with pytest.raises(Refused, match="fermée"):
        pec.ask(found.pk, Actor(agent))


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"valid_from": "2026-03-02", "valid_until": "2026-03-01"}, "agreement_ends_after_it_starts"),
        ({"state": "granted"}, "a_granted_agreement_says_from_when"),
        ({"state": "requested"}, "a_request_has_its_dates"),
        ({"ceiling": "-1"}, "agreement_ceiling_is_not_negative"),
        ({"closed_at": "2026-03-01T00:00Z"}, "a_closed_agreement_says_why"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_row_that_makes_no_sense_is_refused(fields, constraint, outside) -> None:
    found = agreement_of(outside(admit=False))
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Agreement.objects.filter(pk=found.pk).update(**fields)


# ---- data ----


def test_every_kind_of_stay_has_one_rule_a_day_and_every_state_a_trade_code(shared) -> None:
    for kind in StayKind:
        assert rule_for(kind, timezone.localdate()).kind == kind
    assert all(rule.source for rule in all_rules())
    ours = Path(billing.__file__).parent / "data" / "pec_states.csv"
    with ours.open(newline="", encoding="utf-8") as file:
        mapped = {row["state"]: row["trade_code"] for row in csv.DictReader(file)}
    with (shared / "data" / "codes_pec_state.csv").open(newline="", encoding="utf-8") as file:
        known = {row["code"] for row in csv.DictReader(file)}
    assert set(mapped) == set(AgreementState.values)
    assert set(mapped.values()) <= known
