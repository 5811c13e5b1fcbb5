"""The perimeter's screen: modes, circles, and the effect of a move shown before it is decided."""

from __future__ import annotations

import pytest
from django.utils import timezone

from accounts.enums import Role
from teleservices.enums import PerimeterMode
from teleservices.models import PerimeterAmc
from teleservices.perimeter import mode_of
from tests.worklists import scene

pytestmark = pytest.mark.django_db
PAGE = "/perimetre/"


@pytest.fixture
def client(signed_in):
    return signed_in(Role.REFERENT)


def today() -> str:
    return f"{timezone.localdate():%d/%m/%Y}"


def test_every_domain_has_its_mode(client) -> None:
    html = client.get(PAGE).content.decode()
    assert html.count("Tous les organismes") == 4


def test_the_effect_is_seen_before_it_is_decided(client, establishment) -> None:
    stay = scene.a_stay()
    scene.a_coverage(stay)
    asked = {"domain": stay.domain, "mode": "closed", "since": today()}
    html = client.get(PAGE, asked).content.decode()
    assert '<dt class="n strong">1</dt><dd>séjours ouverts en sortent' in html
    assert mode_of(establishment.pk, stay.domain) == PerimeterMode.ALL
    answer = client.post(f"{PAGE}mode/", asked, follow=True)
    assert "Les séjours ouverts suivent seuls." in answer.content.decode()
    assert mode_of(establishment.pk, stay.domain) == PerimeterMode.CLOSED


def test_a_past_day_is_refused_in_words(client, establishment) -> None:
    answer = client.post(f"{PAGE}mode/", {"domain": "MCO", "mode": "closed", "since": "01/02/2024"})
    assert answer.status_code == 422
    assert "La date d’effet est passée" in answer.content.decode()
    assert mode_of(establishment.pk, "MCO") == PerimeterMode.ALL


def test_an_amc_is_named_and_removed(client, establishment) -> None:
    debtor = scene.a_coverage(scene.a_stay()).debtor
    client.post(f"{PAGE}organismes/", {"amc_number": debtor.amc_number, "circle": "mirror"})
    named = PerimeterAmc.objects.get()
    assert (named.debtor, named.circle) == (debtor, "mirror")
    assert debtor.name in client.get(PAGE).content.decode()
    client.post(f"{PAGE}organismes/{named.pk}/retirer/")
    assert not PerimeterAmc.objects.exists()


@pytest.mark.parametrize("number", ["", "annuaire", "9999999999"])
def test_what_is_no_amc_is_refused_in_words(client, number) -> None:
    answer = client.post(f"{PAGE}organismes/", {"amc_number": number, "circle": "mirror"})
    assert answer.status_code == 422
    assert not PerimeterAmc.objects.exists()


def test_who_keeps_the_machine_sees_and_changes_nothing(signed_in) -> None:
    client = signed_in(Role.ADMINISTRATOR)
    assert "Changer un mode" not in client.get(PAGE).content.decode()
    assert client.post(f"{PAGE}mode/", {}).status_code == 403


def test_a_refusal_for_the_settings_leads_to_the_screen(client) -> None:
    assert 'href="/perimetre/"' in client.get("/listes/parametrage/").content.decode()


def test_the_screen_costs_the_same_queries_for_a_little_and_a_lot(client, django_assert_max_num_queries) -> None:
    for _ in range(3):
        debtor = scene.a_coverage(scene.a_stay()).debtor
        client.post(f"{PAGE}organismes/", {"amc_number": debtor.amc_number, "circle": "trust"})
    with django_assert_max_num_queries(10):
        client.get(PAGE, {"domain": "MCO", "mode": "circle", "since": today()})
