"""The answer of a COMMIT is lost on its way: nobody knows whether it was done. Sent again, it is done once."""

from __future__ import annotations

import itertools
import json
import re
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from http.client import HTTPConnection
from urllib.parse import urlencode

import pytest
from django.urls import reverse

from tests.factories import invented_nir
from tests.gap.fallen import Answer, Fallen, hospital
from tests.gap.relay import Relay

pytestmark = pytest.mark.django_db(transaction=True)
#: What is made, where a program posts it, and where it is kept.
PATHS = {"patient": ("/patients", "admissions_patient"), "stay": ("/stays", "admissions_stay")}
#: What is told, and how many there are, when it is sent again as something new: a rule knows a stay that stands already.
UNPROTECTED = {"patient": (201, 2), "stay": (422, 1)}
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def fallen(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[Fallen]:
    with (
        django_db_blocker.unblock(),
        hospital(tmp_path_factory.mktemp("lost"), relayed=True, web_workers=1) as one,
    ):
        yield one


@pytest.fixture
def relay(fallen: Fallen) -> Iterator[Relay]:
    assert fallen.relay is not None
    yield fallen.relay
    fallen.relay.hold_still()


def patient(number: int) -> dict[str, object]:
    letters = chr(65 + number // 26 % 26) + chr(65 + number % 26)
    return {
        "birth_name": f"Le Goff {letters}", "first_names": "Hélène", "sex": "F", "birth_date": "1984-05-17",
        "nir": invented_nir(number + 1), "confirm_new": True,
    }  # fmt: skip


def a_body(fallen: Fallen, what: str) -> dict[str, object]:
    """A new person; or a stay to come, of somebody who has just been created."""
    body = patient(next(_numbers))
    if what == "patient":
        return body
    ipp = json.loads(fallen.program("/patients", body, str(uuid.uuid4())).text)["ipp"]
    planned = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    return {"patient": ipp, "unit": "2210", "kind": "day", "planned_start_at": planned}


def count(fallen: Fallen, table: str) -> int:
    return int(fallen.sql(f"select count(*) from {table}"))


def each_loss(relay: Relay) -> Iterator[Callable[[], None]]:
    """Arms the relay: for the transaction that makes it, then for the first of a demand, the second, until it has no more."""
    yield lambda: relay.lose(1, "INSERT")
    assert relay.lost is not None and relay.lost[-1] == "COMMIT"
    for nth in range(1, 40):
        yield partial(relay.lose, nth)
        if relay.lost is None:
            # A few at least: the session or the token, what is looked up, the effect.
            assert nth > 3, relay.ended
            return
    raise AssertionError("a demand of forty transactions")


# ---- a program, under its Idempotency-Key ----


@pytest.mark.parametrize("what", PATHS)
def test_a_program_that_lost_the_answer_sends_again_under_its_key_and_makes_one(what, fallen, relay, measured) -> None:
    """Whichever transaction of the demand has its answer lost: each in its turn."""
    path, table = PATHS[what]
    untold = 0
    for arm in each_loss(relay):
        body, key, before = a_body(fallen, what), str(uuid.uuid4()), count(fallen, table)
        arm()
        told = fallen.program(path, body, key)
        relay.hold_still()
        made = count(fallen, table) - before
        # A connection found broken before anything is asked is opened again: nobody notices.
        assert told.status in (201, 503), told
        again = fallen.program(path, body, key)
        assert again.status == 201 and count(fallen, table) - before == 1, relay.lost
        if made:
            assert again.headers["idempotent-replayed"] == "true"
            untold += told.status == 503 and "COMMIT" in (relay.lost or [])
    assert untold >= 1
    measured("réponses d’un COMMIT perdues, faites deux fois", 0)


@pytest.mark.parametrize("what", PATHS)
def test_under_another_key_the_same_program_makes_two_patients_or_is_refused_its_own_stay(what, fallen, relay) -> None:
    path, table = PATHS[what]
    demand, before = a_body(fallen, what), count(fallen, table)
    relay.lose(1, "INSERT")
    assert fallen.program(path, demand, str(uuid.uuid4())).status == 503
    again = fallen.program(path, demand, str(uuid.uuid4()))
    assert (again.status, count(fallen, table) - before) == UNPROTECTED[what]


# ---- somebody at a screen ----


class Screen:
    """A browser without a browser: a session, a page, its form sent."""

    def __init__(self, fallen: Fallen) -> None:
        self.fallen = fallen
        self.cookie = fallen.signed_in()

    def ask(self, path: str, form: dict[str, str] | None = None) -> Answer:
        """No redirection is followed."""
        wire = HTTPConnection("127.0.0.1", self.fallen.port, timeout=20)
        headers = {"Cookie": self.cookie}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        wire.request("GET" if form is None else "POST", path, None if form is None else urlencode(form), headers)
        found = wire.getresponse()
        answer = Answer(
            found.status, {name.lower(): value for name, value in found.getheaders()}, found.read().decode()
        )
        for given in found.headers.get_all("Set-Cookie") or []:
            name, _, value = given.partition(";")[0].partition("=")
            kept = [one for one in self.cookie.split("; ") if not one.startswith(f"{name}=")]
            self.cookie = "; ".join([*kept, f"{name}={value}"])
        wire.close()
        return answer

    def filled(self, path: str, values: dict[str, str]) -> dict[str, str]:
        """The page's own hidden fields, with what somebody typed."""
        page = self.ask(path)
        assert page.status == 200, page
        hidden = dict(re.findall(r'name="(csrfmiddlewaretoken|creation_key|walk_in)" value="([^"]*)"', page.text))
        assert {"csrfmiddlewaretoken", "creation_key"} <= set(hidden)
        return hidden | values


def a_form(screen: Screen, what: str) -> tuple[str, dict[str, str]]:
    """Where it goes, and what is sent."""
    body = a_body(screen.fallen, what)
    if what == "patient":
        typed = {name: str(body[name]) for name in ("birth_name", "first_names", "sex", "nir")}
        path, typed = reverse("admissions:new"), typed | {"birth_date": "17/05/1984", "anyway": "1"}
    else:
        path = reverse("admissions:new-stay", args=[body["patient"]])
        typed = {"unit": screen.fallen.sql("select id from admissions_unit"), "kind": "day"}
        typed["start_at"] = (datetime.now() + timedelta(days=2)).strftime("%d/%m/%Y %H:%M")
    return path, screen.filled(path, typed)


@pytest.fixture(scope="module")
def screen(fallen: Fallen) -> Screen:
    return Screen(fallen)


@pytest.mark.parametrize("what", PATHS)
def test_a_form_sent_again_after_a_lost_answer_makes_one(what, fallen, screen, relay) -> None:
    table = PATHS[what][1]
    untold = 0
    for arm in each_loss(relay):
        (path, form), before = a_form(screen, what), count(fallen, table)
        arm()
        told = screen.ask(path, form)
        relay.hold_still()
        made = count(fallen, table) - before
        assert told.status in (302, 503), told
        again = screen.ask(path, form)
        assert again.status == 302 and count(fallen, table) - before == 1, (relay.lost, again)
        untold += told.status == 503 and made == 1 and "COMMIT" in (relay.lost or [])
    assert untold >= 1


@pytest.mark.parametrize("what", PATHS)
def test_without_the_key_of_its_form_it_makes_two_patients_or_is_refused_its_own_stay(
    what, fallen, screen, relay
) -> None:
    table = PATHS[what][1]
    (path, form), before = a_form(screen, what), count(fallen, table)
    relay.lose(1, "INSERT")
    assert screen.ask(path, form | {"creation_key": str(uuid.uuid4())}).status == 503
    again = screen.ask(path, form | {"creation_key": str(uuid.uuid4())})
    status, made = UNPROTECTED[what]
    assert (again.status, count(fallen, table) - before) == (302 if status == 201 else status, made)
