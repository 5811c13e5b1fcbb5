"""What the processes that serve watch by themselves: nobody asks, and it is told; a database hangs, and nobody hangs with it."""

from __future__ import annotations

import email
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import policy
from pathlib import Path

import pytest

from tests.gap.fallen import Answer, Fallen, hospital, working

pytestmark = pytest.mark.django_db(transaction=True)
# Longer than what a connection may take, as in production.
SILENT_S = 6
CONNECT_S = 5
PROBED = ("/sante/vivant/", "/sante/pret/", "/")


@pytest.fixture(scope="module")
def fallen(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[Fallen]:
    folder = tmp_path_factory.mktemp("lookout")
    with django_db_blocker.unblock(), hospital(folder, DATABASE_SILENT_S=str(SILENT_S)) as one:
        yield one


def subjects(fallen: Fallen) -> list[str]:
    """Of the mails that were written, as they are read. A file of Django's holds several, each with its end."""
    found = "".join(file.read_text() for file in sorted((fallen.folder / "mails").glob("*"))).split("-" * 79 + "\n")
    parsed = (email.message_from_string(one, policy=policy.default)["Subject"] for one in found if one.strip())
    return [str(one) for one in parsed]


def within(seconds: float, holds: Callable[[], bool]) -> float:
    """Seconds until it held."""
    start = time.monotonic()
    while not holds():
        assert time.monotonic() - start < seconds, f"Not within {seconds} s."
        time.sleep(0.05)
    return time.monotonic() - start


def status(fallen: Fallen) -> str:
    return str(json.loads(fallen.ask("/sante/pret/").text)["status"])


def probed(fallen: Fallen, path: str, cookie: str) -> tuple[str, int, float]:
    """What was asked, what was answered, in how many seconds."""
    start = time.monotonic()
    return path, fallen.ask(path, Cookie=cookie).status, time.monotonic() - start


@contextmanager
def frozen(fallen: Fallen) -> Iterator[None]:
    """Each process of the server is stopped: its sockets take what is sent, and nothing answers."""
    assert fallen.postgres.child is not None
    server = fallen.postgres.child.process.pid
    os.kill(server, signal.SIGSTOP)
    # Stopped first: it forks no more.
    stopped = [server, *map(int, Path(f"/proc/{server}/task/{server}/children").read_text().split())]
    for one in stopped[1:]:
        os.kill(one, signal.SIGSTOP)
    try:
        yield
    finally:
        for one in reversed(stopped):
            os.kill(one, signal.SIGCONT)


def test_a_database_that_hangs_holds_nobody_and_no_probe(fallen: Fallen, measured) -> None:
    cookie = fallen.signed_in()
    assert fallen.ask("/", Cookie=cookie).status == 200
    waited: list[tuple[float, Answer]] = []

    def read(_: int) -> None:
        start = time.monotonic()
        answer = fallen.ask("/", Cookie=cookie, seconds=60)
        waited.append((time.monotonic() - start, answer))

    with frozen(fallen):
        # Each of the two processes has one thread: two people hold them both.
        with working(2, read):
            pass
        # Of two processes, one may not know yet: it waits for a connection, and no longer. Then both know.
        probes = [probed(fallen, path, cookie) for path in PROBED]
        within(SILENT_S + 10, lambda: all(probed(fallen, "/sante/pret/", cookie)[2] < 0.5 for _ in range(6)))
        at_once = [probed(fallen, path, cookie) for path in PROBED * 2]
    assert [answer.status for _, answer in waited] == [503, 503]
    assert all("La base de données ne répond pas" in answer.text for _, answer in waited)
    longest = max(seconds for seconds, _ in waited)
    assert longest < SILENT_S + 10, waited
    assert [code for _, code, _ in probes + at_once] == [200, 503, 503] * 3
    assert max(seconds for *_, seconds in probes) < CONNECT_S + 2, probes
    assert max(seconds for *_, seconds in at_once) < 1, at_once
    back = within(15, lambda: all(status(fallen) == "ok" for _ in range(4)))
    assert fallen.ask("/", Cookie=cookie).status == 200
    measured("base muette : la plus longue attente en ms", round(longest * 1000))
    measured("base qui répond de nouveau : servie en ms", round(back * 1000))


def test_redis_gone_is_told_to_all_though_nobody_asks(fallen: Fallen, measured) -> None:
    cookie = fallen.signed_in()

    def told_of() -> list[str]:
        return [one.strip().removeprefix("[mini-GAP] ") for one in subjects(fallen) if "Redis" in one]

    fallen.redis.stop()
    try:
        told = within(15, lambda: "Redis ne répond pas" in told_of())
        page = fallen.ask("/", Cookie=cookie)
        assert page.status == 200 and "Les demandes aux organismes partent en retard" in page.text
    finally:
        fallen.redis.launch(fallen.folder / "redis.log")
        fallen.redis.wait()
    within(15, lambda: len(told_of()) == 2)
    # One each, whichever process found it.
    assert sorted(told_of()) == ["Fin de l’incident « Redis ne répond pas »", "Redis ne répond pas"]
    assert "partent en retard" not in fallen.ask("/", Cookie=cookie).text
    measured("Redis absent : dit sans que rien ne le demande, en ms", round(told * 1000))
