"""One backup: the database as it was at one instant, every file, and what must be found again in both."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

from django.apps import apps
from django.conf import settings
from django.core.files.storage import storages
from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from psycopg import sql

from accounts import controls
from accounts.enums import Controlled
from accounts.models import JournalSeal
from gap.sealed import seal
from gap.storage import EncryptedStorage
from worklists.backups import programs
from worklists.backups.manifest import DATABASE, FILES, Manifest, Unusable, digest_of

Told = Callable[[str], None]
_COPIED: Final = 1024 * 1024


def make(folder: Path, told: Told) -> Path:
    """A new backup in `folder`, which appears there whole or not at all. Raises Unusable."""
    at = timezone.now()
    name = f"gap-{timezone.localtime(at):%Y-%m-%d-%Hh%Mm%S}"
    beside = folder / f".{name}.partial"
    try:
        beside.mkdir(parents=True, mode=0o700)
        manifest = _database(beside, name, at.isoformat(), told)
        _files(beside, manifest, told)
        manifest.write(beside)
        beside.rename(folder / name)
    except OSError as problem:
        controls.note(Controlled.BACKUP, sound=False, sentence=f"Échec\u00a0: {problem.strerror}.")
        raise Unusable(f"Sauvegarde abandonnée\u00a0: {problem.strerror}. La précédente reste.") from problem
    except Unusable as problem:
        controls.note(Controlled.BACKUP, sound=False, sentence=str(problem))
        raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    size = sum(size for _, size in manifest.parts.values())
    seconds = (timezone.now() - at).total_seconds()
    said = (
        f"{sum(manifest.counts.values())} lignes, {len(manifest.parts)} parties, {size // 1024} Kio, {seconds:.0f} s."
    )
    controls.note(Controlled.BACKUP, sound=True, sentence=said)
    told(f"{name}\u00a0: {said}")
    return folder / name


def _database(beside: Path, name: str, at: str, told: Told) -> Manifest:
    """The dump, and the counts, of one and the same snapshot: whoever works meanwhile is in neither, or in both."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("set transaction isolation level repeatable read read only")
        cursor.execute("select pg_export_snapshot(), current_setting('server_version')")
        snapshot, server = cursor.fetchone()
        last = JournalSeal.objects.order_by("-number").first()
        manifest = Manifest(
            name=name,
            at=at,
            server=server,
            migrations=sorted(f"{app}.{one}" for app, one in MigrationRecorder(connection).applied_migrations()),
            counts=counts(),
            seal=(last.number, bytes(last.digest).hex()) if last else None,
        )
        arguments = ("--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}")
        dump = programs.start("pg_dump", *arguments, reads=subprocess.DEVNULL, writes=subprocess.PIPE)
        assert dump.stdout is not None
        with (beside / DATABASE).open("wb") as sealed:
            # Names are in clear in the tables: never in a file.
            seal(dump.stdout, sealed, f"backup/{name}/{DATABASE}")
        programs.ended_well(dump, "pg_dump")
    manifest.parts[DATABASE] = digest_of(beside / DATABASE)
    told("base de données")
    return manifest


def counts() -> dict[str, int]:
    """Table → rows, of every table of ours, in the transaction under way."""
    found = {}
    with connection.cursor() as cursor:
        for table in sorted(model._meta.db_table for model in apps.get_models(include_auto_created=True)):
            question = sql.SQL("select count(*) from {}").format(sql.Identifier(table))
            cursor.execute(question)  # type: ignore[arg-type]
            found[table] = int(cursor.fetchone()[0])
    return found


def kept() -> dict[str, EncryptedStorage]:
    """The storages whose files are part of a backup, as they are: encrypted already."""
    found = ((alias, storages[alias]) for alias in settings.STORAGES if alias != "staticfiles")
    return {alias: storage for alias, storage in found if isinstance(storage, EncryptedStorage)}


def _files(beside: Path, manifest: Manifest, told: Told) -> None:
    """After the database: what its rows name is there, or was erased since."""
    for alias, storage in kept().items():
        count = 0
        for name in storage.walk():
            target = beside / FILES / alias / name
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                with storage.inner.open(name, "rb") as source, target.open("wb") as copy:
                    shutil.copyfileobj(source, copy, _COPIED)
            except FileNotFoundError:
                target.unlink(missing_ok=True)
                continue
            manifest.parts[str(target.relative_to(beside))] = digest_of(target)
            count += 1
        told(f"fichiers {alias}\u00a0: {count}")
