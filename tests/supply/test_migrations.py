"""A new version is installed while the hospital works: its migrations neither stop it nor break the version before."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import Any

import psycopg
import pytest
from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently, ValidateConstraint
from django.db import connection, migrations, models
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.operations.base import Operation

from supply.migrations import BEFORE, faults, faults_of, newer
from tests.processes import ROOT, database_url

pytestmark = pytest.mark.django_db
PATIENT = "patient"


def sql_of(*operations: Operation, atomic: bool = True) -> str:
    """What Django would run for a migration of the admissions, made now."""
    state = MigrationExecutor(connection).loader.project_state()
    migration = type("Migration", (migrations.Migration,), {"operations": list(operations), "atomic": atomic})
    with connection.schema_editor(collect_sql=True, atomic=atomic) as editor:
        migration("9999_next", "admissions").apply(state, editor, collect_sql=True)
    return "\n".join(editor.collected_sql)


def rules(*operations: Operation, atomic: bool = True, **allowed: str) -> set[str]:
    reasons = {rule.replace("_", "-"): why for rule, why in allowed.items()}
    return {
        one.rule
        for one in faults_of("admissions.9999_next", sql_of(*operations, atomic=atomic), reasons, atomic=atomic)
    }


def text(**options: Any) -> models.TextField:
    return models.TextField(**options)


SEEN = models.CheckConstraint(condition=~models.Q(first_names="?"), name="first_names_are_known")
WRONG: dict[str, tuple[list[Operation], str]] = {
    "a column that the code of before leaves out": (
        [migrations.AddField(PATIENT, "title", text(default=""))],
        "ban-drop-default",
    ),
    "an index that stops whoever writes": (
        [migrations.AddIndex(PATIENT, models.Index(fields=["email"], name="by_email"))],
        "require-concurrent-index-creation",
    ),
    "a constraint that reads the whole table under a lock": (
        [migrations.AddConstraint(PATIENT, SEEN)],
        "constraint-missing-not-valid",
    ),
    "a column that goes while somebody reads it": ([migrations.RemoveField(PATIENT, "phone")], "ban-drop-column"),
    "a column that changes its name": ([migrations.RenameField(PATIENT, "phone", "mobile")], "renaming-column"),
    "a column that changes its type": (
        [migrations.AlterField(PATIENT, "birth_rank", models.BigIntegerField(default=1))],
        "changing-column-type",
    ),
    "a column that refuses what the code of before writes": (
        [migrations.AlterField(PATIENT, "nir_index", models.CharField(max_length=64))],
        "adding-not-nullable-field",
    ),
    "a table that goes": ([migrations.DeleteModel("PatientNameToken")], "ban-drop-table"),
    "a unique constraint": (
        [migrations.AlterField(PATIENT, "email", models.EmailField(unique=True))],
        "disallowed-unique-constraint",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_would_stop_a_hospital_is_found(what: str) -> None:
    operations, rule = WRONG[what]
    assert rule in rules(*operations)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("operations", "atomic"),
    [
        ([migrations.AddField(PATIENT, "title", text(db_default=""))], True),
        ([migrations.AddField(PATIENT, "title", text(null=True))], True),
        ([AddIndexConcurrently(PATIENT, models.Index(fields=["email"], name="by_email"))], False),
        ([AddConstraintNotValid(PATIENT, SEEN)], True),
        (
            [
                migrations.CreateModel("Visit", [("id", models.BigAutoField(primary_key=True)), ("on", models.DateField())]),
                migrations.AddIndex("visit", models.Index(fields=["on"], name="visit_day")),
            ],
            True,
        ),
    ],
)  # fmt: skip
def test_what_does_not_is_left_in_peace(operations: list[Operation], atomic: bool) -> None:
    assert rules(*operations, atomic=atomic) == set()


def test_a_constraint_is_validated_in_a_migration_of_its_own() -> None:
    assert faults_of("x", 'ALTER TABLE "admissions_patient" VALIDATE CONSTRAINT "first_names_are_known";', {}) == []
    assert ValidateConstraint(PATIENT, "first_names_are_known").name == "first_names_are_known"


def test_a_migration_that_must_says_why_and_an_empty_reason_is_none() -> None:
    gone = migrations.RemoveField(PATIENT, "phone")
    assert rules(gone, ban_drop_column="nothing has read it since 1.2") == set()
    assert rules(gone, ban_drop_column="") == {"ban-drop-column"}


def test_the_migrations_that_a_hospital_will_run_are_clean_and_the_list_of_the_others_is_true() -> None:
    assert [str(one) for one in faults(newer())] == []
    listed = BEFORE.read_text(encoding="utf-8").split()
    missing = [name for name in listed if not (ROOT / name.replace(".", "/migrations/", 1)).with_suffix(".py").exists()]
    assert missing == [] and len(listed) == len(set(listed)) > 30


# ---- the version before, on the schema of the next ----

_DESK = """
import datetime as dt
from admissions.events import SYSTEM
from admissions.models import Patient
from admissions.services.patients import Traits, create_patient
made = create_patient(
    Traits(birth_name="AVANT", first_names="Version", birth_date=dt.date(1990, 1, 1), sex="F"), SYSTEM
)
Patient.objects.filter(pk=made.pk).update(phone="0600000000")
print(Patient.objects.get(pk=made.pk).birth_name)
"""


def the_version_before() -> subprocess.CompletedProcess[str]:
    """The code of today at work, which knows nothing of the column that a migration has just added."""
    environment = os.environ | {"DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "gap.settings"}
    script = "import django; django.setup()\n" + _DESK
    command = [sys.executable, "-c", script]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("field", "works"), [(text(default=""), False), (text(db_default=""), True), (text(null=True), True)]
)
def test_the_code_of_before_works_on_the_schema_of_the_next_version(field: models.TextField, works: bool) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql_of(migrations.AddField(PATIENT, "title", field)))
    try:
        done = the_version_before()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("alter table admissions_patient drop column title")
    assert (done.returncode == 0) is works, done.stderr
    assert done.stdout.strip() == "AVANT" if works else "NotNullViolation" in done.stderr


# ---- a change that has to wait ----


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("limit", "reads"), [("0", False), ("300ms", True)])
def test_a_change_that_waits_for_a_long_reading_gives_up_before_it_stops_the_others(limit: str, reads: bool) -> None:
    """Without the limit of the compose file, everybody queues behind the change, which queues behind one reader."""
    url = database_url()
    with psycopg.connect(url) as reader, psycopg.connect(url, autocommit=True) as desk:
        reader.execute("select count(*) from admissions_patient")  # and its transaction stays open
        given_up: list[str] = []

        def change() -> None:
            try:
                with psycopg.connect(url, options=f"-c lock_timeout={limit}") as migrating:
                    migrating.execute("alter table admissions_patient add column title text")
                    migrating.rollback()
            except psycopg.errors.LockNotAvailable as refused:
                given_up.append(type(refused).__name__)

        thread = threading.Thread(target=change)
        thread.start()
        time.sleep(0.8)
        desk.execute("set statement_timeout = '700ms'")
        try:
            desk.execute("select count(*) from admissions_patient")
            answered = True
        except psycopg.errors.QueryCanceled:
            answered = False
        reader.rollback()
        thread.join(20)
    assert answered is reads
    assert given_up == (["LockNotAvailable"] if reads else [])
