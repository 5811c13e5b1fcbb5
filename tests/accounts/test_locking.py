"""A shared workstation: locked it answers nothing, its owner comes back, a colleague takes it over, nothing is lost."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from django.utils import timezone

from accounts import quick_access, sessions
from accounts.enums import JournalKind, Role
from accounts.models import JournalEntry, QuickAccess, Session, User
from tests.accounts.test_views_roles import GUARDED, address
from tests.accounts.test_views_roles import world as world

pytestmark = pytest.mark.django_db
PASSWORD = "une phrase assez longue"
PIN, BADGE = "4917", "BDG-000481516"
PAGE = "/listes/?tri=depuis"
STILL_OPEN = {"accounts:lock"}


def a_colleague(person, role: Role = Role.AGENT, pin: str = PIN, badge: str = "") -> User:
    user = person(role)
    user.set_password(PASSWORD)
    user.save()
    if pin:
        quick_access.set_pin(user, pin)
    quick_access.set_badge(user, badge or f"{BADGE}-{user.pk}")
    return user


@pytest.fixture
def nadia(person) -> User:
    return a_colleague(person)


@pytest.fixture
def omar(person) -> User:
    return a_colleague(person, pin="8305")


def sign_in(client: Client, user: User) -> None:
    assert client.post("/connexion/", {"username": user.username, "password": PASSWORD}).status_code == 302


def opened(*users: User) -> Client:
    """A workstation where these people signed in whole one after the other; the last is there."""
    client = Client()
    for user in users:
        if "sessionid" in client.cookies:
            client.post("/poste/autre/")
        sign_in(client, user)
    return client


def lock(client: Client, page: str = PAGE) -> None:
    assert client.post("/poste/verrouiller/", {"next": page}).status_code == 302


def enter(client: Client, secret: str, *, badge: str = "", name: str = "", page: str = PAGE, **headers: str):
    return client.post(
        "/poste/", {"badge": badge, "name": name, "secret": secret, "next": page}, headers=headers or None
    )


def badge_of(user: User) -> str:
    return f"{BADGE}-{user.pk}"


def is_in(client: Client) -> bool:
    return client.get("/listes/").status_code == 200


def whose(client: Client) -> User | None:
    return Session.objects.get(session_key=sessions.kept_key(client.cookies["sessionid"].value)).user


def said(user: User) -> list[str]:
    found = JournalEntry.objects.filter(kind=JournalKind.SESSION, user_id=user.pk).order_by("pk")
    return list(found.values_list("action", flat=True))


# ---- locked ----


def test_a_locked_session_opens_no_screen_no_fragment_and_no_export(nadia, world) -> None:
    client = opened(nadia)
    lock(client)
    answers = {}
    for name, found in GUARDED:
        if name in STILL_OPEN:
            continue
        path = address(name, found, world)
        for how, response in (
            ("GET", client.get(path)),
            ("POST", client.post(path)),
            ("HTMX", client.get(path, headers={"HX-Request": "true"})),
        ):
            if response.status_code != 302 or not response["Location"].startswith("/poste/?next="):
                answers[f"{how} {name}"] = response.status_code
    assert answers == {}
    assert len(GUARDED) > 60


def test_an_address_that_does_not_exist_is_refused_the_same(nadia) -> None:
    client = opened(nadia)
    lock(client)
    assert client.get("/n-existe-pas/")["Location"].startswith("/poste/?next=")


def test_the_page_of_a_locked_workstation_holds_nothing_but_a_name(nadia, world) -> None:
    client = opened(nadia)
    lock(client, f"/sejours/{world.stay.iep}/")
    page = client.get("/poste/").text
    assert nadia.short_name in page
    assert world.stay.patient.birth_name not in page and 'href="/listes/"' not in page and "data-search" not in page


def test_a_session_nobody_touches_is_locked_by_the_server(nadia, settings) -> None:
    client = opened(nadia)
    Session.objects.update(seen_at=timezone.now() - dt.timedelta(seconds=settings.LOCK_AFTER_S + 59))
    assert is_in(client)
    Session.objects.update(seen_at=timezone.now() - dt.timedelta(seconds=settings.LOCK_AFTER_S + 61))
    assert client.get("/listes/")["Location"] == "/poste/?next=%2Flistes%2F"
    assert Session.objects.get().locked_at is not None
    assert said(nadia)[-1] == "verrouillage sans activité"
    client.get("/listes/")
    assert said(nadia).count("verrouillage sans activité") == 1


def test_a_live_part_that_polls_is_no_act_and_a_person_is(nadia, settings) -> None:
    client = opened(nadia)
    old = timezone.now() - dt.timedelta(seconds=200)
    Session.objects.update(seen_at=old)
    client.get("/listes/", headers={"HX-Request": "true"})
    assert Session.objects.get().seen_at == old
    for act in (lambda: client.get("/listes/"), lambda: client.post("/poste/presence/")):
        Session.objects.update(seen_at=old)
        act()
        assert Session.objects.get().seen_at > old


def test_an_act_is_written_at_most_once_a_minute(nadia, django_assert_num_queries) -> None:
    client = opened(nadia)
    just = timezone.now() - dt.timedelta(seconds=50)
    Session.objects.update(seen_at=just)
    client.get("/listes/")
    assert Session.objects.get().seen_at == just


def test_no_lock_by_itself_where_the_setting_is_zero(nadia, settings) -> None:
    settings.LOCK_AFTER_S = 0
    client = opened(nadia)
    Session.objects.update(seen_at=timezone.now() - dt.timedelta(hours=3))
    assert is_in(client)


def test_what_a_request_under_way_writes_in_the_session_does_not_undo_the_lock(nadia) -> None:
    client = opened(nadia)
    under_way = client.session
    under_way["something"] = 1
    lock(client)
    under_way.save()
    assert not is_in(client)


# ---- its owner comes back ----


@pytest.mark.parametrize("how", ["pin", "password", "badge and pin"])
def test_its_owner_comes_back_to_the_page(how, nadia) -> None:
    client = opened(nadia)
    lock(client)
    before = client.cookies["sessionid"].value
    if how == "badge and pin":
        response = enter(client, PIN, badge=badge_of(nadia))
    else:
        response = enter(client, PIN if how == "pin" else PASSWORD)
    assert response["Location"] == PAGE and is_in(client)
    assert client.cookies["sessionid"].value == before
    assert said(nadia)[-2:] == ["verrouillage", "déverrouillage"]


def test_the_cover_of_a_page_is_answered_in_json(nadia) -> None:
    client = opened(nadia)
    assert client.post("/poste/verrouiller/", {"next": PAGE}, headers={"X-Cover": "1"}).status_code == 204
    wrong = enter(client, "0000", **{"X-Cover": "1"})
    assert wrong.status_code == 422 and "Rien n’est perdu\u00a0:" in wrong.json()["told"]
    assert enter(client, PIN, **{"X-Cover": "1"}).json() == {"back": True}


def test_a_badge_alone_opens_nothing(nadia) -> None:
    client = opened(nadia)
    lock(client)
    response = enter(client, "", badge=badge_of(nadia))
    assert response.status_code == 422 and "seul n’ouvre rien" in response.text
    assert enter(client, badge_of(nadia), badge=badge_of(nadia)).status_code == 422
    assert not is_in(client)


@pytest.mark.parametrize(
    "elsewhere", ["https://ailleurs.example/", "//ailleurs.example", "javascript:alert(1)", "x\x00y"]
)
def test_nobody_is_sent_to_another_site_by_coming_back(elsewhere, nadia) -> None:
    client = opened(nadia)
    lock(client, "")
    response = enter(client, PIN, page=elsewhere)
    assert response.status_code in (302, 400)
    assert response.get("Location", "/") == "/"


# ---- hands that change ----


def test_a_colleague_takes_over_and_the_first_finds_their_page_again(nadia, omar) -> None:
    client = opened(nadia, omar)
    lock(client)
    assert enter(client, PIN, badge=badge_of(nadia), page="/listes/").status_code == 302
    assert whose(client) == nadia and is_in(client)
    assert Session.objects.filter(user=omar, locked_at__isnull=False, page=PAGE.replace(PAGE, "/listes/")).count() == 1
    lock(client, "/debiteurs/")
    back = enter(client, "8305", badge=badge_of(omar), page="/debiteurs/")
    assert back["Location"] == "/listes/" and whose(client) == omar
    assert is_in(client)
    assert said(omar)[-1] == "poste repris"


def test_whoever_takes_over_gets_another_key_than_the_one_that_was_there(nadia, omar) -> None:
    client = opened(nadia, omar)
    stolen = client.cookies["sessionid"].value
    lock(client)
    enter(client, PIN, badge=badge_of(nadia))
    thief = Client()
    thief.cookies["sessionid"] = stolen
    assert not is_in(thief), "the first session is locked under its old key too"
    lock(client)
    enter(client, "8305", badge=badge_of(omar))
    assert not is_in(thief), "and its old key opens nothing once it is taken up again"
    assert is_in(client)


def test_a_session_taken_up_again_ends_when_it_was_to_end(nadia, omar) -> None:
    client = opened(nadia, omar)
    before = Session.objects.get(user=omar)
    lock(client)
    enter(client, PIN, badge=badge_of(nadia))
    lock(client)
    enter(client, "8305", badge=badge_of(omar))
    after = Session.objects.get(user=omar)
    assert abs(after.expire_date - before.expire_date) < dt.timedelta(seconds=1)
    assert (after.started_at, after.factors) == (before.started_at, "mot de passe")


def test_a_session_opened_by_pin_ends_with_the_quick_access(nadia, omar) -> None:
    client = opened(nadia, omar)
    Session.objects.filter(user=nadia).delete()
    end = timezone.now() + dt.timedelta(minutes=20)
    QuickAccess.objects.filter(user=nadia).update(until=end)
    lock(client)
    enter(client, PIN, badge=badge_of(nadia))
    made = Session.objects.get(user=nadia)
    assert abs(made.expire_date - end) < dt.timedelta(seconds=1) and made.factors == "badge, PIN"


def test_by_name_and_pin_or_password_as_well(nadia, omar) -> None:
    for secret in (PIN, PASSWORD):
        client = opened(nadia, omar)
        lock(client)
        assert enter(client, secret, name=nadia.username).status_code == 302
        assert whose(client) == nadia


def test_a_page_that_is_not_open_to_the_colleague_leads_home(person, omar) -> None:
    cashier = a_colleague(person, Role.CASHIER)
    client = opened(cashier, omar)
    Session.objects.filter(user=cashier).delete()
    page = "/arrivees/" if client.get("/arrivees/").status_code == 200 else "/recherche/"
    lock(client, page)
    for page_kept, lands in (("/n-existe-pas/", "/"), ("/listes/", "/listes/")):
        enter(client, PIN, badge=badge_of(cashier), page=page_kept)
        landed = client.get(page_kept, follow=True)
        assert landed.status_code == 200 and landed.request["PATH_INFO"] == lands
        Session.objects.filter(user=cashier).delete()
        client.cookies.pop("sessionid")


def test_a_whole_sign_in_leaves_the_first_session_locked_for_its_owner(nadia, omar) -> None:
    client = opened(nadia)
    lock(client, PAGE)
    client.post("/poste/autre/", {"next": PAGE})
    sign_in(client, omar)
    assert Session.objects.get(user=nadia).locked_at is not None
    lock(client, "/debiteurs/")
    assert enter(client, PIN, badge=badge_of(nadia), page="/debiteurs/")["Location"] == PAGE


def test_once_signed_out_a_workstation_still_opens_by_badge_and_pin(nadia) -> None:
    client = opened(nadia)
    client.post("/deconnexion/")
    assert "Badge ou PIN" in client.get("/connexion/").text
    assert enter(client, PIN, badge=badge_of(nadia)).status_code == 302 and is_in(client)


def test_a_browser_nobody_signed_in_from_is_asked_for_a_whole_sign_in(nadia) -> None:
    assert Client().get("/poste/")["Location"].startswith("/connexion/")
    assert Client().post("/poste/", {"secret": PIN, "name": nadia.username})["Location"].startswith("/connexion/")
    assert "Badge ou PIN" not in Client().get("/connexion/").text


def test_an_account_that_is_closed_opens_nothing_by_its_badge(nadia, omar) -> None:
    client = opened(nadia, omar)
    User.objects.filter(pk=nadia.pk).update(is_active=False)
    lock(client)
    assert enter(client, PIN, badge=badge_of(nadia)).status_code == 422
    assert enter(client, PIN, name=nadia.username).status_code == 422
