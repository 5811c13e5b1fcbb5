"""What the product is made of: the list is that of the locks, and what is known against it is found without a network."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from supply import advisories, sbom
from supply.locks import NPM, PYTHON, ROOT, Component, components


def locked(name: str, version: str, ecosystem: str = PYTHON) -> Component:
    return Component(ecosystem, name, version, (), True)


@pytest.fixture
def clone(tmp_path: Path) -> Any:
    """A clone of a database of advisories, with what the test writes in it."""

    def make(name: str, files: dict[str, dict[str, Any]]) -> Path:
        folder = tmp_path / name
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            text = yaml.safe_dump(content) if path.endswith(".yaml") else json.dumps(content)
            (folder / path).write_text(text, encoding="utf-8")
        git = ["git", "-C", str(folder), "-c", "user.name=x", "-c", "user.email=x@example.test"]
        for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "x", "--date=2026-01-05T12:00:00Z"]):
            subprocess.run([*git, *command], check=True, env={"GIT_COMMITTER_DATE": "2026-01-05T12:00:00Z"})
        return folder

    return make


def advisory(
    identifier: str, name: str, *events: dict[str, str], ecosystem: str = PYTHON, **more: Any
) -> dict[str, Any]:
    ranges = [{"type": "ECOSYSTEM", "events": list(events)}] if events else []
    affected = {"package": {"ecosystem": ecosystem, "name": name}, "ranges": ranges}
    return {"id": identifier, "aliases": [f"CVE-{identifier}"], "details": "It\nbreaks.", "affected": [affected]} | more


PAIRS = [({"introduced": "0"}, {"fixed": "5.2.3"}), ({"introduced": "6.0"}, {"fixed": "6.0.1"})]


@pytest.mark.parametrize(
    ("version", "fixed"),
    [("5.2.2", "5.2.3"), ("5.2.3", None), ("5.10.0", None), ("6.0", "6.0.1"), ("6.0rc1", None), ("6.0.1", None)],
)
def test_a_version_is_concerned_from_where_a_fault_comes_to_where_it_is_mended(clone, version, fixed) -> None:
    events = [event for pair in PAIRS for event in pair]
    folder = clone("pypa", {"vulns/django/P-1.yaml": advisory("P-1", "Django", *events)})
    copy = advisories.take([folder], [locked("django", version)])
    found = advisories.findings([locked("django", version)], copy)
    assert [one.fixed for one in found] == ([fixed] if fixed else [])
    if fixed:
        assert str(found[0]) == f"django {version}: P-1 (CVE-P-1), fixed in {fixed}. It breaks."


def test_both_databases_are_read_and_what_names_nothing_of_ours_is_left(clone) -> None:
    pypa = clone(
        "pypa",
        {
            "vulns/lxml/P-2.yaml": advisory("P-2", "lxml", {"introduced": "0"}),
            "vulns/other/P-3.yaml": advisory("P-3", "other", {"introduced": "0"}),
            "vulns/lxml/P-4.yaml": advisory("P-4", "lxml", {"introduced": "0"}, withdrawn="2026-01-01T00:00:00Z"),
        },
    )
    last = advisory("G-1", "@tabler/core", {"introduced": "1.0"}, {"last_affected": "1.6.1"}, ecosystem=NPM)
    github = clone("github", {"advisories/github-reviewed/2026/01/G-1/G-1.json": last})
    ours = [locked("lxml", "6.1.3"), locked("@tabler/core", "1.6.1", NPM)]
    copy = advisories.take([pypa, github], ours)
    assert [one.advisory for one in advisories.findings(ours, copy)] == ["P-2", "G-1"]
    assert advisories.findings([locked("@tabler/core", "1.6.2", NPM)], copy) == []
    assert copy["taken_on"] == {"pypa": "2026-01-05", "github": "2026-01-05"}
    assert [entry["id"] for entry in copy["advisories"]] == ["P-2", "G-1"]


def test_a_copy_says_how_old_it_is_and_which_packages_it_knows_nothing_of(clone) -> None:
    folder = clone("pypa", {"vulns/lxml/P-2.yaml": advisory("P-2", "lxml", {"introduced": "0"})})
    copy = advisories.take([folder], [locked("lxml", "6.1.3")])
    fresh, missing = advisories.age_line(copy, date(2026, 1, 20)).splitlines()
    assert fresh == "advisories: copy of pypa of 2026-01-05, 15 days old"
    assert missing.startswith("advisories: NO COPY for npm")
    assert "66 days old: OLD, renew it" in advisories.age_line(copy, date(2026, 3, 12))


def test_a_folder_that_is_no_database_is_refused(clone, tmp_path) -> None:
    for folder in (clone("else", {"README.json": {}}), tmp_path):
        with pytest.raises(ValueError, match=r"no database|not a clone"):
            advisories.take([folder], [])


def test_the_copy_of_the_repository_finds_nothing_open_against_the_locks() -> None:
    copy = json.loads(advisories.COPY.read_text(encoding="utf-8"))
    assert len(copy["advisories"]) > 100
    assert [str(one) for one in advisories.findings(components(), copy)] == []
    # The same copy does find what it should.
    assert advisories.findings([locked("django", "5.0.7")], copy)


def test_the_list_of_components_is_that_of_the_locks_to_the_last_one() -> None:
    assert sbom.FILE.read_text(encoding="utf-8") == sbom.text(), "make sbom"
    listed = {entry["purl"] for entry in json.loads(sbom.text())["components"]}
    pinned = set()
    for name in ("base.txt", "dev.txt"):
        text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
        pinned |= {f"pkg:pypi/{n}@{v}" for n, v in re.findall(r"^([a-z0-9][^\s=]*)==(\S+)", text, flags=re.MULTILINE)}
    npm = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    pinned |= {f"pkg:npm/{place.split('node_modules/')[-1]}@{one['version']}" for place, one in npm.items() if place}
    assert {purl.replace("%40", "@") for purl in listed} == {purl.replace("[crypto]", "") for purl in pinned}


def test_the_list_of_components_is_reproducible_and_names_no_host() -> None:
    assert sbom.text() == sbom.text()
    document = json.loads(sbom.text())
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert "://" not in sbom.text() and "timestamp" not in sbom.text()
    assert len({one["bom-ref"] for one in document["components"]}) == len(document["components"])


def test_two_locks_that_disagree_are_refused(tmp_path) -> None:
    (tmp_path / "requirements").mkdir()
    (tmp_path / "package-lock.json").write_text('{"packages": {}}')
    (tmp_path / "requirements" / "base.txt").write_text("django==5.2.1 \\\n    --hash=sha256:" + "a" * 64 + "\n")
    (tmp_path / "requirements" / "dev.txt").write_text("django==5.2.2 \\\n    --hash=sha256:" + "b" * 64 + "\n")
    with pytest.raises(ValueError, match=r"django 5\.2\.2"):
        components(tmp_path)


def test_the_quality_command_audits_and_compares() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    quality = makefile.split("\nquality:")[1].split("\n\n")[0]
    assert "supply audit" in quality and "supply sbom --check" in quality
