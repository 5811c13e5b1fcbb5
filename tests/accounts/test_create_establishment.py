"""The first site of an installation and its administrator: created whole or not at all, the password never shown."""

from __future__ import annotations

import io
import sys

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from accounts.enums import Role
from accounts.models import Establishment, User

pytestmark = pytest.mark.django_db
PASSWORD = "une phrase assez longue"


@pytest.fixture
def create(monkeypatch):
    """Run the command with a password on its standard input, as a script does. Returns what it says."""

    def run(*, password: str = PASSWORD, **changed: str) -> str:
        given = {"finess_legal": "990000010", "finess_site": "990000028", "admin": "chef"} | changed
        monkeypatch.setattr(sys, "stdin", io.StringIO(f"{password}\n"))
        told = io.StringIO()
        call_command("create_establishment", "CH de Test", stdout=told, **given)
        return told.getvalue()

    return run


def test_the_administrator_of_a_new_site_signs_in(create) -> None:
    told = create()
    assert "CH de Test est créé ; chef en est l’administrateur." in told
    assert PASSWORD not in told
    administrator = User.objects.get(username="chef")
    assert administrator.establishment == Establishment.objects.get(finess_site="990000028")
    assert administrator.roles == {Role.ADMINISTRATOR}
    client = Client()
    answer = client.post("/connexion/", {"username": "chef", "password": PASSWORD})
    assert answer.status_code == 302
    assert client.get("/").status_code == 200


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"finess_site": "990000029"}, "FINESS géographique"),
        ({"finess_legal": "12"}, "FINESS juridique"),
        ({"password": "court"}, "trop court"),
        ({"password": ""}, "trop court"),
        ({"admin": "deux mots"}, "nom d’utilisateur"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_created(create, changed: dict[str, str], said: str) -> None:
    with pytest.raises(CommandError, match=said) as problem:
        create(**changed)
    assert "Rien n’a été créé." in str(problem.value)
    assert not Establishment.objects.exists()
    assert not User.objects.exists()


def test_a_site_or_a_person_that_exists_is_not_created_twice(create) -> None:
    create()
    for changed, said in (({"admin": "autre"}, "géographique"), ({"finess_site": "990000036"}, "utilisateur")):
        with pytest.raises(CommandError, match=said):
            create(**changed)
    assert Establishment.objects.count() == User.objects.count() == 1
