"""Runs the chapters and prints their table; the last line is « security: N checks, 0 failed »."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import pytest

from bench.measure import aligned
from bench.security.chapters import CHAPTERS
from bench.security.collecting import Collector, Result

RESULTS = Path(__file__).parent.parent / "results"


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    collector = Collector()
    files = [file for files in CHAPTERS.values() for file in files]
    started = time.monotonic()
    status = pytest.main(
        ["-n", str(options.processes), "--dist", "loadscope", "--no-loadscope-reorder", "-q", "--no-header", *files],
        plugins=[collector],
    )
    seconds = time.monotonic() - started
    failed = [test for result in collector.results.values() for test in result.failed]
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        # Nothing ran, or not to its end: no table may say that all is well.
        print(f"security: the tests did not run to their end (pytest {status})")
        return 1
    print(table(collector.results))
    for test in failed:
        print(f"échec : {test}")
    for test in collector.skipped:
        print(f"pas fait ici : {test}")
    checks = sum(result.checks for result in collector.results.values())
    _write(collector, seconds)
    print(f"security: {checks} checks, {len(failed)} failed")
    return 1 if failed or not checks else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.security", description=__doc__)
    parser.add_argument("--processes", type=int, default=2, help="processes that run the tests")
    return parser.parse_args(arguments)


def table(results: dict[str, Result]) -> str:
    """One line a chapter: how many checks, how many failed, what was measured."""
    rows: list[tuple[str, str, str, str]] = []
    for name, result in results.items():
        figures = [_figure(*one) for one in sorted(result.figures.items())] or [""]
        rows.append((name, str(result.checks), str(len(result.failed)), figures[0]))
        rows += [("", "", "", figure) for figure in figures[1:]]
    return aligned(("chapitre", "contrôles", "échecs", "mesuré"), rows)


def _figure(what: str, much: float) -> str:
    number = f"{much:,.0f}".replace(",", "\u202f") if float(much).is_integer() else f"{much:.1f}".replace(".", ",")
    return f"{what} : {number}"


def _write(collector: Collector, seconds: float) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    content = {
        "seconds": round(seconds, 1),
        "skipped": collector.skipped,
        "chapters": {name: asdict(result) for name, result in collector.results.items()},
    }
    name = f"security-{datetime.now().astimezone():%Y-%m-%d-%Hh%Mm%S}.json"
    (RESULTS / name).write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
