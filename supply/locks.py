"""The components that the locks name: versions and digests, of Python's and of npm's packages."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
PYTHON: Final = "PyPI"
NPM: Final = "npm"
_PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True, order=True)
class Component:
    """`digests`: (algorithm, hexadecimal), of every file that may be installed. `shipped`: part of what runs."""

    ecosystem: str
    name: str
    version: str
    digests: tuple[tuple[str, str], ...]
    shipped: bool
    licence: str = ""


def normal(name: str) -> str:
    """A Python package's name as the index compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def components(root: Path = ROOT) -> list[Component]:
    """Every one, once, sorted; a package locked at several versions (one for each Python) is several.

    Raises ValueError when the two Python locks disagree on a package that runs.
    """
    shipped = {(one.name, one.version): one for one in _python(root / "requirements" / "base.txt", shipped=True)}
    runs = {name for name, _ in shipped}
    every = dict(shipped)
    for one in _python(root / "requirements" / "dev.txt", shipped=False):
        if one.name in runs and (one.name, one.version) not in shipped:
            raise ValueError(f"{one.name} {one.version} is in dev.txt and not in base.txt")
        every.setdefault((one.name, one.version), one)
    return sorted([*every.values(), *_npm(root / "package-lock.json")])


def _python(path: Path, *, shipped: bool) -> Iterator[Component]:
    found: tuple[str, str] | None = None
    digests: list[tuple[str, str]] = []
    for line in [*path.read_text(encoding="utf-8").splitlines(), "end==0"]:
        if pinned := _PINNED.match(line):
            if found is not None:
                yield Component(PYTHON, *found, tuple(sorted(digests)), shipped)
            found, digests = (normal(pinned[1]), pinned[2]), []
        digests += [("SHA-256", digest) for digest in _HASH.findall(line)]


def _npm(path: Path) -> Iterator[Component]:
    for place, entry in json.loads(path.read_text(encoding="utf-8"))["packages"].items():
        if not place:
            continue
        algorithm, _, digest = entry["integrity"].partition("-")
        yield Component(
            NPM,
            place.rpartition("node_modules/")[2],
            entry["version"],
            ((f"SHA-{algorithm.removeprefix('sha')}", base64.b64decode(digest).hex()),),
            not entry.get("dev", False),
            entry.get("license", ""),
        )
