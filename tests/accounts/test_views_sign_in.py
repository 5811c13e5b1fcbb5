"""Signing in and out: in French, without telling who exists, and back to the page that was left."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.enums import Role
from accounts.tries import PASSWORD as LIMIT

pytestmark = pytest.mark.django_db
PASSWORD = "une phrase assez longue"


@pytest.fixture
def nadia(person):
    user = person(Role.AGENT)
    user.set_password(PASSWORD)
    user.save()
    return user


def sign_in(client: Client, username: str, password: str, **data: str):
    return client.post("/connexion/", {"username": username, "password": password, **data})


def test_a_person_signs_in_and_stands_on_the_home_page(client, nadia) -> None:
    response = sign_in(client, nadia.username, PASSWORD)
    assert response.status_code == 302
    assert response["Location"] == "/"


def test_an_unknown_name_and_a_wrong_password_say_the_same_thing(client, nadia) -> None:
    sentence = "Identifiant ou mot de passe inconnu"
    wrong = sign_in(client, nadia.username, "autre chose")
    unknown = sign_in(client, "personne", "autre chose")
    nadia.is_active = False
    nadia.save()
    closed = sign_in(client, nadia.username, PASSWORD)
    for response in (wrong, unknown, closed):
        assert response.status_code == 422
        assert sentence in response.content.decode()


def test_the_page_speaks_french_and_keeps_the_name_not_the_password(client, nadia) -> None:
    html = sign_in(client, "nadia.f", "secret à ne pas revoir").content.decode()
    assert 'value="nadia.f"' in html
    assert "secret à ne pas revoir" not in html
    assert "Please" not in html


def test_an_empty_form_is_told_field_by_field(client) -> None:
    html = sign_in(client, "", "").content.decode()
    assert html.count("Ce champ est obligatoire") >= 2


def test_a_session_that_ended_comes_back_to_its_page(client, nadia) -> None:
    response = client.get("/listes/?tri=depuis")
    assert response["Location"] == "/connexion/?next=/listes/%3Ftri%3Ddepuis"
    page = client.get(response["Location"]).content.decode()
    assert "Cette page demande d’être connecté" in page
    response = sign_in(client, nadia.username, PASSWORD, next="/listes/?tri=depuis")
    assert response["Location"] == "/listes/?tri=depuis"


def test_an_action_cut_by_the_end_of_the_session_comes_back_to_a_page_that_opens(client, nadia) -> None:
    response = client.post("/listes/patients-a-prevenir/actions/", {"deed": "affecter"})
    response = sign_in(client, nadia.username, PASSWORD, next="/listes/patients-a-prevenir/actions/")
    assert client.get(response["Location"], follow=True).status_code == 200


@pytest.mark.parametrize("address", ["https://ailleurs.example/", "//ailleurs.example", "javascript:alert(1)"])
def test_nobody_is_sent_to_another_site(address, client, nadia) -> None:
    assert sign_in(client, nadia.username, PASSWORD, next=address)["Location"] == "/"


def test_too_many_wrong_tries_wait_even_with_the_right_password(client, nadia) -> None:
    for _ in range(LIMIT.tries):
        sign_in(client, nadia.username, "faux")
    response = sign_in(client, nadia.username, PASSWORD)
    assert response.status_code == 422
    assert "Trop d’essais" in response.content.decode()
    elsewhere = Client(REMOTE_ADDR="192.0.2.7")
    assert sign_in(elsewhere, nadia.username, PASSWORD).status_code == 302, "another workstation is not kept out"


def test_a_right_password_forgets_the_wrong_tries(client, nadia) -> None:
    for _ in range(LIMIT.tries - 1):
        sign_in(client, nadia.username, "faux")
    assert sign_in(client, nadia.username, PASSWORD).status_code == 302
    for _ in range(LIMIT.tries - 1):
        sign_in(Client(), nadia.username, "faux")
    assert sign_in(Client(), nadia.username, PASSWORD).status_code == 302


def test_signing_out_is_a_demand_and_not_an_address(client, nadia) -> None:
    client.force_login(nadia)
    assert client.get("/deconnexion/")["Location"] == "/"
    assert client.get("/listes/").status_code == 200
    assert client.post("/deconnexion/")["Location"] == "/connexion/"
    assert client.get("/listes/").status_code == 302


def test_the_session_changes_its_key_at_sign_in(client, nadia) -> None:
    client.get("/connexion/")
    before = client.session.session_key
    sign_in(client, nadia.username, PASSWORD)
    assert client.session.session_key != before


def test_single_keys_are_turned_off_for_oneself_and_one_comes_back(client, nadia) -> None:
    client.force_login(nadia)
    response = client.post("/touches/", {"single_keys": "off", "next": "/listes/"})
    assert response["Location"] == "/listes/"
    nadia.refresh_from_db()
    assert nadia.single_keys is False
    assert client.post("/touches/", {"single_keys": "on", "next": "https://ailleurs.example/"})["Location"] == "/"
    nadia.refresh_from_db()
    assert nadia.single_keys is True


@pytest.mark.parametrize(("path", "status"), [("/cette/page/n-existe-pas/", 404)])
def test_pages_of_errors_say_what_happened_in_french(path, status, client, nadia) -> None:
    client.force_login(nadia)
    response = client.get(path)
    assert response.status_code == status
    assert "Cette page n’existe pas" in response.content.decode()


def test_a_forbidden_screen_says_so_in_french(signed_in) -> None:
    response = signed_in(Role.AGENT).get("/echanges/")
    assert response.status_code == 403
    assert "n’est pas ouvert à votre rôle" in response.content.decode()


def test_a_form_without_its_token_is_told_in_french(nadia) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(nadia)
    response = client.post("/touches/", {"single_keys": "off"})
    assert response.status_code == 403
    assert "ouverte depuis trop longtemps" in response.content.decode()
