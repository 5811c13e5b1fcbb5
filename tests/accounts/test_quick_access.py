"""PIN and badge: where they serve, how long, how often they may be wrong, and what the database knows of them."""

from __future__ import annotations

import datetime as dt

import pytest
from django.conf import settings as django_settings
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone

from accounts import quick_access, sessions
from accounts.enums import Role
from accounts.models import Badge, Pin, QuickAccess, Session, Workstation
from accounts.tasks import sweep_signing_in
from tests.accounts.test_locking import PASSWORD, PIN, a_colleague, badge_of, enter, is_in, lock, opened
from tests.accounts.test_locking import nadia as nadia
from tests.accounts.test_locking import omar as omar
from tests.processes import run_together

pytestmark = pytest.mark.django_db


# ---- a PIN, where and how long ----


def test_a_pin_serves_where_its_owner_signed_in_whole_and_nowhere_else(nadia, omar) -> None:
    opened(nadia)
    elsewhere = opened(omar)
    lock(elsewhere)
    assert enter(elsewhere, PIN, badge=badge_of(nadia)).status_code == 422
    assert enter(elsewhere, PASSWORD, badge=badge_of(nadia)).status_code == 422, "a password alone is no whole sign-in"
    assert not is_in(elsewhere)


def test_a_pin_serves_the_day_of_the_whole_sign_in(nadia, settings) -> None:
    client = opened(nadia)
    lock(client)
    left = QuickAccess.objects.get().until - timezone.now()
    assert dt.timedelta(hours=11, minutes=59) < left <= dt.timedelta(hours=12)
    QuickAccess.objects.update(until=timezone.now() - dt.timedelta(seconds=1))
    assert enter(client, PIN).status_code == 422
    assert enter(client, PASSWORD).status_code == 302


def test_five_wrong_pins_end_it_here_and_the_password_still_opens(nadia) -> None:
    client = opened(nadia)
    lock(client)
    for _ in range(5):
        assert enter(client, "9402").status_code == 422
    assert enter(client, PIN).status_code == 422
    assert not QuickAccess.objects.exists()
    assert enter(client, PASSWORD).status_code == 302


def test_a_right_pin_forgets_the_wrong_ones(nadia) -> None:
    client = opened(nadia)
    for _ in range(3):
        lock(client)
        for _ in range(4):
            enter(client, "9402")
        assert enter(client, PIN).status_code == 302


def test_signing_out_everywhere_ends_the_quick_access_elsewhere(nadia) -> None:
    here, elsewhere = opened(nadia), opened(nadia)
    lock(elsewhere)
    here.post("/compte/sessions/fermer/")
    assert enter(elsewhere, PIN, badge=badge_of(nadia)).status_code in (302, 422) and not is_in(elsewhere)
    assert QuickAccess.objects.count() == 1
    lock(here)
    assert enter(here, PIN).status_code == 302
    sessions.end_all(nadia)
    assert not QuickAccess.objects.exists()


def test_the_session_too_many_takes_its_quick_access_with_it(nadia, settings) -> None:
    settings.SESSIONS_AT_ONCE = 1
    first = opened(nadia)
    opened(nadia)
    assert QuickAccess.objects.count() == 1
    assert enter(first, PIN, badge=badge_of(nadia)).status_code == 422


@pytest.mark.parametrize(
    "pin",
    [
        "1234",
        "4321",
        "0000",
        "7777",
        "1212",
        "123123",
        "9876",
        "7890",
        "1984",
        "2026",
        "2580",
        "1121",
        "12",
        "123456789",
        "12a4",
        "１２３４",
        "",
    ],
)
def test_a_pin_that_is_guessed_is_refused(pin, nadia) -> None:
    with pytest.raises(ValidationError):
        quick_access.set_pin(nadia, pin)
    assert quick_access._is_pin(nadia, PIN)


@pytest.mark.parametrize("pin", ["4917", "60284", "39170528"])
def test_a_pin_that_is_not_is_taken(pin, nadia) -> None:
    quick_access.set_pin(nadia, pin)


def test_neither_pins_nor_badges_nor_cookies_are_in_the_database(nadia) -> None:
    client = opened(nadia)
    with connection.cursor() as cursor:
        cursor.execute(
            "select string_agg(line, ' ') from (select row_to_json(p)::text line from accounts_pin p"
            " union all select row_to_json(b)::text from accounts_badge b"
            " union all select row_to_json(w)::text from accounts_workstation w"
            " union all select detail::text from accounts_journalentry) found"
        )
        (rows,) = cursor.fetchone()
    assert badge_of(nadia) not in rows and f'"{PIN}"' not in rows
    assert client.cookies["poste"].value not in rows
    assert client.cookies["poste"]["httponly"] and client.cookies["poste"]["samesite"] == "Lax"


def test_the_same_pin_of_two_people_is_not_seen_in_the_table(person) -> None:
    one, two = a_colleague(person), a_colleague(person)
    quick_access.set_pin(one, "8305")
    quick_access.set_pin(two, "8305")
    assert not quick_access._is_pin(one, PIN) and quick_access._is_pin(two, "8305")
    assert Pin.objects.get(user=one).digest != Pin.objects.get(user=two).digest


# ---- set on one's account ----


def test_a_pin_and_a_badge_are_set_with_the_password(person) -> None:
    user = a_colleague(person, pin="")
    client = opened(user)
    wrong = client.post("/compte/pin/", {"pin": PIN, "again": PIN, "password": "autre"})
    assert wrong.status_code == 422 and not Pin.objects.exists()
    weak = client.post("/compte/pin/", {"pin": "1234", "again": "1234", "password": PASSWORD})
    assert weak.status_code == 422 and "se devine" in weak.text
    differ = client.post("/compte/pin/", {"pin": PIN, "again": "8305", "password": PASSWORD})
    assert differ.status_code == 422 and "diffèrent" in differ.text
    assert client.post("/compte/pin/", {"pin": PIN, "again": PIN, "password": PASSWORD}).status_code == 302
    assert quick_access._is_pin(user, PIN)
    assert client.post("/compte/badge/", {"badge": "short", "password": PASSWORD}).status_code == 422
    assert client.post("/compte/badge/", {"badge": "BDG-777777", "password": PASSWORD}).status_code == 302
    assert quick_access.bearer("BDG-777777") == user
    client.post("/compte/acces-rapide/retirer/")
    assert not Pin.objects.exists() and not Badge.objects.exists() and not QuickAccess.objects.exists()


def test_a_badge_is_one_persons(nadia, omar) -> None:
    with pytest.raises(ValidationError, match="déjà celui de quelqu’un"):
        quick_access.set_badge(omar, badge_of(nadia))


def test_accesses_that_are_over_are_swept(nadia) -> None:
    opened(nadia)
    assert quick_access.sweep() == 0
    QuickAccess.objects.update(until=timezone.now() - dt.timedelta(seconds=1))
    Workstation.objects.update(created_at=timezone.now() - dt.timedelta(days=366))
    Session.objects.update(expire_date=timezone.now() - dt.timedelta(seconds=1))
    sweep_signing_in()
    assert not Session.objects.exists()
    assert not QuickAccess.objects.exists() and not Workstation.objects.exists()


# ---- at once ----

_WRONG_PINS = """
from accounts import quick_access
from accounts.models import QuickAccess, User, Workstation
user, station = User.objects.get(), Workstation.objects.get()
looked = []
quick_access._is_pin = lambda *given: looked.append(1) or time.sleep(0.2)
if os.environ.get("WITHOUT"):
    def claim(access):
        found = QuickAccess.objects.filter(pk=access.pk, tries__lt=5).first()
        time.sleep(0.1)
        return bool(found and QuickAccess.objects.filter(pk=access.pk).update(tries=found.tries + 1))
    quick_access._claim_try = claim
for _ in range(4):
    quick_access.take_pin(user, station, "9402")
print(len(looked))
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("protected", [False, True])
def test_wrong_pins_given_at_once_are_all_counted(protected, person) -> None:
    user = person(Role.AGENT)
    quick_access.set_pin(user, PIN)
    station = Workstation.objects.create(digest="d" * 64)
    quick_access.allow(user, station)
    looked = sum(int(one) for one in run_together(_WRONG_PINS, 3, **({} if protected else {"WITHOUT": "1"})))
    assert looked == 5 if protected else looked > 5


def test_the_cookie_of_the_settings_is_the_one_of_these_tests() -> None:
    assert django_settings.WORKSTATION_COOKIE_NAME == "poste"
