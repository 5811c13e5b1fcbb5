"""Making one: the database at one instant, then the files, which are never changed once written."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Final

from django.conf import settings
from django.core.files.storage import storages
from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from psycopg import sql

from gap.backup import manifest, programs
from gap.backup.manifest import DUMP, BackupRefused, Manifest, Part
from gap.crypto import backup_keys
from gap.sealed import key_id_of, seal
from gap.storage import EncryptedStorage

#: Storages with what is kept, and the folders of each: what was handed over (`exchange/out`) is kept elsewhere too, and
#: put back it would be sent twice.
KEPT: Final = {"default": ("",), "cards": ("",), "exchange": ("kept", "received", "in")}


class _Hashed:
    """A file being written, whose size and digest are known at the end."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._digest, self.size = file, hashlib.sha256(), 0

    def write(self, chunk: bytes) -> int:
        self._digest.update(chunk)
        self.size += len(chunk)
        return self._file.write(chunk)

    def part(self, path: str, **told: Any) -> Part:
        return Part(path, self.size, self._digest.hexdigest(), **told)


def make(folder: Path, last_seal: Callable[[], tuple[int, str]]) -> Manifest:
    """Write a backup into a folder that does not exist yet; it has its name once it is whole.

    `last_seal`: asked at the dump's instant. Raises BackupRefused, ProgramFailed, OSError: nothing is left then.
    """
    if folder.exists():
        raise BackupRefused(f"{folder} existe déjà\u00a0: donnez un dossier neuf à chaque sauvegarde.")
    beside = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True, mode=0o700)
    try:
        made = _database(beside, last_seal)
        made.parts.extend(_files(beside))
        manifest.write(made, beside)
        beside.rename(folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    return made


def _database(folder: Path, last_seal: Callable[[], tuple[int, str]]) -> Manifest:
    with transaction.atomic(), connection.cursor() as cursor:
        # What is counted here and what is dumped are the same instant.
        cursor.execute("set transaction isolation level repeatable read, read only")
        cursor.execute("select pg_export_snapshot()")
        snapshot = cursor.fetchone()[0]
        made = Manifest(
            taken_at=timezone.now().isoformat(),
            software=settings.SOFTWARE_VERSION,
            postgres=str(connection.pg_version),  # type: ignore[attr-defined]
            migrations=sorted(".".join(key) for key in MigrationRecorder(connection).applied_migrations()),
            counts=counts(),
            seal=last_seal(),
        )
        with (folder / DUMP).open("xb") as file, programs.dumped(snapshot) as dump:
            written = _Hashed(file)
            seal(dump, written, DUMP, backup_keys())  # type: ignore[arg-type]
    made.parts.append(written.part(DUMP, wrapped=True))
    return made


def counts() -> dict[str, int]:
    """Rows of every table of the product."""
    with connection.cursor() as cursor:
        found = {}
        for table in sorted(connection.introspection.table_names(cursor)):
            cursor.execute(sql.SQL("select count(*) from {}").format(sql.Identifier(table)))  # type: ignore[arg-type]
            found[table] = int(cursor.fetchone()[0])
        return found


def names(alias: str) -> Iterator[str]:
    """Every file of a storage that is backed up."""
    for folder in KEPT[alias]:
        yield from storage_of(alias)._walk(folder)


def storage_of(alias: str) -> EncryptedStorage:
    storage = storages[alias]
    assert isinstance(storage, EncryptedStorage)
    return storage


def _files(folder: Path) -> Iterator[Part]:
    rank = 0
    for alias in KEPT:
        for name in names(alias):
            rank += 1
            try:
                # Erased or taken up meanwhile: the rows of the dump that name it are told of at the restore.
                inner = storage_of(alias).inner.open(name, "rb")
            except FileNotFoundError:
                continue
            with inner:
                yield _file(folder, f"files/{rank // 1000:06d}/{rank:09d}", alias, name, inner)


def _file(folder: Path, path: str, alias: str, name: str, inner: Any) -> Part:
    """Encrypted already, it goes as it is; what is not (a file to be imported) is encrypted here."""
    place = folder / path
    place.parent.mkdir(parents=True, exist_ok=True)
    head = inner.read(12)
    inner.seek(0)
    wrapped = key_id_of(head) is None or not storage_of(alias).is_encrypted_place(name)
    with place.open("xb") as file:
        written = _Hashed(file)
        if wrapped:
            seal(inner, written, f"{alias}/{name}", backup_keys())  # type: ignore[arg-type]
        else:
            shutil.copyfileobj(inner, written, 1024 * 1024)
    return written.part(path, alias=alias, name=name, wrapped=wrapped)
