"""The endurance run: short, for real; and its verdict, which must see a loss and a second effect when there is one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest
from django.utils import timezone

from bench.soak import verdict
from billing.enums import EngagementStatus
from billing.models import Engagement
from simulator.store import Engagement as Theirs
from simulator.store import Store
from teleservices.enums import CallStatus
from teleservices.models import TeleserviceCall
from tests.processes import ROOT
from tests.worklists import scene

AMC = "0099000104"


@pytest.mark.long
def test_a_short_run_loses_nothing_and_does_nothing_twice(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.soak", "--calls", "70", "--seed", "5"],
        cwd=ROOT,
        env=os.environ | {"GAP_VAR_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=400,
    )
    last = done.stdout.splitlines()[-1] if done.stdout else ""
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    found = re.fullmatch(r"soak: (\d+) calls, 0 lost, 0 twice", last)
    assert found and int(found.group(1)) >= 30, last
    # The faults truly were.
    assert "travailleur tué" in done.stdout and "PostgreSQL tombé" in done.stdout


class Sides:
    """What the payer remembers and what the hospital does, written by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = Store(folder)
        self._count = 0

    def answered(self, call: TeleserviceCall | None, code: str = "OK", operation: str = "CLC") -> None:
        message = str(call.message_id if call else uuid4())
        self.store.remember(message, operation, AMC, "1", "d", f"<r:CodeRetour>{code}</r:CodeRetour>".encode())

    def engaged(self, dossier: str, number: str = "", amount: str = "120.50") -> str:
        self._count += 1
        number = number or f"E{self._count:017d}"
        now = datetime.now(UTC)
        self.store.create_engagement(
            Theirs(
                number, AMC, "350000014", "350000022", dossier, "MCO", "SEJOUR", Decimal(amount), {}, str(uuid4()), now,
                now.date() + timedelta(days=90),
            )
        )  # fmt: skip
        return number

    def judged(self) -> verdict.Verdict:
        return verdict.judge(self.folder)


@pytest.fixture
def sides(tmp_path: Path, db) -> Sides:
    return Sides(tmp_path)


def clc(status: CallStatus = CallStatus.SUCCEEDED, **fields) -> TeleserviceCall:
    now = timezone.now()
    values = {"first_sent_at": now, "attempts_count": 1, "return_code": "OK"} | fields
    if status in (CallStatus.SUCCEEDED, CallStatus.REFUSED):
        values.setdefault("finished_at", now + timedelta(seconds=1))
    return scene.a_call(operation="CLC", status=status, **values)


def engagement_of(call: TeleserviceCall, number: str, status: str = EngagementStatus.IN_FORCE) -> None:
    Engagement.objects.create(
        call=call,
        stay=call.stay,
        coverage=call.coverage,
        debtor=call.debtor,
        number=number,
        amount=Decimal("120.50"),
        valid_until=timezone.localdate() + timedelta(days=90),
        status=status,
        engaged_at=timezone.now(),
        cancelled_at=timezone.now() if status == EngagementStatus.CANCELLED else None,
    )


@pytest.fixture
def settled(sides: Sides) -> TeleserviceCall:
    """One CLC, answered and engaged, the same on both sides; the events of its scene are nobody's business here."""
    call = clc()
    call.event.deliveries.update(done_at=timezone.now())
    sides.answered(call)
    engagement_of(call, sides.engaged(call.stay.iep))
    return call


def test_two_sides_that_agree_have_lost_nothing(sides, settled) -> None:
    assert sides.judged() == verdict.Verdict(calls=1, lost=[], twice=[])


def test_an_answer_that_never_came_here_is_lost(sides, settled) -> None:
    sides.answered(None)
    assert sides.judged().lost == ["CLC traité là-bas, inconnu ici"]


def test_an_answer_taken_for_another_is_lost(sides, settled) -> None:
    TeleserviceCall.objects.filter(pk=settled.pk).update(return_code="RC14", status=CallStatus.REFUSED)
    assert sides.judged().lost == ["CLC répondu OK là-bas, RC14 ici"]


def test_an_answer_that_nobody_gave_is_seen(sides, settled) -> None:
    TeleserviceCall.objects.filter(pk=settled.pk).update(message_id=uuid4())
    assert "CLC répondu ici, inconnu là-bas" in sides.judged().lost


def test_an_engagement_of_one_side_only_is_lost(sides, settled) -> None:
    number = sides.engaged("999999999")
    assert sides.judged().lost == [f"engagement {number} : d’un côté seulement"]


def test_an_engagement_cancelled_on_one_side_only_is_lost(sides, settled) -> None:
    number = settled.stay.engagements.get().number
    sides.store.cancel_engagement(number)
    assert len(sides.judged().lost) == 2


@pytest.mark.parametrize("status", [CallStatus.PLANNED, CallStatus.UNKNOWN, CallStatus.NEEDS_REFERENT])
def test_a_call_that_is_not_finished_is_lost(sides, settled, status) -> None:
    TeleserviceCall.objects.filter(pk=settled.pk).update(status=status, finished_at=None)
    assert "1 appels ouverts" in sides.judged().lost


def test_a_new_message_beside_an_unknown_one_is_twice(sides, settled) -> None:
    later = scene.a_call(
        settled.stay, settled.coverage, operation="CLC", status=CallStatus.REFUSED, return_code="RC08",
        first_sent_at=settled.first_sent_at, finished_at=timezone.now(), attempts_count=1,
    )  # fmt: skip
    sides.answered(later, "RC08")
    assert sides.judged().twice == [f"CLC {later.pk} parti alors que le précédent était inconnu"]
