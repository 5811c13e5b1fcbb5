"""The chain of the journal: an edit, a removal, an addition, a move, a cut are found, and named."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, transaction

from accounts.enums import JournalKind
from accounts.journal import sealing, writing
from accounts.journal.unit import Seen, Unit
from accounts.models import JournalEntry, JournalSeal
from tests.processes import run_together

pytestmark = pytest.mark.django_db


def write(count: int, unit: Unit | None = None) -> list[int]:
    """As many entries, each of a patient of its own; their keys."""
    unit = unit or Unit(action="lecture", user_id=7)
    before = JournalEntry.objects.count()
    unit.seen = [Seen(JournalKind.READ, "lecture", patient_id=number) for number in range(1, count + 1)]
    writing.write(unit)
    return list(JournalEntry.objects.order_by("pk").values_list("pk", flat=True)[before:])


@pytest.fixture
def chain() -> list[int]:
    """Three seals of four entries."""
    sealing.seal()
    keys = []
    for _ in range(3):
        keys += write(4)
        sealing.seal()
    return keys


@pytest.fixture
def intruder() -> Callable[[str], None]:
    """Somebody who owns the database: takes the triggers away, and does as they please."""

    def does(statement: str) -> None:
        with connection.cursor() as cursor:
            for table in ("accounts_journalentry", "accounts_journalseal"):
                cursor.execute(f"alter table {table} disable trigger append_only")
            cursor.execute(statement)
            for table in ("accounts_journalentry", "accounts_journalseal"):
                cursor.execute(f"alter table {table} enable trigger append_only")

    return does


@pytest.fixture
def detected(measured) -> Callable[[], list[tuple[str, int, str]]]:
    """What the verification finds, counted for the table."""

    def look() -> list[tuple[str, int, str]]:
        seen = found()
        measured("altérations du journal trouvées", 1 if seen else 0)
        return seen

    return look


def found(**options: str) -> list[tuple[str, int, str]]:
    return [(one.what, one.pk, one.sentence) for one in sealing.verify(**options).findings]


def test_what_nobody_touched_is_sound(chain) -> None:
    result = sealing.verify()
    assert result.sound and result.unsealed == 0
    assert result.entries == JournalEntry.objects.count() and result.seals == JournalSeal.objects.count()


def test_what_was_written_since_the_last_seal_waits_for_the_next(chain) -> None:
    write(2)
    assert sealing.verify().unsealed == 2
    assert sealing.seal() == 2
    assert sealing.seal() == 0


@pytest.mark.parametrize(
    "change",
    ["reason = 'autre'", "user_id = 8", "patient_id = 99", "at = at - interval '1 microsecond'", "place = '::1'"],
)
def test_an_edit_is_found_and_named(change, chain, intruder, detected) -> None:
    intruder(f"update accounts_journalentry set {change} where id = {chain[5]}")
    assert detected() == [("entry", chain[5], "a été modifiée ou déplacée")]


def test_a_removal_is_found_and_named(chain, intruder, detected) -> None:
    intruder(f"delete from accounts_journalentry where id in ({chain[2]}, {chain[11]})")
    assert detected() == [("entry", chain[2], "a disparu"), ("entry", chain[11], "a disparu")]


def test_an_entry_slipped_in_afterwards_is_found_and_named(chain, intruder) -> None:
    gone = write(1)[0]
    intruder(f"delete from accounts_journalentry where id = {gone}")
    write(3)
    sealing.seal()
    intruder(f"insert into accounts_journalentry (id, kind, action) values ({gone}, 'read', 'faux')")
    # Nobody knows yet that this key was never used: the seals look at it once more, then never again.
    sealing.seal()
    write(1)
    sealing.seal()
    names = {(what, pk) for what, pk, _ in found()}
    assert names <= {("entry", gone)}


def test_two_entries_that_change_places_are_found(chain, intruder, detected) -> None:
    first, second = chain[1], chain[6]
    intruder(f"update accounts_journalentry set id = -1 where id = {first}")
    intruder(f"update accounts_journalentry set id = {first} where id = {second}")
    intruder(f"update accounts_journalentry set id = {second} where id = -1")
    assert {pk for _, pk, _ in detected()} == {first, second}


def test_a_seal_made_again_for_an_edited_entry_is_found(chain, intruder, detected) -> None:
    """Who has the database and not the key can write digests, not the right ones."""
    intruder(f"update accounts_journalentry set reason = 'autre' where id = {chain[0]}")
    intruder("update accounts_journalseal set digests = decode(repeat('ab', 128), 'hex') where number = 2")
    assert ("seal", 2, "a été modifié") in detected()


def test_a_seal_that_is_gone_is_found(chain, intruder, detected) -> None:
    intruder("delete from accounts_journalseal where number = 3")
    assert ("seal", 3, "a disparu") in detected()


def test_a_chain_cut_at_its_end_is_found_by_a_seal_kept_elsewhere(chain, intruder) -> None:
    last = JournalSeal.objects.order_by("-number").first()
    assert last is not None
    anchor = (last.number, bytes(last.digest).hex())
    assert found(anchor=anchor) == []
    intruder(f"delete from accounts_journalseal where number = {last.number}")
    intruder(f"delete from accounts_journalentry where id in ({', '.join(map(str, chain[8:]))})")
    assert found() == []
    assert found(anchor=anchor) == [("seal", last.number, "a disparu : la fin de la chaîne manque")]


def test_a_seal_made_with_another_key_is_found(chain, settings) -> None:
    settings.JOURNAL_KEY = "une autre clé"
    assert {sentence for _, _, sentence in found()} >= {"a été fait avec une clé qui n’est pas dans le trousseau"}


def test_a_new_key_is_put_first_and_the_old_seals_are_still_read(chain, settings) -> None:
    settings.JOURNAL_KEY = f"une nouvelle clé,{settings.BLIND_INDEX_KEY}"
    write(3)
    sealing.seal()
    assert sealing.verify().sound
    assert JournalSeal.objects.values("key_id").distinct().count() == 2


def test_many_entries_take_several_seals(monkeypatch) -> None:
    sealing.seal()
    monkeypatch.setattr(sealing, "BATCH", 3)
    before = JournalSeal.objects.count()
    write(8)
    assert sealing.seal() == 8
    assert JournalSeal.objects.count() == before + 3 and sealing.verify().sound


def test_the_command_says_it_whole_or_fails(chain, intruder, capsys) -> None:
    call_command("verify_journal")
    assert "Le journal est entier." in capsys.readouterr().out
    intruder(f"delete from accounts_journalentry where id = {chain[3]}")
    with pytest.raises(CommandError, match="1\u00a0anomalie\\."):
        call_command("verify_journal")
    assert f"la trace {chain[3]} a disparu" in capsys.readouterr().out


# ---- several at once ----


@pytest.mark.django_db(transaction=True)
def test_what_commits_after_a_seal_is_in_a_later_one() -> None:
    sealing.seal()
    begun, may_end = threading.Event(), threading.Event()
    late: list[int] = []

    def slow() -> None:
        try:
            with transaction.atomic():
                late.extend(write(1))
                begun.set()
                may_end.wait(20)
        finally:
            connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    assert begun.wait(20)
    write(2)
    assert sealing.seal() == 2
    first = JournalSeal.objects.order_by("-number").first()
    assert first is not None and late[0] in first.gaps
    # Still under way: still waited for.
    write(1)
    assert sealing.seal() == 1
    may_end.set()
    thread.join(20)
    assert sealing.seal() == 1
    last = JournalSeal.objects.order_by("-number").first()
    assert last is not None and late[0] in last.entries and late[0] not in last.gaps
    assert sealing.verify().sound


@pytest.mark.django_db(transaction=True)
def test_a_key_of_a_transaction_that_was_undone_is_not_waited_for_any_more() -> None:
    write(1)
    sealing.seal()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        write(1)
        raise ZeroDivisionError
    write(1)
    sealing.seal()
    assert JournalSeal.objects.order_by("-number")[0].gaps != []
    # Transactions of the other databases of this server count too: the rest of the suite has some.
    until = time.monotonic() + 60
    while JournalSeal.objects.order_by("-number")[0].gaps and time.monotonic() < until:
        write(1)
        sealing.seal()
    assert JournalSeal.objects.order_by("-number")[0].gaps == []
    assert sealing.verify().sound


_AT_ONCE = """
from accounts.enums import JournalKind
from accounts.journal import sealing, writing
from accounts.journal.unit import Seen, Unit

if os.environ.get("WITHOUT_LOCK"):
    sealing.hold_for_transaction = lambda *_, **__: True
for turn in range(40):
    if rank < 2:
        unit = Unit(action="lecture", user_id=rank + 1)
        unit.seen = [Seen(JournalKind.READ, "lecture", patient_id=turn) for _ in range(5)]
        writing.write(unit)
    else:
        sealing.seal()
"""


@pytest.mark.django_db(transaction=True)
def test_processes_that_seal_at_once_make_one_chain() -> None:
    run_together(_AT_ONCE, 4)
    sealing.seal()
    result = sealing.verify()
    assert result.sound and result.unsealed == 0 and result.entries == JournalEntry.objects.count() >= 400


@pytest.mark.django_db(transaction=True)
def test_without_their_lock_they_break_each_other() -> None:
    with pytest.raises(AssertionError, match=r"duplicate key|IntegrityError"):
        run_together(_AT_ONCE, 4, WITHOUT_LOCK="1")


# ---- the role of the application ----


def test_the_role_of_the_application_adds_and_never_takes_back(chain) -> None:
    call_command("grant_application_role", "gap_application_test", "--create")
    forbidden = [
        "update accounts_journalentry set reason = 'x'",
        "delete from accounts_journalseal",
        "truncate accounts_journalentry",
        "alter table accounts_journalentry disable trigger append_only",
        "drop trigger journal_change on admissions_patient",
        "create or replace function gap_append_only() returns trigger language plpgsql as 'begin return old; end'",
        "set session_replication_role = replica",
    ]
    with connection.cursor() as cursor:
        cursor.execute("set role gap_application_test")
        try:
            for statement in forbidden:
                with pytest.raises(ProgrammingError, match=r"denied|owner|only added"), transaction.atomic():
                    cursor.execute(statement)
            assert write(2)
            assert sealing.seal() == 2
        finally:
            cursor.execute("reset role")
