"""Rows pass from the hospital's database to the copy as text, each column by its policy; nothing is written to disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import connections, transaction
from psycopg import sql

from accounts.models import JournalEntry, JournalSeal
from admissions.models import PatientMatchKey, PatientNameToken
from admissions.rules.identity import name_tokens
from admissions.rules.matching import match_keys
from worklists.training.invention import INVENTED, Inventor, Row
from worklists.training.policy import Column, Fate, tables

SOURCE, COPY = "default", "training"
Told = Callable[[str, int], None]
_JOURNAL = (JournalEntry._meta.db_table, JournalSeal._meta.db_table)


def copy_all(inventor: Inventor, told: Told) -> None:
    """Fill the empty tables of the connection «training». One transaction on each side: all, or nothing.

    The source is read as it was at one instant. Raises Undecided.
    """
    decided = tables()
    with transaction.atomic(using=SOURCE), transaction.atomic(using=COPY):
        _run(SOURCE, "set transaction isolation level repeatable read read only")
        _run(COPY, "set constraints all deferred")
        for table in decided:
            _run(COPY, sql.SQL("truncate {} cascade").format(sql.Identifier(table)))
        for table, columns in decided.items():
            if columns[0].fate is not Fate.LEFT_OUT:
                told(table, _copy_table(table, columns, inventor))
        _index_names(inventor)
        # What the copy's own triggers wrote of all this is the story of nobody.
        _run(COPY, sql.SQL("truncate {}, {} restart identity").format(*map(sql.Identifier, _JOURNAL)))
        for table, columns in decided.items():
            _after_last(table, columns[0].field.column or "")


def _copy_table(table: str, columns: list[Column], inventor: Inventor) -> int:
    names = [str(column.field.column) for column in columns]
    listed = sql.SQL(", ").join(map(sql.Identifier, names))
    parts = {"table": sql.Identifier(table), "columns": listed}
    out = sql.SQL("copy (select {columns} from {table}) to stdout").format(**parts)
    into = sql.SQL("copy {table} ({columns}) from stdin").format(**parts)
    count = 0
    with _raw(SOURCE).cursor() as reading, _raw(COPY).cursor() as writing:
        with reading.copy(out) as rows, writing.copy(into) as copied:
            for values in rows.rows():
                row: Row = dict(zip(names, values, strict=True))
                copied.write_row([_value(column, row, inventor) for column in columns])
                count += 1
    return count


def _value(column: Column, row: Row, inventor: Inventor) -> str | None:
    value = row[str(column.field.column)]
    if column.fate is Fate.KEPT or value is None:
        return value
    if column.fate is Fate.EMPTIED:
        return None if column.field.null else ""
    return INVENTED[column.how](inventor, row)


def _index_names(inventor: Inventor) -> None:
    """The words by which the invented people are found."""
    table = sql.Identifier(PatientNameToken._meta.db_table)
    question = "select id, birth_name, used_name, first_names, used_first_name from admissions_patient"
    with _raw(COPY).cursor() as reading:
        people = reading.execute(question).fetchall()
    into = sql.SQL("copy {} (patient_id, token) from stdin").format(table)
    with _raw(COPY).cursor() as writing, writing.copy(into) as copied:
        for pk, *names in people:
            for token in sorted(name_tokens(*filter(None, names))):
                copied.write_row([str(pk), token])
    into = sql.SQL("copy {} (patient_id, key) from stdin").format(sql.Identifier(PatientMatchKey._meta.db_table))
    with _raw(COPY).cursor() as writing, writing.copy(into) as copied:
        for pk, *names in people:
            for key in sorted(match_keys(*names)):
                copied.write_row([str(pk), str(key)])


def _after_last(table: str, key: str) -> None:
    """What is created in the copy takes numbers after those that came."""
    question = sql.SQL(
        "select setval(s, (select coalesce(max({key})::bigint, 0) + 1 from {table}), false)"
        " from (select pg_get_serial_sequence({name}, {key_name}) as s) found where s is not null"
    )
    if key == "id":
        parts = {"key": sql.Identifier(key), "table": sql.Identifier(table)}
        _run(COPY, question.format(name=sql.Literal(table), key_name=sql.Literal(key), **parts))


def _raw(alias: str) -> Any:
    connections[alias].ensure_connection()
    return connections[alias].connection


def _run(alias: str, statement: Any) -> None:
    with connections[alias].cursor() as cursor:
        cursor.execute(statement)
