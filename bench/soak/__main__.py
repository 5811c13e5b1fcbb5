"""`python -m bench.soak`: exit status 0 when nothing was lost and nothing had effect twice. See the package."""

from __future__ import annotations

import argparse
import random
import secrets
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from bench.soak.ground import Ground, ground
from gap.supervisor import signals
from gap.supervisor.signals import Stopped

# What a stay makes at least, when its payer is known and its rights are fresh.
_CALLS_A_STAY = 2
_CALM_S = 180


def main() -> int:
    options = _options()
    signals.listen()
    print(f"Endurance : {options.calls} appels environ, graine {options.seed}", flush=True)
    try:
        with ground() as place:
            return _soak(place, options.calls, options.seed)
    except Stopped as stopped:
        return 128 + stopped.signum
    except RuntimeError as problem:
        print(problem, file=sys.stderr)
        print("soak: 0 calls, 1 lost, 0 twice", flush=True)
        return 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--calls", type=int, default=4000, help="how many calls, about (4000)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="of chance, to see a run again")
    return parser.parse_args()


def _soak(place: Ground, calls: int, seed: int) -> int:
    # They need the settings, which name servers that have just been started.
    from bench.soak import load, verdict
    from bench.soak.faults import Faults

    load.quicken()
    faults = Faults(place, seed)
    started = time.monotonic()
    stays = max(calls // _CALLS_A_STAY, 1)
    over = threading.Event()
    lives = ThreadPoolExecutor(1)
    lived = lives.submit(load.live, stays, random.Random(seed), lambda count: _progress(count, stays, started))
    lived.add_done_callback(lambda _: over.set())
    faults.strike_until(over)
    lived.result()
    print(f"Séjours vécus en {time.monotonic() - started:.0f} s ; {_told(faults.counts)}", flush=True)
    quiet = _wait_until_quiet()
    found = load.persist(lambda: verdict.judge(place.state))
    print(f"Tout est au repos {quiet:.0f} s après la dernière panne", flush=True)
    print(f"  {_settled()}", flush=True)
    for sentence in [*found.lost, *found.twice][:40]:
        print(f"  {sentence}", flush=True)
    print(f"soak: {found.calls} calls, {len(found.lost)} lost, {len(found.twice)} twice", flush=True)
    return 1 if found.lost or found.twice or not found.calls else 0


def _wait_until_quiet() -> float:
    """Until nothing is open any more, or three minutes: the verdict says what is left. Returns seconds."""
    from admissions.models import EventDelivery
    from bench.soak.load import persist
    from teleservices.enums import OPEN
    from teleservices.models import TeleserviceCall

    def busy() -> bool:
        owed = EventDelivery.objects.filter(done_at__isnull=True).exists()
        return owed or TeleserviceCall.objects.filter(status__in=OPEN).exists()

    started = time.monotonic()
    while persist(busy) and time.monotonic() - started < _CALM_S:
        signals.check()
        time.sleep(0.5)
    return time.monotonic() - started


def _settled() -> str:
    """What the faults made of the calls, in a line."""
    from bench.soak.load import persist
    from teleservices.enums import AttemptOutcome
    from teleservices.models import TeleserviceAttempt, TeleserviceCall

    by_operation = persist(lambda: Counter(TeleserviceCall.objects.values_list("operation", flat=True)))
    by_outcome = persist(lambda: Counter(TeleserviceAttempt.objects.values_list("outcome", flat=True)))
    operations = ", ".join(f"{count} {name}" for name, count in sorted(by_operation.items()))
    outcomes = ", ".join(f"{count} {AttemptOutcome(name).label}" for name, count in by_outcome.most_common())
    return f"{operations} ; {by_outcome.total()} tentatives : {outcomes}"


def _progress(count: int, of: int, started: float) -> None:
    if count % max(of // 10, 1) == 0:
        print(f"  {time.monotonic() - started:6.0f} s  {count} séjours sur {of}", flush=True)


def _told(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} × {name}" for name, count in sorted(counts.items()))


if __name__ == "__main__":
    sys.exit(main())
