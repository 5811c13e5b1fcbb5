"""Probes answer whoever asks, say what is away, and touch neither sessions nor the journal."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import DatabaseError, connection
from django.test import Client, override_settings

pytestmark = pytest.mark.django_db


@pytest.fixture
def balancer() -> Client:
    """It asks by an address that is no name of ours, in plain HTTP."""
    return Client(headers={"host": "10.0.0.7"})


@override_settings(SECURE_SSL_REDIRECT=True, ALLOWED_HOSTS=["gap.hopital.example"])
def test_a_probe_needs_neither_the_public_name_nor_tls(balancer: Client) -> None:
    assert balancer.get("/sante/vivant/").json() == {"status": "ok"}
    well = dict.fromkeys(("database", "writable", "redis", "disk", "clock", "certificates"), True)
    assert balancer.get("/sante/pret/").json() == {"status": "ok", **well}
    assert balancer.get("/connexion/", headers={"host": "gap.hopital.example"}).status_code == 301


def test_redis_away_is_degraded_and_still_ready(balancer: Client, tmp_path: Path) -> None:
    with override_settings(REDIS_URL=f"redis+socket://{tmp_path}/nobody.sock"):
        answer = balancer.get("/sante/pret/")
    assert (answer.status_code, answer.json()["status"], answer.json()["redis"]) == (200, "degraded", False)


def test_the_database_away_is_not_ready_but_alive(balancer: Client) -> None:
    def away(*_: object) -> None:
        raise DatabaseError

    with connection.execute_wrapper(away):
        assert balancer.get("/sante/pret/").status_code == 503
        assert balancer.get("/sante/vivant/").status_code == 200


def test_a_probe_changes_nothing(balancer: Client) -> None:
    assert balancer.post("/sante/vivant/").status_code == 405
    assert not balancer.get("/sante/pret/").cookies


@pytest.mark.parametrize("path", ["/api/v1/stays", "/api/oauth/token", "/.well-known/oauth-authorization-server"])
@override_settings(SECURE_SSL_REDIRECT=True, SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"))
def test_a_program_in_plain_http_is_told_so_and_not_sent_on(path: str) -> None:
    """Sent on, it would work, and show its secret to the network for ever."""
    headers = {"authorization": "Bearer something", "host": "localhost"}
    for verb in ("get", "post"):
        told = getattr(Client(headers=headers), verb)(path)
        assert (told.status_code, told["Content-Type"]) == (403, "application/problem+json")
        assert "HTTPS" in told.json()["detail"] and "Location" not in told
    beyond = Client(headers={"host": "localhost", "x-forwarded-proto": "https"}).get(path)
    assert "HTTPS" not in beyond.text
