"""Where the journey takes place: a database of its own, the simulator, and the product's processes."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from bench.journey.rest import Rest
from gap.pki import create_development_pki
from gap.supervisor import demo
from gap.supervisor.runtime import Runtime

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
# The scheduler's turns, shortened: a journey waits for them at each step.
_PERIODS = {"SWEEP_EVERY_S": "0.5", "EXCHANGE_EVERY_S": "0.5"}


@dataclass(frozen=True, slots=True)
class Ground:
    """The hospital's API, and the two handles of the other side: its scenarios and its transport."""

    rest: Rest
    control_url: str
    exchange: Path

    def scenario(self, amc: str, behaviour: str, operation: str, count: int) -> None:
        """This payer behaves so, for this operation, so many times. The last one said comes first."""
        self._control("POST", "/scenario", {"amc": amc, "behaviour": behaviour, "operation": operation, "count": count})

    def engagements(self, iep: str) -> list[dict[str, object]]:
        """What the payers have engaged for a stay, by their own account."""
        return [one for one in self._control("GET", "/engagements") if one["dossier"] == iep]

    def received(self, amc: str, operation: str) -> list[dict[str, object]]:
        """The calls that a payer received."""
        return [one for one in self._control("GET", "/log") if (one["amc"], one["operation"]) == (amc, operation)]

    def reject_next_invoice(self, code: str, label: str) -> None:
        beside = self.exchange / "scenario.json.tmp"
        beside.write_text(json.dumps({"reject_next": {"code": code, "label": label}}), encoding="utf-8")
        beside.replace(self.exchange / "scenario.json")

    def _control(self, method: str, path: str, body: dict[str, object] | None = None) -> list[dict[str, object]]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.control_url + path, data=data, method=method)
        with _opener.open(request, timeout=10) as answer:
            return json.loads(answer.read())  # type: ignore[no-any-return]


@contextmanager
def ground() -> Iterator[Ground]:
    """Everything is started, then stopped and removed. Needs DATABASE_URL and REDIS_URL. Raises RuntimeError."""
    folder = Path(os.environ.get("GAP_VAR_DIR", ".var")).absolute() / "journey"
    shutil.rmtree(folder, ignore_errors=True)
    with _database() as url:
        os.environ["DATABASE_URL"] = url
        with Runtime(folder, durable=False) as runtime:
            runtime.environment |= _PERIODS
            yield _start(runtime)


def _start(runtime: Runtime) -> Ground:
    runtime.start_servers()
    create_development_pki(runtime.var / "pki")
    simulator = demo.launch_simulator(runtime)
    runtime.manage("migrate", "--verbosity", "0")
    runtime.restrict()
    # A hospital's rule, for a journey of a minute: changes that follow each other are one simulation.
    runtime.manage("call_limits", "simulation_merge_s", "2")
    ports = demo.wait_for_simulator(runtime, simulator)
    token = _hospital(runtime)
    demo.start_workers(runtime, threads=6)
    port = _free_port()
    demo.wait_for_web(demo.launch_web(runtime, port, workers=1), port)
    return Ground(
        rest=Rest(f"http://127.0.0.1:{port}/api/v1", token),
        control_url=f"http://127.0.0.1:{ports['control_port']}",
        exchange=runtime.var / "files" / "exchange",
    )


def _hospital(runtime: Runtime) -> str:
    """The units and payers of the demonstration, nobody in it yet; and a program that may do everything."""
    os.environ.update(runtime.environment)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gap.settings")
    import django

    django.setup()
    from django.db import connections

    from accounts.enums import Scope
    from accounts.models import ApiClient
    from worklists.demo import places

    _, token = ApiClient.issue("Parcours", places.build(), [str(scope) for scope in Scope.values])
    connections.close_all()
    return token


@contextmanager
def _database() -> Iterator[str]:
    """A new database on the server of DATABASE_URL, dropped at the end."""
    server = os.environ["DATABASE_URL"]
    name = f"journey_{secrets.token_hex(4)}"
    parts = urlsplit(server)
    with psycopg.connect(_conninfo(server), autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        try:
            yield urlunsplit(parts._replace(path=f"/{name}"))
        finally:
            connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def _conninfo(url: str) -> str:
    # libpq knows this scheme by its long name.
    return url.replace("postgres://", "postgresql://", 1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
