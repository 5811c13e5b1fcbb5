"""The home page of each role: what waits for them, what the system does by itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.enums import Role
from gap.pki import create_development_pki
from teleservices.enums import CallStatus
from teleservices.models import TeleserviceCall
from tests.worklists import scene
from worklists.overview import certificates, families, system_now
from worklists.registry import all_worklists, worklists_for_home

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.AUDITOR])
def test_each_role_sees_its_own_lists_and_a_sentence_when_nothing_waits(role, person, client) -> None:
    user = person(role)
    client.force_login(user)
    html = client.get("/").content.decode()
    assert worklists_for_home(user), "nobody sees an empty column"
    for worklist in worklists_for_home(user):
        assert f"/listes/{worklist.slug}/" in html
    assert "Rien ne vous attend" in html
    assert "Rien à traiter." in html
    assert "Le système s’en occupe" in html


def test_who_controls_accesses_begins_at_the_journal(signed_in) -> None:
    assert signed_in(Role.AUDITOR).get("/")["Location"] == "/journal/"


@pytest.mark.parametrize(
    ("role", "says"),
    [
        (Role.AGENT, ["Arrivées du jour", "Patients à prévenir", "N° d’adhérent à demander"]),
        (Role.REFERENT, ["Exceptions par famille", "Associations à valider", "Codes inconnus"]),
        (Role.BILLING, ["Factures rejetées", "Séjours à décider", "Factures bloquées", "Enregistrements à rapprocher"]),
        (Role.CASHIER, ["Parts patients à encaisser"]),
        (Role.ADMINISTRATOR, ["Certificats logiciels", "Appels arrêtés, par cause", "Événements en échec"]),
        (Role.ADMINISTRATOR, ["Fichiers en quarantaine"]),
    ],
)
def test_each_role_finds_its_work(role, says, signed_in) -> None:
    scene.everything()
    html = signed_in(role).get("/").content.decode()
    for words in says:
        assert words in html


@pytest.mark.parametrize("role", Role)
def test_the_home_page_costs_the_same_queries_for_a_little_and_a_lot(role, signed_in) -> None:
    scene.everything()
    client = signed_in(role)
    client.get("/")
    with CaptureQueriesContext(connection) as few:
        client.get("/")
    scene.everything()
    with CaptureQueriesContext(connection) as many:
        client.get("/")
    assert len(many) == len(few)
    # One a list, and what is around them.
    assert len(many) <= 20 + sum(role in worklist.roles for worklist in all_worklists().values())


def test_a_payer_that_is_away_is_one_line_whatever_its_calls(establishment) -> None:
    first = scene.a_waiting_call(hours=1)
    for _ in range(4):
        stay = scene.a_stay()
        scene.a_waiting_call(hours=0.5, stay=stay, coverage=scene.a_coverage(stay, debtor=first.debtor))
    now = system_now(establishment.pk)
    assert [(payer.name, payer.count) for payer in now.away] == [(first.debtor.name, 5)]
    assert now.away[0].next_try
    assert now.waiting == 5


def test_the_panel_of_the_system_counts_what_it_did_today(establishment) -> None:
    for milliseconds in (300, 400, 900):
        scene.a_call(
            status=CallStatus.SUCCEEDED, finished_at=timezone.now(), attempts_count=1, duration_ms=milliseconds
        )
    scene.a_call()
    scene.a_call(status=CallStatus.NEEDS_REFERENT, cause="idb_url_missing")
    yesterday = scene.a_call(status=CallStatus.SUCCEEDED, finished_at=timezone.now(), attempts_count=1, duration_ms=9)
    TeleserviceCall.objects.filter(pk=yesterday.pk).update(planned_at=scene.ago(days=1.5))
    now = system_now(establishment.pk)
    assert (now.launched, now.answered, now.calling, now.stopped) == (3, 3, 1, 1)
    assert now.median_s == pytest.approx(0.4)


@pytest.mark.parametrize("role", Role)
def test_the_panel_links_to_the_stopped_calls_for_who_may_open_them(role, person, client) -> None:
    scene.a_call(status=CallStatus.NEEDS_REFERENT, cause="idb_url_missing")
    user = person(role)
    client.force_login(user)
    address = "/listes/appels-arretes/"
    linked = f'href="{address}"' in client.get("/systeme/").content.decode()
    assert linked is (client.get(address).status_code == 200)


def test_the_panel_renewed_in_place_is_the_part_of_the_page(signed_in) -> None:
    scene.a_waiting_call()
    client = signed_in(Role.AGENT)

    def panel(html: str) -> str:
        found = re.search(r'<section class="panel"[^>]*id="system".*?</section>', html, re.S)
        assert found
        return re.sub(r"\s+|à \d\d:\d\d", "", found.group(0))

    assert panel(client.get("/systeme/").content.decode()) == panel(client.get("/").content.decode())


def test_the_families_add_up_to_what_the_lists_hold(establishment) -> None:
    scene.everything()
    for line in families(establishment.pk):
        assert line.count >= 1, line.label
        assert line.slug in all_worklists()


def test_a_mended_cause_starts_its_calls_again_once(signed_in) -> None:
    call = scene.a_call(status=CallStatus.NEEDS_REFERENT, cause="client_certificate_refused")
    other = scene.a_call(status=CallStatus.NEEDS_REFERENT, cause="idb_url_missing")
    client = signed_in(Role.ADMINISTRATOR)
    html = client.get("/").content.decode()
    assert "Notre certificat est refusé" in html
    response = client.post("/technique/relancer/", {"cause": "client_certificate_refused"}, follow=True)
    assert "1 appel repart" in response.content.decode()
    call.refresh_from_db()
    other.refresh_from_db()
    assert (call.status, other.status) == (CallStatus.PLANNED, CallStatus.NEEDS_REFERENT)
    again = client.post("/technique/relancer/", {"cause": "client_certificate_refused"}, follow=True)
    assert "plus aucun appel n’était arrêté" in again.content.decode()


def test_only_who_keeps_the_machine_starts_calls_again(signed_in) -> None:
    scene.a_call(status=CallStatus.NEEDS_REFERENT, cause="idb_url_missing")
    assert signed_in(Role.AGENT).post("/technique/relancer/", {"cause": "idb_url_missing"}).status_code == 403


def test_starting_again_never_leads_to_another_site(signed_in) -> None:
    response = signed_in(Role.REFERENT).post("/technique/relancer/", {"cause": "x", "next": "//ailleurs.example"})
    assert response["Location"] == "/"


def test_certificates_say_how_long_they_live(tmp_path: Path, settings) -> None:
    create_development_pki(tmp_path)
    settings.TELESERVICES = settings.TELESERVICES | {
        "directory_certificate": str(tmp_path / "client-directory.pem"),
        "services_certificate": str(tmp_path / "absent.pem"),
        "ca_file": str(tmp_path / "ca.pem"),
    }
    found = {one.label: one for one in certificates()}
    assert found["Annuaire AMC"].expires_at is not None
    assert found["Annuaire AMC"].days_left > 0
    assert (found["Services des AMC"].tone, found["Services des AMC"].expires_at) == ("stop", None)
    (tmp_path / "absent.pem").write_text("pas un certificat")
    assert "illisible" in {one.label: one for one in certificates()}["Services des AMC"].sentence


def test_the_first_call_of_the_day_is_looked_for_once(establishment) -> None:
    scene.a_call(status=CallStatus.SUCCEEDED, finished_at=timezone.now(), attempts_count=1, duration_ms=5)
    system_now(establishment.pk)
    with CaptureQueriesContext(connection) as captured:
        system_now(establishment.pk)
    assert len(captured) == 3
