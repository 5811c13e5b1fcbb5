"""What runs under one supervisor, in which order, and with which environment."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

from .children import Child
from .servers import EmbeddedPostgres, EmbeddedRedis


class Stopped(BaseException):
    """A signal asked the supervisor to stop. Not an Exception: no handler in between may swallow it."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


class Runtime:
    """The children of one supervisor. Servers named by DATABASE_URL or REDIS_URL are used as they are, never started."""

    def __init__(self, var: Path, *, durable: bool) -> None:
        self.var = var
        self.logs = var / "logs"
        self.children: list[Child] = []
        self.environment: dict[str, str] = {"GAP_VAR_DIR": str(var)}
        self.postgres = None if os.environ.get("DATABASE_URL") else EmbeddedPostgres(var / "postgres", durable=durable)
        self.redis = None if os.environ.get("REDIS_URL") else EmbeddedRedis(var / "redis")

    def reset(self) -> None:
        if self.postgres:
            self.postgres.destroy()
        if self.var.exists():
            shutil.rmtree(self.var)

    def start_servers(self) -> None:
        self.logs.mkdir(parents=True, exist_ok=True)
        if self.postgres:
            self.postgres.start(self.logs / "postgres.log")
            self.environment["DATABASE_URL"] = self.postgres.url
        if self.redis:
            self.redis.start(self.logs / "redis.log")
            self.environment["REDIS_URL"] = self.redis.url
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

    def start(self, name: str, command: list[str], *, patience_s: float = 10.0) -> Child:
        child = Child(name, command, log=self.logs / f"{name}.log", env=self.environment, patience_s=patience_s)
        self.children.append(child)
        return child

    def stop(self) -> None:
        """Last started, first stopped; the database last of all."""
        for child in reversed(self.children):
            child.stop()
        for server in (self.redis, self.postgres):
            if server:
                server.stop()
