"""What goes wrong, at random, while stays are lived."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable

from bench.soak.ground import Ground
from bench.soak.load import PAYERS
from gap.supervisor import signals

_BEHAVIOURS = (
    "cut_before", "cut_after", "http:500", "http:503", "fault:Server", "not_xml", "truncated", "invalid_answer",
    "other_message_id", "latency:1", "latency:4", "code:RC24", "code:RC25", "code:RC26",
)  # fmt: skip


class Faults:
    """One fault every second or three. `counts`: how many of each."""

    def __init__(self, place: Ground, seed: int) -> None:
        self._place, self._chance = place, random.Random(seed)
        self.counts: Counter[str] = Counter()
        self._kinds: dict[str, tuple[int, Callable[[], None]]] = {
            "organisme qui faute": (10, self._misbehave),
            "travailleur tué": (5, self._kill_worker),
            "planificateur tué": (1, lambda: place.kill("scheduler")),
            "Redis tué, revenu vide": (2, self._lose_redis),
            "PostgreSQL relancé": (1, lambda: self._restart_postgres(crash=False)),
            "PostgreSQL tombé": (1, lambda: self._restart_postgres(crash=True)),
            "simulateur tué": (2, self._lose_simulator),
        }

    def strike_until(self, over: threading.Event) -> None:
        """Then everybody is well again. By the main thread: a process dies with the thread that started it."""
        names = list(self._kinds)
        weights = [weight for weight, _ in self._kinds.values()]
        # Each once, then as chance has it.
        first = names.copy()
        self._chance.shuffle(first)
        while first or not over.is_set():
            over.wait(self._chance.uniform(0.5, 3))
            signals.check()
            name = first.pop() if first else self._chance.choices(names, weights)[0]
            self._kinds[name][1]()
            self.counts[name] += 1
            # Everything that was killed has been started again: what is not there died of somebody else's fault.
            if (dead := self._place.runtime.dead()) is not None:
                raise RuntimeError(dead.epitaph())
        self._place.clear_scenarios()

    def _misbehave(self) -> None:
        # The simulator may be away for the moment.
        with contextlib.suppress(OSError):
            self._place.scenario(
                self._chance.choice(PAYERS), self._chance.choice(_BEHAVIOURS), self._chance.randint(1, 15)
            )

    def _kill_worker(self) -> None:
        self._place.kill(self._chance.choice(self._place.workers))

    def _lose_redis(self) -> None:
        self._place.kill_redis()
        self._pause()
        self._place.restart_redis()

    def _restart_postgres(self, *, crash: bool) -> None:
        self._place.stop_postgres(crash=crash)
        self._pause()
        self._place.restart_postgres()

    def _lose_simulator(self) -> None:
        self._place.kill_simulator()
        self._pause()
        self._place.restart_simulator()

    def _pause(self) -> None:
        time.sleep(self._chance.uniform(0, 1.5))
