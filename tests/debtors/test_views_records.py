"""The screen of a debtor's record: corrected by a référent, proposed by payers, and who has the last word on each field."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.enums import Role
from debtors.enums import ChangeState
from debtors.models import Debtor, DebtorChange, Operator
from tests.debtors.test_upkeep import debtor as debtor
from tests.debtors.test_upkeep import said
from tests.factories import AssociationFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def referent(signed_in):
    return signed_in(Role.REFERENT)


def typed(debtor: Debtor, **changes: object) -> dict[str, object]:
    debtor.refresh_from_db()
    values = {
        name: getattr(debtor, name) for name in ("name", "address", "postcode", "town", "dre_address", "dre_recipient")
    }
    return values | {"version": debtor.version} | changes


def page(client, debtor: Debtor) -> str:
    return str(client.get(f"/debiteurs/{debtor.pk}/").text)


def test_a_referent_corrects_a_record_and_the_page_says_that_it_is_theirs(referent, debtor) -> None:
    answer = referent.post(f"/debiteurs/{debtor.pk}/fiche/", typed(debtor, address="3 rue du Port"), follow=True)
    assert "ne sera plus écrasé" in answer.text and "Tenus à la main" in answer.text
    debtor.refresh_from_db()
    assert (debtor.address, debtor.locked) == ("3 rue du Port", ["address"])
    assert '1 rue du Port → <b class="strong">3 rue du Port' in answer.text


def test_a_bank_account_is_checked_then_shown_by_four(referent, debtor) -> None:
    where = f"/debiteurs/{debtor.pk}/fiche/"
    wrong = referent.post(where, typed(debtor, iban="FR14 2004 1010 0505 0001 3M02 607"))
    assert wrong.status_code == 422 and "Cet IBAN n’est pas valable" in wrong.text
    referent.post(where, typed(debtor, iban="fr14 2004 1010 0505 0001 3m02 606"))
    debtor.refresh_from_db()
    assert debtor.iban == "FR1420041010050500013M02606"
    assert "FR14 2004 1010 0505 0001 3M02 606" in page(referent, debtor)


def test_postgresql_refuses_a_bank_account_that_is_not_one(debtor) -> None:
    with pytest.raises(IntegrityError, match="debtor_iban_is_compact"), transaction.atomic():
        Debtor.objects.filter(pk=debtor.pk).update(iban="FR14 2004")


def test_what_waits_is_first_and_taken_or_left_in_one_click(referent, debtor) -> None:
    referent.post(f"/debiteurs/{debtor.pk}/fiche/", typed(debtor, address="3 rue du Port", town="Brest"))
    said(debtor, address="2 rue du Port", town="Saint-Malo")
    shown = page(referent, debtor)
    assert shown.index("Proposé, dit par un engagement") < shown.index("Accepté, dit par une personne")
    address, town = (DebtorChange.objects.get(state="proposed", field=name) for name in ("address", "town"))
    referent.post(f"/debiteurs/changements/{address.pk}/", {"decision": "accepter"})
    referent.post(f"/debiteurs/changements/{town.pk}/", {"decision": "ecarter"})
    debtor.refresh_from_db()
    assert (debtor.address, debtor.town) == ("2 rue du Port", "Brest")
    assert not DebtorChange.objects.filter(state=ChangeState.PROPOSED).exists()
    again = referent.post(f"/debiteurs/changements/{town.pk}/", {"decision": "accepter"}, follow=True)
    assert "a déjà décidé" in again.text


def test_a_field_given_back_follows_the_payers(referent, debtor) -> None:
    referent.post(f"/debiteurs/{debtor.pk}/fiche/", typed(debtor, address="3 rue du Port"))
    debtor.refresh_from_db()
    answer = referent.post(
        f"/debiteurs/{debtor.pk}/rendre/", {"field": "address", "version": debtor.version}, follow=True
    )
    assert "suit de nouveau" in answer.text and "Tenus à la main" not in answer.text


@pytest.mark.parametrize(
    "sent", [{}, {"field": "code", "version": "0"}, {"field": "town", "version": "x"}], ids=("nothing", "code", "x")
)
def test_a_field_that_is_none_changes_nothing(sent, referent, debtor) -> None:
    answer = referent.post(f"/debiteurs/{debtor.pk}/rendre/", sent, follow=True)
    assert "Rien n’a changé" in answer.text


def test_a_decision_that_is_none_changes_nothing(referent, debtor) -> None:
    referent.post(f"/debiteurs/{debtor.pk}/fiche/", typed(debtor, town="Brest"))
    said(debtor, town="Saint-Malo")
    waiting = DebtorChange.objects.get(state="proposed")
    assert "Rien n’a changé" in referent.post(f"/debiteurs/changements/{waiting.pk}/", {}, follow=True).text
    waiting.refresh_from_db()
    assert waiting.state == ChangeState.PROPOSED


def test_a_record_that_changed_meanwhile_is_not_overwritten_and_what_was_typed_stays(referent, debtor) -> None:
    form = typed(debtor, town="Brest")
    said(debtor, town="Saint-Malo")
    answer = referent.post(f"/debiteurs/{debtor.pk}/fiche/", form)
    assert answer.status_code == 409 and 'value="Brest"' in answer.text and "a changé entre-temps" in answer.text
    debtor.refresh_from_db()
    assert debtor.town == "Saint-Malo"


@pytest.mark.parametrize(
    ("changes", "said_of_it"),
    [({"name": ""}, "Le nom est nécessaire."), ({"postcode": "35"}, "cinq chiffres"), ({"postcode": "٣٥٠٠٠"}, "cinq chiffres"),
     ({"version": "x"}, "fiche"), ({"name": "x" * 121}, "120")],
    ids=("no name", "short", "other digits", "version", "long"),
)  # fmt: skip
def test_a_record_that_cannot_be_is_refused_in_words(changes, said_of_it, referent, debtor) -> None:
    answer = referent.post(f"/debiteurs/{debtor.pk}/fiche/", typed(debtor, **changes))
    assert answer.status_code == 422 and said_of_it in answer.text
    assert not DebtorChange.objects.exists()


def test_an_agent_reads_and_changes_nothing(signed_in, debtor) -> None:
    said(debtor, town="Saint-Malo")
    agent = signed_in(Role.AGENT)
    shown = page(agent, debtor)
    assert "Saint-Malo" in shown and "Corriger" not in shown
    assert agent.get(f"/debiteurs/{debtor.pk}/fiche/").status_code == 403


def test_the_page_costs_the_same_for_one_change_and_for_many(referent, debtor) -> None:
    said(debtor, town="Brest")
    page(referent, debtor)
    with CaptureQueriesContext(connection) as few:
        page(referent, debtor)
    for number in range(30):
        said(debtor, town=f"Ville {number}")
    with CaptureQueriesContext(connection) as many:
        page(referent, debtor)
    assert len(few) == len(many) <= 14


def test_the_operator_and_the_management_centres_are_written_by_people(referent, debtor) -> None:
    operator = Operator.objects.create(name="Uniprev gestion")
    AssociationFactory(debtor=debtor)
    asked = typed(debtor, operator=operator.pk, multiple_centres="on")
    shown = referent.post(f"/debiteurs/{debtor.pk}/fiche/", asked, follow=True).text
    assert "Uniprev gestion" in shown and "non → " in shown
    debtor.refresh_from_db()
    assert (debtor.operator, debtor.multiple_centres, debtor.locked) == (operator, True, [])
    assert debtor.associations.get().multiple_centres


def test_one_centre_is_refused_while_its_cards_lead_to_several_debtors(referent, debtor) -> None:
    Debtor.objects.filter(pk=debtor.pk).update(multiple_centres=True)
    mine = AssociationFactory(debtor=debtor, multiple_centres=True)
    AssociationFactory(amc_number=mine.amc_number)
    answer = referent.post(f"/debiteurs/{debtor.pk}/fiche/", typed(debtor))
    assert answer.status_code == 409 and "rejetez les autres d’abord" in answer.text
    debtor.refresh_from_db()
    assert debtor.multiple_centres
