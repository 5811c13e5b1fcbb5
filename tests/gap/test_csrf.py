"""No screen takes anything from another site: every unsafe verb of every address asks for the token of the page."""

from __future__ import annotations

import json
import re

import pytest
from django.test import Client

from accounts.enums import Role
from accounts.permissions import PERMISSIONS
from tests.accounts.test_views_roles import GUARDED, address
from tests.accounts.test_views_roles import world as world

pytestmark = pytest.mark.django_db
VERBS = ("post", "put", "patch", "delete")
HEADING = "Cette page était ouverte depuis trop longtemps"


@pytest.fixture
def strict(person):
    """A browser that the server asks its token, signed in with a role."""

    def make(role: Role) -> Client:
        client = Client(enforce_csrf_checks=True)
        client.force_login(person(role))
        return client

    return make


def test_every_unsafe_verb_of_every_screen_is_refused_without_the_token(strict, world, measured) -> None:
    clients: dict[Role, Client] = {}
    wrong = {}
    for name, pattern in GUARDED:
        role = next(role for role in Role if role in PERMISSIONS[pattern.callback.action])
        client = clients.setdefault(role, strict(role))
        for verb in VERBS:
            response = getattr(client, verb)(address(name, pattern, world))
            if response.status_code != 403 or HEADING not in response.content.decode():
                wrong[f"{verb} {name}"] = response.status_code
    assert wrong == {}
    assert len(GUARDED) > 60
    measured("envois sans jeton CSRF refusés", len(GUARDED) * len(VERBS))


def test_signing_in_and_out_ask_for_it_too() -> None:
    client = Client(enforce_csrf_checks=True)
    for path in ("/connexion/", "/deconnexion/"):
        assert client.post(path).status_code == 403


def test_the_refused_page_says_what_happened_what_is_kept_and_what_to_do(strict, world) -> None:
    page = strict(Role.AGENT).post("/recherche/", {"q": "MORVAN"}).content.decode()
    for words in ("n’a pas été enregistré", "Votre saisie est gardée", "Rouvrez le formulaire"):
        assert words in page
    assert "MORVAN" not in page and "CSRF" not in page.replace("X-CSRFToken", "").replace("csrfmiddlewaretoken", "")


def test_the_token_that_htmx_sends_with_every_request_of_a_page_is_taken(strict, world) -> None:
    client = strict(Role.AGENT)
    page = client.get("/admissions/").content.decode()
    found = re.search(r"<body hx-headers='([^']+)'", page)
    assert found
    (header, token), *more = json.loads(found[1]).items()
    assert (header, more) == ("X-CSRFToken", [])
    asked = {"q": "MORVAN"}
    assert client.post("/recherche/", asked, headers={header: token, "HX-Request": "true"}).status_code == 200
    forged = token[:-1] + ("A" if token[-1] != "A" else "B")
    assert client.post("/recherche/", asked, headers={header: forged, "HX-Request": "true"}).status_code == 403


def test_no_fragment_that_htmx_draws_hides_the_token_of_the_page() -> None:
    """`hx-headers` is inherited: one written again lower in a page would have to hold the token as well."""
    from django.conf import settings

    written = [
        path.relative_to(settings.BASE_DIR).as_posix()
        for path in (settings.BASE_DIR / "templates").rglob("*.html")
        if "hx-headers" in path.read_text(encoding="utf-8")
    ]
    assert written == ["templates/base.html"]
