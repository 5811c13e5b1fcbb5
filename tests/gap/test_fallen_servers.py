"""PostgreSQL or Redis gone, hung, or only to be read: what is told is true, what was typed stays, nothing is lost or doubled."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

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


def test_programs_that_write_while_it_falls_lose_nothing_and_do_nothing_twice(fallen: Fallen, measured) -> None:
    """Each sends again what was not answered, under the same key, as it is told to."""
    done: list[tuple[str, str]] = []
    interrupted: list[str] = []
    seen: list[str] = []
    end = time.monotonic() + 7

    def write(rank: int) -> None:
        number = 0
        while time.monotonic() < end:
            key, number = str(uuid.uuid4()), number + 1
            body = patient(1000 * rank + number % 600, f"Fall{'abcde'[rank]}")
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
        time.sleep(2)
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
