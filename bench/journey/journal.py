"""Steps printed as they end, with their time; what was expected beside what was found."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class StoryFailed(Exception):
    """A step failed: the rest of its story has no sense."""


class NotYet(Exception):
    """What was waited for did not come in time. Its text says what was seen last."""


class Refusal(Exception):
    """The API refused a demand. Its text is the problem that it answered."""


class Journal:
    """Counts steps. A step may make several checks: all of them are made, and each difference is shown."""

    def __init__(self) -> None:
        self.steps = 0
        self.failed = 0
        self._differences: list[str] = []

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Run one step. Raises StoryFailed once it is written down as failed."""
        self.steps += 1
        self._differences = []
        started = time.monotonic()
        try:
            yield
        except (NotYet, Refusal, OSError, LookupError) as problem:
            self._differences.append(f"{type(problem).__name__} : {problem}")
        took = time.monotonic() - started
        if not self._differences:
            print(f"  ok   {took:5.1f} s  {title}", flush=True)
            return
        self.failed += 1
        print(f"  NON  {took:5.1f} s  {title}", flush=True)
        for difference in self._differences:
            print("\n".join(f"         {line}" for line in difference.splitlines()), flush=True)
        raise StoryFailed(title)

    def check(self, what: str, expected: Any, found: Any) -> None:
        """Note a difference, if there is one."""
        if expected != found:
            self._differences.append(f"{what}\n  attendu : {expected}\n  trouvé  : {found}")

    def missed(self, title: str) -> None:
        """A step that could not even be tried."""
        self.steps += 1
        self.failed += 1
        print(f"  NON      –    {title} (non tenté)", flush=True)

    def last_line(self) -> str:
        return f"journey: {self.steps} steps, {self.failed} failed"
