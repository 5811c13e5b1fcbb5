"""The life of a file that was brought: given, read by a worker, decided by a person, applied by a worker, taken back, dropped.

A worker says that it is at it, and again; when it falls, another takes over where it was. The file goes once it is read.
What fails for a reason of ours is tried MOST_TRIES times, at growing intervals, then waits for a person.
"""

from __future__ import annotations

import hashlib
import traceback
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import PurePath
from typing import Any, Final
from uuid import uuid4

import structlog
from django.core.files.base import ContentFile
from django.db import IntegrityError, transaction
from django.db.models import Case, F, Q, Value, When
from django.utils import timezone

from accounts.models import User
from debtors.enums import LET_GO, TO_DO, Doubles, ImportKind, ImportState
from debtors.imports import back, history, reading, records
from debtors.models import MOST_TRIES, FileImport
from gap import incidents

log = structlog.get_logger(__name__)

#: Nothing heard for so long: whoever had it fell.
_LEASE: Final = timedelta(seconds=60)
#: Before the next try of what failed for a reason of ours.
_WAITS: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60))
#: Whom to wake for a file (its key).
WAKE: Final[list[Callable[[int], None]]] = []
_READ: Final = {ImportKind.HISTORY: history.read, ImportKind.DEBTORS: records.read}
_APPLY: Final = {ImportKind.HISTORY: history.apply, ImportKind.DEBTORS: records.apply}
_TAKE_BACK: Final = {ImportKind.HISTORY: back.take_votes_back, ImportKind.DEBTORS: back.take_records_back}
_AGAIN: Final = "L’équipe technique est prévenue\u00a0: quand elle vous le dit, choisissez « Relancer »."
#: What happened, what is kept, what to do: of each thing that a worker does.
_STOPPED: Final = {
    ImportState.WAITING: (
        "La lecture s’est arrêtée sur un incident de notre côté, à chacun de ses essais. Rien n’a été créé\u00a0; le fichier "
        f"est gardé, chiffré. {_AGAIN} Vous pouvez aussi l’abandonner\u00a0: il sera effacé."
    ),
    ImportState.APPLYING: (
        "L’application s’est arrêtée sur un incident de notre côté, à chacun de ses essais. Ce qui était pris l’est\u00a0; le "
        f"reste attend. {_AGAIN}"
    ),
    ImportState.TAKING_BACK: (
        "La reprise s’est arrêtée sur un incident de notre côté, à chacun de ses essais. Ce qui était repris l’est\u00a0; le "
        f"reste sert encore. {_AGAIN}"
    ),
    ImportState.GIVING: (
        "La restitution s’est arrêtée sur un incident de notre côté, à chacun de ses essais. Ce qui était rendu l’est\u00a0; "
        f"le reste attend. {_AGAIN}"
    ),
}


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
        there = FileImport.objects.filter(kind=kind, digest=digest).exclude(state__in=LET_GO)
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
        row.save(update_fields=["least_share", "validates", "doubles"])
        if row.kind == ImportKind.HISTORY:
            history.set_least_share(row, least_share)
        _begin(row, ImportState.APPLYING)


def drop(import_id: int) -> None:
    """Nothing of it is taken. Raises ImportRefused: it is applied, or being so."""
    with transaction.atomic():
        row = FileImport.objects.select_for_update().get(pk=import_id)
        stopped = row.state == ImportState.STOPPED and row.resumes == ImportState.WAITING
        if not stopped and row.state not in (ImportState.WAITING, ImportState.READY):
            raise ImportRefused(f"Cet import est {row.get_state_display()} : il ne s’abandonne plus.")
        row.votes.all().delete()
        row.records.all().delete()
        row.resumes = ""
        _end(row, ImportState.DROPPED)
    if stopped:
        tell_of_stopped()


def take_back(import_id: int, user: User | None) -> None:
    """A person wants what was applied undone. Raises ImportRefused."""
    with transaction.atomic():
        row = FileImport.objects.select_for_update().get(pk=import_id)
        if row.state != ImportState.DONE:
            raise ImportRefused(f"Cet import est {row.get_state_display()} : rien n’a changé.")
        row.gesture, row.gesture_by = uuid4(), user
        _begin(row, ImportState.TAKING_BACK)


def give_back(import_id: int, user: User | None) -> None:
    """What was taken back of cards is put as it was. Raises ImportRefused: it was not, or it is a file of records."""
    with transaction.atomic():
        row = FileImport.objects.select_for_update().get(pk=import_id)
        if row.kind != ImportKind.HISTORY or row.state != ImportState.TAKEN_BACK:
            raise ImportRefused(f"Cet import est {row.get_state_display()} : rien n’a changé.")
        if FileImport.objects.filter(kind=row.kind, digest=row.digest).exclude(state__in=LET_GO).exists():
            raise ImportRefused("Ce fichier a été donné de nouveau depuis : reprenez ou abandonnez l’autre d’abord.")
        row.gesture_by = user
        _begin(row, ImportState.GIVING)


def restart(import_id: int) -> None:
    """A person starts again what a fault of ours stopped. Raises ImportRefused."""
    with transaction.atomic():
        row = FileImport.objects.select_for_update().get(pk=import_id)
        if row.state != ImportState.STOPPED:
            raise ImportRefused(f"Cet import est {row.get_state_display()} : rien n’a changé.")
        state, row.resumes = ImportState(row.resumes), ""
        _begin(row, state)
    tell_of_stopped()


def _begin(row: FileImport, state: ImportState) -> None:
    """Something new for a worker. Needs the row's lock."""
    row.state, row.tries, row.not_before, row.ended_at, row.problem, row.cause = state, 0, None, None, "", ""
    row.save(
        update_fields=[
            *("state", "resumes", "tries", "not_before", "ended_at", "problem", "cause", "gesture", "gesture_by"),
        ]
    )
    _wake(row.pk)


def run(import_id: int) -> None:
    """Do what a file waits for. Whoever comes second finds it taken and leaves.

    A fault of ours is tried again, later each time, then the file is stopped and people are told.
    """
    row = _claim(import_id)
    if row is None:
        return
    try:
        _work(row, partial(_told, row))
    except reading.Unreadable as problem:
        row.problem = problem.message[:300]
        _end(row, ImportState.FAILED)
    except Exception as problem:
        # Its message may repeat a cell: its type and its place are enough to find it.
        log.error("import_fault", import_id=import_id, state=row.state, tries=row.tries, exc_info=problem)
        FileImport.objects.filter(pk=import_id).update(cause=_cause(problem))
        # What got on since the claim counts afresh.
        if FileImport.objects.filter(pk=import_id, tries__gte=MOST_TRIES).exists():
            _stop(import_id)
    finally:
        FileImport.objects.filter(pk=import_id).update(working_until=None)


def _work(row: FileImport, told: Callable[[int], None]) -> None:
    kind = ImportKind(row.kind)
    if row.state == ImportState.WAITING:
        with row.file.open() as file:
            content = file.read()
        _READ[kind](row, content, told)
        _forget_file(row)
    elif row.state == ImportState.APPLYING:
        _APPLY[kind](row, told)
    elif row.state == ImportState.TAKING_BACK:
        _TAKE_BACK[kind](row, told)
    else:
        back.give_votes_back(row, told)


def sweep() -> None:
    """Files whose worker fell, or was never told; those whose hour has come again."""
    now = timezone.now()
    idle = Q(working_until__isnull=True) | Q(working_until__lt=now)
    waiting = FileImport.objects.filter(idle, state__in=TO_DO)
    for pk in list(waiting.filter(tries__gte=MOST_TRIES).values_list("pk", flat=True)):
        # Killed at its last try.
        _stop(pk)
    # Just given, whoever was woken is on the way.
    due = Q(not_before__lte=now) | (
        Q(not_before__isnull=True) & (Q(created_at__lt=now - _LEASE) | Q(working_until__isnull=False))
    )
    for pk in list(waiting.filter(due).order_by("created_at").values_list("pk", flat=True)[:5]):
        run(pk)


def _claim(import_id: int) -> FileImport | None:
    """The try is counted now, and the next one put off: a worker that is killed counts nothing by itself."""
    now = timezone.now()
    free = Q(working_until__isnull=True) | Q(working_until__lt=now)
    due = Q(not_before__isnull=True) | Q(not_before__lte=now)
    mine = FileImport.objects.filter(free, due, pk=import_id, state__in=TO_DO, tries__lt=MOST_TRIES)
    wait = Case(*(When(tries=tries, then=Value(now + wait)) for tries, wait in enumerate(_WAITS)), default=Value(now))
    if not mine.update(working_until=now + _LEASE, tries=F("tries") + 1, not_before=wait):
        return None
    return FileImport.objects.select_related("created_by", "gesture_by").get(pk=import_id)


def _stop(import_id: int) -> None:
    """It failed at each of its tries: what it has is kept, a person is told. Nothing when another worker has it."""
    with transaction.atomic():
        row = FileImport.objects.select_for_update().get(pk=import_id)
        if row.state not in TO_DO or row.tries < MOST_TRIES:
            return
        row.resumes, row.problem = row.state, _STOPPED[ImportState(row.state)]
        row.cause = row.cause or "travailleur arrêté pendant l’essai (mémoire ?)"
        row.state, row.ended_at, row.working_until = ImportState.STOPPED, timezone.now(), None
        row.save(update_fields=["resumes", "problem", "cause", "state", "ended_at", "working_until"])
    log.error("import_stopped", import_id=import_id, resumes=row.resumes, cause=row.cause)
    tell_of_stopped()


def tell_of_stopped() -> None:
    """Who keeps the machine hears of it by mail, once; and of its end."""
    incidents.report("import", well=not FileImport.objects.filter(state=ImportState.STOPPED).exists())


def _cause(problem: BaseException) -> str:
    """The type of an error, what PostgreSQL calls it, and where it was met in our code. Nothing of what it says."""
    frames = traceback.extract_tb(problem.__traceback__)
    here = [frame for frame in frames if PurePath(frame.filename).parent == PurePath(__file__).parent]
    where = f"{PurePath(here[-1].filename).name}:{here[-1].lineno}" if here else ""
    code = getattr(problem.__cause__, "sqlstate", None) or ""
    return " ".join(part for part in (type(problem).__name__, code, where) if part)[:200]


def _told(row: FileImport, count: int) -> None:
    still: dict[str, Any] = {"working_until": timezone.now() + _LEASE}
    if row.state == ImportState.WAITING:
        still |= {"lines_count": count}
    else:
        # Done for good: whoever takes over goes on from here. A reading begins again.
        still |= {"applied_count": count, "tries": 1, "not_before": None}
    FileImport.objects.filter(pk=row.pk).update(**still)


def _end(row: FileImport, state: ImportState) -> None:
    row.state, row.ended_at = state, timezone.now()
    row.save(update_fields=["state", "ended_at", "problem", "resumes"])
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
