"""The connection plan: milestones of the programme, real and planned dates, the ANS's table."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from tablib import Dataset

from accounts.enums import Role
from teleservices import connection
from teleservices.connection import Dates, milestones
from teleservices.enums import PlanStatus
from teleservices.models import ConnectionMilestone, ConnectionPlan
from tests.factories import EstablishmentFactory

pytestmark = pytest.mark.django_db
PAGE = "/raccordement/"


@pytest.fixture
def client(signed_in):
    return signed_in(Role.REFERENT)


@pytest.fixture
def today():
    return timezone.localdate()


def written(version: int = 0, **dates: str) -> dict[str, str]:
    empty = {f"{kind}-{one.code}": "" for one in milestones() for kind in ("planned", "done")}
    return (
        empty
        | {"status": "proposed", "version": str(version)}
        | {name.replace("__", "-"): day for name, day in dates.items()}
    )


def test_the_milestones_are_those_of_the_programme_in_its_order() -> None:
    assert [one.phase for one in milestones()] == sorted(one.phase for one in milestones())
    assert [one.calendar for one in milestones() if one.calendar] == [
        "start", "plan_sent", "handshake", "real_flows", "end",
    ]  # fmt: skip
    assert len({one.code for one in milestones()}) == len(milestones()) == 26


def test_a_hospital_that_wrote_nothing_has_an_empty_plan(client) -> None:
    html = client.get(PAGE).content.decode()
    assert "Rien n’est encore écrit." in html and "0 sur 26" in html
    assert not ConnectionPlan.objects.exists()


def test_dates_are_written_read_again_and_taken_away(client, today) -> None:
    yesterday = f"{today - timedelta(days=1):%d/%m/%Y}"
    client.post(PAGE, written(planned__handshake=yesterday, done__guide=yesterday))
    html = client.get(PAGE).content.decode()
    assert "1 sur 26" in html and "1\u00a0jalon en retard" in html.replace(" jalon", "\u00a0jalon")
    assert ConnectionMilestone.objects.count() == 2
    client.post(PAGE, written(version=1, done__guide=yesterday))
    assert ConnectionMilestone.objects.get().code == "guide"


def test_a_milestone_is_not_done_in_the_future(client, today) -> None:
    answer = client.post(PAGE, written(done__handshake=f"{today + timedelta(days=1):%d/%m/%Y}"))
    assert answer.status_code == 422
    assert "ne peut être fait dans le futur" in answer.content.decode()
    assert not ConnectionMilestone.objects.exists()


def test_an_unreadable_date_keeps_the_others_as_typed(client) -> None:
    answer = client.post(PAGE, written(planned__handshake="lundi", planned__end="31/12/2030"))
    html = answer.content.decode()
    assert answer.status_code == 422
    assert 'value="lundi"' in html and 'value="31/12/2030"' in html


def test_the_second_of_two_people_is_told(client, today, establishment, referent) -> None:
    connection.save(establishment, referent, status=PlanStatus.VALIDATED, dates={}, version=0)
    answer = client.post(PAGE, written(planned__end="31/12/2030"))
    assert answer.status_code == 409
    assert f"{referent.short_name} a changé le plan pendant votre saisie." in answer.content.decode()
    assert ConnectionPlan.objects.get().status == PlanStatus.VALIDATED


def test_the_ans_receives_the_real_date_else_the_planned_one(client, today, establishment, referent) -> None:
    dates = {
        "start": Dates(today - timedelta(days=9), today - timedelta(days=7)),
        "handshake": Dates(today + timedelta(days=20)),
    }
    connection.save(establishment, referent, status=PlanStatus.VALIDATED, dates=dates, version=0)
    body = b"".join(client.get(f"{PAGE}export/csv/").streaming_content).decode("utf-8-sig")
    table = Dataset().load(body, format="csv", delimiter=";")
    [row] = table.dict
    assert row["Finess juridique"] == "350000014"
    assert row["Statut du planning"] == "Validé par l’établissement"
    assert row["Date démarrage du projet en ETS"] == f"{today - timedelta(days=7):%d/%m/%Y}"
    assert row["Date accrochage technique"] == f"{today + timedelta(days=20):%d/%m/%Y}"
    assert row["Date fin projet en ETS"] == ""


def test_another_hospital_has_its_own_plan(establishment, referent) -> None:
    connection.save(establishment, referent, status=PlanStatus.VALIDATED, dates={}, version=0)
    other = EstablishmentFactory(finess_legal="990000018", finess_site="990000026")
    assert connection.plan_of(other).pk is None


def test_who_keeps_the_machine_reads_and_writes_nothing(signed_in) -> None:
    client = signed_in(Role.ADMINISTRATOR)
    assert "Enregistrer" not in client.get(PAGE).content.decode()
    client.post(PAGE, written(planned__end="31/12/2030"))
    assert not ConnectionPlan.objects.exists()


def test_the_screen_costs_a_known_number_of_queries(client, django_assert_max_num_queries) -> None:
    with django_assert_max_num_queries(9):
        client.get(PAGE)
