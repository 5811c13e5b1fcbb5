"""From the commit of a business event to its result on a screen: web, worker and simulator are processes."""

from __future__ import annotations

import json
import time

from django.db import transaction

from bench import people
from bench.calls import bare_zeep
from bench.ground import Ground, gather_statistics, web, worker
from bench.http import Connection
from bench.measure import Row, Sample, in_turns, within

MOST_MS = 150
_POLL_S = 0.02
_PATIENCE_S = 30


def rows(place: Ground, rounds: int) -> list[Row]:
    """A pre-admission is committed here; a program asks the REST API every 20 ms until its IDB is answered."""
    debtor = people.payer(place.simulator)
    warm_up = 5
    patients = [people.covered_patient(debtor) for _ in range(rounds + warm_up)]
    bare = bare_zeep(place, debtor)
    gather_statistics()
    with worker(place), web(place) as address, Connection(address, people.program()) as connection:
        answered: list[float] = []

        def whole(number: int) -> None:
            elapsed = _until_answered(connection, patients[number])
            if number >= 0:
                answered.append(elapsed)

        base, _ = in_turns(rounds, [lambda number: bare.call(), whole], warm_up=warm_up)
    own = Sample(tuple(elapsed - base.median for elapsed in answered))
    told = Sample(tuple(answered))
    return [
        within("événement validé → résultat lu par HTTP, sans l’organisme", own, MOST_MS),
        within("le même, organisme compris", told, None, f"l’organisme seul : {base.median:.2f} ms".replace(".", ",")),
    ]


def _until_answered(connection: Connection, patient: people.Patient) -> float:
    """Milliseconds from the commit to the first answer of the API that says it succeeded."""
    committed: list[float] = []
    with transaction.atomic():
        # The first of the commit's hooks: before the one that wakes the worker.
        transaction.on_commit(lambda: committed.append(time.perf_counter()))
        stay = people.preadmit(patient)
    path = f"/api/v1/calls?stay={stay.iep}&operation=IDB"
    deadline = time.perf_counter() + _PATIENCE_S
    while time.perf_counter() < deadline:
        calls = json.loads(connection.get(path))["results"]
        if any(call["status"] == "succeeded" for call in calls):
            return (time.perf_counter() - committed[0]) * 1000
        time.sleep(_POLL_S)
    raise RuntimeError(f"IEP {stay.iep}: no IDB succeeded in {_PATIENCE_S} s, see {connection}")
