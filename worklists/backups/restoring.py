"""A hospital brought back: checked before a byte is written, checked again once it is there, and told to be careful.

What was sent between the backup and the fall is not in the rows that come back: nothing leaves until somebody says so
(a maintenance of every channel, which lots respect too), and no number given meanwhile is given again.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from django.apps import apps
from django.core.files import File
from django.db import connection, transaction
from django.db.models import F, FileField
from django.utils import timezone

from accounts import controls
from accounts.enums import Controlled
from accounts.journal import sealing
from accounts.models import Session
from billing.models import NumberSeries
from gap.crypto import DecryptionError
from gap.sealed import Unsealed
from teleservices.models import MaintenanceWindow
from worklists.backups import programs
from worklists.backups.making import counts, kept
from worklists.backups.manifest import DATABASE, FILES, Manifest, Unusable, check_parts, read

Told = Callable[[str], None]
HELD: Final = "Hôpital restauré : vérifiez ce qui est parti depuis la sauvegarde, puis levez cette maintenance."
_SEQUENCES: Final = ("patient_ipp", "stay_iep")


@dataclass(slots=True)
class Restored:
    """`lost`: what the backup did not have, at most. `seconds`: how long it took. `problems`: what does not agree."""

    lost: timedelta
    seconds: float = 0
    problems: list[str] = field(default_factory=list)


def restore(folder: Path, told: Told, *, skipped_numbers: int = 1000) -> Restored:
    """Into the empty database of the settings. Raises Unusable: nothing was written, or the database is empty again."""
    started = time.monotonic()
    manifest = read(folder)
    check_parts(folder, manifest)
    told("sauvegarde entière")
    if connection.introspection.table_names():
        raise Unusable("La base d’arrivée n’est pas vide\u00a0: rien n’y a changé. Donnez-en une nouvelle.")
    _database(folder, manifest)
    told("base de données")
    result = Restored(lost=timezone.now() - manifest.taken_at)
    _files(folder, manifest, told)
    result.problems = [*_differences(manifest), *_missing_files()]
    _be_careful(skipped_numbers)
    result.seconds = time.monotonic() - started
    said = f"Sauvegarde du {timezone.localtime(manifest.taken_at):%d/%m/%Y à %H:%M} en {result.seconds:.0f} s."
    controls.note(Controlled.RESTORE, sound=not result.problems, sentence=" ".join([said, *result.problems[:3]]))
    return result


def _database(folder: Path, manifest: Manifest) -> None:
    """In one transaction: all of it, or an empty database."""
    arguments = (
        "--no-owner",
        "--no-privileges",
        "--exit-on-error",
        "--single-transaction",
        "--dbname",
        _database_name(),
    )
    process = programs.start("pg_restore", *arguments, reads=subprocess.PIPE, writes=subprocess.DEVNULL)
    assert process.stdin is not None
    try:
        with Unsealed((folder / DATABASE).open("rb"), f"backup/{manifest.name}/{DATABASE}") as plain:
            shutil.copyfileobj(plain, process.stdin)
    except DecryptionError as problem:
        process.kill()
        process.wait()
        raise Unusable("La base sauvegardée est illisible sous ces clés\u00a0: rien n’a été écrit.") from problem
    except BrokenPipeError:
        pass  # it says why itself
    finally:
        process.stdin.close()
    programs.ended_well(process, "pg_restore")


def _database_name() -> str:
    return str(connection.settings_dict["NAME"])


def _files(folder: Path, manifest: Manifest, told: Told) -> None:
    for alias, storage in kept().items():
        begin = f"{FILES}/{alias}/"
        names = [part.removeprefix(begin) for part in manifest.parts if part.startswith(begin)]
        for name in names:
            storage.inner.delete(name)
            with (folder / FILES / alias / name).open("rb") as file:
                storage.inner.save(name, File(file, name))
        told(f"fichiers {alias}\u00a0: {len(names)}")


def _differences(manifest: Manifest) -> list[str]:
    """What the rows that came back do not say as the manifest does."""
    found = counts()
    problems = [
        f"{table}\u00a0: {found.get(table, 0)} lignes au lieu de {count}."
        for table, count in manifest.counts.items()
        if found.get(table, 0) != count
    ]
    verified = sealing.verify(anchor=manifest.seal)
    if not verified.sound:
        problems.append(f"Le journal a {len(verified.findings)} anomalies\u00a0: manage.py verify_journal.")
    return problems


def _missing_files() -> list[str]:
    """Files that rows name and that are nowhere: erased while the backup was made, or lost before it."""
    problems = []
    for model in apps.get_models():
        for column in (one for one in model._meta.concrete_fields if isinstance(one, FileField)):
            names = model._default_manager.exclude(**{column.name: ""}).values_list(column.name, flat=True)
            gone = sum(not column.storage.exists(name) for name in names.iterator(chunk_size=2000))
            if gone:
                problems.append(f"{model._meta.verbose_name}\u00a0: {gone} fichiers manquent.")
    return problems


@transaction.atomic
def _be_careful(skipped: int) -> None:
    """Nobody is signed in, nothing leaves, no number comes twice."""
    Session.objects.all().delete()
    now = timezone.now()
    MaintenanceWindow.objects.create(starts_at=now, ends_at=now + timedelta(days=365), reason=HELD)
    if skipped:
        NumberSeries.objects.update(last=F("last") + skipped)
        with connection.cursor() as cursor:
            for name in _SEQUENCES:
                cursor.execute("select setval(%s::regclass, nextval(%s::regclass) + %s)", [name, name, skipped])
