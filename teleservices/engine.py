"""Claim → commit → call → record → apply. No transaction and no lock is open while the network works."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import BigIntegerField, Exists, OuterRef, Q
from django.utils import timezone

from admissions.models import Stay
from gap.compiled import Compiled, Given
from gap.constants import Constant
from gap.written import Insert, Update, UpdateBoth, UpdateThenInsert
from teleservices import certificates, client, gates, policy, queue
from teleservices.clients.errors import AnswerLost, CallError, ConfigurationError, InvalidAnswer, NotSent, Refused
from teleservices.enums import CLAIMABLE, AttemptOutcome, CallStatus, Disposition, Family
from teleservices.handlers import NotConfigured, NothingToAsk, handler_of
from teleservices.messages import Exchange, Operation
from teleservices.models import ReturnCode, TeleserviceAttempt, TeleserviceCall
from teleservices.querysets import to_ask
from teleservices.webhooks import kinds, telling

log = structlog.get_logger(__name__)

# A patient waits for these: their SQL is written once. The first brings all that a message names.
_TO_CLAIM = Compiled(lambda: to_ask().filter(pk=Given("call", BigIntegerField())).order_by())
# What a cancellation, another worker or a sweep would change of a call that can be claimed.
_UNLESS_CHANGED = ("status", "attempts_count", "not_before", "in_doubt")
_CLAIM = UpdateThenInsert(
    Update(
        TeleserviceCall,
        *("status", "in_doubt", "attempts_count", "claimed_until", "first_sent_at", "parameters", "slot"),
        unless_changed=_UNLESS_CHANGED,
    ),
    Insert(TeleserviceAttempt),
)
_PUT_OFF = Update(TeleserviceCall, "not_before", "cause", unless_changed=_UNLESS_CHANGED)
# How often a claim looks for another place when somebody took the one it wanted.
_TRIES = 5
_NOTE = Update(TeleserviceAttempt, "duration_ms", "http_status", "response_xml", "outcome", "reason")
_SUCCEEDED = UpdateBoth(_NOTE, Update(TeleserviceCall, *policy.SUCCESS_CHANGES))
# The stay first, then the call: the one order of locks of every writer. PostgreSQL locks in the order of `of`. No key
# of theirs changes: whoever holds the patient, and tells the stay, is not waited for by what waits for the patient.
_TO_RECORD = Compiled(
    lambda: (
        TeleserviceCall.objects.select_for_update(of=("stay", "self"), no_key=True)
        .select_related("stay")
        .filter(pk=Given("call", BigIntegerField()))
        # Asked by the way: nobody waits for a question whose answer is nearly always no.
        .annotate(listened=telling.listened_to(kinds.RIGHTS_CHANGED))
        .order_by()
    )
)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A call that this worker alone may send, and the bytes it will send: they are already in the database."""

    call_id: int
    stay_id: int
    attempt_id: int
    operation: Operation
    message_id: UUID
    url: str
    request_xml: bytes
    was_in_doubt: bool
    channel: str
    lane: str
    #: Others may be waiting for its place; `room`: there are free ones beside it.
    crowded: bool
    room: bool
    #: The channel's circuit has failures to forget if this one is answered.
    troubled: bool
    #: It alone goes to see whether the other side is back.
    probe: bool


def run(call_id: int, *, drain: bool = False) -> None:
    """Carry one call as far as it goes now; then those that wait on its channel, if it was crowded or asked to `drain`.

    Safe to run twice, at once or later: one of the two does the work.
    """
    claimed = _carry(call_id)
    if claimed is not None and (drain or claimed.crowded):
        _drain(claimed)


def _drain(claimed: Claimed) -> None:
    """Carry what waits on this channel, until nothing does or others have waited for this worker long enough."""
    until = time.monotonic() + queue.TURN_S
    missed = 0
    # Whoever begins to drain brings one more, while there is room: the last to begin finds none, and nobody is woken
    # after each call for what the drains under way carry.
    more = claimed.room
    while missed < _TRIES:
        following = queue.following(claimed.channel, claimed.lane, more=more)
        if following is None:
            return
        if time.monotonic() > until:
            queue.wake_id(following, claimed.lane, drain=True)
            return
        carried = _carry(following)
        # Another may have taken it first, or its channel be full: there are others to look at.
        missed = 0 if carried else missed + 1
        more = False


def _carry(call_id: int) -> Claimed | None:
    """None when nothing was sent."""
    try:
        claimed = claim(call_id)
    except NothingToAsk as reason:
        _end_before_sending(call_id, str(reason), pointless=True)
        return None
    except NotConfigured as problem:
        _end_before_sending(call_id, problem.cause, pointless=False)
        return None
    except Refused as problem:
        # Our own message breaks the contract: it was not sent.
        _end_before_sending(call_id, problem.reason, pointless=False)
        return None
    if claimed is not None:
        record(claimed, send(claimed))
    return claimed


def claim(call_id: int) -> Claimed | None:
    """Take the call and write the attempt with its message, at once. None when it may not leave now.

    It is not due, another has it, its channel has no place left, or a gate is closed. Raises NothingToAsk,
    NotConfigured, Refused.
    """
    for _ in range(_TRIES):
        try:
            return _claim(call_id)
        except IntegrityError as conflict:
            # Somebody took the same place at the same instant: there may be another.
            if "one_call_a_slot" not in str(conflict):
                raise
    return None


def _claim(call_id: int) -> Claimed | None:
    """Nothing is locked while the message is built. The claim is one statement, which does nothing when the call is no
    longer what was read: the last instant at which an event can still make the question pointless.
    """
    now = timezone.now()
    call = _TO_CLAIM.first(call=call_id)
    if call is None or call.status not in CLAIMABLE or call.not_before > now:
        return None
    were = {name: getattr(call, name) for name in _UNLESS_CHANGED}
    if (put_off := gates.closed(call, now)) is not None:
        _put_off(call, were, put_off)
        return None
    call.slot = gates.free_slot(call)
    if call.slot is None:
        return None
    operation = Operation(call.operation)
    if call.in_doubt:
        # What may have been received must be sent again as it was, to the letter.
        previous = call.attempts.filter(request_xml__isnull=False).first()
        assert previous is not None and previous.request_xml is not None
        url, request_xml = previous.url, previous.request_xml
    else:
        url, request = handler_of(operation).build(call, now)
        request_xml = client.of(operation).build(operation, request)
    call.status = CallStatus.CALLING
    call.in_doubt = True
    call.attempts_count += 1
    waits = settings.TELESERVICES
    call.claimed_until = until = now + timedelta(
        seconds=waits["timeout_connect"] + waits["timeout_read"] + waits["claim_margin"]
    )
    call.first_sent_at = call.first_sent_at or now
    probe = call.circuit_retry_at is not None
    if probe and not gates.take_probe(call, until):
        _put_off(call, were, gates.PutOff(until, gates.CIRCUIT_OPEN))
        return None
    attempt = TeleserviceAttempt(
        call=call, number=call.attempts_count, started_at=now, url=url, request_xml=request_xml
    )
    try:
        taken = _CLAIM.run(call, were, attempt)
    except IntegrityError:
        gates.give_probe_back(call, until)
        raise
    if not taken:
        gates.give_probe_back(call, until)
        return None
    return Claimed(
        call_id=call.pk,
        stay_id=call.stay_id,
        attempt_id=attempt.pk,
        operation=operation,
        message_id=call.message_id,
        url=url,
        request_xml=request_xml,
        was_in_doubt=were["in_doubt"],
        channel=call.channel,
        lane=call.lane,
        crowded=gates.is_crowded(call),
        room=len(call.busy_slots) + 1 < call.in_flight,
        troubled=bool(call.circuit_failures),
        probe=probe,
    )


def _put_off(call: TeleserviceCall, were: dict[str, object], put_off: gates.PutOff) -> None:
    call.not_before, call.cause = put_off.until, put_off.cause
    _PUT_OFF.run_if_same(call, were)


def send(claimed: Claimed) -> Exchange | CallError:
    """The network. Failures of the wire are values here: each has its own sequel."""
    try:
        return client.of(claimed.operation).send(
            claimed.operation, claimed.url, claimed.request_xml, claimed.message_id
        )
    except CallError as failure:
        return failure


def record(claimed: Claimed, result: Exchange | CallError) -> None:
    """Write what happened and apply it, in one transaction; then what it says of the channel, in another."""
    unavailable = False
    try:
        with transaction.atomic():
            unavailable = _record(claimed, result)
    except Exception as problem:
        # The answer came and we could not take it in. It is not lost: the same message brings it again.
        log.exception("answer_not_applied", call=claimed.call_id, problem=type(problem).__name__)
        with transaction.atomic():
            _note_attempt(claimed, result)
            call = TeleserviceCall.objects.select_for_update().get(pk=claimed.call_id)
            if call.status == CallStatus.CALLING:
                policy.lost(call, timezone.now(), "invalid")
                TeleserviceCall.objects.filter(pk=call.pk).update(cause="apply_failed")
    _tell_circuit(claimed, result, unavailable)
    if isinstance(result, ConfigurationError) and result.presented is not None:
        certificates.note_refused(claimed.channel, result.presented)


def _tell_circuit(claimed: Claimed, result: Exchange | CallError, unavailable: bool) -> None:
    if isinstance(result, ConfigurationError | Refused):
        return  # our own side is wrong: it says nothing of theirs
    if isinstance(result, CallError) or unavailable:
        cause = result.reason if isinstance(result, CallError) else result.answer.header.code
        gates.failed(claimed.channel, claimed.operation, cause, timezone.now(), probe=claimed.probe)
    elif claimed.troubled or claimed.probe:
        gates.answered(claimed.channel, claimed.operation)


def _record(claimed: Claimed, result: Exchange | CallError) -> bool:
    """True when the other side answers that it can't process anything now."""
    call = _TO_RECORD.get(call=claimed.call_id)
    if call.status not in (CallStatus.CALLING, CallStatus.UNKNOWN):
        _note_attempt(claimed, result)
        return False  # a reconciliation was faster: its record stands
    now = timezone.now()
    if isinstance(result, Exchange):
        call.duration_ms = result.duration_ms
        if result.answer.header.positive:
            policy.succeeded(call, result.answer.header, now)
            _SUCCEEDED.run(_attempt(claimed, result), call)
            policy.apply(call, result.answer)
            return False
    _note_attempt(claimed, result)
    if isinstance(result, Exchange):
        policy.refused(call, result.answer.header, now)
        if call.disposition != Disposition.RETRY:
            return False
        # An answer that says « not now » is no service: it counts for nothing in times and availability.
        TeleserviceAttempt.objects.filter(pk=claimed.attempt_id).update(outcome=AttemptOutcome.UNAVAILABLE)
        return True
    if isinstance(result, ConfigurationError | Refused):
        policy.stopped(call, result.reason, claimed.was_in_doubt, now)
    elif isinstance(result, NotSent):
        policy.not_sent(call, claimed.was_in_doubt, now)
    else:
        policy.lost(call, now, "invalid" if isinstance(result, InvalidAnswer) else "lost")
    return False


_OUTCOMES: tuple[tuple[type[CallError], AttemptOutcome], ...] = (
    (ConfigurationError, AttemptOutcome.CONFIGURATION),
    (Refused, AttemptOutcome.REFUSED),
    (NotSent, AttemptOutcome.NOT_SENT),
    (InvalidAnswer, AttemptOutcome.INVALID),
    (AnswerLost, AttemptOutcome.LOST),
)


def _attempt(claimed: Claimed, result: Exchange | CallError) -> TeleserviceAttempt:
    """What came of the attempt: only the fields of `_NOTE` count, the row keeps the others."""
    attempt = TeleserviceAttempt(
        pk=claimed.attempt_id,
        duration_ms=result.duration_ms,
        http_status=result.http_status,
        response_xml=result.response_xml,
        outcome=AttemptOutcome.ANSWERED,
    )
    if isinstance(result, CallError):
        attempt.outcome = next(outcome for family, outcome in _OUTCOMES if isinstance(result, family))
        attempt.reason = result.reason[:60]
    return attempt


def _note_attempt(claimed: Claimed, result: Exchange | CallError) -> None:
    _NOTE.run(_attempt(claimed, result))


def _end_before_sending(call_id: int, cause: str, *, pointless: bool) -> None:
    stay_id = TeleserviceCall.objects.values_list("stay_id", flat=True).get(pk=call_id)
    with transaction.atomic():
        Stay.objects.select_for_update().get(pk=stay_id)
        call = (
            TeleserviceCall.objects.select_for_update(of=("self",))
            .select_related("stay", "coverage", "event")
            .filter(pk=call_id, status__in=CLAIMABLE, in_doubt=False)
            .first()
        )
        if call is None:
            return
        if pointless:
            policy.pointless(call, cause, timezone.now())
        else:
            policy.stopped(call, cause, False, timezone.now())


def sweep(limit: int = 500) -> int:
    """What a crash or a lost wake-up left: claims that ran out become unknown, due calls are woken. Returns how many."""
    now = timezone.now()
    with transaction.atomic():
        expired = list(
            TeleserviceCall.objects.select_for_update(skip_locked=True).filter(
                status=Constant(CallStatus.CALLING), claimed_until__lt=now
            )[:limit]
        )
        for call in expired:
            # Its worker died between the claim and the record: it may have been sent.
            policy.lost(call, now)
            TeleserviceAttempt.objects.filter(call=call, outcome=AttemptOutcome.STARTED).update(
                outcome=AttemptOutcome.LOST, reason="worker_gone"
            )
    return len(expired) + queue.wake_due(now)


def reconsider_unknown(limit: int = 500) -> int:
    """Refusals whose code has come into the catalogue since, treated as it says. Returns how many.

    After an import, and every hour: a list may take effect on a later day.
    """
    today = timezone.localdate()
    known = ReturnCode.objects.filter(
        Q(valid_until__isnull=True) | Q(valid_until__gte=today), code=OuterRef("return_code"), valid_from__lte=today
    )
    found = TeleserviceCall.objects.filter(
        Exists(known),
        status=Constant(CallStatus.REFUSED),
        superseded_at__isnull=True,
        handled_at__isnull=True,
        disposition=Constant(Disposition.STORE),
        family=Family.UNKNOWN_CODE,
    )
    count = 0
    for call_id in list(found.order_by("finished_at").values_list("pk", flat=True)[:limit]):
        with transaction.atomic():
            count += policy.reconsider(_TO_RECORD.get(call=call_id), timezone.now())
    return count
