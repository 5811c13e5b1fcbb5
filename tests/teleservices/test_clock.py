"""This machine's clock is compared with that of those whom we call: the database may stand on it, and be wrong with it."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
import time_machine

from gap import clock, health, incidents
from teleservices.clients.addresses import AddressPolicy
from teleservices.clients.roc1 import Roc1Client, Roc1Config
from teleservices.messages import Operation
from tests.roc_messages import AMC, rights_request


@pytest.fixture(autouse=True)
def nobody_was_heard(settings, tmp_path, monkeypatch) -> None:
    settings.VAR_DIR = tmp_path
    monkeypatch.setattr(clock, "_heard", {})
    monkeypatch.setattr(clock, "_AGAIN_S", 0)


def said(late_s: float = 0) -> str:
    """The date of somebody's answer, when our clock is so late on theirs (early: less than 0)."""
    return format_datetime(datetime.fromtimestamp(time.time() - late_s, UTC), usegmt=True)


def wrong() -> bool:
    return "clock_heard" in incidents.current()


@pytest.mark.parametrize("late_s", [-3600, -31, 31, 3600])
def test_two_who_say_the_same_of_our_clock_are_believed(late_s) -> None:
    clock.heard("solivie.example", said(late_s * 1.1))
    assert not wrong()
    clock.heard("viamed.example", said(late_s * 1.1))
    assert wrong() and incidents.for_people() == [incidents.FOR_PEOPLE["clock"]]
    clock.heard("viamed.example", said())
    assert not wrong()


@pytest.mark.parametrize("others", [(0,), (3600, 0), (-3600,), (20,)], ids=str)
def test_one_who_is_wrong_is_not(others) -> None:
    clock.heard("solivie.example", said(3600))
    for rank, late_s in enumerate(others):
        clock.heard(f"{rank}.example", said(late_s))
    assert not wrong()


@pytest.mark.parametrize(
    "date", [None, "", "hier", "Mon, 99 Nov 2026 10:00:00 GMT", "Mon, 23 Nov 99999 10:00:00 GMT", "0" * 5000]
)
def test_what_is_no_date_is_nothing(date) -> None:
    clock.heard("solivie.example", date)
    clock.heard("viamed.example", date)
    assert not wrong()


def test_what_was_heard_long_ago_counts_no_more(monkeypatch) -> None:
    clock.heard("solivie.example", said(3600))
    monkeypatch.setattr(clock, "_HEARD_FOR_S", 0)
    clock.heard("viamed.example", said(3600))
    assert not wrong()


def test_a_date_is_read_once_a_minute_from_each(monkeypatch) -> None:
    monkeypatch.setattr(clock, "_AGAIN_S", 60)
    for late_s in (0, 3600, 3600):
        clock.heard("solivie.example", said(late_s))
    assert [round(late) for _, late in clock._heard.values()] in ([0], [1])


@pytest.mark.django_db
def test_answers_of_payers_over_the_wire_tell_it_where_the_database_does_not(roc1_simulator) -> None:
    by_name = AddressPolicy.of(
        hosts=["127.0.0.1", "localhost"], ports=[roc1_simulator.port], networks=["127.0.0.0/8", "::1/128"]
    )
    client = Roc1Client(replace(Roc1Config(**roc1_simulator.credentials), addresses=by_name, dated=clock.heard))
    url = roc1_simulator.services_url(AMC, "IDB")

    def ask() -> None:
        # The same machine by two names: two payers.
        for address in (url, url.replace("127.0.0.1", "localhost")):
            client.call(Operation.IDB, address, rights_request())

    ask()
    assert len(clock._heard) == 2 and not wrong()
    roc1_simulator.scenario(AMC, "clock:3600")
    ask()
    seen = health.look()
    assert wrong() and seen.ready and not seen.clock and abs(seen.late_s or 0) < 1
    roc1_simulator.clear_scenarios()
    ask()
    assert not wrong() and health.look().clock
    client.close()


def test_a_shifted_clock_is_what_is_told(monkeypatch) -> None:
    theirs = said()
    with time_machine.travel(time.time() + 900):
        clock.heard("solivie.example", theirs)
        clock.heard("viamed.example", theirs)
    assert wrong()
