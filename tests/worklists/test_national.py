"""Calls of a service that is no payer's stand in every list, figure and answer where calls of payers stand."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.enums import Role, Scope
from admissions.enums import EventKind
from admissions.events import SYSTEM, record_event
from teleservices.enums import AttemptOutcome, CallStatus
from teleservices.messages import Operation
from teleservices.models import Circuit, TeleserviceAttempt, TeleserviceCall
from tests.worklists import scene

pytestmark = pytest.mark.django_db
_STATES = {
    "stopped": {"status": CallStatus.NEEDS_REFERENT, "cause": "insi_desir_550"},
    "lost": {"status": CallStatus.UNKNOWN, "cause": "lost", "in_doubt": True, "attempts_count": 1},
    "away": {"status": CallStatus.PLANNED, "cause": "not_sent", "attempts_count": 2},
    "due": {"status": CallStatus.PLANNED, "not_before": -3},
    "answered": {"status": CallStatus.SUCCEEDED, "return_code": "02", "duration_ms": 300},
}


@pytest.fixture
def calls(establishment) -> list[TeleserviceCall]:
    """One of each state, hours old."""
    made, hours = [], timezone.now() - timedelta(hours=5)
    for state in _STATES.values():
        stay = scene.a_stay()
        fields = {"not_before": timezone.now() + timedelta(minutes=5), "first_sent_at": hours} | state
        if isinstance(fields["not_before"], int):
            fields["not_before"] = timezone.now() + timedelta(hours=fields["not_before"])
        if fields["status"] == CallStatus.SUCCEEDED:
            fields["finished_at"] = hours
        call = TeleserviceCall.objects.create(
            stay=stay, operation=Operation.INSI, channel="insi", event=record_event(stay, EventKind.IDENTITY_ASKED, SYSTEM),
            **fields,
        )  # fmt: skip
        TeleserviceAttempt.objects.create(
            call=call, number=1, started_at=timezone.now() - timedelta(minutes=20), outcome=AttemptOutcome.ANSWERED,
            duration_ms=300,
        )  # fmt: skip
        made.append(call)
    TeleserviceCall.objects.update(planned_at=hours)
    Circuit.objects.create(
        channel="insi", operation=Operation.INSI, failures=9, openings=1, opened_at=hours, retry_at=timezone.now()
    )
    return made


@pytest.mark.parametrize(
    ("slug", "shown"),
    [
        ("appels-arretes", "INSi ne connaît pas notre logiciel"),
        ("issues-inconnues", "INSi"),
        ("organismes-indisponibles", "INSi"),
        ("appels-immobiles", "INSi"),
    ],
)
def test_each_list_of_calls_names_it(signed_in, calls, slug, shown) -> None:
    page = signed_in(Role.REFERENT).get(reverse("worklists:list", args=[slug]))
    assert page.status_code == 200 and shown in page.text


def test_the_home_page_the_supervision_and_the_stay_name_it(signed_in, calls) -> None:
    referent = signed_in(Role.REFERENT)
    assert "Service national" in referent.get(reverse("worklists:home")).text
    assert ">INSi" in referent.get(reverse("worklists:supervision")).text
    for call in calls:
        page = referent.get(reverse("teleservices:stay-timeline", args=[call.stay.iep]))
        assert page.status_code == 200 and "INSi" in page.text


def test_a_program_reads_it_without_payer_nor_coverage(api, calls) -> None:
    program = api(Scope.CALLS_READ)
    read = program.get("/api/v1/calls?operation=INSI").json()["results"]
    assert {(call["debtor"], call["coverage"]) for call in read} == {(None, None)} and len(read) == len(calls)
