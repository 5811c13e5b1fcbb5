"""The screen of the national batches: launched, seen, paused, resumed, stopped; each with its figures."""

from __future__ import annotations

import pytest
from django.urls import reverse

from admissions.models import Stay
from teleservices import batches
from teleservices.enums import BatchKind, BatchState, LineState
from teleservices.models import NationalBatch
from tests.worklists import scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def connected(settings):
    settings.CDRI = {"url": "https://cdri.invalid/"}
    settings.INSI = settings.INSI | {"url": ""}


@pytest.fixture
def stays(establishment) -> list[Stay]:
    return [scene.a_stay() for _ in range(3)]


def post(client, name: str, **sent: str) -> str:
    return client.post(reverse(f"worklists:{name}"), sent, follow=True).content.decode()


def test_a_batch_is_launched_paused_resumed_and_stopped(client, referent, establishment, connected, stays) -> None:
    client.force_login(referent)
    assert "Le lot part" in post(client, "start-batch", kind="rights")
    batch = NationalBatch.objects.get()
    assert (batch.asked_by, batch.state) == (referent, BatchState.RUNNING)
    assert "déjà en cours" in post(client, "start-batch", kind="rights")
    assert "Reprendre" in post(client, "turn-batch", kind="rights", act="pause")
    batch.refresh_from_db()
    assert batch.state == BatchState.PAUSED
    assert "Le lot reprend" in post(client, "turn-batch", kind="rights", act="resume")
    assert "Ses réponses sont gardées" in post(client, "turn-batch", kind="rights", act="stop")
    assert "Ce lot est terminé" in post(client, "turn-batch", kind="rights", act="pause")
    batch.refresh_from_db()
    assert batch.state == BatchState.STOPPED


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("start-batch", {}),
        ("start-batch", {"kind": "../"}),
        ("start-batch", {"kind": "ins"}),
        ("turn-batch", {"kind": "rights", "act": "drop"}),
        ("turn-batch", {"act": "pause"}),
    ],
    ids=["nothing", "nonsense", "not connected", "no such act", "no kind"],
)
def test_what_makes_no_sense_is_said_and_starts_nothing(client, referent, connected, name, sent) -> None:
    client.force_login(referent)
    assert "notice" in post(client, name, **sent)
    assert not NationalBatch.objects.exists()


def test_figures_are_those_of_the_lines_and_the_live_part_asks_again_while_it_runs(
    client, referent, establishment, connected, stays
) -> None:
    batch = batches.start_by_day(establishment, BatchKind.RIGHTS, referent)
    batches.feed(batch.pk)
    line = batch.lines.first()
    batch.lines.filter(pk=line.pk).update(state=LineState.FAILED, cause="ZZ99")
    client.force_login(referent)
    page = client.get(reverse("worklists:batches"), headers={"HX-Request": "true"}).content.decode()
    assert "1\u00a0sur 3" in page.replace("1 sur 3", "1\u00a0sur 3")
    assert "ZZ99" in page and "every 2s" in page
    batches.stop(batch.pk)
    assert "every 2s" not in client.get(reverse("worklists:batches")).content.decode()


def test_the_queries_of_the_screen_do_not_follow_the_number_of_lines(
    client, referent, establishment, connected, stays, django_assert_max_num_queries
) -> None:
    batch = batches.start_by_day(establishment, BatchKind.RIGHTS, referent)
    batches.feed(batch.pk)
    client.force_login(referent)
    client.get(reverse("worklists:batches"))
    with django_assert_max_num_queries(12):
        client.get(reverse("worklists:batches"))


def test_another_hospital_s_batches_are_not_seen(client, person, referent, establishment, connected, stays) -> None:
    from tests.factories import EstablishmentFactory

    other = EstablishmentFactory(name="CH d’ailleurs", finess_legal="350000030", finess_site="350000048")
    NationalBatch.objects.create(
        establishment=other, kind="rights", asked_by=referent, until=stays[0].planned_start_at.date(), most=10
    )
    client.force_login(referent)
    assert "Aucun lot encore" in client.get(reverse("worklists:batches")).content.decode()
    post(client, "turn-batch", kind="rights", act="stop")
    assert NationalBatch.objects.get().state == BatchState.RUNNING
