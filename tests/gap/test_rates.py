"""How often one may ask: counted in a real Redis, by client and by person; without Redis, everybody is served."""

from __future__ import annotations

import time

import pytest
import time_machine
from structlog.testing import capture_logs

from accounts.enums import Role
from gap import rates
from gap.supervisor.servers import EmbeddedRedis

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _counts_of_its_own(settings, tmp_path):
    """Nobody has asked anything yet."""
    rates.forget()
    settings.RATES_PER_MINUTE = {"api": 3, "export": 2, "card": 2, f"test-{tmp_path.name}": 4}
    yield
    rates.forget()


@pytest.fixture
def kind(tmp_path) -> str:
    return f"test-{tmp_path.name}"


def test_a_rate_lets_so_many_pass_and_says_how_long_to_wait(kind) -> None:
    with time_machine.travel(1_800_000_000 + 10, tick=False):
        assert [rates.wait_of(kind, "a") for _ in range(5)] == [0, 0, 0, 0, 50]
        assert rates.wait_of(kind, "b") == 0
    with time_machine.travel(1_800_000_000 + 130, tick=False):
        assert rates.wait_of(kind, "a") == 0


def test_no_burst_passes_at_the_turn_of_a_minute(kind) -> None:
    with time_machine.travel(1_800_000_000 + 59, tick=False):
        assert [rates.wait_of(kind, "a") for _ in range(4)] == [0] * 4
    with time_machine.travel(1_800_000_000 + 61, tick=False):
        wait = rates.wait_of(kind, "a")
        assert 0 < wait <= 60
    with time_machine.travel(1_800_000_000 + 61 + wait, tick=False):
        assert rates.wait_of(kind, "a") == 0


def test_who_is_refused_is_not_counted_and_passes_after_the_wait_that_was_said(kind) -> None:
    with time_machine.travel(1_800_000_000, tick=False):
        for _ in range(40):
            wait = rates.wait_of(kind, "a")
    with time_machine.travel(1_800_000_000 + wait + 15, tick=False):
        assert rates.wait_of(kind, "a") == 0


def test_a_client_of_the_api_that_asks_too_often_is_told_when_to_come_back(api, settings) -> None:
    busy, other = api(), api()
    statuses = [busy.get("/api/v1/stays").status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    refused = busy.get("/api/v1/stays")
    assert refused["Content-Type"].startswith("application/problem+json")
    assert 1 <= int(refused["Retry-After"]) <= 60
    body = refused.json()
    assert (body["type"], body["title"]) == ("urn:mini-gap:problem:too-many", "Trop de demandes")
    assert "Retry-After" in body["detail"]
    assert other.get("/api/v1/stays").status_code == 200


def test_a_refused_write_writes_nothing(api) -> None:
    from accounts.models import IdempotentReply

    client = api()
    for _ in range(3):
        client.get("/api/v1/stays")
    answer = client.post("/api/v1/patients", {}, content_type="application/json", headers={"Idempotency-Key": "k"})
    assert answer.status_code == 429
    assert not IdempotentReply.objects.exists()


def test_exports_have_a_rate_for_each_person_and_the_screens_around_them_have_none(signed_in) -> None:
    first, second = signed_in(Role.AGENT), signed_in(Role.AGENT)
    assert [first.get("/admissions/export.csv").status_code for _ in range(3)] == [200, 200, 429]
    page = first.get("/admissions/export.csv")
    assert "Attendez une minute" in page.content.decode() and 1 <= int(page["Retry-After"]) <= 60
    assert second.get("/admissions/export.csv").status_code == 200
    assert [first.get("/admissions/").status_code for _ in range(5)] == [200] * 5


def test_a_list_exported_by_a_parameter_of_its_own_address_is_counted_too(signed_in) -> None:
    client = signed_in(Role.BILLING)
    assert [client.get("/factures/?format=csv").status_code for _ in range(3)] == [200, 200, 429]
    assert client.get("/factures/").status_code == 200


def test_images_of_cards_have_a_rate_for_each_person(signed_in) -> None:
    client = signed_in(Role.AGENT)
    statuses = [client.post("/carte/", {"text": "x"}).status_code for _ in range(3)]
    assert statuses[2] == 429 and 429 not in statuses[:2]


def test_every_heavy_screen_that_the_settings_name_is_an_address_of_the_product(settings) -> None:
    from tests.accounts.test_views_roles import SCREENS

    assert set(settings.HEAVY_SCREENS) <= {name for name, _, _ in SCREENS}
    assert set(settings.HEAVY_SCREENS.values()) <= {"export", "card"}


def test_without_redis_everybody_is_served_and_nobody_waits_for_it(api, settings, tmp_path) -> None:
    server = EmbeddedRedis(tmp_path / "redis")
    server.launch(tmp_path / "redis.log")
    server.wait()
    settings.REDIS_URL = server.url
    client = api()
    assert [client.get("/api/v1/stays").status_code for _ in range(4)] == [200, 200, 200, 429]
    assert server.child is not None
    server.child.stop()
    with capture_logs() as logs:
        started = time.monotonic()
        statuses = [client.get("/api/v1/stays").status_code for _ in range(6)]
        elapsed = time.monotonic() - started
    assert statuses == [200] * 6
    assert elapsed < 2
    assert [line["event"] for line in logs if line["event"] == "rate_not_counted"] == ["rate_not_counted"]


def test_a_client_that_has_its_own_rate_is_held_to_it_and_no_other_is(api, settings) -> None:
    from accounts.models import ApiClient

    settings.RATES_PER_MINUTE = settings.RATES_PER_MINUTE | {"api": 5}
    slow, fast, usual = api(), api(), api()
    for name, rate in (("client 0", 2), ("client 1", 7)):
        ApiClient.objects.filter(name=name).update(rate_per_minute=rate)
    passed = [[one.get("/api/v1/units").status_code for _ in range(9)].count(200) for one in (slow, fast, usual)]
    assert passed == [2, 7, 5]


ASK = """
from django.test import Client
client = Client(headers={"authorization": "Bearer " + os.environ["TOKEN"], "host": "localhost"})
print(*[client.get("/api/v1/units").status_code for _ in range(20)])
"""


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_the_rate_of_a_client_is_one_for_all_the_processes(establishment) -> None:
    from accounts.enums import Scope
    from accounts.models import ApiClient
    from tests.processes import run_together

    made, token = ApiClient.issue("labo", establishment, [Scope.STAYS_READ])
    ApiClient.objects.filter(pk=made.pk).update(rate_per_minute=25)
    statuses = " ".join(run_together(ASK, 2, TOKEN=token)).split()
    assert (statuses.count("200"), statuses.count("429")) == (25, 15)


def test_the_database_refuses_a_rate_that_lets_nothing_pass(api) -> None:
    from django.db import IntegrityError, transaction

    from accounts.models import ApiClient

    api()
    with pytest.raises(IntegrityError), transaction.atomic():
        ApiClient.objects.update(rate_per_minute=0)
