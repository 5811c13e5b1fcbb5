"""What is publicly known against the components, from a copy that needs no network.

The copy is made of clones of the public databases in the OSV format: `vulns/` of the Python Packaging Authority's (YAML)
and `advisories/github-reviewed/` of GitHub's (JSON). Only what names one of our components is kept.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import yaml
from packaging.version import InvalidVersion, Version

from supply.locks import PYTHON, ROOT, Component, normal

COPY: Final = ROOT / "requirements" / "advisories.json"
#: Days after which the copy is said to be old.
FRESH_DAYS: Final = 30
_SUMMARY_LENGTH: Final = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """A component that an advisory is about. `fixed`: the first version without it, empty when there is none."""

    component: Component
    advisory: str
    aliases: tuple[str, ...]
    fixed: str
    summary: str

    def __str__(self) -> str:
        mended = f"fixed in {self.fixed}" if self.fixed else "no fixed version"
        known_as = f" ({', '.join(self.aliases)})" if self.aliases else ""
        return f"{self.component.name} {self.component.version}: {self.advisory}{known_as}, {mended}. {self.summary}"


def findings(components: Iterable[Component], copy: dict[str, Any]) -> list[Finding]:
    """What the copy says of these components."""
    by_name: dict[tuple[str, str], list[Component]] = {}
    for one in components:
        by_name.setdefault((one.ecosystem, one.name), []).append(one)
    found = []
    for entry in copy["advisories"]:
        for component in by_name.get((entry["ecosystem"], entry["package"]), ()):
            touched, fixed = _touches(component.version, entry)
            if touched:
                found.append(Finding(component, entry["id"], tuple(entry["aliases"]), fixed, entry["summary"]))
    return found


def age_line(copy: dict[str, Any], today: date) -> str:
    """How old the copy is, in a line: what it says, and what to do once it is old."""
    said = []
    for source, day in sorted(copy["taken_on"].items()):
        days = (today - date.fromisoformat(day)).days
        old = f": OLD, renew it (make advisories FROM=…), more than {FRESH_DAYS} days" if days > FRESH_DAYS else ""
        said.append(f"advisories: copy of {source} of {day}, {days} days old{old}")
    missing = sorted({"PyPI", "npm"} - set(copy["ecosystems"]))
    said += [f"advisories: NO COPY for {ecosystem}: nothing is known of its packages" for ecosystem in missing]
    return "\n".join(said)


def take(folders: Iterable[Path], components: Iterable[Component]) -> dict[str, Any]:
    """A new copy from clones (with or without a work tree). Raises ValueError for a folder that holds no database."""
    names = {(one.ecosystem, one.name) for one in components}
    kept: dict[tuple[str, str, str], dict[str, Any]] = {}
    taken_on: dict[str, str] = {}
    ecosystems: set[str] = set()
    for folder in folders:
        source, entries = _database(folder)
        taken_on[source] = _git(folder, "log", "-1", "--format=%cs").strip()
        ecosystems |= {"PyPI"} if source == "pypa" else {"PyPI", "npm"}
        for entry in entries:
            for line in _lines(entry, names):
                kept.setdefault((line["ecosystem"], line["package"], line["id"]), line)
    return {
        "taken_on": taken_on,
        "ecosystems": sorted(ecosystems),
        "advisories": [kept[key] for key in sorted(kept)],
    }


def _database(folder: Path) -> tuple[str, Iterator[dict[str, Any]]]:
    names = _git(folder, "ls-tree", "-r", "--name-only", "HEAD").splitlines()
    if any(name.startswith("vulns/") for name in names):
        wanted = [name for name in names if name.startswith("vulns/") and name.endswith(".yaml")]
        return "pypa", (yaml.safe_load(text) for text in _texts(folder, wanted))
    wanted = [name for name in names if name.startswith("advisories/github-reviewed/") and name.endswith(".json")]
    if not wanted:
        raise ValueError(f"{folder} holds no database of advisories")
    return "github", (json.loads(text) for text in _texts(folder, wanted))


def _texts(folder: Path, names: list[str]) -> Iterator[str]:
    """The files' contents, by one process of git: there are tens of thousands of them."""
    with subprocess.Popen(
        ["git", "-C", str(folder), "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        for name in names:
            process.stdin.write(f"HEAD:{name}\n".encode())
            process.stdin.flush()
            header = process.stdout.readline().split()
            yield process.stdout.read(int(header[2]) + 1).decode("utf-8")
        process.stdin.close()


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(f"{folder} is not a clone: {done.stderr.strip()[:200]}")
    return done.stdout


def _lines(entry: dict[str, Any], names: set[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    """What an advisory says of each of our components: « introduced, fixed » pairs, and versions named one by one."""
    if entry.get("withdrawn"):
        return
    for affected in entry.get("affected", ()):
        ecosystem = affected.get("package", {}).get("ecosystem", "")
        name = affected.get("package", {}).get("name", "")
        name = normal(name) if ecosystem == PYTHON else name
        if (ecosystem, name) not in names:
            continue
        ranges = [pair for one in affected.get("ranges", ()) if one["type"] != "GIT" for pair in _pairs(one["events"])]
        yield {
            "ecosystem": ecosystem,
            "package": name,
            "id": entry["id"],
            "aliases": sorted(entry.get("aliases", ())),
            "ranges": ranges,
            "versions": [] if ranges else sorted(affected.get("versions", ())),
            "summary": " ".join((entry.get("summary") or entry.get("details") or "").split())[:_SUMMARY_LENGTH],
        }


def _pairs(events: list[dict[str, str]]) -> Iterator[list[str]]:
    """[introduced, first version without it or empty, last version with it or empty], one a range."""
    introduced = ""
    for event in events:
        if "introduced" in event:
            if introduced:
                yield [introduced, "", ""]
            introduced = event["introduced"]
        elif "fixed" in event:
            yield [introduced or "0", event["fixed"], ""]
            introduced = ""
        elif "last_affected" in event:
            yield [introduced or "0", "", event["last_affected"]]
            introduced = ""
    if introduced:
        yield [introduced, "", ""]


def _touches(version: str, entry: dict[str, Any]) -> tuple[bool, str]:
    """Whether this version is concerned, and the first one that is not. An unreadable version is taken for concerned."""
    if version in entry["versions"]:
        return True, ""
    for introduced, fixed, last in entry["ranges"]:
        try:
            at = Version(version)
            after = introduced == "0" or at >= Version(introduced)
            before = (not fixed or at < Version(fixed)) and (not last or at <= Version(last))
        except InvalidVersion:
            return True, fixed
        if after and before:
            return True, fixed
    return False, ""
