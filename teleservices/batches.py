"""National batches: their lines listed by pieces, their questions put a few at a time, paused, resumed, ended.

A batch is fed: so many of its calls are open at once, in the lane of the night, and each piece that ends brings the next.
Everything is in the database, in the transaction that plans the calls; a process that dies loses nothing, and a sweep
feeds again what stands still. No line is asked twice: it is locked with its batch, and keeps its call.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import date, timedelta
from functools import partial
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from accounts.models import Establishment, User
from admissions.enums import EventKind, StayStatus
from admissions.errors import Refused
from admissions.events import wake
from admissions.models import AdmissionEvent, AmoAnswer, Patient, Stay
from admissions.querysets import day_bounds
from teleservices import national
from teleservices.enums import OPEN, BatchKind, BatchState, CallStatus, Lane, LimitName, LineState
from teleservices.gates import channel_of
from teleservices.messages import Operation
from teleservices.models import NationalBatch, NationalBatchLine, TeleserviceCall
from teleservices.models.batches import LIVE
from teleservices.planning import wake_id
from teleservices.ruling import limit

#: How many of its calls are open at once; how many lines a piece plans; how many it lists.
OPEN_AT_ONCE: Final = 240
_PIECE: Final = 60
_LISTED: Final = 5_000
#: How long a turn lasts, and each how many answers bring one.
_TURN_S: Final = 2.0
_EACH: Final = 40
#: Workers sent to the first calls of a piece: each carries what follows.
_WOKEN: Final = 8
#: Why a line was not asked.
FRESH, GONE = "fresh", "gone"

OPERATIONS: Final = {BatchKind.RIGHTS: Operation.CDRI, BatchKind.INS: Operation.INSV}
_EVENTS: Final = {BatchKind.RIGHTS: EventKind.RIGHTS_VERIFIED, BatchKind.INS: EventKind.IDENTITY_VERIFIED}


# ---- its life ----


def start_by_day(establishment: Establishment, kind: BatchKind, user: User) -> NationalBatch:
    """Somebody wants it now. Raises Refused when one of this kind is under way, or the service is not connected."""
    if not national.connected(kind):
        raise Refused("Cet établissement n’est pas raccordé à ce service.", todo="Voyez l’administrateur.")
    until = timezone.localdate() + timedelta(days=limit(LimitName.BATCH_DAY_AHEAD))
    try:
        with transaction.atomic():
            batch = NationalBatch.objects.create(
                establishment=establishment,
                kind=kind,
                asked_by=user,
                until=until,
                most=limit(LimitName.BATCH_DAY_LINES),
            )
    except IntegrityError as problem:
        if "one_live_batch_a_kind" not in str(problem):
            raise
        raise Refused(
            "Un lot de cette nature est déjà en cours.",
            kept="Il continue.",
            todo="Attendez sa fin, ou arrêtez-le.",
        ) from problem
    transaction.on_commit(partial(_wake_feeder, batch.pk))
    return batch


def start_by_night(night: date) -> list[NationalBatch]:
    """Those of tonight, one a kind and establishment, once however often it is asked. One under way by day goes on instead."""
    made: list[NationalBatch] = []
    until = night + timedelta(days=limit(LimitName.BATCH_NIGHT_AHEAD))
    for establishment in Establishment.objects.order_by("pk"):
        for kind in BatchKind:
            if not national.connected(kind):
                continue
            try:
                with transaction.atomic():
                    batch = NationalBatch.objects.create(
                        establishment=establishment,
                        kind=kind,
                        night_of=night,
                        until=until,
                        most=limit(LimitName.BATCH_NIGHT_LINES),
                    )
            except IntegrityError:
                continue
            transaction.on_commit(partial(_wake_feeder, batch.pk))
            made.append(batch)
    return made


@transaction.atomic
def pause(batch_id: int) -> NationalBatch:
    """No more is asked; what has left is answered. Raises Refused when it is over."""
    return _turned(batch_id, BatchState.RUNNING, BatchState.PAUSED)


@transaction.atomic
def resume(batch_id: int) -> NationalBatch:
    """It goes on from where it was. Raises Refused when it is over."""
    batch = _turned(batch_id, BatchState.PAUSED, BatchState.RUNNING)
    transaction.on_commit(partial(_wake_feeder, batch.pk))
    return batch


@transaction.atomic
def stop(batch_id: int) -> NationalBatch:
    """For good. What was answered is kept, what has left is answered. Raises Refused when it is over."""
    batch = _live(batch_id)
    batch.state, batch.finished_at = BatchState.STOPPED, timezone.now()
    batch.version += 1
    batch.save(update_fields=["state", "finished_at", "version"])
    return batch


def _turned(batch_id: int, before: BatchState, after: BatchState) -> NationalBatch:
    batch = _live(batch_id)
    if batch.state == before:
        batch.state = after
        batch.version += 1
        batch.save(update_fields=["state", "version"])
    return batch


def _live(batch_id: int) -> NationalBatch:
    batch = NationalBatch.objects.select_for_update(no_key=True).get(pk=batch_id)
    if not batch.live:
        raise Refused("Ce lot est terminé.", kept="Ses réponses sont gardées.")
    return batch


def figures(batch: NationalBatch) -> dict[str, int]:
    """Lines by state."""
    rows = batch.lines.order_by().values_list("state").annotate(count=Count("pk"))
    found = dict.fromkeys(LineState.values, 0)
    return found | dict(rows)


def causes(batch: NationalBatch) -> list[tuple[str, int]]:
    """Why lines failed, the most frequent first."""
    rows = batch.lines.filter(state=LineState.FAILED).order_by().values_list("cause").annotate(count=Count("pk"))
    return sorted(rows, key=lambda row: (-row[1], row[0]))


# ---- feeding ----


def sweep() -> None:
    """Feed what stands still: nobody was woken, or who was died."""
    # A call that was cancelled with others tells nobody.
    ended = NationalBatchLine.objects.filter(state=LineState.ASKED).exclude(call__status__in=OPEN)
    for line in ended.select_related("call")[:OPEN_AT_ONCE]:
        assert line.call is not None
        call_ended(line.call)
    for batch_id in list(NationalBatch.objects.filter(state=BatchState.RUNNING).values_list("pk", flat=True)):
        feed(batch_id)


def feed(batch_id: int) -> int:
    """Plan what there is room for, for so long; another turn follows when there is more. Returns how many were planned."""
    until = time.monotonic() + _TURN_S
    planned = 0
    while True:
        more, count = _piece(batch_id)
        planned += count
        if not more:
            return planned
        if time.monotonic() > until:
            _wake_feeder(batch_id)
            return planned


@transaction.atomic
def _piece(batch_id: int) -> tuple[bool, int]:
    """One piece. Whether there is more to do at once, and how many calls were planned."""
    running = NationalBatch.objects.select_for_update(no_key=True, skip_locked=True)
    batch = running.filter(pk=batch_id, state=BatchState.RUNNING).first()
    if batch is None:
        return False, 0  # paused, over, or another feeds it
    if not batch.listed:
        _list(batch)
    room = OPEN_AT_ONCE - batch.lines.filter(state=LineState.ASKED).count()
    lines = list(_next(batch)[: min(room, _PIECE)]) if room > 0 else []
    planned, settled = _plan(batch, lines) if lines else (0, 0)
    if batch.listed and not lines and room == OPEN_AT_ONCE and not batch.lines.filter(state=LineState.WAITING).exists():
        batch.state, batch.finished_at = BatchState.DONE, timezone.now()
        batch.version += 1
        batch.save(update_fields=["state", "finished_at", "version"])
        return False, 0
    return (bool(settled) or not batch.listed) and room > 0, planned


def _list(batch: NationalBatch) -> None:
    """The next lines, from where it was."""
    room = min(_LISTED, batch.most - batch.total)
    found = list((_stays_to_ask if batch.kind == BatchKind.RIGHTS else _stays_to_verify)(batch)[:room]) if room else []
    NationalBatchLine.objects.bulk_create(
        [NationalBatchLine(batch=batch, stay_id=stay) for _, stay in found if stay],
        ignore_conflicts=True,
        batch_size=1_000,
    )
    batch.total += sum(1 for _, stay in found if stay)
    batch.listed = len(found) < _LISTED
    if found:
        batch.cursor = found[-1][0]
    batch.save(update_fields=["total", "listed", "cursor"])


def _stays_to_ask(batch: NationalBatch) -> QuerySet[Stay, tuple[int, int]]:
    """Stays to come until that day, present, or gone and not settled."""
    _, end = day_bounds(batch.until)
    coming = Q(status=StayStatus.PREADMITTED, planned_start_at__lt=end)
    here = Q(status__in=[StayStatus.ADMITTED, StayStatus.DISCHARGED])
    stays = Stay.objects.filter(coming | here, establishment=batch.establishment_id, pk__gt=batch.cursor)
    return stays.order_by("pk").values_list("pk", "pk")


def _stays_to_verify(batch: NationalBatch) -> QuerySet[Patient, tuple[int, int]]:
    """People whose matricule was last confirmed too long ago, by their last stay here."""
    stays = Stay.objects.filter(patient=OuterRef("pk"), establishment=batch.establishment_id).order_by(
        "-planned_start_at"
    )
    old = timezone.now() - timedelta(seconds=limit(LimitName.INS_AGAIN))
    patients = Patient.objects.filter(ins_answered_at__lt=old, ins_index__isnull=False, pk__gt=batch.cursor)
    return patients.filter(Exists(stays)).order_by("pk").values_list("pk", Subquery(stays.values("pk")[:1]))


def _next(batch: NationalBatch) -> QuerySet[NationalBatchLine]:
    """Lines that wait, but for those of a patient about whom the service is being asked."""
    asked = TeleserviceCall.objects.filter(
        stay__patient=OuterRef("stay__patient"), operation=OPERATIONS[BatchKind(batch.kind)], status__in=OPEN
    )
    return batch.lines.filter(~Exists(asked), state=LineState.WAITING).order_by("pk")


def _plan(batch: NationalBatch, lines: list[NationalBatchLine]) -> tuple[int, int]:
    """The calls of these lines, and the events that make them. Stays that somebody holds are left for the next piece.

    Returns how many calls were planned, and how many lines no longer wait.
    """
    held = Stay.objects.select_for_update(of=("self",), no_key=True, skip_locked=True).select_related("patient")
    stays = {stay.pk: stay for stay in held.filter(pk__in=[line.stay_id for line in lines]).order_by("pk")}
    last = _last_answers(stays.values()) if batch.kind == BatchKind.RIGHTS else {}
    asked: dict[int, tuple[NationalBatchLine, Stay]] = {}
    spared: list[NationalBatchLine] = []
    for line in lines:
        stay = stays.get(line.stay_id)
        if stay is None or stay.patient_id in asked:
            continue
        if why := _why_not(batch, stay, last.get(stay.patient_id)):
            line.state, line.cause = LineState.SPARED, why[:30]
            spared.append(line)
        else:
            asked[stay.patient_id] = line, stay
    calls = _calls(batch, list(asked.values()))
    for (line, _), call in zip(asked.values(), calls, strict=True):
        line.state, line.call = LineState.ASKED, call
    NationalBatchLine.objects.bulk_update(
        [*spared, *(line for line, _ in asked.values())], ["state", "cause", "call"], batch_size=_PIECE
    )
    for call in calls[:_WOKEN]:
        transaction.on_commit(partial(wake_id, call.pk, Lane.BATCH, drain=True))
    return len(calls), len(calls) + len(spared)


def _last_answers(stays: Iterable[Stay]) -> dict[int, AmoAnswer]:
    patients = [stay.patient_id for stay in stays]
    answers = national.settled_answers().filter(patient__in=patients).order_by("patient_id", "-answered_at", "-pk")
    return {one.patient_id: one for one in answers.distinct("patient_id")}


def _why_not(batch: NationalBatch, stay: Stay, last: AmoAnswer | None) -> str:
    """Why nothing is asked of this stay; "" when it is."""
    if stay.status in (StayStatus.CANCELLED, StayStatus.CLOSED) and batch.kind == BatchKind.RIGHTS:
        return GONE
    if batch.kind == BatchKind.INS:
        if stay.patient.ins is None:
            return GONE
        return FRESH if national.lately_verified(stay.patient) else ""
    if why := national.never_asked(stay.patient):
        return why
    return FRESH if last is not None and national.holds(last, stay.patient, stay) else ""


def _calls(batch: NationalBatch, asked: list[tuple[NationalBatchLine, Stay]]) -> list[TeleserviceCall]:
    operation, now = OPERATIONS[BatchKind(batch.kind)], timezone.now()
    events = AdmissionEvent.objects.bulk_create(
        [
            AdmissionEvent(
                stay=stay,
                kind=_EVENTS[BatchKind(batch.kind)],
                occurred_at=now,
                created_by=batch.asked_by,
                detail={"batch": batch.pk},
            )
            for _, stay in asked
        ],
        batch_size=_PIECE,
    )
    TeleserviceCall.objects.filter(
        stay__in=[stay.pk for _, stay in asked],
        operation=operation,
        status=CallStatus.REFUSED,
        superseded_at__isnull=True,
    ).update(superseded_at=now)
    return TeleserviceCall.objects.bulk_create(
        [
            TeleserviceCall(
                stay=stay,
                event=event,
                operation=operation,
                channel=channel_of(operation, ""),
                lane=Lane.BATCH,
                # By day an agent asks, and is named; by night nobody is there.
                parameters={"line": line.pk} | ({} if batch.asked_by_id else {"batch": True}),
                not_before=now,
            )
            for (line, stay), event in zip(asked, events, strict=True)
        ],
        batch_size=_PIECE,
    )


# ---- what becomes of its calls ----

_ENDED: Final = {
    CallStatus.SUCCEEDED: LineState.ANSWERED,
    CallStatus.REFUSED: LineState.FAILED,
    CallStatus.CANCELLED: LineState.SPARED,
    CallStatus.NEEDS_REFERENT: LineState.FAILED,
}


def call_ended(call: TeleserviceCall) -> None:
    """In the transaction that records what came of a call: its line, if it is one of a batch's, and the feeder now and then."""
    line_id = call.parameters.get("line")
    state = _ENDED.get(CallStatus(call.status))
    if line_id is None or state is None:
        return
    cause = "" if state == LineState.ANSWERED else (call.return_code or call.cause)[:30]
    NationalBatchLine.objects.filter(pk=line_id, call=call.pk).update(state=state, cause=cause)
    if call.pk % _EACH == 0:
        batch_id = NationalBatchLine.objects.values_list("batch_id", flat=True).get(pk=line_id)
        transaction.on_commit(partial(_wake_feeder, batch_id))


def _wake_feeder(batch_id: int) -> None:
    wake("teleservices.tasks.feed_batch", batch_id, queue="batch")


def live_of(establishment: Establishment) -> QuerySet[NationalBatch]:
    return NationalBatch.objects.filter(establishment=establishment, state__in=LIVE).order_by("-pk")
