"""Back to the instant before a mistake, for real: a base backup, an archive of WAL, a statement that destroys, and another
server that plays the archive until just before it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from gap.supervisor.servers import EmbeddedPostgres


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, and open to the account that PostgreSQL runs as."""
    place = Path(f"/tmp/pitr-{os.getpid()}")
    place.mkdir(mode=0o755)
    try:
        yield place
    finally:
        shutil.rmtree(place)


class Cluster:
    """A PostgreSQL of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = EmbeddedPostgres(folder / "server", durable=False)

    def start(self) -> None:
        self.server.launch(self.folder / "server.log")
        self.server.wait()

    def stop(self) -> None:
        self.server.stop()

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self.server.url.replace("postgres://", "postgresql://", 1), autocommit=True)

    def own(self, path: Path) -> Path:
        path.mkdir(parents=True, exist_ok=True)
        if self.server.as_user is not None:
            os.chown(path, self.server.as_user, self.server.as_user)
        return path

    def run(self, program: str, *arguments: str) -> None:
        command = [str(self.server.program / program), *arguments]
        user = self.server.as_user
        groups = {"user": user, "group": user, "extra_groups": []} if user is not None else {}
        subprocess.run(command, check=True, cwd="/", capture_output=True, timeout=60, **groups)  # type: ignore[call-overload]


def rows(cluster: Cluster) -> list[tuple[object, ...]]:
    with cluster.connect() as connection:
        return connection.execute("select id, name, at from stay order by id").fetchall()


def promoted(cluster: Cluster) -> None:
    """It is read before it has played everything: wait until it has."""
    until = time.monotonic() + 30
    with cluster.connect() as connection:
        while connection.execute("select pg_is_in_recovery()").fetchone() != (False,):
            assert time.monotonic() < until, "the archive was not played to the end"
            time.sleep(0.05)


@pytest.mark.long
def test_a_destroyed_table_comes_back_as_it_was_the_instant_before(folder: Path) -> None:
    (folder / "first").mkdir()
    (folder / "second").mkdir()
    first, second = Cluster(folder / "first"), Cluster(folder / "second")
    archive = first.own(folder / "archive")
    try:
        first.start()
        with first.connect() as connection:
            connection.execute("alter system set archive_mode = on")
            connection.execute(f"alter system set archive_command = 'test ! -f {archive}/%f && cp %p {archive}/%f'")
            connection.execute("alter system set full_page_writes = on")
        first.stop()
        first.start()
        with first.connect() as connection:
            connection.execute(
                "create table stay (id bigint primary key, name text, at timestamptz default clock_timestamp())"
            )
            connection.execute("insert into stay select n, 'before the base backup' from generate_series(1, 500) n")
        copy = second.own(second.server.folder) / "cluster"
        first.run(
            "pg_basebackup",
            "-h",
            str(first.server.socket_folder.absolute()),
            "-U",
            "postgres",
            "-D",
            str(copy),
            "-c",
            "fast",
        )
        with first.connect() as connection:
            connection.execute("insert into stay select n, 'after it' from generate_series(501, 1000) n")
            connection.execute("update stay set name = 'corrected' where id % 7 = 0")
        expected = rows(first)
        with first.connect() as connection:
            just_before = connection.execute("select clock_timestamp()").fetchone()
            time.sleep(0.05)
            connection.execute("delete from stay where id > 10")
            connection.execute("insert into stay values (5000, 'after the mistake')")
            connection.execute("select pg_switch_wal()")
        assert just_before is not None and len(expected) == 1000
        assert len(rows(first)) == 11
        first.stop()  # its last segment is archived on the way out
        with (copy / "postgresql.auto.conf").open("a", encoding="utf-8") as settings:
            settings.write(
                f"archive_mode = off\nrestore_command = 'cp {archive}/%f %p'\n"
                f"recovery_target_time = '{just_before[0].isoformat()}'\nrecovery_target_action = promote\n"
            )
        (copy / "recovery.signal").touch()
        second.start()
        promoted(second)
        assert rows(second) == expected
        with second.connect() as connection:
            # It is a server to work on, not a copy to read.
            connection.execute("insert into stay values (1001, 'life goes on')")
    finally:
        first.stop()
        second.stop()
