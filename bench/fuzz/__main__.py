"""`make fuzz`: each reader for its share of the time, guided by the code it covers; then the API by its description.

Prints `fuzz: N targets, N executions, N crashes` last, and ends with 1 when something crashed. What crashed is kept in
the folder that is said.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_ONE_INPUT_S = 5
_LONGEST_INPUT = 4096
_MEMORY_MB = 2048


def main() -> int:
    reader = argparse.ArgumentParser(prog="bench.fuzz")
    reader.add_argument("--seconds", type=int, default=300)
    reader.add_argument("--one", default="")
    reader.add_argument("--corpus", type=Path, default=None)
    asked = reader.parse_args()
    if asked.one:
        return _run_one(asked.one, asked.seconds, asked.corpus)
    return _run_all(asked.seconds)


def _run_all(seconds: int) -> int:
    targets, _ = _targets()
    folder = Path(tempfile.mkdtemp(prefix="gap-fuzz-"))
    share = max(seconds // (len(targets) + 3), 2)
    executions = crashes = 0
    for name in targets:
        corpus = folder / name
        corpus.mkdir()
        command = [sys.executable, "-m", "bench.fuzz", "--one", name, "--seconds", str(share), "--corpus", str(corpus)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)
        count = re.search(r"stat::number_of_executed_units:\s*(\d+)", done.stderr)
        executions += int(count[1]) if count else 0
        failed = done.returncode != 0
        crashes += failed
        print(f"{name:<14} {count[1] if count else '?':>9}  {'CRASH' if failed else 'ok'}", flush=True)
        if failed:
            print(done.stderr[-3000:], file=sys.stderr)
    counted = folder / "api"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/api/test_schema_fuzz.py"],
        cwd=ROOT,
        env=os.environ | {"GAP_FUZZ": str(max(3 * share, 30)), "GAP_FUZZ_COUNT": str(counted)},
        check=False,
    )
    asked = int(counted.read_text()) if counted.exists() else 0
    print(f"{'API':<14} {asked:>9}  {'CRASH' if done.returncode else 'ok'}")
    crashes += done.returncode != 0
    if crashes:
        print(f"what crashed is in {folder}")
    print(f"fuzz: {len(targets) + 1} targets, {executions + asked} executions, {crashes} crashes")
    return 1 if crashes else 0


def _run_one(name: str, seconds: int, corpus: Path) -> int:
    import atheris

    with atheris.instrument_imports(
        include=["accounts", "debtors", "admissions", "teleservices", "billing", "worklists", "gap", "stdnum", "json"]
    ):
        targets, seeds = _targets()
    for number, seed in enumerate(seeds.get(name, ())):
        (corpus / f"seed-{number}").write_bytes(seed)
    limits = (
        f"-max_total_time={seconds}", f"-timeout={_ONE_INPUT_S}", f"-max_len={_LONGEST_INPUT}",
        f"-rss_limit_mb={_MEMORY_MB}", "-print_final_stats=1", f"-artifact_prefix={corpus}/crash-",
    )  # fmt: skip
    atheris.Setup([sys.argv[0], *limits, str(corpus)], targets[name])
    atheris.Fuzz()
    return 0


def _targets():  # type: ignore[no-untyped-def]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gap.settings")
    import django

    django.setup()
    from bench.fuzz.targets import SEEDS, TARGETS

    return TARGETS, SEEDS


if __name__ == "__main__":
    sys.exit(main())
