"""Records that look like one payer are proposed with their reasons; a person's word is the last."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debtors import duplicates, merging
from debtors.enums import PairState
from debtors.models import Debtor, DebtorPair
from debtors.nearness import key, near
from tests.factories import DebtorFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Mutuelle Générale de l’Ouest", "MUT. GENERALE DE L'OUEST"),
        ("Alliance Loire Santé", "Santé Loire Alliance"),
        ("SOLIVIE MUTUELLE", "Solivie"),
        ("Mutuelle Bleue", "mutuelle  bleue"),
    ],
)
def test_one_payer_written_two_ways_is_the_same_name(one, other) -> None:
    assert key(one) == key(other)
    assert near(one, other) == 1


@pytest.mark.parametrize(
    ("one", "other"), [("Mutuelle des Estuaires", "Mutuelle du Rail"), ("Novaprev", "Solivie"), ("Mutuelle", "Union")]
)
def test_what_half_of_the_payers_are_called_brings_nobody_near(one, other) -> None:
    assert near(one, other) < duplicates.NEAR


def test_a_letter_typed_wrong_is_still_near() -> None:
    assert near("Alliance Loire Santé", "Aliance Loire Santé") > 0.9


@given(st.text(max_size=30), st.text(max_size=30))
def test_nearness_is_a_measure(one, other) -> None:
    assert 0 <= near(one, other) <= 1
    assert near(one, one) in (0, 1)


def pairs() -> list[tuple[str, str, int]]:
    return [(pair.first.name, pair.second.name, pair.score) for pair in DebtorPair.objects.order_by("-score")]


def test_what_two_records_share_makes_their_score_and_is_said() -> None:
    same = {"amc_number": "0099000104", "postcode": "29200", "address": "1 rue du Port"}
    DebtorFactory(name="Mutuelle des Estuaires", **same)
    DebtorFactory(name="Mut. Estuaires", **same | {"address": "1, RUE DU PORT"})
    DebtorFactory(name="Novaprev")
    assert duplicates.look() == 1
    assert pairs() == [("Mutuelle des Estuaires", "Mut. Estuaires", 100)]
    assert DebtorPair.objects.get().reasons == ["même n° AMC", "même nom", "même adresse"]


def test_a_bank_account_and_a_near_name_are_enough_and_an_account_alone_is_not() -> None:
    account = {"iban": "FR1420041010050500013M02606"}
    DebtorFactory(name="Mutuelle des Estuaires", amc_number="0099000104", **account)
    DebtorFactory(name="Mutuelle de l’Estuaire", amc_number="0099000205", **account)
    # Managed by the same operator, which has one account for all.
    DebtorFactory(name="Novaprev", amc_number="0099000306", **account)
    assert duplicates.look() == 1
    assert DebtorPair.objects.get().reasons == ["noms proches", "même compte bancaire"]


def test_a_name_alone_is_not_enough_nor_is_the_road_of_the_dre() -> None:
    for number in ("0099000104", "0099000205"):
        DebtorFactory(name="Mutuelle des Estuaires", amc_number=number, dre_address="dre@operateur.test")
    assert duplicates.look() == 0


def test_management_centres_of_one_amc_are_not_doubles() -> None:
    for town in ("Nord", "Sud"):
        DebtorFactory(name=f"Prévoyance du Rail, centre {town}", amc_number="0099000104", multiple_centres=True)
    assert duplicates.look() == 0


def test_what_a_person_said_apart_is_not_proposed_again(person) -> None:
    for _ in range(2):
        DebtorFactory(name="Solivie", amc_number="0099000104")
    duplicates.look()
    merging.keep_apart(DebtorPair.objects.get().pk, person("referent"))
    assert duplicates.look() == 0
    assert DebtorPair.objects.get().state == PairState.APART


def test_a_pair_that_no_longer_looks_alike_goes_and_its_score_follows() -> None:
    one, other = (DebtorFactory(name="Solivie", amc_number="0099000104") for _ in range(2))
    duplicates.look()
    Debtor.objects.filter(pk__in=[one.pk, other.pk]).update(address="2 quai Sud", postcode="44000")
    duplicates.look()
    assert pairs()[0][2] == 100
    Debtor.objects.filter(pk=other.pk).update(amc_number="0099000205", name="Novaprev", address="")
    assert duplicates.look() == 0 == DebtorPair.objects.count()


def test_five_thousand_records_are_looked_at_in_seconds() -> None:
    words = [f"{first}{last}" for first in "BCDFGHJKLM" for last in ("AVIA", "ORSA", "UNEX", "IREL", "ETOL")]
    records = (
        Debtor(
            kind="AMC", code=f"D{n:06d}", amc_number=f"{n // 2 + 1:010d}",
            name=f"Mutuelle {words[n % 50]} {words[n // 50 % 50]} {n // 2500}",
        )
        for n in range(5000)
    )  # fmt: skip
    Debtor.objects.bulk_create(records, batch_size=1000)
    before = time.monotonic()
    duplicates.look()
    assert time.monotonic() - before < 10
