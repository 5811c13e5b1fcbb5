"""What the directory says of a payer's route is written on its record, unless a person wrote there, and never its name."""

from __future__ import annotations

import pytest

from debtors import upkeep
from debtors.enums import ChangeSource, ChangeState
from debtors.models import Debtor, DebtorChange, DirectoryEntry
from tests.chain import settle
from tests.teleservices.test_engine import covered, preadmit

__all__ = ["covered"]
pytestmark = pytest.mark.django_db


def asked(covered) -> tuple[Debtor, DirectoryEntry]:
    preadmit(covered)
    settle()
    return Debtor.objects.get(pk=covered.debtor_id), DirectoryEntry.objects.get(found=True)


def test_the_address_of_the_dre_follows_the_directory_and_the_name_does_not(covered) -> None:
    before = covered.debtor.name
    debtor, entry = asked(covered)
    assert (debtor.dre_address, debtor.name) == (entry.dre_address, before) and entry.dre_address
    change = DebtorChange.objects.get(debtor=debtor, field="dre_address")
    assert (change.source, change.state) == (ChangeSource.DIRECTORY, ChangeState.APPLIED)


def test_what_a_person_wrote_is_proposed(covered) -> None:
    upkeep.edit(covered.debtor_id, {"dre_address": "A LA MAIN"}, None, version=0)
    debtor, entry = asked(covered)
    assert debtor.dre_address == "A LA MAIN"
    assert DebtorChange.objects.get(debtor=debtor, state=ChangeState.PROPOSED).after == entry.dre_address


def test_one_centre_of_several_keeps_its_own(covered) -> None:
    Debtor.objects.filter(pk=covered.debtor_id).update(multiple_centres=True)
    debtor, entry = asked(covered)
    assert debtor.dre_address == "" and entry.dre_address
