"""A file of years of cards: given, read and applied, with a large hospital's lines and a hundredth of them."""

from __future__ import annotations

import time

from bench.measure import Row
from debtors.enums import ImportKind, ImportState
from debtors.imports import runs
from debtors.models import Debtor, FileImport

LINES = 100_000
#: From the file that is given to the last association, in milliseconds.
IMPORT_MS = 60_000
#: Lines of one kind of card, as a hospital's file has.
_LINES_OF_A_CARD = 5
#: Numbers of ours, apart from those of the rest of the bench.
_FIRST = 5_000_000_000
_HEADER = "amc;convention;code;date;montant"


def row(size: float = 1.0) -> Row:
    """One file of a hundredth of LINES, then one of LINES; the second is what the goal is of."""
    debtors = _debtors()
    few = _took(max(int(LINES * size / 100), _LINES_OF_A_CARD), debtors, "1")
    many = _took(max(int(LINES * size), _LINES_OF_A_CARD), debtors, "2")
    return Row(
        f"historique de {LINES * size:,.0f} lignes lu et appliqué".replace(",", "\u00a0"), 1, many, many,
        baseline="à 1 %", baseline_median=few, ratio=many / few, goal=f"≤ {IMPORT_MS} ms", held=many <= IMPORT_MS,
    )  # fmt: skip


def _debtors() -> list[str]:
    made = [Debtor(kind="AMC", code=f"I{n}", name=f"Mutuelle I{n}", amc_number=f"{_FIRST + n}") for n in range(2_000)]
    Debtor.objects.bulk_create(made, batch_size=1_000, ignore_conflicts=True)
    return [debtor.code for debtor in made]


def _took(lines: int, debtors: list[str], mark: str) -> float:
    cards = max(lines // _LINES_OF_A_CARD, 1)
    text = "\n".join(
        f"{_FIRST + n % cards};{'AB'[n % 2]}{mark};{debtors[n % cards % len(debtors)]};03/0{n % 9 + 1}/2025;12,50"
        for n in range(lines)
    )
    started = time.perf_counter()
    given = runs.give(ImportKind.HISTORY, f"historique-{mark}.csv", f"{_HEADER}\n{text}".encode(), None)
    runs.run(given.pk)
    runs.start(given.pk)
    runs.run(given.pk)
    took = 1_000 * (time.perf_counter() - started)
    done = FileImport.objects.get(pk=given.pk)
    assert done.state == ImportState.DONE and done.lines_count == lines, done.cause
    assert done.applied_count >= cards, done.applied_count
    return took
