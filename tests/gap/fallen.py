"""A hospital with servers of its own, that a test may stop: PostgreSQL, Redis, and two real web processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gap.supervisor.children import Child, wait_until
from gap.supervisor.demo import _answers
from gap.supervisor.servers import EmbeddedPostgres, EmbeddedRedis
from tests.dump import pg_dump
from tests.gap.relay import Relay
from tests.gap.test_supervisor import free_port
from tests.processes import ROOT

PASSWORD = "une phrase assez longue"
_FILL = f"""
import django; django.setup()
from accounts.enums import Role, Scope
from accounts.models import ApiClient, Establishment, RoleAssignment, User
from admissions.models import Unit
here = Establishment.objects.create(name="CH de Valmont", finess_legal="350000014", finess_site="350000022")
Unit.objects.create(establishment=here, code="2210", name="Cardiologie", domain="MCO")
user = User.objects.create_user("nadia", password={PASSWORD!r}, last_name="Ferrand", establishment=here)
RoleAssignment.objects.create(user=user, establishment=here, role=Role.AGENT)
print(ApiClient.issue("laboratoire", here, list(Scope.values))[1])
"""
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    text: str


@dataclass
class Fallen:
    """What may fall, and what still answers."""

    folder: Path
    port: int
    token: str
    postgres: EmbeddedPostgres
    redis: EmbeddedRedis
    environment: dict[str, str]
    #: Between the web processes and PostgreSQL, when the test asked for one.
    relay: Relay | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, path: str, method: str = "GET", body: Any = None, seconds: float = 20, **headers: str) -> Answer:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=headers)
        try:
            with _opener.open(request, timeout=seconds) as found:
                return Answer(found.status, _lower(found.headers), found.read().decode())
        except urllib.error.HTTPError as refused:
            return Answer(refused.code, _lower(refused.headers), refused.read().decode())

    def program(self, path: str, body: Any, key: str) -> Answer:
        """A program posts, under its idempotency key."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json", "Idempotency-Key": key}
        return self.ask(f"/api/v1{path}", "POST", body, **headers)

    def signed_in(self) -> str:
        """The cookie of somebody's session."""
        script = (
            "import django; django.setup(); from django.test import Client; from accounts.models import User\n"
            "client = Client(); client.force_login(User.objects.get())\n"
            "print('sessionid=' + client.cookies['sessionid'].value)"
        )
        made = subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, env=self.environment, check=True, capture_output=True, text=True
        )
        return made.stdout.strip().splitlines()[-1]

    def script(self, body: str) -> str:
        """What a program of the product says, run where the servers are those of this hospital."""
        made = subprocess.run(
            [sys.executable, "-c", "import django; django.setup()\n" + body],
            cwd=ROOT,
            env=self.environment,
            check=True,
            capture_output=True,
            text=True,
        )
        return made.stdout.strip()

    @contextmanager
    def workers(self) -> Iterator[list[Child]]:
        """Both lanes in one worker, and the scheduler, which wakes it often; as the demonstration starts them."""
        celery = [sys.executable, "-m", "celery", "-A", "gap.celery", "--quiet"]
        asked = ["worker", "--pool=threads", "--concurrency=4", "--queues=interactive,batch", "--hostname=worker@%h"]
        often = self.environment | dict.fromkeys(("SWEEP_EVERY_S", "JOURNAL_EVERY_S", "EXCHANGE_EVERY_S"), "0.5")
        log = self.folder / "worker.log"
        children: list[Child] = []
        try:
            options = ["--without-gossip", "--without-mingle", "--loglevel=INFO"]
            children.append(Child("worker", [*celery, *asked, *options], log=log, env=often))
            beat = [*celery, "beat", "--loglevel=WARNING", "--pidfile="]
            children.append(Child("scheduler", beat, log=self.folder / "scheduler.log", env=often))
            wait_until(lambda: " ready." in log.read_text(errors="replace"), children[0], 60)
            yield children
        finally:
            for child in reversed(children):
                child.stop()

    def mails(self) -> list[str]:
        """Their subjects, as they were written."""
        found = sorted((self.folder / "mails").glob("*"))
        return [line for file in found for line in file.read_text().splitlines() if line.startswith("Subject:")]

    def stop_database(self) -> None:
        self.postgres.stop()

    def start_database(self) -> None:
        self.postgres.launch(self.folder / "postgres.log")
        self.postgres.wait()

    def sql(self, statement: str) -> str:
        return self.postgres._psql(statement) if "minigap" in statement else _in_minigap(self.postgres, statement)

    @contextmanager
    def hung(self, child: Child | None) -> Iterator[None]:
        """A server that takes connections and answers nothing."""
        assert child is not None
        os.kill(child.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(child.process.pid, signal.SIGCONT)


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _in_minigap(postgres: EmbeddedPostgres, statement: str) -> str:
    command = [
        str(postgres.program / "psql"),
        "-h",
        str(postgres.socket_folder.absolute()),
        "-U",
        "postgres",
        "-d",
        "minigap",
    ]
    return subprocess.run([*command, "-Atc", statement], check=True, capture_output=True, text=True).stdout.strip()


@contextmanager
def hospital(folder: Path, *, relayed: bool = False, web_workers: int = 2, **settings: str) -> Iterator[Fallen]:
    """Until the block ends. The schema is the one of the suite's own database.

    `relayed`: what the web processes ask of PostgreSQL goes through a relay that may lose an answer.
    """
    folder.chmod(0o755)
    postgres, redis = EmbeddedPostgres(folder / "postgres"), EmbeddedRedis(folder / "redis")
    web: Child | None = None
    relay: Relay | None = None
    try:
        postgres.launch(folder / "postgres.log")
        redis.launch(folder / "redis.log")
        postgres.wait()
        redis.wait()
        psql = [str(postgres.program / "psql"), "-h", str(postgres.socket_folder.absolute()), "-U", "postgres", "-q"]
        subprocess.run([*psql, "-d", "minigap"], input=pg_dump(), check=True, capture_output=True)
        port = free_port()
        environment = os.environ | {
            "DATABASE_URL": postgres.url,
            "REDIS_URL": redis.url,
            "GAP_VAR_DIR": str(folder / "var"),
            "DJANGO_SETTINGS_MODULE": "gap.settings",
            "ALERT_EMAILS": "dsi@hopital.example",
            "EMAIL_URL": f"filemail:///{folder / 'mails'}",
            **settings,
        }
        filled = subprocess.run(
            [sys.executable, "-c", _FILL], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
        )
        command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
        command += ["--workers", str(web_workers), "--blocking-threads", "1", "--no-access-log"]
        command += ["--workers-kill-timeout", "5", "gap.wsgi:application"]
        asked = environment
        if relayed:
            relay = Relay(str(postgres.socket_folder.absolute())).start()
            asked = environment | {"DATABASE_URL": relay.url}
        web = Child("web", command, log=folder / "web.log", env=asked)
        wait_until(lambda: _answers(f"http://127.0.0.1:{port}/sante/pret/"), web, 40)
        yield Fallen(folder, port, filled.stdout.strip().splitlines()[-1], postgres, redis, environment, relay)
    finally:
        for one in (web, relay, redis, postgres):
            if one is not None:
                one.stop()
        postgres.destroy()


@contextmanager
def working(count: int, work: Callable[[int], object]) -> Iterator[None]:
    """`work(rank)` in so many threads while the block runs; all have ended after it."""
    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join()
