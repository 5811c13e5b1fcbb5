"""What time others say it is: the `Date` of their answers (RFC 9110 § 6.6.1), to the second.

The database often stands on this very machine, and is wrong with it. One of those whom we call may be wrong as well: ours is
said to be when two of them at least, and all of those heard lately, say so on the same side.
"""

from __future__ import annotations

import threading
import time
from email.utils import parsedate_to_datetime
from typing import Final

from django.conf import settings

from gap import incidents

_HEARD_FOR_S: Final = 3600.0
#: Of one source, read again after so long: a call does not pay for this.
_AGAIN_S = 60.0
_WITNESSES: Final = 2
# source → (its instant on the monotonic clock, our clock less its own in seconds)
_heard: dict[str, tuple[float, float]] = {}
_lock = threading.Lock()


def heard(source: str, said: str | None) -> None:
    """`source` (a host) has just answered, and said that it was this hour. What is no date is nothing."""
    now = time.monotonic()
    with _lock:
        last = _heard.get(source)
        if not said or (last is not None and now - last[0] < _AGAIN_S):
            return
        try:
            late_s = time.time() - parsedate_to_datetime(said).timestamp()
        except (TypeError, ValueError, OverflowError):
            return
        _heard[source] = (now, late_s)
        for old in [name for name, (at, _) in _heard.items() if now - at > _HEARD_FOR_S]:
            del _heard[old]
        found = [late for _, late in _heard.values()]
    if any(abs(late) <= settings.CLOCK_LATE_MAX_S for late in found):
        incidents.report("clock_heard", well=True)
    elif len(found) >= _WITNESSES and (min(found) > 0 or max(found) < 0):
        incidents.report("clock_heard", well=False)
