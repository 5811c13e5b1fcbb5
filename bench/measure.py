"""Timings taken in turns, and what a row of the table says of them."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

Subject = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Sample:
    """Durations in milliseconds, in the order in which they were taken."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def p95(self) -> float:
        """95th percentile, by the nearest rank: one of the values, never an interpolation."""
        ordered = sorted(self.values)
        return ordered[max(0, -(-len(ordered) * 95 // 100) - 1)]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `held` is None for an information, to which no goal is set."""

    name: str
    n: int
    median: float
    p95: float
    unit: str = "ms"
    baseline: str = ""
    baseline_median: float | None = None
    ratio: float | None = None
    goal: str = ""
    held: bool | None = None
    note: str = ""


def processor_ticks() -> tuple[int, int]:
    """(all, stolen) since the machine started, as Linux counts them; zeros elsewhere."""
    try:
        ticks = [int(text) for text in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    except FileNotFoundError:
        return 0, 0
    idle = ticks[3] + ticks[4]
    return sum(ticks) - idle, ticks[7]


def stolen_percent(before: tuple[int, int], after: tuple[int, int]) -> float:
    """Share of the time in which this machine wanted to work that its host gave to others, in percent."""
    wanted, stolen = after[0] - before[0], after[1] - before[1]
    return 100 * stolen / wanted if wanted else 0.0


def in_turns(rounds: int, subjects: Sequence[Subject], *, warm_up: int = 2) -> list[Sample]:
    """Time each subject once a round, first to last then last to first: a drift of the machine touches all alike.

    Subjects get the number of the round, from 0; the warm-up rounds have negative ones and count for nothing.
    """
    taken: list[list[float]] = [[] for _ in subjects]
    gc.collect()
    for number in range(-warm_up, rounds):
        places = range(len(subjects))
        for place in places if number % 2 == 0 else reversed(places):
            start = time.perf_counter()
            subjects[place](number)
            elapsed = (time.perf_counter() - start) * 1000
            if number >= 0:
                taken[place].append(elapsed)
    return [Sample(tuple(values)) for values in taken]


def against(name: str, sample: Sample, baseline: str, base: Sample, most: float | None, note: str = "") -> Row:
    """A row whose ratio of medians must not exceed `most`; None: an information."""
    ratio = sample.median / base.median
    return Row(
        name,
        len(sample.values),
        sample.median,
        sample.p95,
        baseline=baseline,
        baseline_median=base.median,
        ratio=ratio,
        goal="" if most is None else f"≤ {_number(most, 1)} ×",
        held=None if most is None else ratio <= most,
        note=note,
    )


def within(name: str, sample: Sample, most_ms: float | None, note: str = "") -> Row:
    """A row whose 95th percentile must not exceed `most_ms`; None: an information."""
    goal, held = ("", None) if most_ms is None else (f"p95 ≤ {_number(most_ms, 0)} ms", sample.p95 <= most_ms)
    return Row(name, len(sample.values), sample.median, sample.p95, goal=goal, held=held, note=note)


def rate(
    name: str, n: int, found: float, unit: str, least: float, baseline: str = "", base: float | None = None
) -> Row:
    """A rate that must reach `least`: a share of the rate `base` when there is one, else as it is."""
    ratio = found / base if base else None
    goal = f"≥ {_number(least, 1)} ×" if base else f"≥ {_number(least, 0)} {unit}"
    held = (found if ratio is None else ratio) >= least
    return Row(name, n, found, found, unit, baseline, base, ratio, goal, held)


def at_most(name: str, n: int, found: float, unit: str, most: float, note: str = "") -> Row:
    """A count that must not exceed `most`."""
    return Row(name, n, found, found, unit, goal=f"≤ {_number(most, 0)} {unit}", held=found <= most, note=note)


_HEADINGS = ("mesure", "n", "médiane", "p95", "rapport", "but", "verdict", "contre")


def table(rows: Sequence[Row]) -> str:
    """The rows as aligned text, for a terminal."""
    return aligned(_HEADINGS, [_cells(row) for row in rows])


def aligned(headings: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """Any table as aligned text."""
    lines = [tuple(headings), *map(tuple, cells)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(headings))]
    lines.insert(1, tuple("─" * width for width in widths))
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def _cells(row: Row) -> tuple[str, ...]:
    verdict = {True: "tenu", False: "manqué", None: "—"}[row.held]
    against_what = f"{row.baseline} ({_value(row.baseline_median, row.unit)})" if row.baseline_median else row.note
    ratio = f"{_number(row.ratio, 2)} ×" if row.ratio is not None else ""
    return (
        row.name, str(row.n), _value(row.median, row.unit), _value(row.p95, row.unit), ratio, row.goal, verdict,
        against_what,
    )  # fmt: skip


def _value(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    return f"{_number(value, 2)} ms" if unit == "ms" else f"{_number(value, 0)} {unit}"


def _number(value: float, places: int) -> str:
    return f"{value:.{places}f}".replace(".", ",")
