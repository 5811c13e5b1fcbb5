"""PostgreSQL or Redis gone, hung, or only to be read: what is told is true, what was typed stays, nothing is lost or doubled."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from celery import current_app

from gap.supervisor.children import wait_until
from tests.factories import invented_nir
from tests.gap.fallen import Fallen, hospital, working

pytestmark = pytest.mark.django_db(transaction=True)
WRITERS = 5


@pytest.fixture(scope="module")
def fallen(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[Fallen]:
    with django_db_blocker.unblock(), hospital(tmp_path_factory.mktemp("fallen")) as one:
        yield one


@pytest.fixture(autouse=True)
def up_again(fallen: Fallen) -> Iterator[None]:
    """Every test finds the hospital well."""
    yield
    well(fallen)


def well(fallen: Fallen, seconds: float = 20) -> float:
    """Wait until it says that all is well; how long that took."""
    start = time.monotonic()
    while time.monotonic() - start < seconds:
        answers = [fallen.ask("/sante/pret/") for _ in range(4)]
        if all(json.loads(one.text)["status"] == "ok" for one in answers):
            return time.monotonic() - start
        time.sleep(0.05)
    raise AssertionError(answers[-1])


def patient(number: int, name: str = "Le Bihan") -> dict[str, object]:
    return {
        "birth_name": f"{name} {chr(65 + number // 26 % 26)}{chr(65 + number % 26)}", "first_names": "Hélène", "sex": "F",
        "birth_date": "1984-05-17", "nir": invented_nir(number + 1), "confirm_new": True,
    }  # fmt: skip


# ---- the database ----


def test_without_a_database_a_screen_says_what_happens_and_the_process_stays_alive(fallen: Fallen, measured) -> None:
    fallen.stop_database()
    try:
        start = time.monotonic()
        page = fallen.ask("/", Cookie="sessionid=" + "a" * 32)
        told = time.monotonic() - start
        assert page.status == 503 and page.headers["retry-after"] == "10"
        assert "momentanément interrompu" in page.text and "La base de données ne répond pas" in page.text
        assert "OperationalError" not in page.text and "postgres" not in page.text
        program = fallen.program("/patients", patient(1), str(uuid.uuid4()))
        problem = json.loads(program.text)
        assert program.status == 503 and program.headers["retry-after"] == "10"
        assert problem["type"].endswith(":unavailable") and "rien n’est perdu" in problem["detail"]
        assert fallen.ask("/sante/vivant/").status == 200
        ready = fallen.ask("/sante/pret/")
        assert ready.status == 503 and json.loads(ready.text)["status"] == "down"
        assert told < 2
    finally:
        fallen.start_database()
    back = well(fallen)
    assert fallen.ask("/connexion/").status == 200
    measured("base absente : dit en ms", round(told * 1000))
    measured("base revenue : servie en ms", round(back * 1000))


def test_the_fall_and_the_return_are_mailed_once_each_whatever_the_processes(fallen: Fallen) -> None:
    before = len(fallen.mails())
    fallen.stop_database()
    try:
        with working(4, lambda _: [fallen.ask("/", Cookie="sessionid=" + "a" * 32) for _ in range(5)]):
            pass
    finally:
        fallen.start_database()
    well(fallen)
    end = time.monotonic() + 5
    while len(fallen.mails()) < before + 2 and time.monotonic() < end:
        time.sleep(0.05)
    assert len(fallen.mails()) == before + 2


@pytest.mark.parametrize("absence_s", [2, 10])
def test_programs_that_write_while_it_falls_lose_nothing_and_do_nothing_twice(
    absence_s: int, fallen: Fallen, measured
) -> None:
    """Each sends again what was not answered, under the same key, as it is told to."""
    done: list[tuple[str, str]] = []
    interrupted: list[str] = []
    seen: list[str] = []
    end = time.monotonic() + 4 + absence_s

    def write(rank: int) -> None:
        number = 0
        while time.monotonic() < end:
            key, number = str(uuid.uuid4()), number + 1
            body = patient(1000 * rank + number % 600, f"Fall{'abcde'[rank]} {absence_s // 10 * 'Long'}")
            while time.monotonic() < end + 15:
                try:
                    answer = fallen.program("/patients", body, key)
                except OSError:
                    interrupted.append(key)
                    time.sleep(0.1)
                    continue
                if answer.status < 500:
                    break
                interrupted.append(key)
                seen.append(answer.text)
                time.sleep(0.1)
            assert answer.status in (201, 409), answer
            if answer.status == 201:
                done.append((key, json.loads(answer.text)["ipp"]))

    before = int(fallen.sql("select count(*) from admissions_patient"))
    with working(WRITERS, write):
        time.sleep(2)
        fallen.stop_database()
        time.sleep(absence_s)
        # Here: a server lives as long as the thread that started it.
        fallen.start_database()
    made = int(fallen.sql("select count(*) from admissions_patient")) - before
    assert interrupted and len(done) > 20, (len(done), seen[-2:])
    assert len({ipp for _, ipp in done}) == len(done) == made
    measured("écritures pendant une chute, perdues", len(done) - made)
    measured("écritures pendant une chute, faites", made)


def test_a_database_that_may_only_be_read_is_not_ready_and_says_so(fallen: Fallen) -> None:
    """After a failover, the one that answers may be a replica."""
    fallen.sql("alter database minigap set default_transaction_read_only = on")
    fallen.sql(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'mini' || 'gap' and pid <> pg_backend_pid()"
    )
    try:
        answer = fallen.program("/patients", patient(2), str(uuid.uuid4()))
        assert answer.status == 503 and "ne peut être que lue" in json.loads(answer.text)["detail"]
        ready = json.loads(fallen.ask("/sante/pret/").text)
        assert (ready["status"], ready["database"], ready["writable"]) == ("down", True, False)
    finally:
        fallen.sql("set transaction read write; alter database minigap reset default_transaction_read_only")
        fallen.sql(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'mini' || 'gap' and pid <> pg_backend_pid()"
        )
    assert well(fallen) < 20 and fallen.program("/patients", patient(2), str(uuid.uuid4())).status in (201, 409)


# ---- Redis ----


def _admissions(fallen: Fallen, ipps: list[str]) -> list[float]:
    """Seconds of each of a dozen pre-admissions, which wake workers."""
    times = []
    planned = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    for ipp in ipps:
        start = time.monotonic()
        plan = {"patient": ipp, "unit": "2210", "kind": "day", "planned_start_at": planned}
        answer = fallen.program("/stays", plan, str(uuid.uuid4()))
        times.append(time.monotonic() - start)
        assert answer.status == 201, answer
    return sorted(times)


@pytest.mark.parametrize("how", ["gone", "hung"])
def test_without_redis_everybody_is_served_in_time_and_the_probe_says_so(how, fallen: Fallen, measured) -> None:
    ipps = [
        json.loads(
            fallen.program("/patients", patient(one if how == "gone" else one + 20, how), str(uuid.uuid4())).text
        )["ipp"]
        for one in range(900, 912)
    ]
    cookie = fallen.signed_in()
    if how == "gone":
        fallen.redis.stop()
    with fallen.hung(fallen.redis.child) if how == "hung" else _nothing():
        ready = fallen.ask("/sante/pret/")
        assert ready.status == 200 and json.loads(ready.text)["status"] == "degraded"
        times = _admissions(fallen, ipps)
        page = fallen.ask("/connexion/")
        start = time.monotonic()
        screens = [fallen.ask(path, Cookie=cookie).status for path in ("/", f"/patients/{ipps[0]}/") for _ in range(3)]
        reading = time.monotonic() - start
    if how == "gone":
        fallen.redis.launch(fallen.folder / "redis.log")
        fallen.redis.wait()
    assert page.status == 200 and screens == [200] * 6
    assert reading < 6, reading
    # Who finds out waits for two tries of a second; the others do not ask again for a while.
    assert times[len(times) // 2] < 1 and times[-1] < 4, times
    measured(f"Redis absent ({how}) : la plus lente en ms", round(times[-1] * 1000))


def _nothing():  # type: ignore[no-untyped-def]
    from contextlib import nullcontext

    return nullcontext()


def test_a_server_that_starts_without_its_database_waits_for_it(fallen: Fallen) -> None:
    """After a power cut nothing comes back in order."""
    import os
    import sys

    from gap.supervisor.children import Child
    from gap.supervisor.demo import _answers
    from tests.gap.test_supervisor import free_port

    fallen.stop_database()
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--blocking-threads", "1", "--no-access-log", "--workers-kill-timeout", "5"]
    child = Child(
        "early",
        [*command, "gap.wsgi:application"],
        log=fallen.folder / "early.log",
        env=os.environ | fallen.environment,
    )
    try:
        wait_until(lambda: _answers(f"http://127.0.0.1:{port}/sante/vivant/"), child, 40)
        assert not _answers(f"http://127.0.0.1:{port}/sante/pret/")
        fallen.start_database()
        wait_until(lambda: _answers(f"http://127.0.0.1:{port}/sante/pret/"), child, 20)
    finally:
        child.stop()
        if not _answers(f"{fallen.url}/sante/pret/"):
            fallen.start_database()


# ---- workers and scheduler ----

# Owed in the seconds to come: an event to hand out, and invoices that leave in a lot.
_DUE = """
import itertools
from datetime import timedelta
from django.db import transaction
from django.utils import timezone
from admissions.enums import EventKind
from admissions.events import SYSTEM, record_event
from admissions.models import EventDelivery
from factory.django import DjangoModelFactory
from tests import factories
from tests.worklists import scene
# Numbers that no other process has given.
scene._numbers = itertools.count(FIRST)
for one in vars(factories).values():
    if isinstance(one, type) and issubclass(one, DjangoModelFactory):
        one.reset_sequence(FIRST, force=True)
for delay in (0, 1, 2):
    invoice = scene.an_invoice()
    stay = scene.a_stay()
    scene.a_coverage(stay)
    with transaction.atomic():
        event = record_event(stay, EventKind.STAY_ADMITTED, SYSTEM)
        EventDelivery.objects.filter(event=event).update(not_before=timezone.now() + timedelta(seconds=delay - 1))
    print(invoice.number, stay.iep)
"""
_OWED = "select count(*) from admissions_eventdelivery where done_at is null"
_READY = "select count(*) from billing_invoice where status = 'ready'"


def owe(fallen: Fallen, first: int) -> list[list[str]]:
    """The number of each invoice, and the stay of each event. `first`: above the numbers given before."""
    return [line.split() for line in fallen.script(_DUE.replace("FIRST", str(first))).splitlines()]


def done(fallen: Fallen) -> bool:
    return fallen.sql(_OWED) == fallen.sql(_READY) == "0"


@pytest.mark.long
def test_what_is_due_while_one_and_then_the_other_falls_is_done_once_by_the_same_workers(fallen, measured) -> None:
    with fallen.workers() as children:
        made = owe(fallen, 100)
        fallen.stop_database()
        time.sleep(3)
        fallen.start_database()
        start = time.monotonic()
        wait_until(lambda: done(fallen), children[0], 40)
        measured("base revenue : ce qui était dû, fait en ms", round((time.monotonic() - start) * 1000))
        fallen.redis.stop()
        made += owe(fallen, 200)
        fallen.redis.launch(fallen.folder / "redis.log")
        fallen.redis.wait()
        start = time.monotonic()
        wait_until(lambda: done(fallen), children[0], 40)
        measured("Redis revenu : ce qui était dû, fait en ms", round((time.monotonic() - start) * 1000))
        # Some turns more of every sweeper.
        time.sleep(1.5)
        assert [child.process.poll() for child in children] == [None, None]
    invoices, stays = (", ".join(f"'{one}'" for one in column) for column in zip(*made, strict=True))
    sent = "select count(*), count(distinct invoice_id) from billing_exchangerecord "
    assert fallen.sql(f"{sent} where invoice_number in ({invoices})") == f"{len(made)}|{len(made)}"
    asked = "select count(*), count(distinct stay_id) from teleservices_teleservicecall c join admissions_stay s "
    assert fallen.sql(f"{asked} on s.id = c.stay_id where s.iep in ({stays})") == f"{len(made)}|{len(made)}"
    lots = fallen.sql("select name from billing_exchangefile where direction = 'out' and status = 'written'")
    left = fallen.folder / "var" / "files" / "exchange" / "out"
    assert sorted(one.name for one in left.iterdir()) == sorted(lots.splitlines())


def test_however_long_redis_is_gone_no_worker_gives_it_up() -> None:
    """Celery's own hundred tries are over in three quarters of an hour; a process that ends there may stay ended."""
    assert current_app.conf.broker_connection_max_retries is None
