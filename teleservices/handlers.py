"""Who knows what to ask and what an answer means, one handler an operation.

The engine carries calls; it does not know money. The floors above register their handlers when they start, so that
imports keep going down.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from admissions.models import AdmissionEvent, Stay
from teleservices.messages import AnswerHeader, Operation
from teleservices.models import TeleserviceCall


class NothingToAsk(Exception):
    """The question has lost its object since it was planned (stay cancelled, coverage replaced, nothing to bill)."""


class NotConfigured(Exception):
    """A setting is missing to ask it: the AMC's address, the directory's. One cause, shown once."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class Handler(Protocol):
    """What the engine needs of an operation."""

    def build(self, call: TeleserviceCall, sent_at: datetime) -> tuple[str, Any]:
        """The URL and the message, for a call read by `querysets.to_ask`. Raises NothingToAsk, NotConfigured.

        Nothing is locked, and the claim may yet fail: it only reads, and notes what it asked in `call.parameters`.
        """

    def apply(self, call: TeleserviceCall, answer: Any) -> None:
        """Take a positive answer into account. Runs in a transaction, with stay and call locked."""


_HANDLERS: dict[Operation, Handler] = {}
_AFTERWARDS: list[Callable[[TeleserviceCall], None]] = []
_STOPPED: list[Callable[[TeleserviceCall], None]] = []
_REFUSED: list[Callable[[TeleserviceCall, AnswerHeader], None]] = []
_REARMED: list[Callable[[Stay, AdmissionEvent], None]] = []
_OUTSIDE: list[Callable[[Stay, AdmissionEvent], None]] = []


def register(operation: Operation, handler: Handler) -> None:
    _HANDLERS[operation] = handler


def register_afterwards(hook: Callable[[TeleserviceCall], None]) -> None:
    """`hook` is told of each call that ended, in the transaction that recorded it: the chain goes on from there."""
    if hook not in _AFTERWARDS:
        _AFTERWARDS.append(hook)


def register_stopped(hook: Callable[[TeleserviceCall], None]) -> None:
    """`hook` is told of each call that stopped for a cause of ours, in the transaction that recorded it."""
    if hook not in _STOPPED:
        _STOPPED.append(hook)


def register_refused(hook: Callable[[TeleserviceCall, AnswerHeader], None]) -> None:
    """`hook` is told of each negative answer, in the transaction that recorded it, before it is disposed of."""
    if hook not in _REFUSED:
        _REFUSED.append(hook)


def register_rearmed(hook: Callable[[Stay, AdmissionEvent], None]) -> None:
    """`hook` is told of each stay whose refusals have just lost their object: what they stopped goes on from there."""
    if hook not in _REARMED:
        _REARMED.append(hook)


def register_outside(hook: Callable[[Stay, AdmissionEvent], None]) -> None:
    """`hook` is told of each stay one of whose payers is out of reach by ROC, each time that this is found."""
    if hook not in _OUTSIDE:
        _OUTSIDE.append(hook)


def handler_of(operation: str) -> Handler:
    return _HANDLERS[Operation(operation)]


def call_ended(call: TeleserviceCall) -> None:
    for hook in _AFTERWARDS:
        hook(call)


def call_refused(call: TeleserviceCall, header: AnswerHeader) -> None:
    for hook in _REFUSED:
        hook(call, header)


def call_stopped(call: TeleserviceCall) -> None:
    for hook in _STOPPED:
        hook(call)


def rearmed(stay: Stay, event: AdmissionEvent) -> None:
    for hook in _REARMED:
        hook(stay, event)


def outside(stay: Stay, event: AdmissionEvent) -> None:
    for hook in _OUTSIDE:
        hook(stay, event)


def register_own() -> None:
    from teleservices import amo, batches, connection_test, national, planning
    from teleservices.insi import IdentityHandler
    from teleservices.insi_check import CheckHandler
    from teleservices.rights import DirectoryHandler, RightsHandler

    register(Operation.DIRECTORY, DirectoryHandler())
    register(Operation.IDB, RightsHandler())
    register(Operation.INSI, IdentityHandler())
    register(Operation.INSV, CheckHandler())
    register(Operation.CDRI, amo.AmoHandler())
    register_refused(amo.note_closed)
    planning.register_national(national.plan)
    register_afterwards(connection_test.call_ended)
    register_afterwards(batches.call_ended)
    register_stopped(batches.call_ended)
    register_stopped(connection_test.call_ended)
