"""A session opened by Pro Santé Connect is one like the others: rights, number, lock, and what its screens cost."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from django.utils import timezone

from accounts.enums import Role
from accounts.models import ProfessionalIdentity, RoleAssignment, Session, User
from accounts.psc import identities
from tests.accounts.test_locking import enter, lock
from tests.accounts.test_psc import PASSWORD, is_in, signs_in
from tests.accounts.test_psc import nadia as nadia
from tests.accounts.test_psc import psc as psc
from tests.accounts.test_psc import running as running
from tests.psc_process import NADIA, YANN

pytestmark = pytest.mark.django_db
PAGE = "/listes/?tri=depuis"


def by_password(client: Client, user: User):
    return client.post("/connexion/", {"username": user.username, "password": PASSWORD}, follow=True)


# ---- what it opens ----


def test_a_role_whose_days_are_over_opens_no_more_by_it_than_by_a_password(psc, nadia) -> None:
    RoleAssignment.objects.update(until=timezone.localdate() - dt.timedelta(days=1))
    professional, colleague = Client(), Client()
    pages = [signs_in(professional, psc), by_password(colleague, nadia)]
    assert [page.status_code for page in pages] == [403, 403]
    assert [page.redirect_chain for page in pages] == [[("/", 302)]] * 2
    assert not is_in(professional) and not is_in(colleague)


def test_a_role_that_begins_tomorrow_opens_nothing_today(client, psc, nadia) -> None:
    RoleAssignment.objects.update(since=timezone.localdate() + dt.timedelta(days=1))
    signs_in(client, psc)
    assert not is_in(client)


def test_one_session_too_many_ends_the_oldest_however_each_was_opened(psc, nadia, settings) -> None:
    settings.SESSIONS_AT_ONCE = 3
    first, *others = [Client() for _ in range(4)]
    by_password(first, nadia)
    for client in others[:2]:
        assert "a été fermée" not in signs_in(client, psc).text
    assert is_in(first)
    assert "a été fermée" in signs_in(others[2], psc).text
    assert [is_in(client) for client in (first, *others)] == [False, True, True, True]
    assert Session.objects.filter(user=nadia).count() == 3


# ---- a shared workstation ----


def test_the_page_left_locked_on_this_workstation_is_found_again_by_it(client, psc, nadia, person) -> None:
    signs_in(client, psc)
    lock(client, PAGE)
    client.post("/poste/autre/")
    page = signs_in(client, psc)
    assert page.redirect_chain == [(PAGE, 302)] and page.status_code == 200
    assert Session.objects.filter(user=nadia).count() == 1, "the one that waited has given its place"


def test_the_page_that_a_colleague_left_locked_is_not_shown_to_who_comes_by_it(client, psc, nadia, person) -> None:
    other = person(Role.AGENT)
    ProfessionalIdentity.objects.create(user=other, national_id=YANN)
    signs_in(client, psc)
    lock(client, PAGE)
    client.post("/poste/autre/")
    assert signs_in(client, psc, YANN).redirect_chain == [("/", 302)]
    assert Session.objects.get(user=nadia).page == PAGE


def nobody_touched(user: User, settings) -> None:
    away = timezone.now() - dt.timedelta(seconds=settings.LOCK_AFTER_S + 61)
    Session.objects.filter(user=user).update(seen_at=away)


@pytest.mark.parametrize("how", ["by the clock", "by hand"])
def test_a_session_locked_while_its_owner_links_their_account_keeps_nothing_of_the_return(
    how, client, psc, person, settings
) -> None:
    user = person(Role.AGENT)
    user.set_password(PASSWORD)
    user.save()
    by_password(client, user)
    left = client.post("/compte/psc/", {"password": PASSWORD})["Location"]
    where = psc.consent(left, YANN)
    if how == "by hand":
        lock(client, PAGE)
    else:
        nobody_touched(user, settings)
    address, _, query = where.removeprefix("http://testserver").partition("?")
    assert "code=" in query and "state=" in query
    answer = client.get(f"{address}?{query}")
    assert answer["Location"] == "/poste/?next=%2Fcompte%2F"
    row = Session.objects.get(user=user)
    assert row.locked_at is not None and row.page in ("/compte/", PAGE)
    assert identities.user_of(YANN) is None and "token" not in psc.calls()
    # Whoever types the address in the page of the lock leaves nothing of it there either.
    for page in (f"{address}?{query}", f"{address.rstrip('/')}?{query}", f"/connexion/psc/retou%72/?{query}"):
        assert "code=" not in client.get("/poste/", {"next": page}).text
        client.post("/poste/verrouiller/", {"next": page})
        assert Session.objects.get(user=user).page == "/compte/"
    assert enter(client, PASSWORD, page="/compte/")["Location"] == "/compte/"
    assert "Rattacher" in client.get("/compte/").text


# ---- what its screens cost ----


def test_the_sign_in_page_offers_it_without_asking_the_database_nor_the_provider(
    client, psc, django_assert_num_queries
) -> None:
    with django_assert_num_queries(0):
        assert "Se connecter avec Pro Santé Connect" in client.get("/connexion/").text
    assert psc.calls() == []


def test_the_account_costs_the_same_linked_or_not(client, psc, nadia, django_assert_max_num_queries) -> None:
    client.force_login(nadia)
    client.get("/compte/")
    with django_assert_max_num_queries(8) as linked:
        assert "Détacher" in client.get("/compte/").text
    identities.unlink(nadia)
    with django_assert_max_num_queries(len(linked)):
        assert "Rattacher" in client.get("/compte/").text
    assert psc.calls() == []


def test_the_colleagues_cost_the_same_when_each_is_linked(
    client, psc, nadia, person, django_assert_max_num_queries
) -> None:
    client.force_login(person(Role.ADMINISTRATOR))
    client.get("/comptes/")
    with django_assert_max_num_queries(6) as few:
        client.get("/comptes/")
    for rank in range(6):
        ProfessionalIdentity.objects.create(user=person(Role.AGENT), national_id=f"8999999999{rank:02}")
    with django_assert_max_num_queries(len(few)):
        client.get("/comptes/")
    with django_assert_max_num_queries(12):
        assert NADIA[1:] in client.get(f"/comptes/{nadia.pk}/").text
    assert psc.calls() == []
