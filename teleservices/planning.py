"""From a business event to the calls it makes. One open call a stay × operation × coverage, however often it is asked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, Final

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from admissions.enums import CoverageKind, EventKind, Protection, RightsStatus, StayStatus
from admissions.events import wake
from admissions.models import AdmissionEvent, Coverage, Stay
from admissions.querysets import care_date, coverages_on, latest_rights
from gap.constants import constants
from teleservices import handlers, perimeter, rights
from teleservices.enums import OPEN, CallStatus, Disposition, Lane
from teleservices.gates import channel_of
from teleservices.messages import NATIONAL, Operation
from teleservices.models import TeleserviceCall
from teleservices.perimeter import OUTSIDE, TESTED

#: The cause of a call that a return to a backup holds: only a person lets it leave (`teleservices.restored`).
RESTORED: Final = "restored"
# Events after which rights must be known afresh if the last answer has lost its validity.
_RIGHTS_EVENTS = {
    EventKind.STAY_PREADMITTED,
    EventKind.STAY_ADMITTED,
    EventKind.STAY_DISCHARGED,
    EventKind.STAY_CORRECTED,
    EventKind.ACTIVITY_ENTERED,
    EventKind.COVERAGE_CHANGED,
    EventKind.PATIENT_CORRECTED,
    EventKind.RIGHTS_ASKED_AGAIN,
    EventKind.ANOMALY_SOLVED,
    EventKind.PERIMETER_CHANGED,
    EventKind.STAY_REQUALIFIED,
}
# What is asked of a patient, and not of a payer, says for itself which events call for it (`teleservices.national`).
_NATIONAL: list[Callable[[Stay, AdmissionEvent], None]] = []
#: Why a call of such a stay was cancelled.
NOT_TOLD = "kept_secret"
REQUALIFIED = "stay_requalified"
# Events for which nobody waits: thousands of them must not keep a patient waiting.
_OF_THE_NIGHT = {EventKind.ANOMALY_SOLVED, EventKind.PERIMETER_CHANGED}
# Events after which what was asked of a payer is no longer what would be asked now.
_NEW_FACTS = {EventKind.COVERAGE_CHANGED, EventKind.PATIENT_CORRECTED, EventKind.STAY_REQUALIFIED}
# Events that make a refusal worth asking again: what it was about has changed, or a person wants it.
_REARMING = _NEW_FACTS | {EventKind.RIGHTS_ASKED_AGAIN}


def register_national(planner: Callable[[Stay, AdmissionEvent], None]) -> None:
    """`planner` is told of each event of a stay that goes on, stay locked."""
    if planner not in _NATIONAL:
        _NATIONAL.append(planner)


def plan_calls(event: AdmissionEvent) -> None:
    """Consumer of the events: plan what this one calls for, cancel what it makes pointless."""
    rows = Stay.objects.select_for_update(of=("self",)).annotate(protection=F("patient__protection"))
    stay = rows.get(pk=event.stay_id)
    if event.kind == EventKind.STAY_CANCELLED:
        cancel_unsent(stay, "stay_cancelled")
        return
    if stay.status in (StayStatus.CANCELLED, StayStatus.CLOSED):
        return
    if event.kind == EventKind.PATIENT_CORRECTED and "identity" in event.detail:
        return  # a document was seen and no trait has changed: nobody would be asked anything else
    if stay.protection == Protection.SECRET:
        cancel_unsent(stay, NOT_TOLD)
        return  # nobody is told of a birth kept secret (CASF, art. L. 222-6)
    for national in _NATIONAL:
        national(stay, event)
    if event.kind not in _RIGHTS_EVENTS:
        return
    _drop_replaced_coverages(stay)
    if event.kind == EventKind.STAY_REQUALIFIED:
        cancel_unsent(stay, REQUALIFIED)
    freed = _rearm(stay, event) if event.kind in _REARMING else 0
    for coverage in coverages_on(stay.patient_id, care_date(stay), CoverageKind.AMC):
        ask_rights(stay, coverage, event, force=event.kind == EventKind.RIGHTS_ASKED_AGAIN)
    if freed:
        handlers.rearmed(stay, event)


def ask_rights(stay: Stay, coverage: Coverage, event: AdmissionEvent, *, force: bool = False) -> TeleserviceCall | None:
    """Directory if its answer is old, then IDB if its answer is; nothing when both are fresh, unless forced."""
    now = timezone.now()
    if not perimeter.includes(stay, coverage.debtor_id):
        cancel_unsent(stay, OUTSIDE, coverage)
        _not_by_roc(stay, coverage, "HORS_PERIMETRE", now, event)
        return None
    entry = rights.entry_for(stay, coverage)
    if not rights.entry_is_fresh(entry, now):
        return plan(stay, coverage, Operation.DIRECTORY, event)
    assert entry is not None
    if not entry.found:
        _not_by_roc(stay, coverage, "HORS_ROC", entry.answered_at, event)
        return None
    last = latest_rights(stay.pk, coverage.pk)
    if last is not None and last.status == RightsStatus.CLOSED and last.care_date == care_date(stay):
        # The AMC said no for these days: the same question is not put again in the hope of a yes.
        return plan(stay, coverage, Operation.IDB, event) if event.kind in _NEW_FACTS else None
    if not force and rights.rights_are_fresh(last, stay, now):
        return None
    return plan(stay, coverage, Operation.IDB, event)


_NOT_BY_ROC = {
    "HORS_ROC": "Cet organisme n’est pas raccordé à ROC pour ce domaine : circuit hors ROC.",
    "HORS_PERIMETRE": "Cet organisme n’est pas encore dans le périmètre ROC de l’établissement : circuit hors ROC.",
}


def _not_by_roc(stay: Stay, coverage: Coverage, code: str, at: datetime, event: AdmissionEvent) -> None:
    """Say once that the stay goes the way of before; the floors above look each time at what that way needs."""
    last = latest_rights(stay.pk, coverage.pk)
    if last is None or last.code != code:
        at = max(at, last.answered_at) if last else at
        rights.rights_undetermined(stay, coverage.pk, _NOT_BY_ROC[code], code=code, at=at)
    handlers.outside(stay, event)


def plan(
    stay: Stay,
    coverage: Coverage | None,
    operation: Operation,
    event: AdmissionEvent,
    *,
    parameters: dict[str, Any] | None = None,
    not_before: datetime | None = None,
    follows: TeleserviceCall | None = None,
    lane: Lane | None = None,
) -> TeleserviceCall:
    """Plan a call, or give back the one that is already open. Needs the stay's lock (taken by every caller).

    `coverage`: what a payer is asked about; None for a national service.
    Nothing wakes a worker for a call of the night: the sweeper finds it in its turn.
    """
    open_call = TeleserviceCall.objects.filter(
        stay=stay, coverage=coverage, operation=operation, status__in=constants(OPEN)
    ).first()
    if open_call:
        return open_call
    now = timezone.now()
    lane = lane or (Lane.BATCH if event.kind in _OF_THE_NIGHT else Lane.INTERACTIVE)
    TeleserviceCall.objects.filter(
        stay=stay, coverage=coverage, operation=operation, status=CallStatus.REFUSED, superseded_at__isnull=True
    ).update(superseded_at=now)
    call = TeleserviceCall.objects.create(
        stay=stay,
        coverage=coverage,
        debtor=coverage.debtor if coverage else None,
        event=event,
        operation=operation,
        channel=channel_of(operation, coverage.debtor.amc_number if coverage else ""),
        lane=lane,
        parameters=parameters or {},
        not_before=not_before or now,
        follows=follows,
    )
    # Planned for later, the sweeper finds it when its time comes.
    if lane == Lane.INTERACTIVE and call.not_before <= now:
        transaction.on_commit(lambda: wake_call(call))
    return call


def ask_now(
    stay: Stay, coverage: Coverage, operation: Operation, event: AdmissionEvent, *, parameters: dict[str, Any]
) -> TeleserviceCall:
    """Put this question at once, whatever is known and whatever the perimeter says. Needs the stay's lock.

    The call that is open already is the one: due now, in the patients' lane, `parameters` added to its own. One whose
    outcome is unknown stays so: only the same message will settle it.
    """
    open_call = (
        TeleserviceCall.objects.select_for_update()
        .filter(stay=stay, coverage=coverage, operation=operation, status__in=constants(OPEN))
        .first()
    )
    if open_call is None:
        return plan(stay, coverage, operation, event, parameters=parameters, lane=Lane.INTERACTIVE)
    open_call.parameters |= parameters
    if open_call.status != CallStatus.CALLING:
        open_call.not_before, open_call.lane = timezone.now(), Lane.INTERACTIVE
        if open_call.status == CallStatus.NEEDS_REFERENT:
            open_call.status, open_call.cause = CallStatus.PLANNED, ""
        transaction.on_commit(partial(wake_call, open_call))
    open_call.save(update_fields=["parameters", "not_before", "lane", "status", "cause"])
    return open_call


def wake_call(call: TeleserviceCall) -> None:
    wake_id(call.pk, call.lane)


def wake_id(call_id: int, lane: str, *, drain: bool = False) -> None:
    """Send one of the lane's own workers to this call, and to those that wait behind it with `drain`.

    Nothing is lost if the message is: the sweeper comes.
    """
    wake(f"teleservices.tasks.{'drain_calls' if drain else 'run_call'}", call_id, queue=lane)


def changed_since(call: TeleserviceCall) -> AdmissionEvent | None:
    """The event that changed what this call asked while it was on its way; None while the question still holds."""
    if call.operation == Operation.DEL or call.first_sent_at is None:
        return None
    events = AdmissionEvent.objects.filter(stay=call.stay_id, kind__in=_NEW_FACTS, created_at__gt=call.first_sent_at)
    for event in events.order_by("-pk"):
        others = event.detail.get("kind") == CoverageKind.AMC and event.detail.get("coverage") != call.coverage_id
        if not others and "identity" not in event.detail:
            return event
    return None


def plan_afresh(call: TeleserviceCall, event: AdmissionEvent) -> None:
    """Put the question again as it stands now, in the name of the event that changed it.

    A stay that was requalified is another question: its rights come first, and what follows from them by itself.
    """
    if call.coverage_id is None:
        plan(call.stay, None, Operation(call.operation), event, parameters=call.parameters, follows=call)
        return
    if event.kind == EventKind.STAY_REQUALIFIED:
        if call.cover.active:
            ask_rights(call.stay, call.cover, event)
        handlers.rearmed(call.stay, event)
        return
    if call.cover.active:
        parameters = {name: call.parameters[name] for name in ("content", TESTED) if name in call.parameters}
        plan(call.stay, call.cover, Operation(call.operation), event, parameters=parameters, follows=call)


def hasten(stay_id: int, operation: Operation) -> int:
    """What was planned for later and never left, leaves now. Needs the stay's lock. Returns how many."""
    now = timezone.now()
    waiting = TeleserviceCall.objects.select_for_update().filter(
        stay=stay_id, operation=operation, status=CallStatus.PLANNED, attempts_count=0, not_before__gt=now
    )
    calls = list(waiting)
    for call in calls:
        call.not_before = now
        call.save(update_fields=["not_before"])
        transaction.on_commit(partial(wake_call, call))
    return len(calls)


def cancel_unsent(stay: Stay, cause: str, coverage: Coverage | None = None, operation: Operation | None = None) -> int:
    """End the calls of which nothing ever left. One whose outcome is unknown stays: the other side may hold it."""
    calls = TeleserviceCall.objects.filter(
        stay=stay, status__in=[CallStatus.PLANNED, CallStatus.NEEDS_REFERENT]
    ).exclude(operation=Operation.DEL)
    if cause == OUTSIDE:
        # A hospital tests its connection before its perimeter is open.
        calls = calls.exclude(parameters__has_key=TESTED)
    if coverage:
        calls = calls.filter(coverage=coverage)
    if operation:
        calls = calls.filter(operation=operation)
    if cause == REQUALIFIED:
        # Who somebody is, and what the AMO owes them, are no matter of the kind of stay.
        calls = calls.exclude(operation__in=NATIONAL)
    return calls.update(status=CallStatus.CANCELLED, cause=cause, finished_at=timezone.now(), claimed_until=None)


def _drop_replaced_coverages(stay: Stay) -> None:
    day = care_date(stay)
    in_force = [coverage.pk for coverage in coverages_on(stay.patient_id, day, CoverageKind.AMC)]
    asked = TeleserviceCall.objects.filter(stay=stay, coverage__isnull=False)
    stale = asked.exclude(coverage__in=in_force).exclude(operation=Operation.DEL)
    now = timezone.now()
    stale.filter(status__in=[CallStatus.PLANNED, CallStatus.NEEDS_REFERENT]).update(
        status=CallStatus.CANCELLED, cause="coverage_replaced", finished_at=now, claimed_until=None
    )
    stale.filter(status=CallStatus.REFUSED, superseded_at__isnull=True).update(superseded_at=now)


def _rearm(stay: Stay, event: AdmissionEvent) -> int:
    """What was refused on the old facts asks nothing of anybody any more; what waits is tried at once.

    Returns how many refusals lost their object.
    """
    now = timezone.now()
    calls = TeleserviceCall.objects.filter(stay=stay)
    # The AMO's rights stand in the question put to every AMC.
    if event.detail.get("kind") != CoverageKind.AMO and (coverage_id := event.detail.get("coverage")):
        calls = calls.filter(coverage=coverage_id)
    refused = calls.filter(status=CallStatus.REFUSED, superseded_at__isnull=True)
    if event.kind not in _NEW_FACTS:
        refused = refused.exclude(disposition=Disposition.INFORM_PATIENT)
    freed = refused.update(superseded_at=now)
    waiting = [CallStatus.PLANNED, CallStatus.UNKNOWN, CallStatus.NEEDS_REFERENT]
    # A worker claims a call without the stay's lock: the call's own says whether it still waits.
    for call in calls.select_for_update().filter(status__in=waiting).exclude(cause=RESTORED):
        if call.status == CallStatus.NEEDS_REFERENT:
            call.status, call.cause = CallStatus.PLANNED, ""
        call.not_before = now
        call.save(update_fields=["status", "not_before", "cause"])
        transaction.on_commit(partial(wake_call, call))
    return freed
