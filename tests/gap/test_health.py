"""What the product needs of others, and who is told: once when it goes, once when it is back."""

from __future__ import annotations

import errno
import time

import psycopg
import pytest
import time_machine
from django.core import mail
from django.db import DatabaseError, InterfaceError, InternalError, OperationalError, ProgrammingError

from gap import health, incidents
from gap.faults import Away, away

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def somebody_is_told(settings, tmp_path, monkeypatch) -> None:
    settings.ADMINS = [("", "dsi@hopital.example")]
    settings.VAR_DIR = tmp_path
    monkeypatch.setattr(incidents, "_here", set())


def mails(count: int) -> list[str]:
    """Their subjects, once there are so many."""
    end = time.monotonic() + 5
    while len(mail.outbox) < count and time.monotonic() < end:
        time.sleep(0.01)
    return [one.subject for one in mail.outbox]


def test_all_is_well_and_nobody_is_told() -> None:
    seen = health.look()
    assert seen.ready and all(seen.parts.values()) and abs(seen.late_s or 0) < 1 and seen.free_bytes > 0
    assert mail.outbox == []


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_not_the_database_s_is_seen_and_told_once(hours) -> None:
    with time_machine.travel(time.time() + hours * 3600):
        seen = health.look()
        health.look()
    assert seen.ready and not seen.clock and (seen.late_s or 0) == pytest.approx(hours * 3600, abs=5)
    assert len(mails(1)) == 1 and "horloge" in mail.outbox[0].subject and "NTP" in mail.outbox[0].body
    assert health.look().clock
    assert len(mails(2)) == 2 and "Fin de l’incident" in mail.outbox[1].subject


def test_little_room_is_told_before_there_is_none(settings) -> None:
    settings.DISK_FREE_MIN = 2**62
    seen = health.look()
    assert seen.ready and not seen.disk and "plein" in mails(1)[0]


def test_another_process_that_sees_the_same_tells_nobody_again() -> None:
    # Processes remember nothing: the file does. One that told of a fall whose end another saw tells of the next.
    for well, told in ((False, 1), (False, 1), (True, 2), (True, 2), (False, 3), (False, 3), (True, 4)):
        incidents.report("redis", well=well)
        assert len(mails(told)) == told
    time.sleep(0.1)
    assert len(mail.outbox) == 4


def test_what_is_met_and_measured_by_nobody_ends_once_nobody_has_met_it_for_a_while(monkeypatch) -> None:
    for _ in range(3):
        incidents.report("database_disk", well=False)
        health.look()
    assert len(mails(1)) == 1 and "base de données" in mail.outbox[0].subject
    monkeypatch.setattr(incidents, "QUIET_S", 0)
    health.look()
    assert len(mails(2)) == 2


def test_where_no_file_can_be_made_it_is_told_all_the_same(settings) -> None:
    from pathlib import Path

    settings.VAR_DIR = Path("/proc/nowhere")
    incidents.report("disk", well=False)
    incidents.report("disk", well=False)
    assert len(mails(1)) == 1


def _raised(kind: type[Exception], code: str = "") -> Exception:
    problem = kind("text")
    problem.__cause__ = psycopg.errors.lookup(code)("x") if code else None
    return problem


@pytest.mark.parametrize(
    ("problem", "gone"),
    [
        (_raised(OperationalError), Away.DATABASE),
        (_raised(InterfaceError), Away.DATABASE),
        (_raised(OperationalError, "57P01"), Away.DATABASE),
        (_raised(OperationalError, "53300"), Away.DATABASE),
        (_raised(OperationalError, "53100"), Away.DATABASE_DISK),
        (_raised(InternalError, "25006"), Away.READ_ONLY),
        (_raised(OperationalError, "40P01"), Away.BUSY),
        (_raised(OperationalError, "55P03"), Away.BUSY),
        (_raised(OperationalError, "57014"), Away.SLOW),
        (_raised(OperationalError, "54001"), None),
        (_raised(OperationalError, "55006"), None),
        (_raised(OperationalError, "08P01"), None),
        (OSError(errno.ENOSPC, "x"), Away.DISK),
        (OSError(errno.ENOENT, "x"), None),
        (_raised(ProgrammingError, "42P01"), None),
        (_raised(DatabaseError, "23505"), None),
        (_raised(InternalError, "25P02"), None),
        (ValueError(), None),
        (None, None),
    ],
    ids=lambda value: str(value) if isinstance(value, Away) else type(value).__name__,
)
def test_what_is_only_away_is_told_from_what_is_broken(problem, gone) -> None:
    assert away(problem) is gone
