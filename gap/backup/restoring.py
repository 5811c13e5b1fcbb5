"""Its return into an empty database: looked at whole before anything is changed, and looked at again after."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.files.base import File
from django.db import connection, models, transaction
from django.db.migrations.loader import MigrationLoader

from gap.backup import manifest, programs
from gap.backup.making import counts, storage_of
from gap.backup.manifest import DUMP, BackupRefused, Manifest, Part, digest_of
from gap.crypto import DecryptionError, backup_keys
from gap.fields import EncryptedBinaryField
from gap.sealed import Unsealed
from gap.templatetags.gap_format import counted


def look(folder: Path, *, replace: bool) -> Manifest:
    """Whether this backup may come back here; nothing is changed. Raises BackupRefused."""
    found = manifest.read(folder)
    manifest.check_parts(found, folder)
    unknown = set(found.migrations) - {".".join(key) for key in MigrationLoader(None).disk_migrations} - _squashed()
    if unknown:
        raise BackupRefused(
            f"La sauvegarde vient d’une version plus récente du produit ({found.software})\u00a0: installez celle-ci."
        )
    if others := other_connections():
        raise BackupRefused(
            f"{counted(others, 'autre connexion est ouverte,autres connexions sont ouvertes')} sur cette base\u00a0: arrêtez "
            "les serveurs web, les travailleurs et l’ordonnanceur, puis recommencez."
        )
    if not replace and connection.introspection.table_names():
        raise BackupRefused(
            "Cette base n’est pas vide. Donnez-en une vide, ou --replace pour effacer ce qu’elle contient."
        )
    if not replace and (there := [part for part in _stored(found) if _differs(part, folder)]):
        raise BackupRefused(
            f"{counted(len(there), 'fichier du même nom est là et diffère,fichiers du même nom sont là et diffèrent')}. "
            "Donnez un espace de fichiers vide, ou --replace pour les remplacer."
        )
    return found


def _squashed() -> set[str]:
    return {".".join(key) for one in MigrationLoader(None).disk_migrations.values() for key in one.replaces}


def other_connections() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from pg_stat_activity where datname = current_database() "
            "and pid <> pg_backend_pid() and backend_type = 'client backend'"
        )
        return int(cursor.fetchone()[0])


def bring_back(found: Manifest, folder: Path, *, replace: bool) -> None:
    """The files first: rows that come back find theirs. Raises BackupRefused, ProgramFailed, DecryptionError."""
    for part in _stored(found):
        _put(part, folder, replace=replace)
    if replace:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("drop schema public cascade")
            cursor.execute("create schema public")
    # Its programs open a connection of their own, and what was prepared on ours names tables that are gone.
    connection.close()
    with (folder / DUMP).open("rb") as sealed:
        programs.restore(io.BufferedReader(Unsealed(sealed, DUMP, backup_keys()), 1024 * 1024))
    if (now := counts()) != found.counts:
        wrong = sorted(name for name in now.keys() | found.counts if now.get(name) != found.counts.get(name))
        raise BackupRefused(f"Tout n’est pas revenu\u00a0: {', '.join(wrong)}.")


def _stored(found: Manifest) -> list[Part]:
    return [part for part in found.parts if part.alias]


def _content(part: Part, folder: Path) -> Any:
    file = (folder / part.path).open("rb")
    return io.BufferedReader(Unsealed(file, f"{part.alias}/{part.name}", backup_keys())) if part.wrapped else file


def _differs(part: Part, folder: Path) -> bool:
    inner = storage_of(part.alias).inner
    if not inner.exists(part.name):
        return False
    with inner.open(part.name, "rb") as there, _content(part, folder) as ours:
        return digest_of(there) != digest_of(ours)  # type: ignore[arg-type]


def _put(part: Part, folder: Path, *, replace: bool) -> None:
    inner = storage_of(part.alias).inner
    if inner.exists(part.name):
        if not _differs(part, folder):
            return
        if not replace:
            raise BackupRefused(f"Un fichier du même nom est apparu\u00a0: {part.alias}/{part.name}.")
        inner.delete(part.name)
    with _content(part, folder) as content:
        inner.save(part.name, File(content, part.name))


# ---- what came back ----


def unreadable_columns() -> list[str]:
    """Encrypted columns whose first value no key of the ring opens."""
    found = []
    for model in apps.get_models():
        for column in (one for one in model._meta.local_concrete_fields if isinstance(one, EncryptedBinaryField)):
            held = model._default_manager.exclude(**{f"{column.name}__isnull": True}).order_by("pk")
            try:
                held.values_list(column.name, flat=True).first()
            except DecryptionError:
                found.append(f"{model._meta.db_table}.{column.column}")
    return found


def missing_files() -> Iterator[str]:
    """Files that rows name and that are not there, or that no key opens: « table.column: key of the row »."""
    for model in apps.get_models():
        for column in (one for one in model._meta.local_concrete_fields if isinstance(one, models.FileField)):
            for pk, name in model._default_manager.order_by("pk").values_list("pk", column.name).iterator():
                if name and not _opens(column, name):
                    yield f"{model._meta.db_table}.{column.column}\u00a0: {pk}"


def _opens(column: models.FileField, name: str) -> bool:
    try:
        with column.storage.open(name, "rb") as file:
            while file.read(1024 * 1024):
                pass
    except (OSError, DecryptionError):
        return False
    return True
