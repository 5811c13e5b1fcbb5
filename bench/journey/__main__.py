"""`python -m bench.journey`: exit status 0 when every step is as expected. See the package."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from bench.journey import outside, stories
from bench.journey.ground import Ground, ground
from bench.journey.journal import Journal, StoryFailed
from gap.supervisor import signals
from gap.supervisor.signals import Stopped


def main() -> int:
    signals.listen()
    started = time.monotonic()
    journal = Journal()
    try:
        with ground() as place:
            print(f"Parcours : tout est démarré en {time.monotonic() - started:.1f} s", flush=True)
            _walk(place, journal)
    except Stopped as stopped:
        return 128 + stopped.signum
    except RuntimeError as problem:
        print(problem, file=sys.stderr)
        journal.missed("démarrage")
    print(f"Parcours fini en {time.monotonic() - started:.1f} s", flush=True)
    print(journal.last_line(), flush=True)
    return 1 if journal.failed or not journal.steps else 0


def _walk(place: Ground, journal: Journal) -> None:
    now = datetime.now(ZoneInfo("Europe/Paris")).replace(microsecond=0)
    hospital = stories.Hospital(place, journal, now)
    # The outage lasts as long as its retries do: the other stories go on meanwhile, as a hospital does.
    iep = _tell(lambda: stories.outage_begins(hospital))
    side = _tell(lambda: outside.changes_sides(hospital))
    _tell(lambda: stories.a_stay(hospital))
    _tell(lambda: stories.external_acts(hospital))
    _tell(lambda: stories.refused_card(hospital))
    _tell(lambda: outside.outside_roc(hospital))
    if side is None:
        journal.missed("g3–g5  requalification")
    else:
        _tell(lambda: outside.changes_sides_again(hospital, side))
    if iep is None:
        journal.missed("d3–d4  organisme revenu")
    else:
        _tell(lambda: stories.outage_ends(hospital, iep))
    _tell(lambda: stories.rejected_invoice(hospital))


def _tell(story: Callable[[], str | None]) -> str | None:
    signals.check()
    try:
        return story()
    except StoryFailed:
        return None


if __name__ == "__main__":
    sys.exit(main())
