"""The bench itself, on sizes so small that its figures mean nothing: it must run, and say the truth of what it finds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bench import calls, cards, debtors, flow, lists, measure
from bench.ground import Ground, database_url, ground
from gap.supervisor.servers import EmbeddedRedis

ROOT = Path(__file__).resolve().parents[2]


def sample(*values: float) -> measure.Sample:
    return measure.Sample(values)


def test_a_sample_tells_its_median_and_its_95th_percentile() -> None:
    values = sample(*range(1, 101))
    assert (values.median, values.p95) == (50.5, 95)
    assert (sample(7).median, sample(7).p95) == (7, 7)


def test_subjects_are_timed_in_turns_and_the_warm_up_counts_for_nothing() -> None:
    order: list[tuple[str, int]] = []
    taken = measure.in_turns(
        3, [lambda number: order.append(("a", number)), lambda number: order.append(("b", number))], warm_up=1
    )
    assert order == [("b", -1), ("a", -1), ("a", 0), ("b", 0), ("b", 1), ("a", 1), ("a", 2), ("b", 2)]
    assert [len(found.values) for found in taken] == [3, 3]


def test_a_goal_is_held_or_missed_and_an_information_is_neither() -> None:
    held = measure.against("un", sample(2.0), "base", sample(1.0), 2.5)
    missed = measure.against("deux", sample(3.0), "base", sample(1.0), 2.5)
    told = measure.against("trois", sample(3.0), "base", sample(1.0), None)
    assert [row.held for row in (held, missed, told)] == [True, False, None]
    assert measure.within("un", sample(150.0), 150).held is True
    assert measure.within("un", sample(151.0), 150).held is False
    text = measure.table([held, missed, told])
    assert "tenu" in text and "manqué" in text and "3,00 ×" in text and "≤ 2,5 ×" in text


def test_cards_are_measured() -> None:
    direct, apart = cards.rows(2, scenes=1)
    assert direct.ratio and direct.held is not None and apart.held is None


@pytest.fixture
def place(db, simulator, tmp_path: Path) -> Iterator[Ground]:
    with ground(tmp_path, simulator=simulator) as found:
        yield found


def test_calls_are_measured_and_really_succeed(place: Ground) -> None:
    simple, present, *queries = calls.rows(place, 2)
    assert simple.n == 2 and simple.ratio and simple.held is not None and present.held is None
    # The BEGIN and COMMIT of the record included: the claim is one statement and needs none.
    assert [row.median for row in queries] == [8, 21]


def test_lists_are_asked_for_one_line_and_for_more(place: Ground) -> None:
    rows = lists.rows(place, 2, most=9)
    assert len(rows) == 9
    assert [row.name for row in rows if not row.held] == []


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Callable[..., dict[str, Any]]]:
    """Run `python -m bench` on the test's database and a Redis of its own; gives what it wrote."""
    redis = EmbeddedRedis(tmp_path / "redis")
    redis.launch(tmp_path / "redis.log")
    redis.wait()

    def run(*arguments: str) -> dict[str, Any]:
        results = tmp_path / "results"
        done = subprocess.run(
            [sys.executable, "-m", "bench", "--prepared", "--results", str(results), *arguments],
            cwd=ROOT,
            env=os.environ
            | {"DATABASE_URL": database_url(), "REDIS_URL": redis.url, "GAP_VAR_DIR": str(tmp_path / "var")},
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert done.returncode == 0, done.stderr
        assert "médiane" in done.stdout
        (written,) = results.glob("*.json")
        content: dict[str, Any] = json.loads(written.read_text(encoding="utf-8"))
        return content

    yield run
    assert redis.child is not None
    redis.child.stop()


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_the_whole_bench_runs_prints_and_writes(bench) -> None:
    content = bench("--rounds", "1", "--lines", "3", "--only", "chain", "--only", "screens")
    assert len(content["rows"]) == 11 and all(row["median"] > 0 for row in content["rows"])


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_flows_are_measured_on_calls_that_succeed(transactional_db, simulator, tmp_path: Path, monkeypatch) -> None:
    # The rest of the suite runs beside: one worker, few threads.
    monkeypatch.setattr(flow, "PROCESSES", 1)
    monkeypatch.setattr(flow, "THREADS", 4)
    with ground(tmp_path, simulator=simulator) as place:
        found = flow.rows(place, 4, backlog=600, ledger=6_000, seconds=1, drain=True)
    rows = {row.name.split(",")[0]: row for row in found}
    assert len(rows) == len(found) - 1 == 8
    # These two do not depend on the load of the machine.
    assert rows["questions du moteur sans index"].held is True
    assert rows["mémoire que ces processus prennent de plus"].held is True
    assert all(row.median > 0 for row in found if row.unit in ("/s", "appels", "ms"))


def test_debtors_are_measured_at_two_sizes(db) -> None:
    found = debtors.rows(4, size=0.01)
    assert [row.held for row in found] == [True] * 4
    assert all(row.ratio and row.baseline == "à 1 %" for row in found)
