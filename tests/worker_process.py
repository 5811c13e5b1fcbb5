"""Workers and their Redis as real processes, against the test's own database."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from gap.supervisor.children import Child, wait_until
from gap.supervisor.servers import EmbeddedRedis
from tests.processes import database_url
from tests.simulator_process import SimulatorProcess, environment_of

_CELERY = [sys.executable, "-m", "celery", "-A", "gap.celery"]
_START_S = 60


class EngineRoom:
    """A Redis of its own (the suite's queues belong to nobody), and the workers that a test asks for."""

    def __init__(self, folder: Path, simulator: SimulatorProcess, **environment: str) -> None:
        self.folder = folder
        self.redis = EmbeddedRedis(folder / "redis")
        self._children: dict[str, Child] = {}
        self._environment = environment_of(simulator) | {
            "DATABASE_URL": database_url(),
            "REDIS_URL": self.redis.url,
            "SWEEP_EVERY_S": "0.5",
            "EXCHANGE_EVERY_S": "3600",
            **environment,
        }

    def worker(self, lane: str = "interactive", threads: int = 8, name: str = "") -> None:
        """Start one, and wait until it is ready."""
        name = name or lane
        asked = ["worker", "--pool=threads", f"--concurrency={threads}", f"--queues={lane}", f"--hostname={name}@%h"]
        child = self._start(name, [*asked, "--without-gossip", "--without-mingle", "--loglevel=INFO"])
        log = self.folder / f"{name}.log"
        wait_until(lambda: " ready." in log.read_text(errors="replace"), child, _START_S)

    def scheduler(self) -> None:
        self._start("scheduler", ["beat", "--loglevel=WARNING", "--pidfile="])

    def lose_redis(self) -> None:
        """Killed; what it held is gone."""
        assert self.redis.child is not None
        self.redis.child.process.kill()
        self.redis.child.process.wait()

    def start_redis(self) -> None:
        self.redis.launch(self.folder / "redis.log")
        self.redis.wait()

    def wait(self, happened: Callable[[], bool], seconds: float = 60) -> None:
        """Raises RuntimeError with what the workers said when it does not happen."""
        any_child = next(iter(self._children.values()))
        try:
            wait_until(happened, any_child, seconds)
        except RuntimeError as problem:
            said = [path.read_text(errors="replace")[-2000:] for path in sorted(self.folder.glob("*.log"))]
            raise RuntimeError("\n".join([str(problem), *said])) from None

    def _start(self, name: str, arguments: list[str]) -> Child:
        log = self.folder / f"{name}.log"
        self._children[name] = Child(name, [*_CELERY, *arguments], log=log, env=self._environment)
        return self._children[name]

    def __enter__(self) -> Self:
        self.start_redis()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in self._children.values():
            child.stop()
        assert self.redis.child is not None
        self.redis.child.stop()
