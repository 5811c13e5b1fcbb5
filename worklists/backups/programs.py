"""PostgreSQL's own programs, of the server's version (setting PG_BIN, else the PATH)."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import IO

from django.conf import settings
from django.db import connection

from worklists.backups.manifest import Unusable


def start(program: str, *arguments: str, reads: int | IO[bytes] | None, writes: int | None) -> subprocess.Popen[bytes]:
    """Start it on the database of the settings. No address nor password in its arguments: anybody lists them."""
    path = Path(settings.PG_BIN) / program if settings.PG_BIN else shutil.which(program)
    if path is None or not Path(path).exists():
        raise Unusable(f"Le programme {program} de PostgreSQL est introuvable\u00a0: réglez PG_BIN.")
    database = connection.settings_dict
    given = {"PGHOST": "HOST", "PGPORT": "PORT", "PGUSER": "USER", "PGPASSWORD": "PASSWORD", "PGDATABASE": "NAME"}
    environment = os.environ | {name: str(database[key]) for name, key in given.items() if database.get(key)}
    return subprocess.Popen(
        [str(path), *arguments], env=environment, stdin=reads, stdout=writes, stderr=subprocess.PIPE
    )


def ended_well(process: subprocess.Popen[bytes], what: str) -> None:
    """Raises Unusable with the last line that it said."""
    errors = process.stderr.read().decode("utf-8", "replace") if process.stderr else ""
    if process.wait() != 0:
        last = errors.strip().splitlines()[-1:] or ["aucun message"]
        raise Unusable(f"{what} a échoué\u00a0: {last[0]}")
