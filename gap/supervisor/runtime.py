"""What runs under one supervisor, in which order, and with which environment."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from .children import Child
from .servers import EmbeddedPostgres, EmbeddedRedis

PYTHON = sys.executable
APPLICATION_ROLE = "gap_application"


class Runtime:
    """The children of one supervisor. Servers named by DATABASE_URL or REDIS_URL are used as they are, never started.

    As a context it holds the folder for itself, and stops everything on the way out.
    """

    def __init__(self, var: Path, *, durable: bool) -> None:
        self.var = var.absolute()
        self.logs = self.var / "logs"
        self.children: list[Child] = []
        self.environment: dict[str, str] = {"GAP_VAR_DIR": str(self.var)}
        self.postgres = (
            None if os.environ.get("DATABASE_URL") else EmbeddedPostgres(self.var / "postgres", durable=durable)
        )
        self.redis = None if os.environ.get("REDIS_URL") else EmbeddedRedis(self.var / "redis")
        self._lock = -1

    def __enter__(self) -> Self:
        """Raises RuntimeError when another supervisor has this folder."""
        self.var.parent.mkdir(parents=True, exist_ok=True)
        # Beside the folder: a reset removes the folder, not the lock.
        path = self.var.with_name(f".{self.var.name}.lock")
        self._lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise RuntimeError(
                f"Une autre commande tourne déjà avec le dossier {self.var} : arrêtez-la d’abord (Ctrl-C)."
            ) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop()
        finally:
            os.close(self._lock)

    def reset(self) -> None:
        if self.postgres:
            self.postgres.destroy()
        if self.var.exists():
            shutil.rmtree(self.var)
        if self.postgres:
            # As root, its program may have lain beside the data that are gone.
            self.postgres = EmbeddedPostgres(self.var / "postgres", durable=self.postgres.durable)

    def start_servers(self) -> None:
        self.logs.mkdir(parents=True, exist_ok=True)
        if self.postgres:
            self.postgres.launch(self.logs / "postgres.log")
            self.environment["DATABASE_URL"] = self.postgres.url
        if self.redis:
            self.redis.launch(self.logs / "redis.log")
            self.environment["REDIS_URL"] = self.redis.url
        for server in (self.redis, self.postgres):
            if server:
                server.wait()
        for name in ("SECRET_KEY", "FIELD_ENCRYPTION_KEY", "BLIND_INDEX_KEY"):
            if not os.environ.get(name):
                self.environment[name] = self._secret(name.lower())

    def _secret(self, name: str) -> str:
        """A secret of this machine alone, made once and kept beside the data that it protects."""
        path = self.var / "secrets" / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(32))
        return path.read_text()

    def restrict(self) -> None:
        """From now on, the product's processes have the role of production, which changes no table and no journal."""
        if self._application_url:
            self.manage("grant_application_role", APPLICATION_ROLE, "--create")

    @property
    def application_environment(self) -> dict[str, str]:
        """Of the web server and the workers."""
        return self.environment | ({"DATABASE_URL": self._application_url} if self._application_url else {})

    @property
    def _application_url(self) -> str:
        """The database as the application's role sees it. Empty for a server of others: its roles are their business."""
        url = self.environment.get("DATABASE_URL") or os.environ.get("DATABASE_URL", "")
        owner = "postgres://postgres@"
        return f"postgres://{APPLICATION_ROLE}@{url.removeprefix(owner)}" if url.startswith(owner) else ""

    def start(
        self, name: str, command: list[str], *, patience_s: float = 10.0, env: dict[str, str] | None = None
    ) -> Child:
        log = self.logs / f"{name}.log"
        child = Child(name, command, log=log, env=env or self.environment, patience_s=patience_s)
        self.children.append(child)
        return child

    def manage(self, *arguments: str) -> None:
        """Run a management command to its end; what it says is shown. Raises RuntimeError when it fails."""
        child = Child(f"manage.py {arguments[0]}", [PYTHON, "manage.py", *arguments], env=self.environment)
        self.children.append(child)
        status = child.wait()
        self.children.remove(child)
        if status:
            raise RuntimeError(f"La commande « manage.py {' '.join(arguments)} » a échoué (code {status}).")

    def dead(self) -> Child | None:
        """A child that has ended by itself, if any."""
        servers = [server.child for server in (self.postgres, self.redis) if server and server.child]
        return next((child for child in [*self.children, *servers] if not child.running), None)

    def stop(self) -> None:
        """All that works is asked to stop, then waited for, last started first; then the servers, the database last."""
        for child in reversed(self.children):
            child.ask_to_stop()
        for child in reversed(self.children):
            child.stop()
        for server in (self.redis, self.postgres):
            if server:
                server.stop()
