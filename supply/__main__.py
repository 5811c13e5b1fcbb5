"""`python -m supply audit|migrations`, `python -m supply advisories FOLDER…`, `python -m supply sbom [--check]`."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import django

from supply import advisories, sbom
from supply.locks import components


def main(arguments: list[str]) -> int:
    match arguments:
        case ["audit"]:
            return _audit()
        case ["advisories", *folders] if folders:
            copy = advisories.take(map(Path, folders), components())
            text = json.dumps(copy, indent=1, ensure_ascii=False) + "\n"
            advisories.COPY.write_text(text, encoding="utf-8")
            print(f"advisories: {len(copy['advisories'])} kept, from {copy['taken_on']}")
            return 0
        case ["migrations"]:
            return _migrations()
        case ["sbom"]:
            sbom.FILE.write_text(sbom.text(), encoding="utf-8")
            return 0
        case ["sbom", "--check"]:
            fresh = sbom.FILE.exists() and sbom.FILE.read_text(encoding="utf-8") == sbom.text()
            print("sbom: as the locks" if fresh else "sbom: NOT as the locks, run make sbom")
            return 0 if fresh else 1
    print(__doc__)
    return 2


def _audit() -> int:
    copy = json.loads(advisories.COPY.read_text(encoding="utf-8"))
    locked = components()
    found = advisories.findings(locked, copy)
    print(advisories.age_line(copy, datetime.now(UTC).date()))
    for one in found:
        print(one)
    print(f"audit: {len(locked)} components, {len(copy['advisories'])} advisories about them, {len(found)} open")
    return 1 if found else 0


def _migrations() -> int:
    """Needs a database: the SQL of a constraint is that of its server."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gap.settings")
    django.setup()
    from supply import migrations

    newer = migrations.newer()
    found = migrations.faults(newer)
    for one in found:
        print(one)
    print(f"migrations: {len(newer)} newer than 1.0, {len(found)} that would stop a hospital at work")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
