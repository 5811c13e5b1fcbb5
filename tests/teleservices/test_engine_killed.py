"""A worker killed with SIGKILL at each moment of a CLC: the payer engages once, and what it engaged is known here."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from admissions.models import Stay
from billing.enums import EngagementStatus
from teleservices import engine
from teleservices.enums import AttemptOutcome, CallStatus
from teleservices.models import TeleserviceCall
from tests.chain import deliver_owed, hasten
from tests.processes import ROOT, database_url
from tests.simulator_process import SimulatorProcess, environment_of
from tests.teleservices.test_engine import AMC, covered, discharged, the

__all__ = ["covered"]
pytestmark = pytest.mark.django_db(transaction=True)

_BEGIN = """
import sys
import django
django.setup()
from django.db import transaction
from teleservices import engine
def here():
    print("ici", flush=True)
    sys.stdin.readline()
claimed = engine.claim({call})
assert claimed
"""
MOMENTS = {
    "claimed, nothing sent yet": "here()",
    "answered, nothing written yet": "engine.send(claimed)\nhere()",
    "written, not committed": "with transaction.atomic():\n    engine._record(claimed, engine.send(claimed))\n    here()",
}


@contextmanager
def worker(script: str, simulator: SimulatorProcess) -> Iterator[subprocess.Popen[str]]:
    """A process of its own, that the end of the block kills."""
    environment = os.environ | environment_of(simulator)
    environment |= {"DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "gap.settings"}
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            stream.close()


@pytest.fixture
def clc(covered, simulator) -> tuple[Stay, TeleserviceCall]:
    stay = discharged(covered)
    deliver_owed()
    return stay, the(stay, "CLC")


def settled_after_the_kill(call: TeleserviceCall) -> TeleserviceCall:
    """Its claim runs out, the sweeper comes, the message is sent again."""
    assert TeleserviceCall.objects.get(pk=call.pk).status == CallStatus.CALLING
    TeleserviceCall.objects.filter(pk=call.pk).update(claimed_until=timezone.now() - timedelta(seconds=1))
    engine.sweep()
    assert TeleserviceCall.objects.get(pk=call.pk).status == CallStatus.UNKNOWN
    hasten()
    return TeleserviceCall.objects.get(pk=call.pk)


def engaged(simulator: SimulatorProcess, stay: Stay) -> list[str]:
    return [str(one["number"]) for one in simulator.engagements() if one["dossier"] == stay.iep]


def engaged_once_and_known(simulator: SimulatorProcess, stay: Stay, call: TeleserviceCall) -> None:
    assert call.status == CallStatus.SUCCEEDED
    known = stay.engagements.filter(status=EngagementStatus.IN_FORCE).values_list("number", flat=True)
    assert engaged(simulator, stay) == list(known)
    assert len(known) == 1
    assert not call.attempts.filter(outcome=AttemptOutcome.STARTED).exists()
    sent = [bytes(attempt.request_xml) for attempt in call.attempts.all()]
    assert len(sent) == 2 and sent[0] == sent[1]


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_any_moment_it_engages_once(clc, simulator, moment: str) -> None:
    stay, call = clc
    with worker(_BEGIN.format(call=call.pk) + MOMENTS[moment], simulator) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ici\n"
    engaged_once_and_known(simulator, stay, settled_after_the_kill(call))


def test_killed_while_the_answer_is_on_its_way_it_engages_once(clc, simulator) -> None:
    stay, call = clc
    simulator.scenario(AMC, "slow_headers:0.05", "CLC", count=1)
    with worker(_BEGIN.format(call=call.pk) + "engine.send(claimed)\nprint('trop tôt')", simulator):
        until(lambda: bool(engaged(simulator, stay)))
    engaged_once_and_known(simulator, stay, settled_after_the_kill(call))


def test_with_a_new_message_in_the_place_of_the_same_one_the_engagement_is_lost(clc, simulator) -> None:
    """What a replay would do: the payer has engaged already, says so, and its number never comes here."""
    stay, call = clc
    with worker(_BEGIN.format(call=call.pk) + MOMENTS["answered, nothing written yet"], simulator) as process:
        assert process.stdout is not None
        process.stdout.readline()
    TeleserviceCall.objects.filter(pk=call.pk).update(
        status=CallStatus.PLANNED, in_doubt=False, message_id=uuid4(), not_before=timezone.now()
    )
    engine.run(call.pk)
    call.refresh_from_db()
    assert (call.status, call.return_code) == (CallStatus.REFUSED, "RC08")
    assert len(engaged(simulator, stay)) == 1
    assert not stay.engagements.exists()


def test_a_late_answer_and_the_reconciliation_that_follows_the_sweep_have_one_effect(clc, simulator) -> None:
    """The worker was only slow: the sweeper gave it up, another asked again, and then it came back."""
    stay, call = clc
    late = engine.claim(call.pk)
    assert late is not None
    answer = engine.send(late)
    assert settled_after_the_kill(call).status == CallStatus.SUCCEEDED
    engine.record(late, answer)
    call.refresh_from_db()
    assert (call.status, call.attempts_count) == (CallStatus.SUCCEEDED, 2)
    assert {attempt.outcome for attempt in call.attempts.all()} == {AttemptOutcome.ANSWERED}
    assert len(engaged(simulator, stay)) == stay.engagements.count() == 1


def until(happened: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
