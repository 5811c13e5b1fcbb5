"""The servers and processes of the soak, each of which may be killed and started again."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gap.pki import create_development_pki
from gap.supervisor import demo
from gap.supervisor.children import Child
from gap.supervisor.runtime import PYTHON, Runtime

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_CELERY = [PYTHON, "-m", "celery", "-A", "gap.celery", "--quiet"]
_QUIET = ["--without-gossip", "--without-mingle", "--loglevel=WARNING"]
# Time, shortened as the retries are (load.quicken): a fault is settled in seconds.
_PERIODS = {
    "SWEEP_EVERY_S": "0.5",
    # Nothing is invoiced: an engagement can be given up to the end.
    "EXCHANGE_EVERY_S": "3600",
    "TELESERVICES_TIMEOUT_CONNECT": "1",
    "TELESERVICES_TIMEOUT_READ": "2",
    "TELESERVICES_CLAIM_MARGIN": "2",
}


class Ground:
    """Handles on everything that a fault may touch."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self._children: dict[str, Child] = {}
        self._commands = {
            "worker-1": [*_CELERY, *_worker("worker-1", "interactive", 8)],
            "worker-2": [*_CELERY, *_worker("worker-2", "interactive", 8)],
            "night": [*_CELERY, *_worker("night", "batch", 4)],
            "scheduler": [*_CELERY, "beat", "--loglevel=WARNING", "--pidfile="],
        }
        self.control_port = 0

    @property
    def workers(self) -> list[str]:
        return ["worker-1", "worker-2", "night"]

    @property
    def state(self) -> Path:
        """Where the simulator remembers its answers and engagements."""
        return self.runtime.var / "simulator"

    def start(self) -> None:
        self.runtime.start_servers()
        create_development_pki(self.runtime.var / "pki")
        self._start_simulator()
        self.runtime.manage("migrate", "--verbosity", "0")
        for name, command in self._commands.items():
            self._children[name] = self.runtime.start(name, command)

    def kill(self, name: str) -> None:
        """SIGKILL one of the product's processes, and start another in its place."""
        self._end(name)
        self._children[name] = self.runtime.start(name, self._commands[name])

    def kill_simulator(self) -> None:
        self._end("simulator")

    def restart_simulator(self) -> None:
        """At the same address, with what it remembers."""
        self._start_simulator()

    def kill_redis(self) -> None:
        redis = self.runtime.redis
        assert redis is not None and redis.child is not None
        redis.child.process.kill()
        redis.child.process.wait()

    def restart_redis(self) -> None:
        """Empty: it keeps nothing on a disk."""
        redis = self.runtime.redis
        assert redis is not None
        redis.launch(self.runtime.logs / "redis.log")
        redis.wait()

    def stop_postgres(self, *, crash: bool) -> None:
        """As an administrator restarts it, or as it dies (what was committed is on the disk)."""
        postgres = self.runtime.postgres
        assert postgres is not None and postgres.child is not None
        if crash:
            postgres.child.process.send_signal(signal.SIGQUIT)
            postgres.child.process.wait()
        postgres.stop()

    def restart_postgres(self) -> None:
        postgres = self.runtime.postgres
        assert postgres is not None
        postgres.launch(self.runtime.logs / "postgres.log")
        postgres.wait()

    def scenario(self, amc: str, behaviour: str, count: int) -> None:
        self._control("POST", {"amc": amc, "behaviour": behaviour, "count": count})

    def clear_scenarios(self) -> None:
        self._control("DELETE", None)

    def _control(self, method: str, body: dict[str, object] | None) -> None:
        data = None if body is None else json.dumps(body).encode()
        url = f"http://127.0.0.1:{self.control_port}/scenario"
        with _opener.open(urllib.request.Request(url, data=data, method=method), timeout=5):
            pass

    def _start_simulator(self) -> None:
        child = demo.launch_simulator(self.runtime)
        self._children["simulator"] = child
        self.control_port = int(demo.wait_for_simulator(self.runtime, child)["control_port"])

    def _end(self, name: str) -> None:
        child = self._children.pop(name)
        child.process.kill()
        child.stop()
        self.runtime.children.remove(child)


def _worker(name: str, lane: str, threads: int) -> list[str]:
    asked = ["--pool=threads", f"--concurrency={threads}", f"--queues={lane}", f"--hostname={name}@%h"]
    return ["worker", *asked, *_QUIET]


@contextmanager
def ground() -> Iterator[Ground]:
    """Everything started, and this process ready to use the product's models; stopped and removed at the end."""
    folder = Path(os.environ.get("GAP_VAR_DIR", ".var")).absolute() / "soak"
    shutil.rmtree(folder, ignore_errors=True)
    # Its own servers: those of whoever runs it are not to be killed.
    for name in ("DATABASE_URL", "REDIS_URL"):
        os.environ.pop(name, None)
    with Runtime(folder, durable=True) as runtime:
        runtime.reset()
        runtime.environment |= _PERIODS
        place = Ground(runtime)
        place.start()
        os.environ.update(runtime.environment)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gap.settings")
        import django

        django.setup()
        # What is away is the subject: the product says it at each wake-up.
        logging.disable(logging.WARNING)
        yield place
    shutil.rmtree(folder, ignore_errors=True)
