"""The test d'accrochage over the wire: what it asks, what it proves, and what it leaves alone."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from admissions.enums import Domain, EventKind, RightsStatus
from admissions.events import SYSTEM
from admissions.models import Rights
from admissions.services import stays
from gap.pki import DIRECTORY_UNIT, SERVICES_UNIT, DevelopmentPki, issue_expired_client_certificate
from teleservices import client as wire
from teleservices import connection, connection_record, connection_test, perimeter, policy
from teleservices.connection_test import stop, sweep
from teleservices.enums import CallStatus, Family, HandshakeState, Lane, PerimeterMode
from teleservices.models import Anomaly, TeleserviceAttempt, TeleserviceCall
from tests.chain import deliver_owed, hasten, settle
from tests.factories import (
    DebtorFactory,
)
from tests.handshake import AMC, ASKED, NOBODY, begin, calls, ended, result
from tests.handshake import amc as amc
from tests.handshake import dossier as dossier

pytestmark = pytest.mark.django_db


@pytest.fixture
def closed(establishment, referent):
    """The hospital has not begun: nothing is asked of anybody."""
    perimeter.move(establishment, Domain.MCO, PerimeterMode.CLOSED, referent, timezone.localdate())


# ---- what it asks ----


def test_a_test_asks_the_directory_then_the_rights_though_both_are_fresh(dossier, referent) -> None:
    stay = dossier()
    assert calls(stay) == ASKED
    test = ended(begin(stay, referent))
    assert calls(stay) == ASKED * 2
    assert test.state == HandshakeState.SUCCEEDED and test.finished_at >= test.asked_at
    assert [test.directory_call.operation, test.idb_call.operation] == ["ANNUAIRE", "IDB"]
    assert {test.directory_call.lane, test.idb_call.lane} == {Lane.INTERACTIVE}
    assert stay.events.filter(kind=EventKind.CONNECTION_TESTED, created_by=referent).count() == 1
    assert "Raccordement technique prouvé" in result(test) and "code OK" in result(test)


def test_the_two_calls_are_those_that_the_other_side_received(dossier, simulator, referent) -> None:
    test = ended(begin(dossier(), referent))
    for call in (test.directory_call, test.idb_call):
        assert len(simulator.log(call.message_id)) == 1


def test_each_step_tells_its_time_its_host_and_its_status(dossier, simulator, referent) -> None:
    test = ended(begin(dossier(), referent))
    for step, call in zip(
        connection_record.steps_of(test, timezone.now()), (test.directory_call, test.idb_call), strict=True
    ):
        attempt = TeleserviceAttempt.objects.get(call=call)
        assert (step.sent_at, step.duration_ms, step.http_status) == (attempt.started_at, attempt.duration_ms, 200)
        assert step.host in simulator.base_url
        assert (step.code, step.message_id, step.tries) == ("OK", str(call.message_id), 1)


def test_a_call_that_is_open_already_is_the_one_of_the_test(dossier, referent) -> None:
    stay = dossier(quiet=False)
    deliver_owed()
    [planned] = stay.calls.all()
    TeleserviceCall.objects.update(not_before=timezone.now() + timedelta(hours=1), lane=Lane.BATCH)
    test = begin(stay, referent)
    assert test.directory_call == planned
    planned.refresh_from_db()
    assert planned.lane == Lane.INTERACTIVE and planned.not_before <= timezone.now()
    assert ended(test).state == HandshakeState.SUCCEEDED
    assert calls(stay) == ASKED


def test_a_call_whose_outcome_is_unknown_is_settled_by_the_same_message(dossier, simulator, referent) -> None:
    stay = dossier()
    simulator.scenario(AMC, "cut_after", "IDB", count=1)
    test = ended(begin(stay, referent))
    unknown = test.idb_call
    assert unknown.status == CallStatus.UNKNOWN and test.is_running
    stop(test, referent)
    again = begin(stay, referent)
    again = ended(again)
    assert again.state == HandshakeState.SUCCEEDED
    assert again.idb_call == unknown
    assert len(simulator.log(unknown.message_id)) == 2


def test_a_refusal_of_third_party_payment_is_asked_again_by_a_test_alone(dossier, simulator, referent) -> None:
    simulator.scenario(AMC, "code:RC15", "IDB")
    stay = dossier()
    assert stay.rights.first().status == RightsStatus.CLOSED
    before = stay.calls.count()
    ended(begin(stay, referent))
    assert stay.calls.count() == before + 2
    settle()
    assert stay.calls.count() == before + 2


# ---- what it proves ----


def test_a_refusal_about_the_dossier_proves_the_connection_and_says_its_code(dossier, simulator, referent) -> None:
    stay = dossier()
    simulator.scenario(AMC, "code:RC15", "IDB")
    test = ended(begin(stay, referent))
    assert test.state == HandshakeState.SUCCEEDED
    assert "code RC15, « Contrat résilié à la date des soins »" in result(test)
    assert "pas sur le raccordement" in result(test)


@pytest.mark.parametrize("code", ["RC13", "RC21", "RC22"])
def test_settings_regimes_and_member_numbers_prove_it_too(code, dossier, simulator, referent) -> None:
    stay = dossier()
    simulator.scenario(AMC, f"code:{code}", "IDB")
    assert ended(begin(stay, referent)).state == HandshakeState.SUCCEEDED


def test_an_anomaly_does_not_prove_the_exchange(dossier, simulator, referent) -> None:
    stay = dossier()
    simulator.scenario(AMC, "code:RC01", "IDB")
    test = ended(begin(stay, referent))
    assert (test.state, test.cause) == (HandshakeState.FAILED, connection_test.IDB_ANOMALY)
    assert "anomalie, code RC01" in result(test) and "l’échange ne l’est pas" in result(test)


def test_a_code_outside_the_contract_proves_nothing(dossier, simulator, referent) -> None:
    stay = dossier()
    simulator.scenario(AMC, "code:ZZ99", "IDB")
    test = ended(begin(stay, referent))
    assert (test.state, test.cause) == (HandshakeState.FAILED, connection_test.IDB_UNKNOWN_CODE)
    assert "code ZZ99" in result(test)


def test_every_family_of_codes_has_its_verdict() -> None:
    directory = TeleserviceCall(status=CallStatus.SUCCEEDED)
    said = {
        family: connection_test.verdict(directory, True, TeleserviceCall(status=CallStatus.REFUSED, family=family))
        for family in Family
        if family != Family.UNAVAILABLE  # it never ends a call
    }
    failed = {family for family, verdict in said.items() if verdict.state == HandshakeState.FAILED}
    assert failed == {Family.ANOMALY, Family.UNKNOWN_CODE}


def test_an_amc_that_the_directory_does_not_know_fails_and_nothing_is_asked_of_it(dossier, referent) -> None:
    stay = dossier(DebtorFactory(amc_number=NOBODY))
    test = ended(begin(stay, referent))
    assert (test.state, test.cause) == (HandshakeState.FAILED, connection_test.DIRECTORY_UNKNOWN)
    assert test.idb_call is None
    assert "L’annuaire ne connaît pas cet organisme" in result(test)


@pytest.mark.parametrize(("unit", "operation"), [(DIRECTORY_UNIT, "ANNUAIRE"), (SERVICES_UNIT, "IDB")])
def test_a_refused_certificate_fails_the_test_at_its_step_in_words(
    unit, operation, dossier, simulator, settings, tmp_path: Path, referent
) -> None:
    stay = dossier()
    pki = DevelopmentPki(Path(shutil.copytree(simulator.pki.folder, tmp_path / "pki")))
    pair = issue_expired_client_certificate(pki, unit)
    name = "directory" if unit == DIRECTORY_UNIT else "services"
    settings.TELESERVICES = settings.TELESERVICES | {
        f"{name}_certificate": str(pair.certificate),
        f"{name}_key": str(pair.key),
    }
    wire.forget()
    test = ended(begin(stay, referent))
    assert (test.state, test.cause) == (HandshakeState.FAILED, "client_certificate_refused")
    assert "l’organisme refuse le certificat de l’établissement" in result(test)
    assert ("Annuaire AMC" if operation == "ANNUAIRE" else "IDB, droits") in result(test)
    last = test.directory_call if operation == "ANNUAIRE" else test.idb_call
    assert last.status == CallStatus.NEEDS_REFERENT
    yesterday = timezone.localdate() - timedelta(days=1)
    assert yesterday in {shown.expires for shown in connection_record.certificates_of(test)}


def test_a_certificate_mended_and_a_call_sent_again_do_not_rewrite_a_test_that_failed(
    dossier, simulator, settings, tmp_path: Path, referent
) -> None:
    stay = dossier()
    pki = DevelopmentPki(Path(shutil.copytree(simulator.pki.folder, tmp_path / "pki")))
    pair = issue_expired_client_certificate(pki, SERVICES_UNIT)
    good = settings.TELESERVICES
    settings.TELESERVICES = good | {"services_certificate": str(pair.certificate), "services_key": str(pair.key)}
    wire.forget()
    test = ended(begin(stay, referent))
    printed = connection_record.record_pdf(test)
    settings.TELESERVICES = good
    wire.forget()
    policy.rearm_cause("client_certificate_refused")
    again = ended(test)
    assert again.idb_call.status == CallStatus.SUCCEEDED
    assert again.state == HandshakeState.FAILED
    assert connection_record.record_pdf(again) == printed


def test_an_amc_that_is_down_keeps_the_test_running_until_it_is_back(dossier, simulator, referent) -> None:
    stay = dossier()
    simulator.scenario(AMC, "code:RC24", "IDB")
    test = ended(begin(stay, referent))
    assert test.is_running
    step = connection_record.steps_of(test, timezone.now())[1]
    assert step.due_at is not None and step.due_at > timezone.now()
    simulator.clear_scenarios()
    hasten()
    test.refresh_from_db()
    assert test.state == HandshakeState.SUCCEEDED
    assert connection_record.steps_of(ended(test), timezone.now())[1].tries == 2


def test_an_address_missing_in_the_settings_is_said(dossier, settings, referent) -> None:
    stay = dossier()
    settings.TELESERVICES = settings.TELESERVICES | {"directory_url": ""}
    test = ended(begin(stay, referent))
    assert (test.state, test.cause) == (HandshakeState.FAILED, "directory_url_missing")
    assert "l’adresse de l’annuaire n’est pas réglée" in result(test)


def test_a_stay_cancelled_meanwhile_ends_the_test_though_no_call_told(dossier, simulator, referent) -> None:
    stay = dossier()
    simulator.scenario(AMC, "code:RC24", "IDB")
    test = ended(begin(stay, referent))
    stays.cancel(stay.pk, "erreur", SYSTEM)
    settle()
    assert sweep() == 1
    test = ended(test)
    assert (test.state, test.cause) == (HandshakeState.FAILED, "stay_cancelled")
    assert "Le séjour a été annulé" in result(test)
    assert sweep() == 0


# ---- the perimeter ----


def test_a_closed_perimeter_does_not_stop_a_test_and_nothing_of_the_dossier_changes(closed, dossier, referent) -> None:
    stay = dossier()
    assert calls(stay) == []
    before = list(Rights.objects.filter(stay=stay).values_list("pk", "code"))
    assert [code for _, code in before] == ["HORS_PERIMETRE"]
    test = ended(begin(stay, referent))
    assert test.state == HandshakeState.SUCCEEDED
    assert calls(stay) == ASKED
    assert list(Rights.objects.filter(stay=stay).values_list("pk", "code")) == before
    stays.admit(stay.pk, timezone.now(), SYSTEM)
    settle()
    assert calls(stay) == ASKED, "neither SIM nor IDB follows a test outside the perimeter"
    assert connection.first_real_call(stay.establishment) is None


@pytest.mark.parametrize("code", ["RC15", "RC01", "ZZ99"])
def test_outside_the_perimeter_a_refusal_asks_nothing_of_anybody(code, closed, dossier, simulator, referent) -> None:
    stay = dossier()
    simulator.scenario(AMC, f"code:{code}", "IDB")
    test = ended(begin(stay, referent))
    assert not test.is_running
    assert test.idb_call.superseded_at is not None
    assert not Anomaly.objects.exists()
    assert set(Rights.objects.filter(stay=stay).values_list("code", flat=True)) == {"HORS_PERIMETRE"}


def test_an_event_does_not_cancel_a_test_that_waits_outside_the_perimeter(closed, dossier, simulator, referent) -> None:
    stay = dossier()
    simulator.scenario(AMC, "code:RC24", "IDB")
    test = ended(begin(stay, referent))
    stays.admit(stay.pk, timezone.now(), SYSTEM)
    settle()
    simulator.clear_scenarios()
    hasten()
    assert ended(test).state == HandshakeState.SUCCEEDED


def test_inside_the_perimeter_the_answer_is_the_dossiers(dossier, referent) -> None:
    stay = dossier()
    ended(begin(stay, referent))
    assert stay.rights.filter(status=RightsStatus.OPEN).count() == 2
