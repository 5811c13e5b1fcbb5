"""What becomes of a call after each answer or failure. The catalogue decides; this carries it out."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from admissions.enums import RightsStatus
from admissions.services.coverage import apply_rights, rights_undetermined
from teleservices import anomalies, perimeter, planning, rights
from teleservices.enums import AttemptOutcome, CallStatus, Disposition, Family
from teleservices.handlers import call_ended, call_refused, call_stopped, handler_of
from teleservices.messages import Answer, AnswerHeader, Operation
from teleservices.messages_cdri import Outcome
from teleservices.models import ReturnCode, TeleserviceCall
from teleservices.retries import next_try

# The dates that a replay may use, in this order, when the prescription date is refused.
_REPLAYS = (None, "entry", "service")
# How many of the calls that a mended cause frees are woken by themselves.
_WOKEN = 50
# What a positive answer changes of its call.
SUCCESS_CHANGES = (
    "status", "return_code", "return_label", "claimed_until", "finished_at", "in_doubt", "family", "disposition",
    "cause", "duration_ms",
)  # fmt: skip


def code_in_force(code: str, now: datetime) -> ReturnCode | None:
    day = timezone.localdate(now)
    return (
        ReturnCode.objects.filter(Q(valid_until__isnull=True) | Q(valid_until__gte=day), code=code, valid_from__lte=day)
        .order_by("-valid_from")
        .first()
    )


def succeeded(call: TeleserviceCall, header: AnswerHeader, now: datetime) -> None:
    """A positive answer came: what it says of its call, for the engine to write (SUCCESS_CHANGES)."""
    call.return_code, call.return_label = header.code, header.label[:200]
    call.status, call.finished_at, call.in_doubt, call.claimed_until = CallStatus.SUCCEEDED, now, False, None
    call.family = call.disposition = call.cause = ""


def apply(call: TeleserviceCall, answer: Answer) -> None:
    """Take a positive answer into account. Runs in the transaction that records it, stay and call locked."""
    if call.operation == Operation.IDB and not rights.asked_as_is(call):
        # The stay was requalified while the AMC was thinking: it answered about what is no longer.
        if call.cover.active:
            planning.ask_rights(call.stay, call.cover, call.event)
        return
    handler_of(call.operation).apply(call, answer)
    call_ended(call)


def refused(call: TeleserviceCall, header: AnswerHeader, now: datetime) -> None:
    """A negative answer came. Runs in the transaction that records it, stay and call locked."""
    call.return_code, call.return_label = header.code, header.label[:200]
    call.claimed_until = None
    call_refused(call, header)
    _dispose(call, code_in_force(header.code, now), header, now)


def reconsider(call: TeleserviceCall, now: datetime) -> bool:
    """A refusal whose code nobody knew, stay and call locked: treated as the catalogue now says. False if it says nothing.

    The day of the refusal stays that of the answer.
    """
    live = call.status == CallStatus.REFUSED and call.superseded_at is None and call.handled_at is None
    if not live or call.family != Family.UNKNOWN_CODE or (known := code_in_force(call.return_code, now)) is None:
        return False
    answered_at = call.finished_at or now
    _dispose(call, known, AnswerHeader(call.message_id, answered_at, call.return_code, call.return_label), now)
    return True


def _dispose(call: TeleserviceCall, known: ReturnCode | None, header: AnswerHeader, now: datetime) -> None:
    """What a negative answer asks for, by the catalogue."""
    call.family = known.family if known else Family.UNKNOWN_CODE
    call.disposition = known.disposition if known else Disposition.STORE
    if call.operation == Operation.CDRI and header.code == Outcome.CLOSED:
        # The catalogue is that of the payers: a list of theirs says nothing of this service.
        call.family, call.disposition = Family.UNAVAILABLE, Disposition.RETRY
    if call.disposition == Disposition.ASK_MEMBER_NUMBER and call.cover.member_number:
        # The number was given, and the AMC does not know it: asking for it again would bring nothing.
        call.disposition = Disposition.INFORM_PATIENT
    if call.disposition == Disposition.RETRY:
        # The other side says that nothing was processed: the same question may be asked again, later.
        call.in_doubt, call.finished_at = False, None
        _try_later(call, CallStatus.PLANNED, "unavailable", now)
        return
    call.status, call.in_doubt, call.cause = CallStatus.REFUSED, False, ""
    call.finished_at = call.finished_at or now
    if perimeter.only_tested(call):
        # Who tests reads the code: outside the perimeter a refusal asks nothing of anybody, and is not put afresh.
        call.superseded_at = now
        call.save()
        call_ended(call)
        return
    if (newer := planning.changed_since(call)) is not None:
        # It was about facts that are no longer: nothing is asked of anybody, the question is put afresh.
        call.superseded_at = now
        call.save()
        planning.plan_afresh(call, newer)
        return
    if call.disposition == Disposition.REPLAY_WITH_ENTRY_DATE:
        _replay(call)
    call.save()
    if call.disposition == Disposition.ESCALATE:
        anomalies.notice(call)
    if call.operation == Operation.IDB or call.disposition == Disposition.INFORM_PATIENT:
        _write_rights(call, known, header, now)
    call_ended(call)


def not_sent(call: TeleserviceCall, was_in_doubt: bool, now: datetime) -> None:
    """Nothing left the machine this time; an earlier try may still have been received."""
    call.in_doubt = was_in_doubt
    if not was_in_doubt and not call.attempts.exclude(outcome=AttemptOutcome.NOT_SENT).exists():
        call.first_sent_at = None
    _try_later(call, CallStatus.UNKNOWN if was_in_doubt else CallStatus.PLANNED, "not_sent", now)


def lost(call: TeleserviceCall, now: datetime, cause: str = "lost") -> None:
    """It left, and no usable answer came: only the same message may settle it."""
    call.in_doubt = True
    _try_later(call, CallStatus.UNKNOWN, cause, now)


def stopped(call: TeleserviceCall, cause: str, was_in_doubt: bool, now: datetime) -> None:
    """A certificate, a setting or our own message is wrong: one cause for a référent, not a line a dossier."""
    call.in_doubt = was_in_doubt
    if was_in_doubt:
        _try_later(call, CallStatus.UNKNOWN, "lost", now)
        call.cause = cause[:60]
        call.save(update_fields=["cause"])
        return
    call.status, call.cause, call.claimed_until = CallStatus.NEEDS_REFERENT, cause[:60], None
    call.save()
    call_stopped(call)


def hold(call: TeleserviceCall, cause: str) -> None:
    """A limit of ours is reached: the call waits for a référent. Nothing of it has left."""
    call.status, call.cause = CallStatus.NEEDS_REFERENT, cause[:60]
    call.save(update_fields=["status", "cause"])


def pointless(call: TeleserviceCall, cause: str, now: datetime) -> None:
    """The question lost its object before it left."""
    call.status, call.cause, call.finished_at, call.claimed_until = CallStatus.CANCELLED, cause[:60], now, None
    call.save()
    if cause == "nir_missing":
        rights_undetermined(
            call.stay, call.cover_id, "NIR inconnu : l’organisme ne peut pas chercher le patient.", at=now
        )
    call_ended(call)


def _try_later(call: TeleserviceCall, status: CallStatus, cause: str, now: datetime) -> None:
    call.status, call.cause, call.claimed_until = status, cause, None
    call.not_before = next_try(cause, max(call.attempts_count, 1), now)
    call.save()


def _replay(call: TeleserviceCall) -> None:
    used = call.parameters.get("prescription")
    following = _REPLAYS.index(used) + 1
    if following >= len(_REPLAYS):
        call.disposition = Disposition.REFERENT
        return
    call.superseded_at = timezone.now()
    call.save()
    parameters = call.parameters | {"prescription": _REPLAYS[following]}
    planning.plan(call.stay, call.cover, Operation(call.operation), call.event, parameters=parameters, follows=call)


def _write_rights(call: TeleserviceCall, known: ReturnCode | None, header: AnswerHeader, now: datetime) -> None:
    label = known.label if known else f"Code {header.code} inconnu de notre catalogue. {header.label}".strip()
    if call.disposition == Disposition.INFORM_PATIENT:
        apply_rights(
            call.stay,
            call.cover_id,
            status=RightsStatus.CLOSED,
            code=header.code,
            reason=label[:300],
            answered_at=call.finished_at or now,
        )
    else:
        rights_undetermined(call.stay, call.cover_id, label, code=header.code, at=call.finished_at or now)


def rearm_cause(cause: str) -> int:
    """The cause was mended: every call that it stopped is due at once, however many. Returns how many.

    The first are woken, the sweeper finds the others.
    """
    with transaction.atomic():
        stopped = TeleserviceCall.objects.filter(status=CallStatus.NEEDS_REFERENT, cause=cause)
        first = list(stopped.order_by("planned_at").values_list("pk", "lane")[:_WOKEN])
        freed = stopped.update(status=CallStatus.PLANNED, not_before=timezone.now())
        for call_id, lane in first:
            transaction.on_commit(partial(planning.wake_id, call_id, lane))
    return freed
