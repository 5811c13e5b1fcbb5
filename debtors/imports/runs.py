"""The life of a file that was brought: given, read by a worker, decided by a person, applied by a worker, or dropped.

A worker says that it is at it, and again; when it falls, another takes over where it was. The file goes once it is read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import PurePath
from typing import Final

import structlog
from django.core.files.base import ContentFile
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from debtors.enums import Doubles, ImportKind, ImportState
from debtors.imports import history, reading, records
from debtors.models import FileImport

log = structlog.get_logger(__name__)

#: Nothing heard for so long: whoever had it fell.
_LEASE: Final = timedelta(seconds=60)
#: Whom to wake for a file (its key).
WAKE: Final[list[Callable[[int], None]]] = []
_READ: Final = {ImportKind.HISTORY: history.read, ImportKind.DEBTORS: records.read}
_APPLY: Final = {ImportKind.HISTORY: history.apply, ImportKind.DEBTORS: records.apply}


class ImportRefused(Exception):
    """Not taken: `message` tells a person why, and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def give(kind: ImportKind, name: str, content: bytes, user: User | None) -> FileImport:
    """Take a file to read. Raises ImportRefused: empty, or the same file is there already."""
    if not content:
        raise ImportRefused("Ce fichier est vide. Rien n’a été pris.")
    digest = hashlib.sha256(content).hexdigest()
    try:
        with transaction.atomic():
            row = FileImport.objects.create(
                kind=kind, name=PurePath(name).name[:120] or "fichier", digest=digest, created_by=user
            )
            row.file.save(f"imports/{row.pk}", ContentFile(content))
    except IntegrityError as problem:
        there = FileImport.objects.filter(kind=kind, digest=digest).exclude(
            state__in=[ImportState.FAILED, ImportState.DROPPED]
        )
        state = there.first()
        told = state.get_state_display() if state else "déjà là"
        raise ImportRefused(
            f"Ce fichier est déjà là ({told}) : le même contenu ne se prend qu’une fois. Rien n’a changé."
        ) from problem
    _wake(row.pk)
    return row


def start(import_id: int, *, least_share: int = 80, validates: bool = False, doubles: Doubles = Doubles.LEAVE) -> None:
    """A person decides that what was read is applied. Raises ImportRefused."""
    with transaction.atomic():
        row = FileImport.objects.select_for_update().get(pk=import_id)
        if row.state != ImportState.READY:
            raise ImportRefused(f"Cet import est {row.get_state_display()} : rien n’a changé.")
        row.least_share, row.validates, row.doubles = least_share, validates, doubles
        row.state = ImportState.APPLYING
        row.save(update_fields=["least_share", "validates", "doubles", "state"])
        if row.kind == ImportKind.HISTORY:
            history.set_least_share(row, least_share)
    _wake(import_id)


def drop(import_id: int) -> None:
    """Nothing of it is taken. Raises ImportRefused: it is applied, or being so."""
    with transaction.atomic():
        row = FileImport.objects.select_for_update().get(pk=import_id)
        if row.state not in (ImportState.WAITING, ImportState.READY):
            raise ImportRefused(f"Cet import est {row.get_state_display()} : il ne s’abandonne plus.")
        row.votes.all().delete()
        row.records.all().delete()
        _end(row, ImportState.DROPPED)


def run(import_id: int) -> None:
    """Do what a file waits for. Whoever comes second finds it taken and leaves."""
    row = _claim(import_id)
    if row is None:
        return
    told = partial(_told, row)
    try:
        if row.state == ImportState.WAITING:
            with row.file.open() as file:
                content = file.read()
            _READ[ImportKind(row.kind)](row, content, told)
            _forget_file(row)
        else:
            _APPLY[ImportKind(row.kind)](row, told)
    except reading.Unreadable as problem:
        row.problem = problem.message[:300]
        _end(row, ImportState.FAILED)
    finally:
        FileImport.objects.filter(pk=import_id).update(working_until=None)


def sweep() -> None:
    """Files whose worker fell, or was never told."""
    waiting = FileImport.objects.filter(
        Q(working_until__isnull=True, created_at__lt=timezone.now() - _LEASE) | Q(working_until__lt=timezone.now()),
        state__in=[ImportState.WAITING, ImportState.APPLYING],
    )
    for pk in list(waiting.order_by("created_at").values_list("pk", flat=True)[:5]):
        run(pk)


def _claim(import_id: int) -> FileImport | None:
    now = timezone.now()
    free = Q(working_until__isnull=True) | Q(working_until__lt=now)
    mine = FileImport.objects.filter(free, pk=import_id, state__in=[ImportState.WAITING, ImportState.APPLYING])
    if not mine.update(working_until=now + _LEASE):
        return None
    return FileImport.objects.select_related("created_by").get(pk=import_id)


def _told(row: FileImport, count: int) -> None:
    counter = "lines_count" if row.state == ImportState.WAITING else "applied_count"
    FileImport.objects.filter(pk=row.pk).update(**{counter: count, "working_until": timezone.now() + _LEASE})


def _end(row: FileImport, state: ImportState) -> None:
    row.state, row.ended_at = state, timezone.now()
    row.save(update_fields=["state", "ended_at", "problem"])
    _forget_file(row)


def _forget_file(row: FileImport) -> None:
    """It holds cards: what was to know of it is known."""
    if row.file:
        name = str(row.file.name)
        FileImport.objects.filter(pk=row.pk).update(file="")
        transaction.on_commit(partial(row.file.storage.delete, name))


def _wake(import_id: int) -> None:
    for wake in WAKE:
        transaction.on_commit(partial(wake, import_id))
