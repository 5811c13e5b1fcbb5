"""Sessions: whose they are, how many at once, ended from elsewhere; and wrong tries that nothing forgets."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import sessions, tries
from accounts.enums import JournalKind, Role
from accounts.models import JournalEntry, Session, Tries, User
from tests.processes import run_together

pytestmark = pytest.mark.django_db
PASSWORD = "une phrase assez longue"


@pytest.fixture
def user(person) -> User:
    found = person(Role.AGENT)
    found.set_password(PASSWORD)
    found.save()
    return found


def opened(user: User, **environment: str) -> Client:
    client = Client(**environment)
    answer = client.post("/connexion/", {"username": user.username, "password": PASSWORD})
    assert answer.status_code == 302
    return client


def is_in(client: Client) -> bool:
    return client.get("/listes/").status_code == 200


def test_a_session_says_whose_it_is_from_where_and_how(user) -> None:
    opened(user, REMOTE_ADDR="10.3.2.1", HTTP_USER_AGENT="Firefox")
    found = Session.objects.get()
    assert (found.user, found.place, found.device, found.factors) == (user, "10.3.2.1", "Firefox", "mot de passe")


def test_the_table_does_not_hold_the_key_of_the_browser(user) -> None:
    client = opened(user)
    with connection.cursor() as cursor:
        cursor.execute("select row_to_json(one)::text from accounts_session one")
        (row,) = cursor.fetchone()
    assert client.session.session_key not in row


def test_what_is_written_in_a_session_later_does_not_prolong_it(user) -> None:
    client = opened(user)
    before = Session.objects.get()
    session = client.session
    session["something"] = 1
    session.save()
    after = Session.objects.get()
    assert after.expire_date == before.expire_date and after.started_at == before.started_at
    assert before.expire_date - timezone.now() < dt.timedelta(hours=8, seconds=1)


def test_a_session_that_is_over_opens_nothing(user) -> None:
    client = opened(user)
    Session.objects.update(expire_date=timezone.now() - dt.timedelta(seconds=1))
    assert not is_in(client)


def test_one_session_too_many_ends_the_oldest_and_says_so(user, settings) -> None:
    settings.SESSIONS_AT_ONCE = 2
    first, second = opened(user), opened(user)
    third = opened(user)
    assert "a été fermée" in third.get("/").text
    assert [is_in(client) for client in (first, second, third)] == [False, True, True]


def test_somebody_signs_out_everywhere_else(user) -> None:
    here, elsewhere = opened(user), opened(user)
    here.post("/compte/sessions/fermer/")
    assert is_in(here) and not is_in(elsewhere)


def test_a_new_password_ends_every_other_session(user) -> None:
    here, elsewhere = opened(user), opened(user)
    new = "une autre phrase, plus longue"
    answer = here.post("/compte/mot-de-passe/", {"old_password": PASSWORD, "new_password1": new, "new_password2": new})
    assert answer["Location"] == "/compte/"
    assert is_in(here) and not is_in(elsewhere)
    assert not user.check_password(new)
    user.refresh_from_db()
    assert user.check_password(new)


def test_a_weak_password_is_refused_in_french(user) -> None:
    here = opened(user)
    weak = {"old_password": PASSWORD, "new_password1": "motdepasse12", "new_password2": "autre chose"}
    page = here.post("/compte/mot-de-passe/", weak)
    assert page.status_code == 422 and "Votre saisie est gardée" in page.text
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


def test_an_administrator_ends_all_the_sessions_of_somebody(user) -> None:
    clients = [opened(user), opened(user)]
    assert sessions.end_all(user) == 2
    assert not any(is_in(client) for client in clients)


def test_the_account_shows_the_sessions_that_are_open(user) -> None:
    opened(user, REMOTE_ADDR="10.9.9.9")
    page = opened(user).get("/compte/").text
    assert page.count("cette session") == 1 and "10.9.9.9" in page


def test_signing_in_and_out_are_in_the_journal(user) -> None:
    client = Client(REMOTE_ADDR="10.1.1.1")
    client.post("/connexion/", {"username": user.username, "password": "faux"})
    opened(user).post("/deconnexion/")
    said = list(
        JournalEntry.objects.filter(kind=JournalKind.SESSION, user_id=user.pk)
        .order_by("pk")
        .values_list("action", "place")
    )
    assert said == [("mot de passe refusé", "10.1.1.1"), ("connexion", "127.0.0.1"), ("déconnexion", "127.0.0.1")]


# ---- wrong tries ----


def test_tries_are_forgotten_after_their_time(user) -> None:
    for _ in range(tries.PASSWORD.tries):
        tries.count(tries.PASSWORD, "quelqu’un")
    assert tries.must_wait(tries.PASSWORD, "quelqu’un")
    assert not tries.must_wait(tries.PASSWORD, "quelqu’un d’autre")
    Tries.objects.update(since=timezone.now() - tries.PASSWORD.wait - dt.timedelta(seconds=1))
    assert not tries.must_wait(tries.PASSWORD, "quelqu’un")
    tries.count(tries.PASSWORD, "quelqu’un")
    assert Tries.objects.get().count == 1


def test_a_name_tried_from_everywhere_waits_everywhere(user, monkeypatch) -> None:
    monkeypatch.setattr(tries, "NAME", tries.Limit("name", 4, tries.NAME.wait))
    for number in range(4):
        Client(REMOTE_ADDR=f"192.0.2.{number}").post("/connexion/", {"username": user.username, "password": "faux"})
    answer = Client(REMOTE_ADDR="192.0.2.99").post("/connexion/", {"username": user.username, "password": PASSWORD})
    assert answer.status_code == 422 and "Trop d’essais" in answer.text


def test_no_name_is_written_among_the_tries(user) -> None:
    Client().post("/connexion/", {"username": user.username, "password": "faux"})
    assert not any(user.username in subject for subject in Tries.objects.values_list("subject", flat=True))


_COUNT = """
from accounts import tries
for _ in range(25):
    tries.count(tries.PASSWORD, "quelqu’un")
"""


@pytest.mark.django_db(transaction=True)
def test_tries_made_at_once_are_all_counted() -> None:
    run_together(_COUNT, 4)
    assert Tries.objects.get().count == 100
