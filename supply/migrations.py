"""Migrations that would stop a hospital at work, or break the version before while both run: found before they leave.

squawk reads the SQL of each migration that a hospital may have to run on full tables: those that are not in
`before_1_0.txt`, which no hospital ever ran on its data. A migration that must all the same says why:
`allowed = {"ban-drop-column": "nothing has read it since 1.2"}` in its class.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.db import connection
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader

FOLDER: Final = Path(__file__).parent
BEFORE: Final = FOLDER / "before_1_0.txt"
#: What to write instead, for the rules that Django has an answer to.
INSTEAD: Final = {
    "ban-drop-default": "give the column a default in the database: `db_default`",
    "require-concurrent-index-creation": "AddIndexConcurrently, in a migration with `atomic = False`",
    "require-concurrent-index-deletion": "RemoveIndexConcurrently, in a migration with `atomic = False`",
    "constraint-missing-not-valid": "AddConstraintNotValid, then ValidateConstraint in the next migration",
    "adding-foreign-key-constraint": "AddField with `db_constraint=False`, then the constraint NOT VALID, then validated",
    "disallowed-unique-constraint": "a unique index built CONCURRENTLY, then ADD CONSTRAINT … USING INDEX",
    "adding-not-nullable-field": "a CHECK (… IS NOT NULL) NOT VALID, validated, then SET NOT NULL in the next version",
    "ban-drop-column": "stop using it in one version, drop it in the next, and say so in `allowed`",
    "ban-drop-table": "stop using it in one version, drop it in the next, and say so in `allowed`",
    "renaming-column": "a new column; the old one is dropped a version later",
    "renaming-table": "keep its name: `db_table`",
    "changing-column-type": "a new column; the old one is dropped a version later",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One statement of one migration."""

    migration: str
    rule: str
    line: int
    sentence: str

    def __str__(self) -> str:
        instead = INSTEAD.get(self.rule, "")
        return f"{self.migration}, {self.rule}: {self.sentence}" + (f" Instead: {instead}." if instead else "")


def newer() -> list[Migration]:
    """Those that a hospital may have to run on its data."""
    loader = MigrationLoader(connection, replace_migrations=False)
    before = set(BEFORE.read_text(encoding="utf-8").split())
    ours = {path.parent.parent.name for path in FOLDER.parent.glob("*/migrations/__init__.py")}
    nodes = (loader.graph.nodes[key] for key in sorted(loader.graph.nodes) if key[0] in ours)
    return [node for node in nodes if f"{node.app_label}.{node.name}" not in before]


def sql_of(migration: Migration) -> str:
    """What `manage.py sqlmigrate` would print."""
    loader = MigrationLoader(connection, replace_migrations=False)
    plan: Any = [(loader.graph.nodes[migration.app_label, migration.name], False)]
    return "\n".join(loader.collect_sql(plan))  # type: ignore[attr-defined]


def faults(migrations: Iterable[Migration]) -> list[Fault]:
    """What squawk finds in these, but for what they say that they may do."""
    return [
        fault
        for one in migrations
        for fault in faults_of(_name(one), sql_of(one), getattr(one, "allowed", {}), atomic=one.atomic)
    ]


def faults_of(name: str, sql: str, allowed: dict[str, str], *, atomic: bool = True) -> list[Fault]:
    """`allowed`: rule → why; an empty reason allows nothing. `atomic`: Django runs it in one transaction."""
    with tempfile.TemporaryDirectory(prefix="gap-migrations-") as folder:
        file = Path(folder) / "migration.sql"
        file.write_text(sql, encoding="utf-8")
        command = [str(Path(sys.executable).parent / "squawk"), "--config", str(FOLDER / "squawk.toml")]
        command.append("--assume-in-transaction" if atomic else "--no-assume-in-transaction")
        run = subprocess.run(
            [*command, "--reporter", "json", "--pg-version", "16.0", str(file)],
            capture_output=True,
            text=True,
            check=False,
        )
    if run.returncode not in (0, 1):
        raise RuntimeError(run.stderr)
    found = (Fault(name, str(one["rule_name"]), int(one["line"]) + 1, str(one["message"])) for one in _read(run.stdout))
    return [fault for fault in found if not allowed.get(fault.rule)]


def _read(text: str) -> list[dict[str, Any]]:
    return list(json.loads(text)) if text.strip() else []


def _name(migration: Migration) -> str:
    return f"{migration.app_label}.{migration.name}"
