"""Where the measures are taken: an empty database, the simulator, and the product's own processes."""

from __future__ import annotations

import os
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.db import connection

from gap.supervisor.children import Child, wait_until
from teleservices import client
from tests.simulator_process import LOOPBACK, SimulatorProcess, environment_of

_BIN = Path(sys.executable).parent


@dataclass(frozen=True, slots=True)
class Ground:
    """`folder` receives the logs; `environment` is that of every process started here."""

    folder: Path
    simulator: SimulatorProcess
    environment: dict[str, str]


@contextmanager
def empty_database() -> Iterator[None]:
    """A database made and migrated for this run, and dropped after it."""
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def gather_statistics() -> None:
    """As autovacuum does within a minute: PostgreSQL plans for the rows that are there, not for an empty table."""
    with connection.cursor() as cursor:
        cursor.execute("analyze")


@contextmanager
def ground(folder: Path, *, simulator: SimulatorProcess | None = None) -> Iterator[Ground]:
    """Start the simulator, unless one runs already, and point this process at it.

    The database of this process is that of the others too.
    """
    with ExitStack() as stack:
        if simulator is None:
            simulator = stack.enter_context(SimulatorProcess(folder / "simulator"))
        usual = settings.TELESERVICES
        files = {name: str(path) for name, path in simulator.client_files.items()}
        loopback = {"directory_url": simulator.directory_url, "internal_networks": [LOOPBACK]}
        settings.TELESERVICES = usual | loopback | files
        client.forget()
        try:
            yield Ground(folder, simulator, _environment(simulator, folder))
        finally:
            settings.TELESERVICES = usual
            client.forget()


def _environment(simulator: SimulatorProcess, folder: Path) -> dict[str, str]:
    return {
        "GAP_VAR_DIR": str(folder),
        "DATABASE_URL": database_url(),
        "REDIS_URL": settings.REDIS_URL,
        "SECRET_KEY": settings.SECRET_KEY,
        "FIELD_ENCRYPTION_KEY": settings.FIELD_ENCRYPTION_KEY,
        "BLIND_INDEX_KEY": settings.BLIND_INDEX_KEY,
        **environment_of(simulator),
    }


def database_url() -> str:
    """Address of the database that this process is connected to, for another process."""
    parts = connection.settings_dict
    user = quote(str(parts["USER"] or ""), safe="")
    secret = f":{quote(str(parts['PASSWORD']), safe='')}" if parts["PASSWORD"] else ""
    port = f":{parts['PORT']}" if parts["PORT"] else ""
    return f"postgres://{user}{secret}@{quote(str(parts['HOST']), safe='')}{port}/{parts['NAME']}"


@contextmanager
def worker(place: Ground, *, threads: int = 12) -> Iterator[None]:
    """The Celery worker of the demonstration: threads, both queues. Ready when it says so in its log."""
    with workers(place, [("interactive,batch", threads)]):
        yield


@contextmanager
def workers(place: Ground, lanes: Sequence[tuple[str, int]]) -> Iterator[list[Child]]:
    """One process for each (queues, threads), ready. The queues are empty before and after."""
    from gap.celery import app

    app.control.purge()
    with ExitStack() as stack:
        children = []
        for number, (queues, threads) in enumerate(lanes, start=1):
            name = f"worker-{number}"
            log = place.folder / f"{name}.log"
            log.unlink(missing_ok=True)
            command = [
                *(sys.executable, "-m", "celery", "-A", "gap.celery", "worker", "--pool=threads"),
                *(f"--concurrency={threads}", f"--queues={queues}", f"--hostname={name}@%h"),
                *("--without-gossip", "--without-mingle", "--loglevel=INFO"),
            ]
            child = Child(name, command, log=log, env=place.environment)
            stack.callback(child.stop)
            wait_until(lambda log=log: " ready." in log.read_text(errors="replace"), child, 60, name)
            children.append(child)
        yield children
    app.control.purge()


@contextmanager
def web(place: Ground, settings_module: str = "bench.settings") -> Iterator[str]:
    """granian as the demonstration runs it, one worker, with the bench's own addresses. Gives its address."""
    port = _free_port()
    environment = place.environment | {"DJANGO_SETTINGS_MODULE": settings_module}
    command = [
        *(str(_BIN / "granian"), "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)),
        *("--workers", "1", "--blocking-threads", "1", "--no-access-log", "--log-level", "warning"),
        "gap.wsgi:application",
    ]
    log = place.folder / f"web-{port}.log"
    child = Child("web", command, log=log, env=environment)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: _answers(f"{address}/sante/pret/"), child, 60, "web")
        yield address
    finally:
        child.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def processors() -> int:
    return len(os.sched_getaffinity(0))
