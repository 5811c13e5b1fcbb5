"""Real processes against the test's own database: what happens when several desks and workers do the same at once."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
from django.db import connection
from psycopg import sql

ROOT = Path(__file__).resolve().parent.parent

# Every process says that it is ready and waits for the word, so that they truly meet.
_PROLOGUE = """
import os, sys, time
import django
django.setup()
from django.db import connection, transaction
connection.ensure_connection()
rank = int(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
"""


def database_url(name: str = "") -> str:
    """The address of the test's own database, or of another one of the same server."""
    database = connection.settings_dict
    host = database["HOST"].replace("/", "%2F")
    user = database["USER"] or ""
    secret = f":{database['PASSWORD']}" if database["PASSWORD"] else ""
    port = f":{database['PORT']}" if database["PORT"] else ""
    return f"postgres://{user}{secret}@{host}{port}/{name or database['NAME']}"


@contextlib.contextmanager
def new_database() -> Iterator[str]:
    """The name of an empty database beside the test's own, dropped with the block, whoever is connected to it."""
    name = f"beside_{secrets.token_hex(4)}"
    server = database_url("postgres").replace("postgres://", "postgresql://", 1)
    with psycopg.connect(server, autocommit=True) as administrator:
        administrator.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        try:
            yield name
        finally:
            administrator.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def run_together(script: str, count: int, *, seconds: float = 60, **environment: str) -> list[str]:
    """Run `script` in `count` processes that start together; `rank` tells each which it is. Returns their outputs.

    Raises AssertionError with the errors of the first that failed, once all of them ended: whoever comes after finds
    no table held.
    """
    environment = os.environ | environment | {"DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "gap.settings"}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", _PROLOGUE + script, str(rank)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(count)
    ]
    for process in running:
        assert process.stdout is not None
        # A process that failed says nothing here, and its error below.
        process.stdout.readline()
    for process in running:
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write("go\n")
            process.stdin.flush()
    try:
        ended = [process.communicate(timeout=seconds) for process in running]
    finally:
        for process in running:
            process.kill()
            process.wait()
    for process, (_, errors) in zip(running, ended, strict=True):
        assert process.returncode == 0, errors
    return [output.strip() for output, _ in ended]
