"""What a référent decides of associations: taken once, alone or many together, and given back as it was."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.enums import Role
from debtors import decisions
from debtors.decisions import AssociationConflict, decide_association
from debtors.enums import AssociationStatus, DecisionKind
from debtors.models import AssociationDecision, DatamatrixAssociation
from tests.factories import AssociationFactory, DebtorFactory
from tests.processes import run_together

pytestmark = pytest.mark.django_db

VALIDATED, REJECTED = AssociationStatus.VALIDATED, AssociationStatus.REJECTED


@pytest.fixture
def referent(person):
    return person(Role.REFERENT)


@pytest.fixture
def waiting() -> DatamatrixAssociation:
    return AssociationFactory(status=AssociationStatus.TO_VALIDATE)


def state(association: DatamatrixAssociation) -> tuple[str, int]:
    association.refresh_from_db()
    return association.status, association.debtor_id


def twin_of(association: DatamatrixAssociation, **fields: object) -> DatamatrixAssociation:
    """The same card, another debtor."""
    values = {"amc_number": association.amc_number, "convention": association.convention} | fields
    return AssociationFactory(**values)


@pytest.mark.parametrize("kind", DecisionKind)
def test_a_decision_is_kept_and_given_back_as_it_was(kind, waiting, referent) -> None:
    before, other = state(waiting), DebtorFactory()
    debtor = other if kind == DecisionKind.CHANGE else None
    decide_association(waiting.pk, decisions.STATUS_AFTER[kind], referent, version=0, debtor=debtor, note=" vu ")
    kept = waiting.decisions.get()
    assert (kept.kind, kept.status_before, kept.decided_by, kept.note) == (kind, before[0], referent, "vu")
    assert state(waiting) == (decisions.STATUS_AFTER[kind], other.pk if debtor else before[1])
    assert decisions.undo(kept.batch, referent) == [(waiting.pk, True, "")]
    assert state(waiting) == before
    assert waiting.decided_by is None
    kept.refresh_from_db()
    assert kept.undone_by == referent
    assert decisions.undo(kept.batch, referent) == []


def test_what_somebody_decided_since_is_not_given_back(waiting, referent, person) -> None:
    decide_association(waiting.pk, VALIDATED, referent, version=0)
    first = waiting.decisions.get()
    decide_association(waiting.pk, REJECTED, person(Role.REFERENT), version=1)
    assert decisions.last_of(referent) is None
    [(_, done, told)] = decisions.undo(first.batch, referent)
    assert not done and "a changé depuis" in told
    assert state(waiting)[0] == REJECTED


def test_validating_one_may_reject_what_else_stands_for_the_card_and_gives_both_back(waiting, referent) -> None:
    standing, elsewhere = twin_of(waiting), AssociationFactory()
    with pytest.raises(AssociationConflict, match="déjà en vigueur"):
        decide_association(waiting.pk, VALIDATED, referent, version=0)
    assert state(waiting)[0] == AssociationStatus.TO_VALIDATE and not waiting.decisions.exists()
    decide_association(waiting.pk, VALIDATED, referent, version=0, instead_of_others=True)
    assert (state(waiting)[0], state(standing)[0], state(elsewhere)[0]) == (VALIDATED, REJECTED, VALIDATED)
    decisions.undo(waiting.decisions.get().batch, referent)
    assert (state(waiting)[0], state(standing)[0]) == (AssociationStatus.TO_VALIDATE, VALIDATED)


def test_many_are_decided_each_by_itself_and_given_back_together(referent) -> None:
    good = [AssociationFactory(status=AssociationStatus.TO_VALIDATE) for _ in range(3)]
    blocked = twin_of(AssociationFactory(), status=AssociationStatus.TO_VALIDATE)
    ids = [good[0].pk, blocked.pk, good[1].pk, 0, good[2].pk]
    outcomes = decisions.decide_many(ids, DecisionKind.VALIDATE, referent)
    assert [(pk, done) for pk, done, _ in outcomes] == list(zip(ids, [True, False, True, False, True], strict=True))
    assert "déjà en vigueur" in outcomes[1][2] and "n’existe plus" in outcomes[3][2]
    last = decisions.last_of(referent)
    assert last is not None
    assert len(decisions.undo(last.batch, referent)) == 3
    assert {state(one)[0] for one in good} == {AssociationStatus.TO_VALIDATE}


def test_a_deleted_association_lets_the_table_learn_again_and_comes_back_only_if_its_place_is_free(
    waiting, referent
) -> None:
    decide_association(waiting.pk, AssociationStatus.DELETED, referent, version=0)
    AssociationFactory(amc_number=waiting.amc_number, debtor=waiting.debtor, status=AssociationStatus.TO_VALIDATE)
    [(_, done, told)] = decisions.undo(waiting.decisions.get().batch, referent)
    assert not done and "déjà en vigueur" in told
    assert state(waiting)[0] == AssociationStatus.DELETED


@pytest.mark.django_db(transaction=True)
def test_of_two_referents_at_the_same_instant_one_decides_and_the_other_is_told() -> None:
    association = AssociationFactory(status=AssociationStatus.TO_VALIDATE)
    script = f"""
from debtors.decisions import AssociationConflict, decide_association
try:
    decide_association({association.pk}, ["validated", "rejected"][rank % 2], None, version=0)
    print("decided")
except AssociationConflict:
    print("told")
"""
    said = [output.strip() for output in run_together(script, 4)]
    assert sorted(said) == ["decided", "told", "told", "told"]
    assert AssociationDecision.objects.count() == 1


def test_the_database_takes_one_decision_a_version(waiting, referent) -> None:
    decide_association(waiting.pk, VALIDATED, referent, version=0)
    twice = waiting.decisions.get()
    twice.pk, twice.batch = None, uuid4()
    with pytest.raises(IntegrityError), transaction.atomic():
        twice.save(force_insert=True)


# ---- the screen ----


def post(client, association: DatamatrixAssociation, decision: str, **data: object):
    path = f"/debiteurs/associations/{association.pk}/decision/"
    return client.post(path, {"decision": decision, "version": association.version} | data, follow=True)


def test_the_page_says_what_was_decided_and_takes_it_back(waiting, referent, client) -> None:
    client.force_login(referent)
    shown = post(client, waiting, "rejeter", note="mauvais centre")
    assert "Votre dernière décision" in shown.text and "rejetée" in shown.text
    last = decisions.last_of(referent)
    assert last is not None
    back = client.post(f"/debiteurs/associations/decisions/{last.batch}/annuler/", follow=True)
    assert "l’association est comme avant" in back.text
    assert "Rejetée" in back.text and "mauvais centre" in back.text and "annulée par" in back.text
    assert state(waiting)[0] == AssociationStatus.TO_VALIDATE
    again = client.post(f"/debiteurs/associations/decisions/{last.batch}/annuler/", follow=True)
    assert "était déjà annulée" in again.text


def test_the_other_debtors_of_the_card_are_rejected_with_the_choice_when_asked(waiting, referent, client) -> None:
    standing = twin_of(waiting)
    client.force_login(referent)
    page = client.get(f"/debiteurs/associations/{waiting.pk}/").text
    assert "En validant, rejeter l’autre débiteur" in page
    post(client, waiting, "valider", others="on")
    assert (state(waiting)[0], state(standing)[0]) == (VALIDATED, REJECTED)


def test_an_agent_takes_nothing_back(waiting, referent, signed_in) -> None:
    decide_association(waiting.pk, VALIDATED, referent, version=0)
    path = f"/debiteurs/associations/decisions/{waiting.decisions.get().batch}/annuler/"
    assert signed_in(Role.AGENT).post(path).status_code == 403
    assert state(waiting)[0] == VALIDATED


def test_a_whole_selection_is_decided_from_the_list(referent, client) -> None:
    client.force_login(referent)
    ids = [AssociationFactory(status=AssociationStatus.TO_VALIDATE).pk for _ in range(2)]
    told = client.post("/listes/associations-a-valider/actions/", {"deed": "valider", "ids": ids}, follow=True)
    assert "2 validées" in told.text
    assert DatamatrixAssociation.objects.filter(pk__in=ids, status=VALIDATED).count() == 2


def test_the_page_of_an_association_costs_the_same_queries_whatever_its_history(waiting, referent, client) -> None:
    client.force_login(referent)
    path = f"/debiteurs/associations/{waiting.pk}/"
    client.get(path)
    with CaptureQueriesContext(connection) as few:
        client.get(path)
    version = 0
    for status in (VALIDATED, REJECTED, VALIDATED):
        version = decide_association(waiting.pk, status, referent, version=version).version
        twin_of(waiting, status=AssociationStatus.TO_VALIDATE)
    with CaptureQueriesContext(connection) as many:
        client.get(path)
    assert len(few) == len(many) <= 14
