"""`make bench`: measures the product against what it is made of, prints one table, writes it beside.

Ratios of one run on one machine are what counts; absolute figures are those of the machine, and of its other tenants.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import django

if TYPE_CHECKING:
    from bench.ground import Ground
    from bench.measure import Row

RESULTS = Path(__file__).parent / "results"
# Past this share of the processor taken by the host for others, a 95th percentile says more of them than of us.
_MUCH_STOLEN = 2.0


#: Measures that share a database. The flows count every call of theirs: they begin in an empty one.
_GROUPS = (("cards", "calls", "chain", "screens", "lists"), ("debtors",), ("patients",), ("flow",))


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gap.settings")
    django.setup()
    from bench.ground import empty_database, ground
    from bench.measure import processor_ticks, stolen_percent, table

    found: list[Row] = []
    before = processor_ticks()
    measures = _measures(options)
    for group in _GROUPS:
        if not (wanted := [name for name in group if not options.only or name in options.only]):
            continue
        database = nullcontext() if options.prepared else empty_database()
        with database, tempfile.TemporaryDirectory(prefix="gap-bench-") as folder, ground(Path(folder)) as place:
            for name in wanted:
                print(f"… {name}", file=sys.stderr, flush=True)
                found += measures[name](place)
    print(table(found))
    stolen = stolen_percent(before, processor_ticks())
    if stolen >= _MUCH_STOLEN:
        print(
            f"\nL’hôte a pris {stolen:.0f} % du processeur pendant la mesure : les durées ne valent que comme majorants."
        )
    written = _write(found, options.rounds, options.results, stolen)
    print(f"\n{written.relative_to(Path.cwd()) if written.is_relative_to(Path.cwd()) else written}")
    missed = [row for row in found if row.held is False]
    return 1 if options.strict and missed else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100, help="rounds of each measure (fewer where one is long)")
    parser.add_argument("--lines", type=int, default=500, help="lines of the worklist that is measured")
    parser.add_argument(
        "--backlog", type=int, default=100_000, help="calls of the night that wait; ten times as many ended"
    )
    parser.add_argument(
        "--size",
        type=float,
        default=1.0,
        help="of the tables of cards and debtors (1: a million), and of patients (two)",
    )
    parser.add_argument("--seconds", type=float, default=20, help="how long each flow of calls is looked at")
    parser.add_argument("--drain", action="store_true", help="carry the whole night too (some minutes)")
    parser.add_argument(
        "--only",
        action="append",
        choices=["cards", "calls", "chain", "screens", "lists", "debtors", "patients", "flow"],
    )
    parser.add_argument("--prepared", action="store_true", help="the database is migrated already, and for this alone")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the JSON file")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a goal is missed")
    return parser.parse_args(arguments)


def _measures(options: argparse.Namespace) -> dict[str, Callable[[Ground], list[Row]]]:
    from bench import calls, cards, chain, debtors, flow, lists, patients, screens

    rounds, backlog = options.rounds, options.backlog
    return {
        "cards": lambda place: cards.rows(rounds),
        "calls": lambda place: calls.rows(place, rounds),
        "chain": lambda place: chain.rows(place, rounds),
        "screens": lambda place: screens.rows(place, rounds, options.lines),
        "lists": lambda place: lists.rows(place, min(options.lines, 50)),
        "debtors": lambda place: debtors.rows(rounds, options.size),
        "patients": lambda place: patients.rows(rounds, options.size),
        "flow": lambda place: flow.rows(
            place, rounds, backlog=backlog, ledger=backlog * 10, seconds=options.seconds, drain=options.drain
        ),
    }


def _write(found: Sequence[Row], rounds: int, folder: Path, stolen: float) -> Path:
    """One file a day and a time, never committed."""
    from bench.ground import processors

    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now().astimezone()
    path = folder / f"{now:%Y-%m-%d-%Hh%Mm%S}.json"
    content = {
        "at": now.isoformat(timespec="seconds"),
        "python": sys.version.split()[0],
        "processors": processors(),
        "load": os.getloadavg(),
        "stolen_percent": round(stolen, 1),
        "rounds": rounds,
        "rows": [asdict(row) for row in found],
    }
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
    return path


if __name__ == "__main__":
    sys.exit(main())
