"""`python -m gap.supervisor with -- COMMAND …` runs a command beside an embedded PostgreSQL and Redis;
`python -m gap.supervisor demo` runs the whole demonstration; both stop all of it on Ctrl-C and SIGTERM."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path

from . import demo
from .runtime import Runtime, Stopped


def _raise_stopped(signum: int, _frame: object) -> None:
    raise Stopped(signum)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m gap.supervisor", description=__doc__)
    parser.add_argument("--var", default=os.environ.get("GAP_VAR_DIR", ".var"), help="folder of the data")
    actions = parser.add_subparsers(dest="action", required=True)
    beside = actions.add_parser("with", help="run a command with both servers")
    beside.add_argument("--scratch", action="store_true", help="fast servers that may lose data, for tests")
    beside.add_argument("command", nargs=argparse.REMAINDER)
    demonstration = actions.add_parser("demo", help="run the demonstration hospital")
    demonstration.add_argument("--reset", action="store_true", help="start from an empty hospital")
    demonstration.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8000")))
    options = parser.parse_args()

    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, _raise_stopped)
    runtime = Runtime(Path(options.var), durable=options.action == "demo")
    try:
        if options.action == "demo":
            if options.reset:
                runtime.reset()
            return demo.run(runtime, options.port)
        return _run_beside(runtime, [part for part in options.command if part != "--"])
    except Stopped as stopped:
        return 0 if options.action == "demo" else 128 + stopped.signum
    except RuntimeError as problem:
        print(problem, file=sys.stderr)
        return 1
    finally:
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(name, signal.SIG_IGN)
        runtime.stop()


def _run_beside(runtime: Runtime, command: list[str]) -> int:
    runtime.start_servers()
    process = subprocess.Popen(command, env={**os.environ, **runtime.environment})
    try:
        return process.wait()
    except Stopped as stopped:
        process.send_signal(signal.SIGINT if stopped.signum == signal.SIGINT else signal.SIGTERM)
        return process.wait(30)
    finally:
        if process.poll() is None:
            process.kill()


if __name__ == "__main__":
    sys.exit(main())
