"""The test d'accrochage over the wire: what it asks, what it proves, and what it leaves alone."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Thread
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connections, transaction
from django.utils import timezone

from admissions.enums import EventKind, RightsStatus, StayStatus
from admissions.errors import Refused
from admissions.events import SYSTEM
from admissions.models import Coverage, Rights
from admissions.services import stays
from gap.pki import DIRECTORY_UNIT, SERVICES_UNIT, DevelopmentPki, issue_expired_client_certificate
from teleservices import client as wire
from teleservices import connection, connection_record, connection_test, perimeter, policy
from teleservices.connection import Dates
from teleservices.connection_test import follow, start, stop, sweep
from teleservices.enums import CallStatus, Circle, Family, HandshakeState, Lane, PerimeterMode, PlanStatus
from teleservices.models import Anomaly, ConnectionPlan, ConnectionTest, TeleserviceAttempt, TeleserviceCall
from tests.chain import hasten, settle
from tests.factories import (
    AmoCoverageFactory,
    CoverageFactory,
    DebtorFactory,
    EstablishmentFactory,
    PatientFactory,
    UnitFactory,
)

pytestmark = pytest.mark.django_db
AMC, OTHER, NOBODY = "0099000104", "0099000101", "0088000001"
ASKED = [("ANNUAIRE", "succeeded"), ("IDB", "succeeded")]


@pytest.fixture
def amc():
    return DebtorFactory(amc_number=AMC, name="Mutuelle Malakoff Humanis")


@pytest.fixture
def dossier(simulator, establishment, amc):
    """`dossier()`: a stay of someone covered by this AMC; what the admission asks by itself has been answered."""

    def make(debtor=amc, *, quiet: bool = True, **traits):
        patient = PatientFactory(**traits)
        AmoCoverageFactory(patient=patient)
        if debtor is not None:
            CoverageFactory(patient=patient, convention="RO", debtor=debtor)
        plan = stays.StayPlan(kind="full", unit=UnitFactory(), planned_start_at=timezone.now())
        stay = stays.preadmit(patient, establishment, plan, SYSTEM)
        if quiet:
            settle()
        return stay

    return make


@pytest.fixture
def closed(establishment, referent):
    """The hospital has not begun: nothing is asked of anybody."""
    for domain in ("MCO",):
        perimeter.move(establishment, domain, PerimeterMode.CLOSED, referent, timezone.localdate())


def begin(stay, user=None, **options) -> ConnectionTest:
    return start(stay.establishment, user, stay.iep, **options)[0]


def ended(test: ConnectionTest) -> ConnectionTest:
    settle()
    return connection_test.with_calls(ConnectionTest.objects.filter(pk=test.pk)).get()


def calls(stay) -> list[tuple[str, str]]:
    return list(stay.calls.order_by("pk").values_list("operation", "status"))


def result(test: ConnectionTest) -> str:
    said = connection_record.result_of(test, connection_record.steps_of(test, timezone.now()))
    return f"{said.title}. {said.detail} {said.todo}".replace("\u00a0", " ")


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
        assert step.host == f"localhost:{simulator.port}" or step.host == f"127.0.0.1:{simulator.port}"
        assert (step.code, step.message_id, step.tries) == ("OK", str(call.message_id), 1)


def test_a_call_that_is_open_already_is_the_one_of_the_test(dossier, referent) -> None:
    stay = dossier(quiet=False)
    from tests.chain import deliver_owed

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


def test_a_refusal_of_third_party_payment_is_asked_again_by_a_test_alone(dossier, referent) -> None:
    stay = dossier(birth_name="RC15")
    assert stay.rights.first().status == RightsStatus.CLOSED
    before = stay.calls.count()
    ended(begin(stay, referent))
    assert stay.calls.count() == before + 2
    settle()
    assert stay.calls.count() == before + 2


# ---- what it proves ----


def test_a_refusal_about_the_dossier_proves_the_connection_and_says_its_code(dossier, referent) -> None:
    test = ended(begin(dossier(birth_name="RC15"), referent))
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


# ---- which AMC ----


@pytest.fixture
def two_amcs(dossier):
    stay = dossier()
    other = DebtorFactory(amc_number=OTHER, name="ProBTP")
    CoverageFactory(patient=stay.patient, convention="RO", debtor=other, rank=2)
    return stay, other


def test_of_several_amcs_it_is_the_first_of_the_dossier(two_amcs, amc) -> None:
    stay, _ = two_amcs
    assert begin(stay).debtor == amc


def test_of_several_amcs_it_is_the_mirror_once_one_is_named(two_amcs, referent) -> None:
    stay, other = two_amcs
    perimeter.name_amc(stay.establishment, other, Circle.MIRROR, referent)
    assert begin(stay).debtor == other


def test_of_several_amcs_it_is_the_one_asked(two_amcs, amc, referent) -> None:
    stay, other = two_amcs
    perimeter.name_amc(stay.establishment, amc, Circle.MIRROR, referent)
    assert begin(stay, amc_number=OTHER).debtor == other


# ---- what it refuses ----


def test_a_dossier_that_cannot_be_tested_is_refused_in_words(dossier, amc) -> None:
    stay = dossier()
    elsewhere = EstablishmentFactory(finess_legal="990000018", finess_site="990000026")
    bare = dossier(None)
    cancelled = dossier()
    stays.cancel(cancelled.pk, "erreur", SYSTEM)
    unknown = dossier(nir=None)
    wanted = {
        "Aucun séjour de votre établissement n’a cet IEP": (stay.establishment, "260000000", ""),
        "Aucun séjour de votre établissement": (elsewhere, stay.iep, ""),
        "n’a pas de complémentaire": (stay.establishment, bare.iep, ""),
        "Ce séjour est annulé": (stay.establishment, cancelled.iep, ""),
        "Le NIR de ce dossier": (stay.establishment, unknown.iep, ""),
        "n’est pas couvert par cet organisme": (stay.establishment, stay.iep, OTHER),
    }
    before = TeleserviceCall.objects.count()
    for sentence, (here, iep, number) in wanted.items():
        with pytest.raises(Refused, match=sentence) as refused:
            start(here, None, iep, amc_number=number)
        assert refused.value.kept == "Rien n’est parti." and refused.value.todo
    assert not ConnectionTest.objects.exists() and TeleserviceCall.objects.count() == before


def test_a_form_sent_twice_is_one_test_even_once_it_is_over(dossier, referent) -> None:
    stay, key = dossier(), uuid4()
    first = ended(begin(stay, referent, request_key=key))
    again, begun = start(stay.establishment, referent, stay.iep, request_key=key)
    assert (again.pk, begun) == (first.pk, False)
    assert stay.events.filter(kind=EventKind.CONNECTION_TESTED).count() == 1


def test_two_people_on_one_dossier_see_the_same_test(dossier, referent, agent) -> None:
    stay = dossier()
    first = begin(stay, referent)
    assert start(stay.establishment, agent, stay.iep) == (first, False)
    ended(first)
    assert begin(stay, agent) != first


@pytest.mark.django_db(transaction=True)
def test_two_demands_at_the_same_instant_make_one_test(dossier, referent) -> None:
    stay, together, made = dossier(), Barrier(2), []

    def ask() -> None:
        together.wait()
        made.append(start(stay.establishment, referent, stay.iep, request_key=key)[1])
        connections.close_all()

    key = uuid4()
    threads = [Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [False, True]
    assert ConnectionTest.objects.count() == 1
    assert stay.calls.filter(operation="ANNUAIRE", parameters__has_key="connection_test").count() == 1


# ---- stopping ----


def test_a_test_that_is_stopped_leaves_its_calls_as_they_are(dossier, simulator, referent) -> None:
    stay = dossier()
    simulator.scenario(AMC, "code:RC24", "IDB")
    test = ended(begin(stay, referent))
    assert stop(test, referent)
    test = ended(test)
    assert (test.state, test.stopped_by) == (HandshakeState.STOPPED, referent)
    assert test.idb_call.status == CallStatus.PLANNED
    assert not stop(test, referent)
    simulator.clear_scenarios()
    hasten()
    test = ended(test)
    assert test.idb_call.status == CallStatus.SUCCEEDED and test.state == HandshakeState.STOPPED


# ---- the plan ----


def handshake(establishment) -> Dates | None:
    return connection.dates_of(connection.plan_of(establishment)).get("handshake")


def test_a_success_dates_the_milestone_once_and_makes_a_new_version(dossier, referent, person) -> None:
    stay = dossier()
    ended(begin(stay, referent))
    assert handshake(stay.establishment).done_on == timezone.localdate()
    plan = ConnectionPlan.objects.get()
    assert (plan.version, plan.updated_by) == (1, referent)
    ended(begin(stay, person("referent")))
    plan.refresh_from_db()
    assert (plan.version, plan.updated_by) == (1, referent)


def test_a_date_that_somebody_wrote_is_never_overwritten(dossier, referent) -> None:
    stay = dossier()
    written = timezone.localdate() - timedelta(days=9)
    dates = {"handshake": Dates(written, written)}
    connection.save(stay.establishment, referent, status=PlanStatus.PROPOSED, dates=dates, version=0)
    ended(begin(stay, referent))
    assert handshake(stay.establishment).done_on == written


def test_a_planned_date_is_kept_beside_the_real_one(dossier, referent) -> None:
    stay = dossier()
    planned = timezone.localdate() + timedelta(days=9)
    dates = {"handshake": Dates(planned)}
    connection.save(stay.establishment, referent, status=PlanStatus.PROPOSED, dates=dates, version=0)
    ended(begin(stay, referent))
    assert handshake(stay.establishment) == Dates(planned, timezone.localdate())


def test_a_test_that_fails_dates_nothing(dossier, referent) -> None:
    stay = dossier(DebtorFactory(amc_number=NOBODY))
    ended(begin(stay, referent))
    assert handshake(stay.establishment) is None and not ConnectionPlan.objects.exists()


def test_once_a_mirror_is_named_another_amc_does_not_date_the_milestone(two_amcs, referent) -> None:
    stay, other = two_amcs
    perimeter.name_amc(stay.establishment, other, Circle.MIRROR, referent)
    assert ended(begin(stay, referent, amc_number=AMC)).state == HandshakeState.SUCCEEDED
    assert handshake(stay.establishment) is None
    ended(begin(stay, referent))
    assert handshake(stay.establishment).done_on == timezone.localdate()


# ---- what PostgreSQL holds ----


@pytest.mark.parametrize(
    ("constraint", "changes"),
    [
        ("a_test_that_ended_says_when", {"state": HandshakeState.STOPPED}),
        ("a_failed_test_says_why", {"state": HandshakeState.FAILED, "finished_at": timezone.now()}),
        ("a_successful_test_has_both_calls", {"state": HandshakeState.SUCCEEDED, "finished_at": timezone.now()}),
    ],
)
def test_postgresql_refuses_a_test_that_cannot_be(constraint, changes, dossier) -> None:
    test = begin(dossier())
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        ConnectionTest.objects.filter(pk=test.pk).update(**changes)


def test_postgresql_refuses_a_second_running_test(dossier) -> None:
    test = begin(dossier())
    test.pk, test.request_key = None, uuid4()
    with pytest.raises(IntegrityError, match="one_running_test"), transaction.atomic():
        test.save()


# ---- from a terminal ----


def test_the_operator_tests_from_a_terminal_without_a_worker(dossier, capsys) -> None:
    stay = dossier()
    call_command("connection_test", stay.iep, "--timeout", "20")
    said = capsys.readouterr().out
    assert "Raccordement technique prouvé." in said
    assert "Annuaire AMC : Répondu" in said and "HTTP 200" in said
    test = ConnectionTest.objects.get()
    assert test.state == HandshakeState.SUCCEEDED and test.asked_by is None
    assert str(test.idb_call.message_id) in said
    assert stay.patient.birth_name not in said


def test_the_terminal_says_a_failure_and_a_dossier_that_cannot_be_tested(dossier) -> None:
    stay = dossier(DebtorFactory(amc_number=NOBODY))
    with pytest.raises(CommandError, match="L’annuaire ne connaît pas cet organisme"):
        call_command("connection_test", stay.iep, "--timeout", "20")
    with pytest.raises(CommandError, match="Aucun séjour n’a cet IEP"):
        call_command("connection_test", "260000000")
    with pytest.raises(CommandError, match="n’a pas de complémentaire"):
        call_command("connection_test", dossier(None).iep)


def test_the_terminal_does_not_wait_longer_than_it_is_told(dossier, simulator) -> None:
    stay = dossier()
    simulator.scenario(AMC, "code:RC24", "IDB")
    with pytest.raises(CommandError, match="Le test continue seul"):
        call_command("connection_test", stay.iep, "--timeout", "1")
    assert ConnectionTest.objects.get().is_running


def test_following_a_test_twice_does_nothing_more(dossier, referent) -> None:
    stay = dossier()
    test = ended(begin(stay, referent))
    follow(test.pk)
    assert ended(test).finished_at == test.finished_at
    assert Coverage.objects.filter(patient=stay.patient).count() == 2
    assert stay.status == StayStatus.PREADMITTED
