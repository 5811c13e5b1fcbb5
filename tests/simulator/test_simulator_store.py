"""What the simulator remembers."""

from __future__ import annotations

import sqlite3
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from simulator.store import Engagement, Store, UnknownEngagement

AT = datetime(2026, 5, 7, 10, 0, tzinfo=UTC)


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path)


def engage(store: Store, dossier: str = "D1") -> str:
    with store.transaction():
        number = store.next_engagement_number("0099000102", date(2026, 5, 7))
        engagement = Engagement(
            number=number,
            amc_number="0099000102",
            finess_legal="990000001",
            finess_site="990000019",
            dossier_number=dossier,
            domain="MCO",
            kind="SEJOUR",
            amount=Decimal("450.00"),
            lines={1: Decimal("240.00"), 2: Decimal("210.00")},
            message_id=f"message-{number}",
            created_at=AT,
            valid_until=date(2026, 8, 5),
        )
        store.create_engagement(engagement)
    return number


def test_an_engagement_is_read_back_as_it_was_made(store):
    number = engage(store)
    kept = store.engagement(number)
    assert kept.amount == Decimal("450.00")
    assert str(kept.amount) == "450.00"
    assert kept.lines == {1: Decimal("240.00"), 2: Decimal("210.00")}
    assert (kept.created_at, kept.valid_until) == (AT, date(2026, 8, 5))
    assert kept.in_force and kept.billed_at is None
    assert store.engagement("never") is None


def test_a_dossier_has_one_engagement_in_force(store):
    number = engage(store)
    with pytest.raises(sqlite3.IntegrityError):
        engage(store)
    store.cancel_engagement(number)
    assert engage(store) != number
    assert [e.in_force for e in store.engagements()] == [False, True]


def test_billed_and_cancelled_keep_their_first_instant(store):
    number = engage(store)
    assert store.mark_billed(number, AT) == AT
    assert store.mark_billed(number) == AT
    store.unmark_billed(number)
    assert store.engagement(number).billed_at is None
    assert store.cancel_engagement(number, AT) == AT
    assert store.cancel_engagement(number) == AT


@pytest.mark.parametrize("act", ["mark_billed", "unmark_billed", "cancel_engagement"])
def test_an_unknown_engagement_is_said_to_be(store, act):
    with pytest.raises(UnknownEngagement):
        getattr(store, act)("E-NOTHING")


def test_what_fails_halfway_leaves_nothing(store):
    def fail_after_an_engagement() -> None:
        with store.transaction():
            engage(store)
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError):
        fail_after_an_engagement()
    assert store.engagements() == []
    engage(store)


def test_a_message_has_one_first_answer(store):
    store.remember("m1", "CLC", "0099000102", "D1", "digest", b"<answer/>")
    assert store.remembered("m1").answer == b"<answer/>"
    with pytest.raises(sqlite3.IntegrityError):
        store.remember("m1", "CLC", "0099000102", "D1", "digest", b"<other/>")
    assert store.remembered("m2") is None
    assert store.answered_count("CLC", "0099000102", "D1") == 1


def test_two_processes_share_one_memory(store, tmp_path):
    other = Store(tmp_path)
    number = engage(store)
    other.mark_billed(number)
    assert store.engagement(number).billed_at is not None


def test_numbers_are_never_given_twice(store):
    numbers = [engage(store, f"D{n}") for n in range(50)]
    for number in numbers:
        store.cancel_engagement(number)
    numbers += [engage(store, f"D{n}") for n in range(50)]
    assert len(set(numbers)) == 100
