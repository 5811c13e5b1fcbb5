"""`python -m gap.supervisor with -- COMMAND …` runs a command beside an embedded PostgreSQL and Redis;
`python -m gap.supervisor demo` runs the whole demonstration; both stop all of it on Ctrl-C and SIGTERM."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from . import demo, signals
from .children import die_with_parent
from .runtime import Runtime
from .signals import Stopped

# A terminal sends Ctrl-C to the command too: it gets this long to stop by itself before it is told again.
_CTRL_C_S = 2.0
_PATIENCE_S = 30.0


def main() -> int:
    options = _options()
    signals.listen()
    try:
        with Runtime(Path(options.var), durable=options.action == "demo") as runtime:
            if options.action == "demo":
                if options.reset:
                    runtime.reset()
                demo.run(runtime, options.port)
            return _run_beside(runtime, options.command)
    except Stopped as stopped:
        return 0 if options.action == "demo" else 128 + stopped.signum
    except RuntimeError as problem:
        print(problem, file=sys.stderr)
        return 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m gap.supervisor", description=__doc__)
    parser.add_argument("--var", default=os.environ.get("GAP_VAR_DIR", ".var"), help="folder of the data")
    actions = parser.add_subparsers(dest="action", required=True)
    beside = actions.add_parser("with", help="run a command with both servers")
    beside.add_argument("--scratch", action="store_true", help="fast servers that may lose data, for tests")
    beside.add_argument("command", nargs=argparse.REMAINDER)
    demonstration = actions.add_parser("demo", help="run the demonstration hospital")
    demonstration.add_argument("--reset", action="store_true", help="start from an empty hospital")
    demonstration.add_argument("--port", type=int, default=int(os.environ.get("PORT") or "8000"))
    return parser.parse_args()


def _run_beside(runtime: Runtime, words: list[str]) -> int:
    """The command keeps this terminal. Its status is ours."""
    command = words[1:] if words[:1] == ["--"] else words
    runtime.start_servers()
    process = subprocess.Popen(
        command,
        env={**os.environ, **runtime.environment},
        preexec_fn=die_with_parent(signal.SIGTERM),
    )
    try:
        while process.poll() is None:
            signals.check()
            time.sleep(0.02)
        return process.returncode
    except Stopped as stopped:
        _stop(process, stopped.signum)
        raise
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _stop(process: subprocess.Popen[bytes], signum: int) -> None:
    try:
        if signum == signal.SIGINT:
            process.wait(_CTRL_C_S)
    except subprocess.TimeoutExpired:
        pass
    if process.poll() is None:
        process.send_signal(signum)
    try:
        process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()


if __name__ == "__main__":
    sys.exit(main())
