"""A web process does not stop in the middle of a page to look at all that it loaded at its start."""

from __future__ import annotations

import subprocess
import sys

from tests.processes import ROOT

LOADED = "import gap.wsgi, gc; print(gc.get_freeze_count(), sum(gc.get_count()), len(gc.get_objects()))"


def test_what_a_web_process_loads_is_left_out_of_the_collector() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], cwd=ROOT, capture_output=True, text=True, check=True)
    frozen, _recent, watched = (int(word) for word in done.stdout.split()[-3:])
    assert frozen > 100_000
    assert watched < frozen / 10
