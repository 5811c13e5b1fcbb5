"""Ctrl-C, SIGTERM and SIGHUP become a note that every wait reads.

An exception raised by a handler could fall between a process' birth and its registration, or inside the stops
themselves. A note falls nowhere: `check` raises it where nothing is half done.
"""

from __future__ import annotations

import signal

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_received: list[int] = []


class Stopped(BaseException):
    """A signal asked the supervisor to stop. Not an Exception: no handler in between may swallow it."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


def listen() -> None:
    """From now on, these signals are noted and interrupt nothing by themselves."""
    for number in _STOPPING:
        signal.signal(number, _note)


def check() -> None:
    """Raise Stopped if one of them has come."""
    if _received:
        raise Stopped(_received[0])


def _note(signum: int, _frame: object) -> None:
    _received.append(signum)
