"""The worklists over REST: the same lines as the screens, without a name."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.enums import Scope
from accounts.models import ApiClient
from tests.factories import EstablishmentFactory
from tests.worklists import scene
from worklists.listing import counters
from worklists.models import Assignment
from worklists.registry import all_worklists

pytestmark = pytest.mark.django_db
ROOT = "/api/v1/worklists"


def test_the_lists_are_counted_as_on_the_screens(api, establishment) -> None:
    scene.everything()
    body = api(Scope.WORKLISTS_READ).get(ROOT).json()
    expected = {one.worklist.slug: one.count for one in counters(all_worklists().values(), ApiClient.objects.get())}
    assert {row["slug"]: row["count"] for row in body["results"]} == expected
    assert all(row["you"] and row["oldest"] for row in body["results"])


def test_one_step_of_the_chain_is_asked_for(api) -> None:
    client = api(Scope.WORKLISTS_READ)
    body = client.get(ROOT, {"step": "recovery"}).json()
    assert {row["step"] for row in body["results"]} == {"recovery"}
    response = client.get(ROOT, {"step": "ailleurs"})
    assert response.status_code == 400
    assert response["content-type"] == "application/problem+json"


@pytest.mark.parametrize("worklist", all_worklists().values(), ids=lambda one: one.slug)
def test_each_list_gives_its_lines_and_no_name(worklist, api) -> None:
    scene.everything()
    response = api(Scope.WORKLISTS_READ).get(f"{ROOT}/{worklist.slug}/items")
    body = response.json()
    assert body["count"] >= 1
    assert all(row["id"] and row["since"] for row in body["results"])
    text = response.content.decode()
    assert not [name for name in scene.NAMES if name in text]


def test_a_line_says_its_stay_its_code_its_payer_and_who_takes_it(api, agent) -> None:
    call = scene.a_refusal("inform_patient", "no_third_party_payment", "RC15")
    Assignment.objects.create(worklist="patients-a-prevenir", object_id=call.pk, assignee=agent, assigned_by=agent)
    row = api(Scope.WORKLISTS_READ).get(f"{ROOT}/patients-a-prevenir/items").json()["results"][0]
    assert (row["id"], row["stay"], row["code"], row["debtor"], row["assigned_to"]) == (
        call.pk, call.stay.iep, "RC15", call.debtor.code, agent.short_name,
    )  # fmt: skip


def test_a_page_costs_the_same_queries_for_one_line_and_for_many(api) -> None:
    client = api(Scope.WORKLISTS_READ)
    scene.a_refusal("inform_patient", "no_third_party_payment")
    client.get(f"{ROOT}/patients-a-prevenir/items")
    with CaptureQueriesContext(connection) as few:
        client.get(f"{ROOT}/patients-a-prevenir/items")
    for _ in range(20):
        scene.a_refusal("inform_patient", "no_third_party_payment")
    with CaptureQueriesContext(connection) as many:
        client.get(f"{ROOT}/patients-a-prevenir/items")
    assert len(few) == len(many) <= 6


def test_other_scopes_and_other_establishments_see_nothing(api) -> None:
    scene.a_refusal("inform_patient", "no_third_party_payment")
    assert api(Scope.STAYS_READ).get(ROOT).status_code == 403
    from django.test import Client

    from accounts.models import ApiClient

    elsewhere = EstablishmentFactory(finess_site="290000017", finess_legal="290000009")
    _, token = ApiClient.issue("ailleurs", elsewhere, [Scope.WORKLISTS_READ])
    client = Client(headers={"authorization": f"Bearer {token}"})
    assert client.get(f"{ROOT}/patients-a-prevenir/items").json()["count"] == 0


def test_a_list_or_a_parameter_that_is_not_known_is_told(api) -> None:
    client = api(Scope.WORKLISTS_READ)
    assert client.get(f"{ROOT}/rien/items").status_code == 404
    assert client.get(ROOT, {"nom": "MARTIN"}).status_code == 400
    assert client.get(f"{ROOT}/hors-roc/items", {"page": "99"}).status_code == 404
