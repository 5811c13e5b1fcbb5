"""Screens of the debtors and of the associations: search, read, decide."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.enums import Role
from debtors.enums import AssociationStatus
from debtors.models import DatamatrixAssociation
from tests.factories import AssociationFactory, DebtorFactory, DirectoryEntryFactory, FundFactory
from tests.worklists import scene

pytestmark = pytest.mark.django_db


def test_debtors_are_found_by_name_number_and_town(signed_in) -> None:
    loire = DebtorFactory(name="Alliance Loire Santé", amc_number="0044817205", town="Nantes")
    DebtorFactory(name="Novaprev")
    client = signed_in(Role.AGENT)
    for text in ("loire", "0044817", "nantes"):
        html = client.get("/debiteurs/", {"q": text}).content.decode()
        assert loire.name in html and "Novaprev" not in html
    assert "Aucun débiteur" in client.get("/debiteurs/", {"q": "zzz"}).content.decode()


def test_funds_are_a_list_of_their_own(signed_in) -> None:
    fund = FundFactory()
    client = signed_in(Role.AGENT)
    assert fund.name not in client.get("/debiteurs/").content.decode()
    assert fund.name in client.get("/debiteurs/", {"nature": "AMO"}).content.decode()


@pytest.mark.parametrize("page", ["/debiteurs/", "/debiteurs/associations/"])
def test_a_list_costs_the_same_queries_for_one_line_and_for_fifty(page, signed_in) -> None:
    AssociationFactory(status=AssociationStatus.TO_VALIDATE)
    client = signed_in(Role.REFERENT)
    client.get(page)
    with CaptureQueriesContext(connection) as few:
        client.get(page)
    for _ in range(50):
        AssociationFactory(status=AssociationStatus.TO_VALIDATE)
    with CaptureQueriesContext(connection) as many:
        html = client.get(page).content.decode()
    assert len(few) == len(many) <= 12
    assert "Page suivante" in html


def test_one_debtor_shows_its_record_its_directory_answer_and_its_age(signed_in) -> None:
    association = AssociationFactory(convention="RO")
    DirectoryEntryFactory(
        amc_number=association.debtor.amc_number,
        convention="RO",
        idb_url="https://x/idb",
        answered_at=scene.ago(hours=5),
    )
    html = signed_in(Role.AGENT).get(f"/debiteurs/{association.debtor.pk}/").content.decode()
    assert association.debtor.name in html
    assert "il y a 5\u00a0h" in html
    assert f"/fragments/debiteurs/{association.debtor.pk}/appels/" in html


def test_the_state_of_its_calls_is_embedded_by_address(signed_in) -> None:
    call = scene.a_waiting_call()
    html = signed_in(Role.REFERENT).get(f"/fragments/debiteurs/{call.debtor_id}/appels/").content.decode()
    assert "IDB" in html and "Indisponible" in html
    assert "<html" not in html


def test_past_stays_of_an_association_are_shown_by_number(signed_in) -> None:
    association = AssociationFactory()
    stay = scene.a_stay()
    coverage = scene.a_coverage(stay, debtor=association.debtor, association=association)
    scene.a_call(stay, coverage, status="succeeded", finished_at=scene.ago(hours=1), attempts_count=1)
    html = signed_in(Role.REFERENT).get(f"/fragments/associations/{association.pk}/sejours/").content.decode()
    assert stay.iep in html
    assert stay.patient.birth_name not in html


# ---- decisions ----


def decide(client, association: DatamatrixAssociation, decision: str, **data):
    data = {"decision": decision, "version": association.version} | data
    return client.post(f"/debiteurs/associations/{association.pk}/decision/", data)


@pytest.mark.parametrize(
    ("decision", "status"), [("valider", AssociationStatus.VALIDATED), ("rejeter", AssociationStatus.REJECTED)]
)
def test_a_referent_decides_and_goes_on_to_the_next(decision, status, person, client) -> None:
    referent = person(Role.REFERENT)
    client.force_login(referent)
    association = AssociationFactory(status=AssociationStatus.TO_VALIDATE)
    following = AssociationFactory(status=AssociationStatus.TO_VALIDATE)
    response = decide(client, association, decision)
    assert response["Location"] == f"/debiteurs/associations/{following.pk}/"
    association.refresh_from_db()
    assert (association.status, association.decided_by) == (status, referent)


def test_another_debtor_is_chosen_in_one_gesture(signed_in) -> None:
    association = AssociationFactory(status=AssociationStatus.TO_VERIFY)
    right = DebtorFactory()
    response = decide(signed_in(Role.REFERENT), association, "modifier", debtor=right.pk)
    assert response.status_code == 302
    association.refresh_from_db()
    assert (association.debtor, association.status) == (right, AssociationStatus.VALIDATED)


def test_a_change_without_its_debtor_is_refused_and_keeps_the_choice(signed_in) -> None:
    association = AssociationFactory(status=AssociationStatus.TO_VALIDATE)
    response = decide(signed_in(Role.REFERENT), association, "modifier")
    html = response.content.decode()
    assert response.status_code == 422
    assert "Le nouveau débiteur manque" in html
    association.refresh_from_db()
    assert association.status == AssociationStatus.TO_VALIDATE


def test_an_inactive_debtor_or_a_caisse_cannot_be_chosen(signed_in) -> None:
    association = AssociationFactory(status=AssociationStatus.TO_VALIDATE)
    client = signed_in(Role.REFERENT)
    for wrong in (DebtorFactory(active=False), FundFactory()):
        assert decide(client, association, "modifier", debtor=wrong.pk).status_code == 422


def test_the_second_referent_is_told_and_overwrites_nothing(person, client) -> None:
    association = AssociationFactory(status=AssociationStatus.TO_VALIDATE)
    client.force_login(person(Role.REFERENT, last_name="Audouin"))
    decide(client, association, "valider")
    client.force_login(person(Role.REFERENT))
    response = decide(client, association, "rejeter")
    html = response.content.decode()
    assert response.status_code == 409
    assert "N. Audouin a déjà traité" in html
    assert "Votre choix, gardé" in html and "Rejeter" in html
    association.refresh_from_db()
    assert association.status == AssociationStatus.VALIDATED


def test_a_second_validated_association_of_one_context_is_told(signed_in) -> None:
    first = AssociationFactory()
    second = AssociationFactory(amc_number=first.amc_number, status=AssociationStatus.TO_VALIDATE)
    response = decide(signed_in(Role.REFERENT), second, "valider")
    assert response.status_code == 409
    assert "déjà en vigueur" in response.content.decode()


def test_an_agent_reads_and_does_not_decide(signed_in) -> None:
    association = AssociationFactory(status=AssociationStatus.TO_VALIDATE)
    client = signed_in(Role.AGENT)
    html = client.get(f"/debiteurs/associations/{association.pk}/").content.decode()
    assert "La décision revient au référent" in html
    assert decide(client, association, "valider").status_code == 403


def test_the_search_of_another_debtor_needs_two_letters(signed_in) -> None:
    debtor = DebtorFactory(name="Solivie Mutuelle")
    client = signed_in(Role.REFERENT)
    assert debtor.name not in client.get("/debiteurs/choix/", {"recherche": "s"}).content.decode()
    html = client.get("/debiteurs/choix/", {"recherche": "soliv"}).content.decode()
    assert debtor.name in html and "<html" not in html


@pytest.mark.parametrize("path", ["/debiteurs/999999/", "/debiteurs/associations/999999/"])
def test_what_does_not_exist_is_not_found(path, signed_in) -> None:
    assert signed_in(Role.REFERENT).get(path).status_code == 404


def test_a_rejected_association_says_that_agents_choose_it_all_the_same(signed_in) -> None:
    kept = AssociationFactory(status=AssociationStatus.REJECTED)
    client = signed_in(Role.REFERENT)
    assert "malgré le rejet" not in client.get(f"/debiteurs/associations/{kept.pk}/").text
    DatamatrixAssociation.objects.update(contested_count=2, contested_at=scene.ago(hours=5))
    shown = client.get(f"/debiteurs/associations/{kept.pk}/").text
    assert "Choisie malgré le rejet" in shown and "2\u00a0fois, la dernière" in shown
