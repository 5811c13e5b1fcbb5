"""What stands in each list, and what makes it leave."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.enums import Role
from admissions.enums import RightsStatus, StayKind, StayStatus
from admissions.models import Rights
from billing.enums import FileStatus, InvoiceStatus, Payer, RecordStatus
from billing.models import Activity, ExchangeFile, TariffItem
from billing.pricing import price
from billing.rules.split import NotDecided
from debtors.enums import AssociationStatus
from teleservices import policy
from teleservices.anomalies import refusals_of
from teleservices.enums import CallStatus, Disposition, Family
from teleservices.messages import AnswerHeader
from teleservices.models import Anomaly, TeleserviceCall
from tests.factories import AssociationFactory, EstablishmentFactory
from tests.worklists import scene
from worklists.filters import ListFilter
from worklists.listing import adorned, attribute, counters, filtered, lines_of, list_context
from worklists.registry import all_worklists

pytestmark = pytest.mark.django_db
ANOMALY_LISTS = [worklist for worklist in all_worklists().values() if worklist.kind.model is Anomaly]
CALL_LISTS = [worklist for worklist in all_worklists().values() if worklist.kind.model is TeleserviceCall]


def keys(slug: str, establishment) -> set[int]:
    return set(all_worklists()[slug].select(establishment.pk).values_list("pk", flat=True))


def lists_of(call: TeleserviceCall, establishment) -> list[str]:
    """Where a person finds this call: in a list of calls, or behind the cause that holds it back."""
    found = [one.slug for one in CALL_LISTS if one.select(establishment.pk).filter(pk=call.pk).exists()]
    for one in ANOMALY_LISTS:
        found += [one.slug for cause in one.select(establishment.pk) if refusals_of(cause).filter(pk=call.pk).exists()]
    return found


@pytest.mark.parametrize("family", scene.FAMILIES)
def test_a_refusal_of_each_family_stands_in_exactly_one_list(family, establishment) -> None:
    disposition, code = scene.FAMILIES[family]
    call = scene.a_refusal(disposition, family, code)
    assert len(lists_of(call, establishment)) == 1


EXPECTED = {
    "RC03": "anomalies-a-signaler",
    "RC13": "parametrage",
    "RC15": "patients-a-prevenir",
    "RC21": "regimes-en-attente",
    "RC22": "numeros-adherent",
    "RC23": "dates-de-prescription",
    "RC24": "organismes-indisponibles",
    "ZZ99": "codes-inconnus",
}


@pytest.mark.parametrize("code", EXPECTED)
def test_what_the_policy_makes_of_each_family_is_seen_in_its_list(code, establishment) -> None:
    parameters = {"prescription": "service"} if code == "RC23" else {}
    call = scene.a_call(
        status=CallStatus.CALLING, attempts_count=1, claimed_until=timezone.now(), at=scene.ago(hours=5),
        operation="CLC", parameters=parameters,
    )  # fmt: skip
    call.coverage.member_number = None
    header = AnswerHeader(message_id=call.message_id, answered_at=timezone.now(), code=code, label="Libellé reçu")
    policy.refused(call, header, timezone.now())
    assert lists_of(call, establishment) == [EXPECTED[code]]


def test_every_family_of_the_catalogue_is_covered() -> None:
    seen = {code: policy.code_in_force(code, timezone.now()) for code in EXPECTED}
    families = {row.family for row in seen.values() if row} | {Family.UNKNOWN_CODE}
    assert families == set(Family.values)


def test_a_handled_refusal_leaves_its_list(agent, establishment) -> None:
    from teleservices.services import mark_handled

    call = scene.a_refusal(Disposition.INFORM_PATIENT, Family.NO_THIRD_PARTY_PAYMENT)
    assert [line.done for line in mark_handled([call.pk], agent)] == [True]
    assert lists_of(call, establishment) == []


def test_a_superseded_refusal_asks_nothing_any_more(establishment) -> None:
    call = scene.a_refusal(Disposition.INFORM_PATIENT, Family.NO_THIRD_PARTY_PAYMENT, superseded_at=timezone.now())
    assert lists_of(call, establishment) == []


def test_a_refusal_of_a_cancelled_stay_asks_nothing(establishment) -> None:
    stay = scene.a_stay(StayStatus.CANCELLED)
    call = scene.a_refusal(Disposition.INFORM_PATIENT, Family.NO_THIRD_PARTY_PAYMENT, stay=stay)
    assert lists_of(call, establishment) == []


def test_a_call_that_waits_is_shown_only_past_the_age_of_its_policy(establishment) -> None:
    young, old = scene.a_waiting_call(hours=1), scene.a_waiting_call(hours=6)
    assert keys("organismes-indisponibles", establishment) == {old.pk}
    assert young.pk not in keys("organismes-indisponibles", establishment)


def test_a_payer_that_cannot_be_reached_is_shown_sooner_than_one_that_says_it_is_away(establishment) -> None:
    unreachable = scene.a_waiting_call("not_sent", hours=2)
    scene.a_waiting_call("unavailable", hours=2)
    assert keys("organismes-indisponibles", establishment) == {unreachable.pk}


@pytest.mark.parametrize("cause", ["circuit_open", "maintenance"])
def test_what_a_gate_holds_back_is_shown_like_what_failed(establishment, cause: str) -> None:
    """It was never sent itself: it waits because others failed."""
    fields = {"status": CallStatus.PLANNED, "cause": cause, "attempts_count": 0}
    scene.a_call(at=scene.ago(minutes=30), **fields)
    old = scene.a_call(at=scene.ago(hours=5), **fields)
    assert keys("organismes-indisponibles", establishment) == {old.pk}


def test_a_call_that_is_due_and_that_nobody_takes_is_seen(establishment) -> None:
    scene.a_call(not_before=scene.ago(minutes=5))
    left = scene.a_call(not_before=scene.ago(minutes=15))
    doubtful = scene.a_call(
        status=CallStatus.UNKNOWN, cause="lost", attempts_count=1, in_doubt=True, not_before=scene.ago(hours=1)
    )
    assert keys("appels-immobiles", establishment) == {left.pk, doubtful.pk}


def test_an_unknown_outcome_is_shown_once_its_reconciliation_drags_on(establishment) -> None:
    fields = {"status": CallStatus.UNKNOWN, "attempts_count": 2, "in_doubt": True}
    scene.a_call(cause="lost", at=scene.ago(minutes=10), **fields)
    old = scene.a_call(cause="lost", at=scene.ago(hours=2), **fields)
    invalid = scene.a_call(cause="invalid", at=scene.ago(minutes=40), **fields)
    odd = scene.a_call(cause="client_certificate_refused", at=scene.ago(hours=2), **fields)
    assert keys("issues-inconnues", establishment) == {old.pk, invalid.pk, odd.pk}


def test_stopped_calls_are_one_list_by_cause(establishment) -> None:
    call = scene.a_call(status=CallStatus.NEEDS_REFERENT, cause="client_certificate_refused")
    assert keys("appels-arretes", establishment) == {call.pk}
    policy.rearm_cause("client_certificate_refused")
    assert keys("appels-arretes", establishment) == set()


# ---- stays ----


def test_an_arrival_without_amc_is_a_card_to_scan_until_it_is_covered(establishment) -> None:
    today = scene.a_stay(StayStatus.PREADMITTED, days_ago=0)
    later = scene.a_stay(StayStatus.PREADMITTED, days_ago=-5)
    assert keys("cartes-a-scanner", establishment) == {today.pk}
    scene.a_coverage(today)
    assert keys("cartes-a-scanner", establishment) == set()
    assert later.pk not in keys("cartes-a-scanner", establishment)


def test_an_amc_outside_roc_stands_in_its_list_until_the_directory_finds_it(establishment) -> None:
    stay = scene.a_stay()
    coverage = scene.a_coverage(stay)
    fields = {"coverage": coverage, "stay": stay, "care_date": timezone.localdate()}
    Rights.objects.create(status=RightsStatus.UNDETERMINED, code="HORS_ROC", answered_at=scene.ago(hours=3), **fields)
    assert keys("hors-roc", establishment) == {stay.pk}
    Rights.objects.create(status=RightsStatus.OPEN, code="0000", answered_at=scene.ago(hours=1), **fields)
    assert keys("hors-roc", establishment) == set()


def test_a_discharge_without_amo_rights_waits_for_them(establishment) -> None:
    stay = scene.a_stay(StayStatus.DISCHARGED)
    assert keys("sorties-sans-droits-amo", establishment) == {stay.pk}
    scene.an_amo(stay)
    assert keys("sorties-sans-droits-amo", establishment) == set()


def test_amo_rights_that_ended_before_the_care_do_not_count(establishment) -> None:
    stay = scene.a_stay(StayStatus.DISCHARGED, days_ago=2)
    scene.an_amo(stay, valid_until=timezone.localdate() - timedelta(days=10))
    assert keys("sorties-sans-droits-amo", establishment) == {stay.pk}


def test_a_discharge_without_engagement_is_shown_after_an_hour_and_leaves_when_engaged(establishment) -> None:
    stay = scene.a_stay(StayStatus.DISCHARGED)
    scene.an_amo(stay)
    coverage = scene.a_coverage(stay)
    fresh = scene.a_stay(StayStatus.DISCHARGED, ended_at=scene.ago(minutes=5))
    scene.an_amo(fresh)
    scene.a_coverage(fresh)
    assert keys("sorties-sans-engagement", establishment) == {stay.pk}
    scene.an_engagement(stay, coverage)
    assert keys("sorties-sans-engagement", establishment) == set()


def test_a_stay_without_complementary_expects_no_engagement(establishment) -> None:
    scene.an_amo(scene.a_stay(StayStatus.DISCHARGED))
    assert keys("sorties-sans-engagement", establishment) == set()


def test_external_care_without_acts_is_shown_until_the_first_act(establishment) -> None:
    stay = scene.a_stay(StayStatus.DISCHARGED, kind=StayKind.EXTERNAL, days_ago=0.5)
    scene.an_amo(stay)
    assert keys("actes-manquants", establishment) == {stay.pk}
    Activity.objects.create(
        stay=stay, item=TariffItem.objects.filter(family="ACTE").first(), performed_on=timezone.localdate()
    )
    assert keys("actes-manquants", establishment) == set()


@pytest.mark.parametrize("shape", ["no_night", "too_long", "no_tariff", "exemption"])
def test_a_stay_that_cannot_be_priced_stands_among_those_to_decide_with_its_reason(
    shape, establishment, referent
) -> None:
    stay = scene.undecided()[shape]
    with pytest.raises(NotDecided):
        price(stay)
    worklist = all_worklists()["sejours-a-decider"]
    lines = lines_of(worklist, list(adorned(worklist, worklist.select(establishment.pk)).filter(pk=stay.pk)), referent)
    assert len(lines) == 1
    assert lines[0].item.reason


def test_a_stay_that_is_priced_is_not_to_decide(establishment) -> None:
    stay = scene.a_stay(StayStatus.DISCHARGED)
    scene.an_amo(stay)
    assert price(stay)
    assert keys("sejours-a-decider", establishment) == set()


def test_an_engagement_that_disagrees_with_the_stay_is_to_decide(establishment) -> None:
    stay = scene.a_stay(StayStatus.DISCHARGED)
    scene.an_amo(stay)
    scene.an_engagement(stay, scene.a_coverage(stay), "9999.00")
    assert keys("sejours-a-decider", establishment) == {stay.pk}
    scene.a_call(stay, operation="DEL")
    assert keys("sejours-a-decider", establishment) == set(), "the system is at it"


# ---- money, files, the rest ----


def test_invoices_stand_where_a_person_must_act(establishment) -> None:
    blocked = scene.an_invoice(blocked_reason="Le NIR manque.")
    rejected = scene.an_invoice(status=InvoiceStatus.REJECTED)
    late = scene.an_invoice(status=InvoiceStatus.SENT)
    scene.an_invoice(status=InvoiceStatus.SENT, sent_at=timezone.now())
    share = scene.an_invoice(Payer.PATIENT)
    amo = scene.an_invoice(Payer.AMO)
    scene.an_invoice(Payer.PATIENT, InvoiceStatus.PAID)
    assert keys("factures-bloquees", establishment) == {blocked.pk}
    assert keys("factures-rejetees", establishment) == {rejected.pk}
    assert keys("factures-sans-acquittement", establishment) == {late.pk}
    assert keys("parts-patients", establishment) == {share.pk}
    assert keys("parts-amo", establishment) == {amo.pk}


def test_unmatched_and_unreadable_records_are_to_settle(establishment) -> None:
    unmatched = scene.a_record()
    invalid = scene.a_record(unmatched.file, RecordStatus.INVALID)
    scene.a_record(unmatched.file, RecordStatus.APPLIED)
    assert keys("enregistrements-a-rapprocher", establishment) == {unmatched.pk, invalid.pk}


def test_a_file_leaves_quarantine_when_it_comes_whole(establishment) -> None:
    file = scene.a_file(status=FileStatus.QUARANTINED, name="RET-001.txt")
    ExchangeFile.objects.filter(pk=file.pk).update(created_at=scene.ago(hours=1))
    assert keys("fichiers-en-quarantaine", establishment) == {file.pk}
    scene.a_file(name="RET-001.txt")
    assert keys("fichiers-en-quarantaine", establishment) == set()


def test_an_event_is_shown_from_its_third_failure(establishment) -> None:
    delivery = scene.a_failed_delivery()
    assert keys("evenements-en-echec", establishment) == {delivery.pk}
    delivery.attempts = 2
    delivery.save()
    assert keys("evenements-en-echec", establishment) == set()


def test_associations_wait_by_status(establishment) -> None:
    new = AssociationFactory(status=AssociationStatus.TO_VALIDATE)
    doubtful = AssociationFactory(status=AssociationStatus.TO_VERIFY)
    AssociationFactory()
    assert keys("associations-a-valider", establishment) == {new.pk}
    assert keys("associations-a-verifier", establishment) == {doubtful.pk}


# ---- all of them ----


def test_no_list_is_left_without_a_line_to_show(person) -> None:
    scene.everything()
    user = person(Role.REFERENT)
    empty = [counter.worklist.slug for counter in counters(all_worklists().values(), user) if not counter.count]
    assert empty == []


def test_no_line_of_another_establishment_is_seen(person) -> None:
    scene.everything()
    elsewhere = EstablishmentFactory(finess_site="290000017", finess_legal="290000009", name="CH d’Ailleurs")
    user = person(Role.REFERENT)
    user.role_assignments.update(establishment=elsewhere)
    user.establishment = elsewhere
    shared = {
        "associations-a-valider",
        "associations-a-verifier",
        "rejets-contestes",
        "changements-de-fiches",
        "doublons-de-debiteurs",
        "debiteurs-sans-usage",
        "imports-arretes",
        "fichiers-en-quarantaine",
        "enregistrements-a-rapprocher",
    }
    seen = {counter.worklist.slug for counter in counters(all_worklists().values(), user) if counter.count}
    assert seen == shared


def test_each_line_says_since_when_and_its_columns_hold_a_value(establishment, referent) -> None:
    scene.everything()
    for worklist in all_worklists().values():
        lines = lines_of(worklist, list(adorned(worklist, worklist.select(establishment.pk))[:50]), referent)
        for line in lines:
            assert line.since is not None, worklist.slug
            assert line.label
            for column in worklist.kind.columns:
                column.value(line.item)
        assert attribute(lines[0].item, worklist.since) == lines[0].since


@pytest.mark.parametrize("worklist", all_worklists().values(), ids=lambda worklist: worklist.slug)
def test_each_list_says_the_three_things_that_a_person_needs(worklist) -> None:
    for sentence in (worklist.happened, worklist.system, worklist.you):
        assert sentence.endswith(".")
        assert "'" not in sentence
    assert worklist.roles
    assert all(role in set(Role) for role in worklist.roles)


@pytest.mark.parametrize("slug", sorted(slug for slug, found in all_worklists().items() if found.steady))
def test_a_steady_list_is_asked_in_the_same_words_at_any_hour(slug, establishment, monkeypatch) -> None:
    """Its SQL is written once for the life of a process: no instant may be in it, nor what a table said that day."""
    worklist = all_worklists()[slug]

    def words() -> tuple[str, tuple[object, ...]]:
        with CaptureQueriesContext(connection) as queries:
            asked = adorned(worklist, worklist.select(establishment.pk)).query.sql_with_params()
        assert not queries.captured_queries
        return asked

    today = words()
    later = timezone.now() + timedelta(days=40, hours=7)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert words() == today


def test_a_list_that_looks_at_the_clock_is_not_steady(establishment, monkeypatch) -> None:
    """The check above sees an instant: an unsteady list fails it."""
    worklist = all_worklists()["factures-sans-acquittement"]
    before = worklist.select(establishment.pk).query.sql_with_params()
    later = timezone.now() + timedelta(days=1)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert worklist.select(establishment.pk).query.sql_with_params() != before
    assert not worklist.steady


@pytest.mark.parametrize("slug", sorted(all_worklists()))
def test_the_first_page_and_the_overview_are_those_that_the_filters_give(slug, establishment, referent) -> None:
    """Written once or written each time, a list shows the same lines, causes, payers and count."""
    scene.everything()
    worklist = all_worklists()[slug]
    found = list_context(worklist, QueryDict(), referent)
    asked = ListFilter.read(worklist, QueryDict())
    rows = filtered(worklist, asked, referent)
    assert found["page"].object_list == list(rows.order_by(*asked.ordering)[:50])
    assert found["page"].paginator.count == rows.count()
    assert sum(group.count for group in found["groups"]) in (0, rows.count())
    if worklist.kind.debtor:
        payers = rows.exclude(**{worklist.kind.debtor: None}).order_by().values_list(worklist.kind.debtor, flat=True)
        assert {choice.value for choice in found["debtors"]} == {str(pk) for pk in payers.distinct()}
