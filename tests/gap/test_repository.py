"""What the repository promises of itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.apps import apps

ROOT = Path(__file__).resolve().parent.parent.parent
OURS = ("accounts", "debtors", "admissions", "teleservices", "billing", "worklists")


def test_every_model_is_in_the_glossary() -> None:
    glossary = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    missing = [
        model.__name__
        for app in OURS
        for model in apps.get_app_config(app).get_models()
        if f"`{model.__name__}`" not in glossary
    ]
    assert not missing


@pytest.mark.parametrize("path", ["requirements/base.txt", "requirements/dev.txt", "package-lock.json", ".npmrc"])
def test_no_lock_file_names_a_host(path: str) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    # Projects' home pages of npm's "funding" entries are not registries.
    lines = [line for line in text.splitlines() if re.search(r"https?://", line) and '"url":' not in line]
    assert not lines


def test_every_locked_package_has_hashes() -> None:
    for name in ("base.txt", "dev.txt"):
        text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
        pinned = re.findall(r"^[a-z0-9][^\s=]*==\S+", text, flags=re.MULTILINE)
        assert len(pinned) > 30
        assert len(re.findall(r"--hash=sha256:", text)) >= len(pinned)


def test_no_file_of_ours_is_longer_than_a_room() -> None:
    folders = (*OURS, "gap", "simulator", "bench", "tests", "templates", "static")
    long = {
        str(path.relative_to(ROOT)): count
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".js", ".css", ".html"}
        and not {"migrations", "vendor"} & set(path.parts)
        and (count := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert not long


def test_no_address_of_another_host_is_in_templates_or_static_files() -> None:
    found = []
    for folder in ("templates", "static"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in {".html", ".js", ".css"} and "vendor" not in path.parts:
                text = path.read_text(encoding="utf-8")
                if re.search(r"""(?:src|href|url\(|import)\s*[=("']+\s*(?:https?:)?//""", text):
                    found.append(str(path.relative_to(ROOT)))
    assert not found
