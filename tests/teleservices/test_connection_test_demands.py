"""The test d'accrochage: on which AMC, what it refuses, two people at once, the milestone it dates, from a terminal."""

from __future__ import annotations

from datetime import timedelta
from threading import Barrier, Thread
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connections, transaction
from django.utils import timezone

from accounts.enums import Role
from admissions.enums import EventKind, StayStatus
from admissions.errors import Refused
from admissions.events import SYSTEM
from admissions.models import Coverage
from admissions.services import stays
from teleservices import connection, perimeter
from teleservices.connection import Dates
from teleservices.connection_test import follow, start, stop
from teleservices.enums import CallStatus, Circle, HandshakeState, PlanStatus
from teleservices.models import ConnectionPlan, ConnectionTest, TeleserviceCall
from tests.chain import hasten
from tests.factories import (
    CoverageFactory,
    DebtorFactory,
    EstablishmentFactory,
)
from tests.handshake import AMC, NOBODY, OTHER, begin, ended
from tests.handshake import amc as amc
from tests.handshake import dossier as dossier

pytestmark = pytest.mark.django_db


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
    unknown = dossier(nir="")
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
    ended(begin(stay, person(Role.REFERENT)))
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
