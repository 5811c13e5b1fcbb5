"""What an answer of the AMO makes of a dossier: kept, compared, taken by a rule or by a person."""

from __future__ import annotations

import datetime as dt
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from admissions.amo import rights_of
from admissions.enums import AmoOutcome, CoverageKind, CoverageSource, DifferenceState, EventKind
from admissions.errors import Refused
from admissions.events import SYSTEM, Actor
from admissions.models import AdmissionEvent, AmoAcceptance, AmoAnswer, AmoDifference, Coverage, Stay
from admissions.rules.amo import Period
from admissions.services import amo
from admissions.services.coverage import declare_coverage
from tests.factories import FundFactory, StayFactory

pytestmark = pytest.mark.django_db
INSURED = "2840599990001" + "28"


@pytest.fixture
def fund():
    return FundFactory()


@pytest.fixture
def stay() -> Stay:
    return StayFactory()


def said(stay: Stay, outcome: AmoOutcome = AmoOutcome.FOUND, **more) -> amo.AmoSaid:
    day = timezone.localdate(stay.start_at)
    told = {
        "expires_at": timezone.now() + dt.timedelta(hours=24),
        "content": {"entities": "whole"},
        "organisation": ("01", "351", "0000"),
        "quality": "1",
        "piece": "2",
        "rights_from": day - dt.timedelta(days=100),
        "rights_until": day + dt.timedelta(days=100),
    }
    return amo.AmoSaid(
        outcome=outcome, message_id=uuid4(), about="digest", care_date=day, answered_at=timezone.now(), **(told | more)
    )


def receive(stay: Stay, **more) -> AmoAnswer:
    with transaction.atomic():
        return amo.received(stay, said(stay, **more))


def declared(stay: Stay, fund, **more) -> Coverage:
    """Over the days around the care, unless said otherwise."""
    day = timezone.localdate(stay.start_at)
    days = {"valid_from": day - dt.timedelta(days=30), "valid_until": day + dt.timedelta(days=30)}
    return declare_coverage(stay, fund, SYSTEM, **(days | more))


def in_force(stay: Stay) -> list[Coverage]:
    return list(
        Coverage.objects.filter(patient=stay.patient, kind=CoverageKind.AMO, active=True).order_by("valid_from")
    )


def told(stay: Stay) -> int:
    return AdmissionEvent.objects.filter(stay=stay, kind=EventKind.COVERAGE_CHANGED).count()


def waiting(stay: Stay) -> dict[str, tuple[str, str]]:
    rows = AmoDifference.objects.filter(patient=stay.patient, state=DifferenceState.WAITING)
    return {row.field: (row.ours, row.theirs) for row in rows}


def test_nothing_was_known_and_the_fund_of_the_answer_covers_the_stay(stay, fund) -> None:
    answer = receive(stay)
    (held,) = in_force(stay)
    assert (held.debtor, held.source, held.answer, held.piece) == (fund, CoverageSource.CDRI, answer, "2")
    assert held.valid_from == timezone.localdate(stay.start_at)
    assert held.valid_until == answer.rights_until
    assert told(stay) == 1


def test_an_answer_that_agrees_confirms_and_tells_nobody(stay, fund) -> None:
    declared(stay, fund)
    before = told(stay)
    answer = receive(stay, insured=INSURED)
    (held,) = in_force(stay)
    assert (held.source, held.answer, held.piece, held.insured) == (CoverageSource.DECLARED, answer, "2", INSURED)
    assert held.valid_until == answer.rights_until
    assert told(stay) == before


def test_rights_without_an_end_take_the_one_that_the_amo_gives(stay, fund) -> None:
    declared(stay, fund, valid_until=None)
    before = told(stay)
    answer = receive(stay)
    assert in_force(stay)[-1].valid_until == answer.rights_until
    # Nothing that a payer is asked by has changed on the day of care.
    assert told(stay) == before


def test_another_fund_is_taken_by_rule_and_the_stay_is_told(stay, fund) -> None:
    other = FundFactory(code="AMO022900000", name="MSA d’Armorique", amo_regime="02", amo_fund="290")
    declared(stay, other)
    before = told(stay)
    receive(stay)
    assert in_force(stay)[-1].debtor == fund
    assert told(stay) == before + 1
    taken = AmoDifference.objects.get(field="fund")
    assert (taken.state, taken.decided_by, taken.ours, taken.theirs) == (
        DifferenceState.ACCEPTED, None, "MSA d’Armorique", fund.name,
    )  # fmt: skip


def test_a_fund_without_a_record_waits_until_finance_makes_one(stay) -> None:
    receive(stay)
    assert waiting(stay) == {"fund": ("", "01 351 0000")}
    assert in_force(stay) == []
    with pytest.raises(Refused, match="01 351 0000"):
        amo.decide(stay.pk, True, SYSTEM)
    made = FundFactory()
    amo.decide(stay.pk, True, SYSTEM)
    assert [held.debtor for held in in_force(stay)] == [made]


def test_an_exemption_holds_on_its_days_and_the_coverage_is_cut_there(stay, fund) -> None:
    declared(stay, fund)
    day = timezone.localdate(stay.start_at)
    receive(stay, periods=(Period("ETM", "8", day - dt.timedelta(days=9), day + dt.timedelta(days=9)),))
    found = [(row.valid_from, row.exemption) for row in in_force(stay) if row.source == CoverageSource.CDRI]
    assert found == [(day, "4"), (day + dt.timedelta(days=10), "")]
    assert told(stay) == 2


def test_a_prescription_is_looked_at_too(stay, fund) -> None:
    day = timezone.localdate(stay.start_at)
    stay.prescription_date = day - dt.timedelta(days=20)
    stay.save()
    receive(stay, periods=(Period("ETM", "8", day - dt.timedelta(days=40), day - dt.timedelta(days=1)),))
    assert [(row.valid_from, row.exemption) for row in in_force(stay)] == [(stay.prescription_date, "4"), (day, "")]


def test_situations_of_the_answer_are_those_of_the_coverage(stay, fund) -> None:
    receive(stay, periods=(Period("SP", "1"), Period("MTM", "9")))
    (held,) = in_force(stay)
    assert (held.nature, held.situations) == ("13", ["LOCAL", "C2S"])


def test_closed_rights_wait_for_a_person_and_then_end_the_coverage(stay, fund) -> None:
    held = declared(stay, fund)
    yesterday = timezone.localdate(stay.start_at) - dt.timedelta(days=1)
    receive(stay, rights_until=yesterday)
    assert list(waiting(stay)) == ["closed"]
    held.refresh_from_db()
    assert held.valid_until > yesterday
    before = told(stay)
    amo.decide(stay.pk, True, SYSTEM)
    held.refresh_from_db()
    assert held.valid_until == yesterday
    assert told(stay) == before + 1


def test_rights_that_end_on_the_day_of_care_are_open(stay, fund) -> None:
    receive(stay, rights_until=timezone.localdate(stay.start_at))
    assert [row.debtor for row in in_force(stay)] == [fund]


def test_what_comes_from_a_paper_is_compared_by_a_person(stay, fund) -> None:
    declared(stay, fund, source=CoverageSource.PAPER, particular={"exemption": "4", "piece": "1"})
    receive(stay)
    assert waiting(stay) == {"exemption": ("affection de longue durée (4)", "aucune")}
    assert in_force(stay)[0].exemption == "4"


def test_what_was_kept_is_not_asked_again_until_the_amo_says_something_else(stay, fund, referent) -> None:
    declared(stay, fund, source=CoverageSource.PAPER, particular={"exemption": "4", "piece": "1"})
    receive(stay)
    amo.decide(stay.pk, False, Actor(referent))
    assert AmoDifference.objects.get().decided_by == referent
    receive(stay)
    assert waiting(stay) == {}
    receive(stay, periods=(Period("ETM", "14"),))
    assert waiting(stay) == {"exemption": ("affection de longue durée (4)", "assuré ou bénéficiaire exonéré (5)")}
    assert in_force(stay)[0].exemption == "4"


def test_what_is_typed_after_an_answer_is_confirmed_by_it_or_compared(stay, fund) -> None:
    answer = receive(stay)
    typed = declared(stay, fund)
    assert (typed.source, typed.answer, waiting(stay)) == (CoverageSource.DECLARED, answer, {})
    other = FundFactory(code="AMO022900000", name="MSA d’Armorique", amo_regime="02", amo_fund="290")
    typed = declared(stay, other)
    assert (typed.debtor, typed.answer) == (other, None)
    assert waiting(stay) == {"fund": ("MSA d’Armorique", fund.name)}


def test_a_decision_is_taken_once(stay, fund) -> None:
    declared(stay, fund, source=CoverageSource.PAPER, particular={"exemption": "4"})
    receive(stay)
    amo.decide(stay.pk, True, SYSTEM)
    with pytest.raises(Refused, match="déjà décidées"):
        amo.decide(stay.pk, False, SYSTEM)


def test_the_rule_in_force_decides(stay, fund) -> None:
    other = FundFactory(code="AMO022900000", amo_regime="02", amo_fund="290")
    declared(stay, other)
    AmoAcceptance.objects.filter(field="fund", source="").update(automatic=False)
    receive(stay)
    assert list(waiting(stay)) == ["fund"]
    AmoAcceptance.objects.filter(field="fund", source="").update(automatic=True, valid_until=dt.date(2026, 1, 2))
    receive(stay)
    assert list(waiting(stay)) == ["fund"]


def test_a_partial_answer_leaves_what_it_does_not_say(stay, fund) -> None:
    declared(stay, fund, particular={"exemption": "4"})
    answer = receive(stay, outcome=AmoOutcome.PARTIAL, missing=("03.05",))
    assert (waiting(stay), in_force(stay)[0].exemption, answer.missing) == ({}, "4", ["03.05"])
    nothing = receive(
        stay, outcome=AmoOutcome.PARTIAL, missing=("03.04",), organisation=None, rights_from=None, rights_until=None
    )
    assert nothing.fund == ""
    assert in_force(stay)[0].debtor == fund


@pytest.mark.parametrize("outcome", [AmoOutcome.NONE, AmoOutcome.SEVERAL, AmoOutcome.CLOSED])
def test_who_is_not_found_changes_nothing_but_its_state(stay, fund, outcome) -> None:
    declared(stay, fund)
    answer = receive(stay, outcome=outcome)
    assert (answer.outcome, answer.content, answer.expires_at) == (outcome, None, None)
    assert amo.latest_answer(stay.patient) == answer
    assert [row.answer for row in in_force(stay)] == [None]


def test_the_same_answer_twice_is_kept_once(stay, fund) -> None:
    twice = said(stay, periods=(Period("ETM", "8"),))
    with transaction.atomic():
        amo.received(stay, twice)
        amo.received(stay, twice)
    assert AmoAnswer.objects.count() == 1
    assert AmoAnswer.objects.get().periods.count() == 1
    assert len(in_force(stay)) == 1


def test_the_whole_answer_is_kept_encrypted(stay, fund) -> None:
    from django.db import connection

    answer = receive(stay, insured=INSURED)
    with connection.cursor() as cursor:
        cursor.execute("select content::text, insured::text from admissions_amoanswer")
        (row,) = cursor.fetchall()
    assert not any("whole" in text or INSURED in text for text in row)
    assert "whole" in (AmoAnswer.objects.get(pk=answer.pk).content or "")


def test_the_database_refuses_an_answer_without_its_validity_and_an_exempted_amc(stay, fund) -> None:
    answer = receive(stay)
    with pytest.raises(IntegrityError, match="amo_answer_has_what_it_says"), transaction.atomic():
        AmoAnswer.objects.filter(pk=answer.pk).update(expires_at=None)
    held = in_force(stay)[0]
    with pytest.raises(IntegrityError, match="only_the_amo_exempts"), transaction.atomic():
        Coverage.objects.filter(pk=held.pk).update(kind=CoverageKind.AMC, exemption="4")
    with pytest.raises(IntegrityError, match="cdri_coverage_has_its_answer"), transaction.atomic():
        Coverage.objects.filter(pk=held.pk).update(answer=None)


def test_the_more_favourable_of_prescription_and_care_is_what_applies_to_the_stay(stay, fund) -> None:
    day = timezone.localdate(stay.start_at)
    stay.prescription_date = day - dt.timedelta(days=20)
    stay.save()
    receive(
        stay, periods=(Period("ETM", "8", day - dt.timedelta(days=40), day - dt.timedelta(days=1)), Period("SP", "1"))
    )
    applying = rights_of(stay)
    assert (applying.day, applying.exemption, applying.ordinary) == (stay.prescription_date, "4", False)
    assert [what for what, _ in applying.words] == [
        "affection de longue durée", "complémentaire santé solidaire gérée par la caisse",
    ]  # fmt: skip
    stay.prescription_date = day - dt.timedelta(days=400)
    assert (rights_of(stay).day, rights_of(stay).ordinary) == (day, True)
