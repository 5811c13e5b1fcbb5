"""How many calls one machine carries: against the bare client, with the answers of the country, behind a long night.

The simulator, the database and the workers share the machine: what is measured is what is left to the product.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from django.db import connection, transaction
from django.db.models import Count
from django.utils import timezone

from bench import people
from bench.calls import bare_zeep
from bench.crowd import Crowd, payers
from bench.ground import Ground, workers
from bench.measure import Row, Sample, against, at_most, rate, within
from debtors.models import Debtor
from gap.constants import Constant
from gap.supervisor.children import Child
from teleservices import engine, queue
from teleservices.enums import AttemptOutcome, CallStatus, Lane
from teleservices.messages import Operation
from teleservices.models import TeleserviceAttempt, TeleserviceCall

BACKLOG, LEDGER, SHORT = 100_000, 1_000_000, 1_000
#: The national median of an answer, and what the whole country asks of one machine.
COUNTRY_S, COUNTRY_RATE = 0.4, 100
LEAST_KEPT = 0.7
LEAST_SHARE, FLAT, START_MS, GROWTH_MB = 0.5, 1.5, 200, 64
#: (processes, threads of each). As many threads as calls may be under way, and few in a process: they wait for each other.
PROCESSES, THREADS = 4, 14
_TURN_S = 0.5
_PATIENCE_S = 60


def rows(
    place: Ground,
    rounds: int,
    *,
    backlog: int = BACKLOG,
    ledger: int = LEDGER,
    seconds: float = 20,
    drain: bool = False,
) -> list[Row]:
    """`backlog`: calls of the night; `ledger`: calls in all; `seconds`: how long each flow is looked at.

    `drain`: what is left of the night is carried to its end (ten minutes for a hundred thousand).
    """
    debtors = payers(place)
    crowd = Crowd(debtors)
    short = min(SHORT, backlog)
    crowd.plan(short)
    few = _claims(rounds)
    crowd.plan(backlog - short)
    crowd.remember(ledger - backlog)
    many = _claims(rounds)
    return [
        against(
            f"prise d’un appel, {_thousands(backlog)} en attente", many, f"{_thousands(short)} en attente", few, FLAT
        ),
        *_plans(backlog),
        _starts(place, debtors, max(rounds // 4, 2)),
        *_country(place, seconds),
        _against_bare(place, debtors[0], rounds, seconds),
        *([_drained(place)] if drain else []),
    ]


# ---- a queue that is long ----


def _claims(rounds: int) -> Sample:
    """To find who is due, and to take one of them. What was taken is given back, out of the measure."""
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        with connection.cursor() as cursor:
            cursor.execute(queue._DUE, [timezone.now(), 1])
            call_id = cursor.fetchall()[0][0]
        if engine.claim(call_id) is None:
            raise RuntimeError("a call that was due could not be taken")
        taken.append((time.perf_counter() - start) * 1000)
        TeleserviceAttempt.objects.filter(call=call_id).delete()
        TeleserviceCall.objects.filter(pk=call_id).update(
            status=CallStatus.PLANNED, slot=None, claimed_until=None, in_doubt=False, attempts_count=0,
            first_sent_at=None,
        )  # fmt: skip
    return Sample(tuple(taken))


def _plans(backlog: int) -> list[Row]:
    """No question of the engine reads the ledger from end to end."""
    reading, slowest, slowest_ms = 0, "", 0.0
    questions = _questions()
    for name, (sql, parameters) in questions.items():
        with connection.cursor() as cursor:
            cursor.execute(f"explain (analyze) {sql}", parameters)
            told = "\n".join(row[0] for row in cursor.fetchall())
        reading += "Seq Scan on teleservices_teleservicecall" in told
        elapsed = float(told.rsplit("Execution Time:", 1)[1].split()[0])
        if elapsed > slowest_ms:
            slowest, slowest_ms = name, elapsed
    count = TeleserviceCall.objects.count()
    return [
        at_most(
            f"questions du moteur sans index, {_thousands(count)} appels", len(questions), reading, "sur toutes", 0
        ),
        Row("la plus longue de ces questions", 1, slowest_ms, slowest_ms, note=slowest),
    ]


def _questions() -> dict[str, tuple[str, object]]:
    """The reads of the engine and of its sweeper, with values of this ledger."""
    now = timezone.now()
    call = TeleserviceCall.objects.filter(status=CallStatus.PLANNED).order_by("-pk")[0]
    given = {"channel": call.channel, "lane": call.lane, "now": now, "call": call.pk}
    sql, parameters = queue._WAITING._queryset().query.sql_with_params()
    calls = TeleserviceCall.objects
    run_out = calls.filter(status=Constant(CallStatus.CALLING), claimed_until__lt=now)
    open_ones = calls.filter(stay=call.stay_id, operation=call.operation, status__in=engine.CLAIMABLE)
    stopped = calls.filter(status=Constant(CallStatus.NEEDS_REFERENT), cause="server_certificate_refused")
    refused = calls.filter(
        status=Constant(CallStatus.REFUSED), superseded_at=None, handled_at=None, disposition="store"
    )
    found: dict[str, tuple[str, object]] = {
        "due": (queue._DUE, [now, 8]),
        "following": (sql, [given.get(getattr(one, "name", ""), one) for one in parameters]),
        "to claim": engine.to_ask().filter(pk=call.pk).query.sql_with_params(),
        "to record": calls.filter(pk=call.pk).query.sql_with_params(),
    }
    for name, asked in (("run out", run_out), ("of a stay", open_ones), ("stopped", stopped), ("refused", refused)):
        found[name] = asked.order_by().query.sql_with_params()
    return found


# ---- a patient behind the night ----


def _starts(place: Ground, debtors: list[Debtor], times: int) -> Row:
    """From the commit of a pre-admission to the departure of its IDB, while the night's worker drains."""
    place.simulator.scenario("*", f"latency:{COUNTRY_S}", "IDB")
    taken = []
    with _flowing(place, [("interactive", 12), ("batch", 6)]):
        _until(lambda: _under_way() > 1, "the night does not begin")
        for number in range(-1, times):
            committed, left = _one(people.covered_patient(debtors[number % len(debtors)]))
            if number >= 0:
                taken.append((left - committed).total_seconds() * 1000)
            time.sleep(0.1)
    place.simulator.clear_scenarios()
    waiting = TeleserviceCall.objects.filter(status=CallStatus.PLANNED, lane=Lane.BATCH).count()
    return within(
        f"appel d’un patient derrière {_thousands(waiting)} de la nuit, jusqu’au départ", Sample(tuple(taken)), START_MS
    )


def _one(patient: people.Patient) -> tuple[datetime, datetime]:
    """When a pre-admission was committed, and when its IDB left."""
    committed: list[datetime] = []
    with transaction.atomic():
        # The first of the commit's hooks: before the one that wakes the worker.
        transaction.on_commit(lambda: committed.append(timezone.now()))
        stay = people.preadmit(patient)
    attempts = TeleserviceAttempt.objects.filter(call__stay=stay, call__operation=Operation.IDB)
    found: list[datetime] = []

    def gone() -> bool:
        found[:] = attempts.values_list("started_at", flat=True)[:1]
        return bool(found)

    _until(gone, "the call of a patient did not leave")
    return committed[0], found[0]


# ---- flows ----


def _country(place: Ground, seconds: float) -> list[Row]:
    """Answers that take what they take in the country: threads wait, and nothing grows."""
    place.simulator.scenario("*", f"latency:{COUNTRY_S}", "IDB")
    with _flowing(place, [("batch", THREADS)] * PROCESSES) as children:
        _until(lambda: _under_way() >= PROCESSES * THREADS // 2, "the flow does not begin")
        time.sleep(1)
        memory, most = [_memory_mb(children)], 0
        began, before = time.perf_counter(), _answered()
        while (elapsed := time.perf_counter() - began) < seconds:
            most = max(most, _under_way())
            memory.append(_memory_mb(children))
            time.sleep(_TURN_S)
        carried = _answered() - before
    place.simulator.clear_scenarios()
    half = memory[len(memory) // 2]
    return [
        rate("appels par seconde, réponses en 0,4 s", carried, carried / elapsed, "/s", COUNTRY_RATE),
        rate("appels en cours à la fois", carried, most, "appels", COUNTRY_RATE * COUNTRY_S),
        at_most("mémoire que ces processus prennent de plus", len(memory), memory[-1] - half, "Mo", GROWTH_MB,
                f"{memory[-1]:.0f} Mo en tout"),
    ]  # fmt: skip


def _against_bare(place: Ground, debtor: Debtor, rounds: int, seconds: float) -> Row:
    """Payers that answer at once: what the guarantees of the engine cost."""
    bare = bare_zeep(place, people.payer(place.simulator))
    for _ in range(3):
        bare.call()
    began = time.perf_counter()
    for _ in range(rounds):
        bare.call()
    alone = rounds / (time.perf_counter() - began)
    with _flowing(place, [("batch", 4)] * min(PROCESSES, 2)):
        _until(lambda: _under_way() > 1, "the flow does not begin")
        time.sleep(1)
        began, before = time.perf_counter(), _answered()
        time.sleep(seconds / 2)
        carried, elapsed = _answered() - before, time.perf_counter() - began
    return rate("appels par seconde, réponses immédiates", carried, carried / elapsed, "/s", LEAST_SHARE,
                "zeep nu en boucle", alone)  # fmt: skip


def _drained(place: Ground) -> Row:
    """The whole night carried: the last tenth goes as fast as the first."""
    count, before = _waiting(), _answered()
    came: list[tuple[float, int]] = [(0.0, 0)]
    # Patients have their worker, as they do at night: a call of theirs that nobody takes makes its channel's night wait.
    with _flowing(place, [("interactive", 2), *[("batch", 4)] * min(PROCESSES, 2)], to_the_end=True):
        began = moved = time.perf_counter()
        while _waiting():
            time.sleep(_TURN_S)
            done = _answered() - before
            if 10 * done // count > 10 * came[-1][1] // count:
                elapsed = time.perf_counter() - began
                print(f"… {_thousands(done)} appels vidés en {elapsed:.0f} s", file=sys.stderr, flush=True)
            if done > came[-1][1]:
                moved = time.perf_counter()
            elif time.perf_counter() - moved > _PATIENCE_S:
                raise RuntimeError("the night stands still")
            came.append((time.perf_counter() - began, done))

    def at(share: float) -> float:
        return next(elapsed for elapsed, done in came if done >= share * count)

    tenth, end = 0.1 * count, came[-1][0]
    # A tenth that is shorter than a look is as long as a look.
    first, last = tenth / max(at(0.1), _TURN_S), tenth / max(end - at(0.9), _TURN_S)
    name = f"{_thousands(count)} appels vidés en {end:.0f} s, dernier dixième"
    return rate(name, count, last, "/s", LEAST_KEPT, "premier dixième", first)


@contextmanager
def _flowing(place: Ground, lanes: list[tuple[str, int]], *, to_the_end: bool = False) -> Iterator[list[Child]]:
    """Workers, and what the scheduler does: the sweeper wakes who is due. Every call under way has ended after it."""
    over = threading.Event()

    def sweep() -> None:
        try:
            while not over.wait(_TURN_S):
                queue.wake_due(timezone.now())
        finally:
            connection.close()

    sweeper = threading.Thread(target=sweep, daemon=True)
    with workers(place, lanes) as children:
        sweeper.start()
        try:
            yield children
        finally:
            over.set()
            sweeper.join()
    _until(lambda: _under_way() == 0, "calls under way did not end")
    if not to_the_end and not _waiting():
        raise RuntimeError("the night ended before the measure: a longer one is needed (--backlog)")
    others = TeleserviceCall.objects.exclude(status__in=(CallStatus.PLANNED, CallStatus.SUCCEEDED))
    if told := list(others.values_list("operation", "status", "cause", "return_code").annotate(Count("pk"))[:5]):
        raise RuntimeError(f"some of the measured calls did not succeed: {told}")


def _waiting() -> int:
    return TeleserviceCall.objects.filter(status=Constant(CallStatus.PLANNED), lane=Lane.BATCH).count()


def _under_way() -> int:
    return TeleserviceCall.objects.filter(status=Constant(CallStatus.CALLING)).count()


def _answered() -> int:
    return TeleserviceAttempt.objects.filter(outcome=AttemptOutcome.ANSWERED).count()


def _memory_mb(children: list[Child]) -> float:
    """Resident memory of these processes, in megabytes."""
    found = 0
    for child in children:
        status = Path(f"/proc/{child.process.pid}/status").read_text()
        found += next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
    return found / 1024


def _until(happened: Callable[[], bool], problem: str) -> None:
    deadline = time.perf_counter() + _PATIENCE_S
    while not happened():
        if time.perf_counter() > deadline:
            raise RuntimeError(problem)
        time.sleep(0.01)


def _thousands(count: int) -> str:
    return f"{count:,}".replace(",", "\u202f")
