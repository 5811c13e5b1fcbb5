"""Whether the database takes what is asked and answers nothing, as far as this process knows (`gap.lookout` says it)."""

from __future__ import annotations

import threading

_silent = threading.Event()
_watcher = threading.local()


def begins() -> None:
    _silent.set()


def ends() -> None:
    _silent.clear()


def lasts() -> bool:
    return _silent.is_set()


def is_mine_to_watch() -> None:
    """This thread goes on asking: it is by its answer that the silence ends."""
    _watcher.here = True


def keeps_out() -> bool:
    """Whether this thread had better not wait."""
    return _silent.is_set() and not getattr(_watcher, "here", False)
