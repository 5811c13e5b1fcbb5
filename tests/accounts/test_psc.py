"""Signing in by Pro Santé Connect: a real provider over TLS, and each thing that it could say wrong."""

from __future__ import annotations

import time
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.test import Client

from accounts import quick_access
from accounts.enums import JournalKind, Role
from accounts.models import JournalEntry, ProfessionalIdentity, Session, User
from accounts.psc import identities, provider
from tests.psc_process import NADIA, RPPS_OF_NADIA, YANN, Psc, psc_process

pytestmark = pytest.mark.django_db
PASSWORD = "une phrase assez longue"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Psc]:
    with psc_process(tmp_path_factory.mktemp("psc"), "http://testserver/connexion/psc/retour/") as process:
        yield process


@pytest.fixture
def psc(running: Psc, settings) -> Psc:
    settings.PSC = running.settings
    running.well()
    provider.forget()
    return running


@pytest.fixture
def nadia(person) -> User:
    user = person(Role.AGENT)
    user.set_password(PASSWORD)
    user.save()
    ProfessionalIdentity.objects.create(user=user, national_id=NADIA)
    return user


def leave(client: Client, next_page: str = "") -> str:
    answer = client.post("/connexion/psc/", {"next": next_page})
    assert answer.status_code == 302
    return answer["Location"]


def come_back(client: Client, where: str):
    parts = urlsplit(where)
    return client.get(f"{parts.path}?{parts.query}", follow=True)


def signs_in(client: Client, psc: Psc, who: str = NADIA, next_page: str = ""):
    return come_back(client, psc.consent(leave(client, next_page), who))


def is_in(client: Client) -> bool:
    return client.get("/listes/").status_code == 200


def reasons() -> list[str]:
    found = JournalEntry.objects.filter(kind=JournalKind.SESSION, action="Pro Santé Connect refusé").order_by("id")
    return [entry.detail["reason"] for entry in found]


# ---- who comes in ----


def test_a_professional_whom_we_know_comes_in_to_the_page_they_wanted(client, psc, nadia) -> None:
    page = signs_in(client, psc, next_page="/listes/")
    assert page.redirect_chain == [("/listes/", 302)] and page.status_code == 200
    session = Session.objects.get(user=nadia)
    assert session.factors == "Pro Santé Connect"
    assert JournalEntry.objects.filter(kind=JournalKind.SESSION, action="connexion", user_id=nadia.pk).exists()
    assert ("token" in psc.calls()) and ("userinfo" in psc.calls())


def test_what_leaves_asks_for_a_fresh_and_strong_proof_and_shows_no_secret(client, psc) -> None:
    asked = dict(parse_qsl(urlsplit(leave(client)).query))
    assert asked["response_type"] == "code" and asked["scope"] == "openid scope_all"
    assert (asked["acr_values"], asked["prompt"], asked["max_age"]) == ("eidas1", "login", "300")
    assert asked["code_challenge_method"] == "S256" and len(asked["nonce"]) > 40 and len(asked["state"]) > 40
    held = client.session["psc"]
    assert not [name for name in ("verifier",) if held[name] in asked.values()]


def test_no_code_of_ours_is_asked_besides_even_where_it_is_required(client, psc, nadia, settings) -> None:
    settings.SECOND_FACTOR = "required"
    signs_in(client, psc)
    assert is_in(client)


def test_their_pin_is_then_enough_on_this_workstation(client, psc, nadia) -> None:
    signs_in(client, psc)
    station = Session.objects.get(user=nadia).workstation
    assert station is not None and quick_access.allowed(nadia, station) is not None


def test_the_session_before_is_not_the_one_after(client, psc, nadia) -> None:
    back = psc.consent(leave(client), NADIA)
    before = client.cookies["sessionid"].value
    come_back(client, back)
    assert client.cookies["sessionid"].value != before


def test_a_professional_whom_nobody_wrote_down_opens_nothing_and_is_told_what_to_do(client, psc, nadia) -> None:
    page = signs_in(client, psc, YANN)
    assert "aucun compte ouvert ici ne porte votre identifiant national" in page.text
    assert not is_in(client) and User.objects.count() == 1 and reasons() == ["unknown"]


def test_a_closed_account_is_not_told_from_none(client, psc, nadia) -> None:
    User.objects.update(is_active=False)
    assert "aucun compte ouvert ici" in signs_in(client, psc).text
    assert not is_in(client)


def test_whoever_gives_up_on_its_page_comes_back_to_ours(client, psc, nadia) -> None:
    page = signs_in(client, psc, "")
    assert "renoncé" in page.text and "Se connecter avec Pro Santé Connect" in page.text
    assert not is_in(client)


def test_a_page_elsewhere_is_not_where_one_goes(client, psc, nadia) -> None:
    page = signs_in(client, psc, next_page="https://ailleurs.example/")
    assert page.redirect_chain[0][0] == "/"


# ---- what is not believed ----

FAULTS = {
    "wrong_nonce": "token_nonce",
    "no_nonce": "token_nonce",
    "wrong_audience": "token_audience",
    "two_audiences": "token_party",
    "wrong_party": "token_party",
    "huge_number": "token_expired",
    "nul": "no_national_id",
    "wrong_issuer": "token_issuer",
    "expired": "token_expired",
    "from_the_future": "token_not_yet",
    "other_acr": "token_acr",
    "stale": "token_stale",
    "no_auth_time": "token_stale",
    "alg_none": "signature",
    "alg_hs256": "signature",
    "foreign_key": "signature",
    "access_token_type": "token_type",
    "no_subject": "token_subject",
    "other_subject": "userinfo_subject",
    "no_national_id": "no_national_id",
    "no_id_token": "no_id_token",
    "token_redirect": "token_answer",
}


@pytest.mark.parametrize(("fault", "reason"), FAULTS.items(), ids=FAULTS)
def test_a_wrong_answer_opens_nothing_and_says_so(fault, reason, client, psc, nadia) -> None:
    where = psc.consent(leave(client), NADIA)
    psc.fault(fault)
    page = come_back(client, where)
    assert "n’a pas pu être vérifié" in page.text and not is_in(client)
    assert reasons() == [reason]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("discovery_issuer", "discovery_issuer"),
        ("discovery_address", "discovery_address"),
        ("discovery_redirect", "http_302"),
        ("not_json", "not_json"),
        ("endless", "too_long"),
        ("deep", "not_json"),
    ],
)
def test_nobody_is_sent_to_a_provider_that_is_not_itself(fault, reason, client, psc) -> None:
    psc.fault(fault)
    page = client.post("/connexion/psc/", follow=True)
    assert page.redirect_chain == [("/connexion/", 302)] and reasons() == [reason]


def test_broken_keys_open_nothing(client, psc, nadia) -> None:
    where = psc.consent(leave(client), NADIA)
    psc.fault("keys_broken")
    come_back(client, where)
    assert not is_in(client) and reasons() == ["keys"]


@pytest.mark.parametrize("fault", ["down", "slow", "drip"])
def test_a_provider_that_is_down_or_slow_is_said_in_time_and_the_password_still_opens(
    fault, client, psc, nadia, monkeypatch
) -> None:
    monkeypatch.setattr(provider, "TIMEOUT_S", (1, 1))
    monkeypatch.setattr(provider, "FLOW_S", 2)
    psc.fault(fault)
    start = time.monotonic()
    page = client.post("/connexion/psc/", follow=True)
    assert time.monotonic() - start < 4 and "ne répond pas" in page.text
    # The next person is told at once: it is not asked again for a while.
    start = time.monotonic()
    assert "ne répond pas" in Client().post("/connexion/psc/", follow=True).text
    assert time.monotonic() - start < 1 and reasons()[-1] == "rests"
    answer = client.post("/connexion/", {"username": nadia.username, "password": PASSWORD})
    assert answer.status_code == 302 and is_in(client)


def test_a_provider_whose_certificate_nobody_vouches_for_is_asked_nothing(client, psc, settings) -> None:
    settings.PSC = psc.settings | {"ca": ""}
    assert "ne répond pas" in client.post("/connexion/psc/", follow=True).text
    assert psc.calls() == []


def test_a_key_that_changes_is_read_again_once_a_minute_at_most(client, psc, nadia, monkeypatch) -> None:
    signs_in(client, psc)
    psc.rotate()
    # Read less than a minute ago: whoever makes keys up makes nobody read them without end.
    other, third = Client(), Client()
    signs_in(other, psc)
    assert not is_in(other) and reasons() == ["signature"]
    monkeypatch.setattr(provider, "_AGAIN_S", 0)
    signs_in(third, psc)
    assert is_in(third)
    assert psc.calls().count("certs") == 2


# ---- a demand comes back to who made it, once ----


def test_what_was_asked_by_another_browser_opens_nothing_here(client, psc, nadia) -> None:
    """Somebody who has a return made for themselves gives it to a colleague to click."""
    where = psc.consent(leave(client), NADIA)
    victim = Client()
    assert "n’est pas partie de ce poste" in come_back(victim, where).text
    assert not is_in(victim) and "token" not in psc.calls()


def test_a_return_of_somebody_else_opens_nothing_even_for_who_was_leaving_too(client, psc, nadia) -> None:
    where = psc.consent(leave(client), NADIA)
    victim = Client()
    leave(victim)
    assert "n’est pas partie de ce poste" in come_back(victim, where).text
    assert not is_in(victim) and "token" not in psc.calls()


def test_a_return_serves_once(client, psc, nadia) -> None:
    where = psc.consent(leave(client), NADIA)
    come_back(client, where)
    client.post("/deconnexion/")
    assert "n’est pas partie de ce poste" in come_back(client, where).text
    assert not is_in(client)


def test_after_ten_minutes_it_is_too_late(client, psc, nadia) -> None:
    where = psc.consent(leave(client), NADIA)
    session = client.session
    session["psc"] |= {"at": time.time() - 601}
    session.save()
    assert "dix minutes" in come_back(client, where).text and not is_in(client)


def test_a_code_that_served_already_or_was_made_up_is_refused(client, psc, nadia) -> None:
    where = psc.consent(leave(client), NADIA)
    parts = urlsplit(where)
    state = dict(parse_qsl(parts.query))["state"]
    client.get("/connexion/psc/retour/", {"state": state, "code": "inventé"})
    assert not is_in(client) and reasons() == ["code_refused"]


def test_without_a_token_of_the_form_nobody_is_made_to_leave(psc) -> None:
    assert Client(enforce_csrf_checks=True).post("/connexion/psc/").status_code == 403


def test_nothing_of_the_tokens_is_in_the_journal_nor_in_the_session(client, psc, nadia) -> None:
    signs_in(client, psc)
    held = str(dict(client.session.items()))
    told = " ".join(str(entry.detail) for entry in JournalEntry.objects.all())
    assert "eyJ" not in held + told and "verifier" not in held


# ---- whose identity it is ----


def test_an_administrator_writes_an_rpps_number_and_takes_it_away(client, psc, person) -> None:
    colleague = person(Role.AGENT)
    client.force_login(person(Role.ADMINISTRATOR))
    path = f"/comptes/{colleague.pk}/rpps/"
    said = client.post(path, {"rpps": RPPS_OF_NADIA[:-1] + "0", "reason": "arrivée"}, follow=True)
    assert "n’est pas un n° RPPS" in said.text and not ProfessionalIdentity.objects.exists()
    client.post(path, {"rpps": f"{RPPS_OF_NADIA[:5]} {RPPS_OF_NADIA[5:]}", "reason": "arrivée"})
    assert identities.user_of(NADIA) == colleague
    newcomer = Client()
    signs_in(newcomer, psc)
    assert is_in(newcomer)
    client.post(path, {"rpps": "", "reason": "erreur de personne"})
    assert identities.user_of(NADIA) is None
    actions = JournalEntry.objects.filter(kind=JournalKind.ADMIN).values_list("action", "reason")
    assert list(actions.order_by("id")) == [
        ("identité professionnelle rattachée", "arrivée"),
        ("identité professionnelle retirée", "erreur de personne"),
    ]


def test_one_professional_is_one_account(client, psc, nadia, person) -> None:
    other = person(Role.AGENT)
    client.force_login(person(Role.ADMINISTRATOR))
    said = client.post(f"/comptes/{other.pk}/rpps/", {"rpps": RPPS_OF_NADIA, "reason": "arrivée"}, follow=True)
    assert "déjà celui d’un autre compte" in said.text and identities.user_of(NADIA) == nadia


def test_a_person_links_their_own_with_their_password_and_a_proof(client, psc, person) -> None:
    user = person(Role.AGENT)
    user.set_password(PASSWORD)
    user.save()
    client.force_login(user)
    assert client.post("/compte/psc/", {"password": "celui d’un autre"}).status_code == 422
    left = client.post("/compte/psc/", {"password": PASSWORD})
    assert "Identité professionnelle rattachée" in come_back(client, psc.consent(left["Location"], YANN)).text
    assert identities.user_of(YANN) == user
    assert client.post("/compte/psc/retirer/", {"password": ""}).status_code == 422
    client.post("/compte/psc/retirer/", {"password": PASSWORD})
    assert identities.user_of(YANN) is None


def test_a_link_asked_by_one_is_not_given_to_the_next_of_the_workstation(client, psc, nadia, person) -> None:
    client.force_login(nadia)
    left = client.post("/compte/psc/", {"password": PASSWORD})["Location"]
    where = psc.consent(left, YANN)
    session = client.session
    session["psc"] |= {"user": person(Role.AGENT).pk}
    session.save()
    assert "n’est pas partie de ce poste" in come_back(client, where).text
    assert identities.user_of(YANN) is None


def test_where_it_is_not_set_up_it_is_not_there(client, settings, nadia) -> None:
    settings.PSC = settings.PSC | {"issuer": ""}
    assert "Pro Santé Connect" not in client.get("/connexion/").text
    assert client.post("/connexion/psc/").status_code == 404
    assert client.get("/connexion/psc/retour/").status_code == 404
    client.force_login(nadia)
    assert "Pro Santé Connect" not in client.get("/compte/").text
    assert client.post("/compte/psc/", {"password": PASSWORD}).status_code == 404


def test_an_issuer_without_a_client_does_not_start() -> None:
    import environ
    from django.core.exceptions import ImproperlyConfigured

    from gap import psc as settings_of

    env = environ.Env()
    env.ENVIRON = {"PSC_ISSUER": "https://psc.example", "PSC_CLIENT_SECRET": "x"}
    with pytest.raises(ImproperlyConfigured):
        settings_of.of(env)


def test_a_return_that_nobody_asked_for_writes_no_session(client, psc) -> None:
    client.get("/connexion/psc/retour/", {"state": "x", "code": "y"})
    assert not Session.objects.exists()


def test_an_administrator_does_not_write_their_own(client, psc, person) -> None:
    admin = person(Role.ADMINISTRATOR)
    client.force_login(admin)
    client.post(f"/comptes/{admin.pk}/rpps/", {"rpps": RPPS_OF_NADIA, "reason": "arrivée"})
    assert identities.user_of(NADIA) is None
