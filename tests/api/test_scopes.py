"""Each route opens to the scope of the table, and to no other; and nobody sees another hospital's dossiers."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from accounts.enums import Scope
from accounts.models import ApiClient
from teleservices.models import Webhook, WebhookMessage
from tests.api.conftest import ROOT, World
from tests.api.routes import METHODS, TABLE, served
from worklists.registry import all_worklists

pytestmark = pytest.mark.django_db


def address(world: World, route: str) -> str:
    """The route, naming the objects of this world."""
    pk = {
        "requests": world.request.pk,
        "cards": world.card.pk,
        "coverages": world.coverage.pk,
        "associations": world.association.pk,
        "agreements": world.agreement.pk,
        "exchange-files": world.file.pk,
        "webhooks": _first(Webhook),
        "deliveries": _first(WebhookMessage),
    }
    names = {
        "<ipp>": world.patient.ipp,
        "<iep>": world.stay.iep,
        "<number>": world.invoice.number,
        "<message_id>": str(world.call.message_id),
        "<code>": world.coverage.debtor.code,
        "<slug>": next(iter(all_worklists())),
    }
    route = re.sub(r"([a-z-]+)/<pk>", lambda found: f"{found[1]}/{pk[found[1]]}", route)
    for placeholder, value in names.items():
        route = route.replace(placeholder, value)
    return f"{ROOT}/{route}"


def _first(model: Any) -> int:
    return model.objects.values_list("pk", flat=True).first() or 0


def listen(client: ApiClient) -> None:
    """This program asked to be told, and is owed something."""
    webhook = Webhook.objects.create(client=client, url=f"https://{uuid.uuid4()}.example/", kinds=[], secret="s")
    now = timezone.now()
    WebhookMessage.objects.create(
        message_id=uuid.uuid4(), webhook=webhook, kind="stay.admitted", occurred_at=now, not_before=now
    )


def send(client: Client, method: str, url: str) -> HttpResponse:
    key = {"idempotency-key": str(uuid.uuid4())} if method == "POST" else {}
    return client.generic(method, url, "{}", content_type="application/json", headers=key)


def test_the_table_names_every_route_and_no_other() -> None:
    assert set(served()) == set(TABLE)


@pytest.mark.parametrize("scope", Scope.values)
def test_a_scope_opens_exactly_its_routes(api, world, scope: str) -> None:
    client = api(scope)
    listen(ApiClient.objects.latest("pk"))
    for (method, route), wanted in TABLE.items():
        response = send(client, method, address(world, route))
        if wanted == scope:
            assert response.status_code not in (401, 403, 404, 405), (method, route, response.content)
        else:
            assert response.status_code == 403, (method, route, response.content)
            assert "portée" in response.json()["detail"]


def test_a_method_that_is_not_there_is_405_whatever_the_scopes(api, world) -> None:
    client = api()
    for route in {route for _, route in TABLE}:
        for method in METHODS:
            if (method, route) not in TABLE:
                response = send(client, method, address(world, route))
                assert response.status_code == 405, (method, route)
                assert response["content-type"] == "application/problem+json"


def test_without_a_token_every_route_is_401(client, world) -> None:
    for method, route in TABLE:
        response = send(client, method, address(world, route))
        assert response.status_code == 401, (method, route)
        assert response["www-authenticate"] == "Bearer"
        assert response["content-type"] == "application/problem+json"


@pytest.mark.parametrize("header", ["Bearer faux", "Bearer", "Bearer a b", "Basic YTpi", "Bearer \xe9"])
def test_a_wrong_token_is_401(client, world, header: str) -> None:
    response = client.get(f"{ROOT}/patients", headers={"authorization": header})
    assert response.status_code == 401


def test_a_client_switched_off_is_401(api) -> None:
    client = api()
    assert client.get(f"{ROOT}/patients").status_code == 200
    ApiClient.objects.update(active=False)
    assert client.get(f"{ROOT}/patients").status_code == 401


def test_the_browser_session_of_a_person_opens_nothing(signed_in, world) -> None:
    from accounts.enums import Role

    assert signed_in(Role.REFERENT).get(f"{ROOT}/patients").status_code == 401


def test_what_belongs_to_another_hospital_is_not_found(stranger, world, api) -> None:
    api()
    listen(ApiClient.objects.latest("pk"))
    shared = ("debtors", "associations", "worklists")  # one table for all, or a list of each: no dossier is named
    for method, route in TABLE:
        if "<" in route and not route.startswith(shared):
            response = send(stranger.client, method, address(world, route))
            assert response.status_code == 404, (method, route, response.content)


def test_lists_show_nothing_of_another_hospital(stranger, program, world) -> None:
    for route in ("patients", "stays", "calls", "agreements", "invoices", "exchange-files"):
        assert program.get(f"/{route}")["count"] == 1, route
        assert stranger.get(f"/{route}")["count"] == 0, route


def test_a_sibling_site_shares_the_identities_and_not_the_stays(establishment, world) -> None:
    from tests.api.conftest import Program
    from tests.factories import EstablishmentFactory

    site = EstablishmentFactory(finess_site="350000030", finess_legal=establishment.finess_legal)
    _, token = ApiClient.issue("annexe", site, list(Scope.values))
    sibling = Program(Client(headers={"authorization": f"Bearer {token}"}))
    assert sibling.get(f"/patients/{world.patient.ipp}")["ipp"] == world.patient.ipp
    sibling.get(f"/stays/{world.stay.iep}", expect=404)
