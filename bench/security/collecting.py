"""What the tests said while they ran: passed or not, chapter by chapter, and the figures that they measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from bench.security.chapters import CHAPTERS, chapter_of

#: The name under which a test keeps a figure (fixture `measured` of tests/conftest.py).
PROPERTY: Final = "security"


@dataclass
class Result:
    """One chapter. `figures`: what was measured → how much, in all its tests."""

    checks: int = 0
    failed: list[str] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)


class Collector:
    """A plugin of pytest, alone or with several processes."""

    def __init__(self) -> None:
        self.results = {name: Result() for name in CHAPTERS}
        self.skipped: list[str] = []

    def pytest_runtest_logreport(self, report: Any) -> None:
        chapter = chapter_of(report.nodeid)
        if chapter is None:
            return
        result = self.results[chapter]
        if report.when == "call" and report.outcome != "skipped":
            result.checks += 1
            for name, value in report.user_properties:
                if name == PROPERTY:
                    what, much = value
                    result.figures[what] = result.figures.get(what, 0) + much
        if report.outcome == "failed":
            result.failed.append(report.nodeid)
        elif report.outcome == "skipped":
            self.skipped.append(report.nodeid)
