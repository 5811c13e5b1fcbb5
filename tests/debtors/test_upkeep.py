"""A debtor's record keeps itself right, and never against what a person wrote."""

from __future__ import annotations

import pytest
from django.db import IntegrityError
from django.utils import timezone

from accounts.enums import Role
from debtors import upkeep
from debtors.enums import ChangeSource, ChangeState
from debtors.models import Debtor, DebtorChange
from tests.factories import DebtorFactory
from tests.processes import run_together

pytestmark = pytest.mark.django_db


@pytest.fixture
def debtor() -> Debtor:
    return DebtorFactory(name="Solivie", address="1 rue du Port", postcode="35000", town="Rennes")


@pytest.fixture
def referent(person):
    return person(Role.REFERENT)


def said(debtor: Debtor, **values: str) -> list[str]:
    return upkeep.refresh(debtor.pk, values, timezone.now(), ChangeSource.ENGAGEMENT)


def written(debtor: Debtor, user, **values: str) -> list[str]:
    debtor.refresh_from_db()
    return upkeep.edit(debtor.pk, values, user, version=debtor.version)


def states(debtor: Debtor) -> list[tuple[str, str, str, str]]:
    rows = DebtorChange.objects.filter(debtor=debtor).order_by("pk")
    return [(row.field, row.before, row.after, row.state) for row in rows]


def test_what_a_payer_says_is_written_and_its_difference_is_kept(debtor) -> None:
    assert said(debtor, address="2 rue du Port", town="Rennes", dre_address="") == ["address"]
    debtor.refresh_from_db()
    assert (debtor.address, debtor.town) == ("2 rue du Port", "Rennes") and debtor.refreshed_at
    assert states(debtor) == [("address", "1 rue du Port", "2 rue du Port", "applied")]
    assert said(debtor, address="2 rue du Port") == []
    assert len(states(debtor)) == 1


def test_what_a_person_wrote_is_theirs_and_a_payer_only_proposes(debtor, referent) -> None:
    assert written(debtor, referent, address="3 rue du Port", town="Rennes") == ["address"]
    assert said(debtor, address="2 rue du Port", town="Saint-Malo") == ["town"]
    debtor.refresh_from_db()
    assert (debtor.address, debtor.town, debtor.locked) == ("3 rue du Port", "Saint-Malo", ["address"])
    proposed = DebtorChange.objects.get(state=ChangeState.PROPOSED)
    assert (proposed.before, proposed.after) == ("3 rue du Port", "2 rue du Port")


def test_a_payer_that_repeats_itself_proposes_once(debtor, referent) -> None:
    written(debtor, referent, address="3 rue du Port")
    for _ in range(3):
        said(debtor, address="2 rue du Port")
    assert DebtorChange.objects.get(state=ChangeState.PROPOSED).said_count == 3
    said(debtor, address="4 rue du Port")
    proposed = DebtorChange.objects.get(state=ChangeState.PROPOSED)
    assert (proposed.after, proposed.said_count) == ("4 rue du Port", 1)


def test_what_was_dismissed_is_not_proposed_again_and_something_else_is(debtor, referent) -> None:
    written(debtor, referent, address="3 rue du Port")
    said(debtor, address="2 rue du Port")
    upkeep.decide(DebtorChange.objects.get(state=ChangeState.PROPOSED).pk, referent, accepted=False)
    said(debtor, address="2 rue du Port")
    assert not DebtorChange.objects.filter(state=ChangeState.PROPOSED).exists()
    said(debtor, address="4 rue du Port")
    assert DebtorChange.objects.get(state=ChangeState.PROPOSED).after == "4 rue du Port"


def test_what_is_accepted_is_written_and_stays_the_person_s(debtor, referent) -> None:
    written(debtor, referent, address="3 rue du Port")
    said(debtor, address="2 rue du Port")
    upkeep.decide(DebtorChange.objects.get(state=ChangeState.PROPOSED).pk, referent, accepted=True)
    debtor.refresh_from_db()
    assert (debtor.address, debtor.locked) == ("2 rue du Port", ["address"])


def test_a_second_decision_is_told_who_took_the_first(debtor, referent) -> None:
    written(debtor, referent, address="3 rue du Port")
    said(debtor, address="2 rue du Port")
    change = DebtorChange.objects.get(state=ChangeState.PROPOSED)
    upkeep.decide(change.pk, referent, accepted=False)
    with pytest.raises(upkeep.UpkeepConflict, match=referent.short_name):
        upkeep.decide(change.pk, referent, accepted=True)
    debtor.refresh_from_db()
    assert debtor.address == "3 rue du Port"


def test_a_field_that_is_let_go_follows_the_payer_again_what_waits_first(debtor, referent) -> None:
    written(debtor, referent, address="3 rue du Port")
    said(debtor, address="2 rue du Port")
    debtor.refresh_from_db()
    upkeep.let_go(debtor.pk, "address", version=debtor.version)
    debtor.refresh_from_db()
    assert (debtor.address, debtor.locked) == ("2 rue du Port", [])
    assert said(debtor, address="5 rue du Port") == ["address"]


def test_a_person_who_writes_closes_what_was_proposed_of_it(debtor, referent) -> None:
    written(debtor, referent, address="3 rue du Port")
    said(debtor, address="2 rue du Port")
    written(debtor, referent, address="9 rue du Port")
    assert not DebtorChange.objects.filter(state=ChangeState.PROPOSED).exists()


def test_a_record_that_changed_since_it_was_read_is_not_overwritten(debtor, referent) -> None:
    read = debtor.version
    said(debtor, town="Saint-Malo")
    with pytest.raises(upkeep.UpkeepConflict, match="rien n’a été écrasé"):
        upkeep.edit(debtor.pk, {"town": "Brest"}, referent, version=read)


def test_the_database_keeps_one_open_proposal_a_field(debtor) -> None:
    row = {"debtor": debtor, "field": "town", "source": "engagement", "state": "proposed", "said_at": timezone.now()}
    DebtorChange.objects.create(**row)
    with pytest.raises(IntegrityError, match="one_open_proposal_a_field"):
        DebtorChange.objects.create(**row)


@pytest.mark.django_db(transaction=True)
def test_several_engagements_at_once_keep_one_difference() -> None:
    debtor = DebtorFactory(address="1 rue du Port")
    script = f"""
from debtors import upkeep
from debtors.enums import ChangeSource
from django.utils import timezone
upkeep.refresh({debtor.pk}, {{"address": "2 rue du Port"}}, timezone.now(), ChangeSource.ENGAGEMENT)
"""
    run_together(script, 4)
    assert states(debtor) == [("address", "1 rue du Port", "2 rue du Port", "applied")]
