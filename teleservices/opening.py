"""Certificate files are opened elsewhere: in a process of their own, short of memory and of time, that knows no secret of ours.

What protects a key by a passphrase is made to be slow, and the file itself says how slow: some bytes can ask for hours of
calculation, during which a whole web process would answer nobody.

The child is `python -m teleservices.opening`: it reads lengths and contents (the passphrase first) from its standard input,
and writes JSON. Nothing of Django is imported there.
"""

from __future__ import annotations

import base64
import json
import resource
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any, BinaryIO, Final

from teleservices.rules.certificates import (
    LARGEST_FILE_BYTES,
    Bundle,
    CertificateProblem,
    Problem,
    kept_bundle,
    pem,
    read_bundle,
)

#: What the usual programs ask for (some thousand rounds to a million) takes less than a second.
DEADLINE_S: Final = 10.0
_CPU_S: Final = 8
_MEMORY_BYTES: Final = 1024 * 1024 * 1024
_LENGTH: Final = struct.Struct("!I")
_ROOT: Final = Path(__file__).resolve().parents[1]


def open_bundle(*files: bytes, passphrase: str = "", deadline_s: float = DEADLINE_S) -> Bundle:
    """As `rules.certificates.read_bundle`, whatever the files ask for. Raises CertificateProblem."""
    if any(len(content) > LARGEST_FILE_BYTES for content in files):
        raise CertificateProblem(Problem.TOO_BIG)
    given = b"".join(_LENGTH.pack(len(part)) + part for part in (passphrase.encode(), *files))
    try:
        done = subprocess.run(
            [sys.executable, "-m", "teleservices.opening"],
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=_ROOT,
            env={"PYTHONPATH": str(_ROOT), "LC_ALL": "C.UTF-8"},
            timeout=deadline_s,
            check=True,
        )
        said: dict[str, Any] = json.loads(done.stdout)
    except (subprocess.SubprocessError, ValueError):
        # Out of time or of memory, or ended by what it read: all that is known is that nobody can open it.
        raise CertificateProblem(Problem.TOO_SLOW) from None
    if problem := said.get("problem"):
        raise CertificateProblem(Problem(problem), str(said.get("detail", "")))
    return kept_bundle(said["certificate"], base64.b64decode(said["key"]), said["chain"])


def _parts(stream: BinaryIO) -> list[bytes]:
    found = []
    while head := stream.read(_LENGTH.size):
        found.append(stream.read(_LENGTH.unpack(head)[0]))
    return found


def _opened(passphrase: bytes, *files: bytes) -> dict[str, str]:
    try:
        bundle = read_bundle(*files, passphrase=passphrase.decode())
    except CertificateProblem as problem:
        return {"problem": problem.problem, "detail": problem.detail}
    key = base64.b64encode(bundle.key_der).decode("ascii")
    return {"certificate": pem(bundle.certificate), "key": key, "chain": bundle.chain_pem}


def main() -> None:
    """Open what comes, once."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.stdout.write(json.dumps(_opened(*_parts(sys.stdin.buffer))))


if __name__ == "__main__":
    main()
