"""Notes and pauses: what is written on a line, what leaves the list for a while, and what brings it back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.enums import Role
from admissions.enums import EventKind
from teleservices.enums import Disposition, Family
from tests.worklists import scene
from worklists.listing import counter
from worklists.marks import lines_of
from worklists.models import LineMark
from worklists.registry import all_worklists

pytestmark = pytest.mark.django_db
LIST = "/listes/patients-a-prevenir/"


@pytest.fixture
def line():
    return scene.a_refusal(Disposition.INFORM_PATIENT, Family.NO_THIRD_PARTY_PAYMENT)


@pytest.fixture
def client(signed_in):
    return signed_in(Role.AGENT)


def day(after: int) -> str:
    return f"{timezone.localdate() + timedelta(days=after):%d/%m/%Y}"


def act(client, line, deed: str, **said: str) -> str:
    said = {"deed": deed, "ids": str(line.pk)} | said
    return client.post(f"{LIST}actions/", said, headers={"HX-Request": "true"}).content.decode()


def shown(client, line, **query: str) -> bool:
    return line.stay.iep in client.get(LIST, query).content.decode()


def test_a_note_is_read_by_the_next_colleague(client, line, signed_in) -> None:
    act(client, line, "noter", note="Rappelle jeudi avec sa nouvelle carte")
    assert "Rappelle jeudi avec sa nouvelle carte" in signed_in(Role.REFERENT).get(LIST).content.decode()
    assert shown(client, line)


def test_a_line_put_aside_leaves_the_list_and_its_count_until_its_day(client, line, establishment) -> None:
    act(client, line, "pause", jusquau=day(5), note="Rappelle jeudi")
    assert not shown(client, line)
    worklist = all_worklists()["patients-a-prevenir"]
    assert counter(worklist, establishment.pk).count == 0
    aside = client.get(LIST, {"pause": "oui"}).content.decode()
    assert line.stay.iep in aside and f"en pause, {day(5)}" in aside
    LineMark.objects.update(snoozed_until=timezone.localdate())
    assert shown(client, line)
    assert counter(worklist, establishment.pk).count == 1


def test_an_event_of_the_stay_brings_it_back_before_its_day(client, line) -> None:
    act(client, line, "pause", jusquau=day(30), des="stay_discharged")
    scene.an_event(line.stay, EventKind.MOVEMENT_ADDED)
    assert not shown(client, line)
    scene.an_event(line.stay, EventKind.STAY_DISCHARGED)
    assert shown(client, line)


def test_an_event_of_before_the_pause_brings_nothing_back(client, line) -> None:
    scene.an_event(line.stay, EventKind.STAY_DISCHARGED)
    act(client, line, "pause", jusquau=day(30), des="stay_discharged")
    assert not shown(client, line)


def test_a_line_is_taken_back_at_once(client, line) -> None:
    act(client, line, "pause", jusquau=day(5), note="Rappelle jeudi")
    act(client, line, "reveiller", query="pause=oui")
    assert shown(client, line)
    assert LineMark.objects.get().note == "Rappelle jeudi"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"jusquau": "demain"}, "illisible"),
        ({"jusquau": ""}, "illisible"),
        ({"jusquau": "01/01/2020"}, "Une pause finit entre demain et dans six mois."),
        ({"jusquau": "01/01/2099"}, "Une pause finit entre demain et dans six mois."),
        ({"jusquau": day(3), "des": "minuit"}, "Cet événement n’est pas connu."),
    ],
)
def test_a_pause_without_a_good_end_is_refused_in_words(client, line, said, told) -> None:
    assert told in act(client, line, "pause", **said)
    assert shown(client, line)
    assert not LineMark.objects.exists()


def test_an_empty_note_is_refused(client, line) -> None:
    assert "La note est vide." in act(client, line, "noter", note="  ")


def test_a_line_that_has_left_the_list_is_told_so(client, line) -> None:
    line.superseded_at = timezone.now()
    line.save()
    assert "n’est plus dans la liste" in act(client, line, "pause", jusquau=day(5))


def test_a_pause_of_one_list_hides_nothing_of_another(client, line, establishment) -> None:
    act(client, line, "pause", jusquau=day(5))
    other = all_worklists()["appels-immobiles"]
    stuck = scene.a_call(not_before=scene.ago(hours=1))
    LineMark.objects.update(object_id=stuck.pk)
    assert lines_of(other, establishment.pk).filter(pk=stuck.pk).exists()


def test_the_database_holds_no_pause_without_an_end(referent) -> None:
    with pytest.raises(IntegrityError, match="a_pause_has_an_end"), transaction.atomic():
        LineMark.objects.create(worklist="x", object_id=1, snoozed_for="stay_discharged", marked_by=referent)


def test_what_is_put_aside_is_not_in_the_file(client, line) -> None:
    act(client, line, "pause", jusquau=day(5))
    body = b"".join(client.get(f"{LIST}export/csv/").streaming_content).decode()
    assert line.stay.iep not in body
