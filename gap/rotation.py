"""Every encrypted column and file passed to the first key of the ring, while the hospital works.

What is left to do is in the values themselves (each starts with the id of its key): killed anywhere and run again, it
goes on where it was. A batch is one transaction that holds its rows and waits for nobody: a row in use is left for the
next pass. The blind indexes, which only the app that owns them can compute again, are registered here by it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from django.apps import apps
from django.conf import settings
from django.core.files.storage import storages
from django.db import connection, transaction
from django.db.models import Model
from django.utils.module_loading import import_string
from psycopg import sql

from gap.crypto import KEY_ID, DecryptionError, current_key_id, decrypt, encrypt
from gap.fields import EncryptedBinaryField
from gap.storage import EncryptedStorage

BATCH = 500
# Rows that somebody holds at each of so many passes are left to the next run, which `--check` asks for.
_PASSES = 20
_PAUSE_S = 0.2
# No row of a batch is written between its reading and its writing, and none is waited for.
_HELD = sql.SQL("for update skip locked")

Told = Callable[[str, int], None]


class Rotated(Protocol):
    """A kind of value that has a key: `left` counts those that an older key made, `rotate` passes them to the first."""

    @property
    def name(self) -> str: ...
    def left(self) -> int: ...
    def rotate(self, batch: int, told: Told) -> None: ...


@dataclass(frozen=True, slots=True)
class Column:
    """An encrypted column of a table."""

    model: type[Model]
    field: EncryptedBinaryField

    @property
    def name(self) -> str:
        return f"{self.model._meta.db_table}.{self.field.column}"

    def left(self) -> int:
        question = sql.SQL("select count(*) from {table} where {due}").format(**self._parts())
        with connection.cursor() as cursor:
            cursor.execute(question, [current_key_id()])  # type: ignore[arg-type]
            return int(cursor.fetchone()[0])

    def rotate(self, batch: int, told: Told) -> None:
        """Raises DecryptionError: a value that no key of the ring reads. Those before it are done."""
        for _ in range(_PASSES):
            last = -(2**62)
            while (done := self._batch(last, batch)) is not None:
                last = done[0]
                told(self.name, done[1])
            if not self.left():
                return
            time.sleep(_PAUSE_S)

    def _batch(self, after: int, size: int) -> tuple[int, int] | None:
        """The key of the last row, and how many rows; None when there is none after `after`."""
        question = sql.SQL(
            "select {key}, {column} from {table} where {due} and {key} > %s order by {key} limit %s {held}"
        ).format(held=_HELD, **self._parts())
        change = sql.SQL("update {table} set {column} = %s where {key} = %s").format(**self._parts())
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(question, [current_key_id(), after, size])  # type: ignore[arg-type]
            rows = cursor.fetchall()
            if not rows:
                return None
            again = [(encrypt(decrypt(bytes(token), self.name), self.name), key) for key, token in rows]
            cursor.executemany(change, again)  # type: ignore[arg-type]
        return rows[-1][0], len(rows)

    def _parts(self) -> dict[str, sql.Composable]:
        assert self.field.column and self.model._meta.pk is not None and self.model._meta.pk.column
        column = sql.Identifier(self.field.column)
        return {
            "table": sql.Identifier(self.model._meta.db_table),
            "column": column,
            "key": sql.Identifier(self.model._meta.pk.column),
            "due": sql.SQL("{column} is not null and substring({column} from 1 for {size}) <> %s::bytea").format(
                column=column, size=sql.Literal(KEY_ID)
            ),
        }


@dataclass(frozen=True, slots=True)
class Files:
    """The files of one storage."""

    storage: EncryptedStorage

    @property
    def name(self) -> str:
        return f"fichiers {self.storage.alias}"

    def left(self) -> int:
        return sum(1 for _ in self._due())

    def rotate(self, batch: int, told: Told) -> None:
        """Raises DecryptionError."""
        count = 0
        for name in self._due():
            self.storage.rewrite(name)
            count += 1
            if count % batch == 0:
                told(self.name, batch)
        if count % batch:
            told(self.name, count % batch)

    def _due(self) -> Iterator[str]:
        for name in self.storage.walk():
            try:
                if self.storage.needs_rotation(name):
                    yield name
            except FileNotFoundError:
                # Deleted since the folder was read.
                continue


_INDEXES: list[str] = []


def register_index(path: str) -> None:
    """`path` names a `Rotated`: a blind index and its rows."""
    if path not in _INDEXES:
        _INDEXES.append(path)


def everything() -> list[Rotated]:
    """Columns, files, blind indexes, in the order in which they are passed."""
    columns: list[Rotated] = [
        Column(model, field)
        for model in apps.get_models()
        for field in model._meta.local_concrete_fields
        if isinstance(field, EncryptedBinaryField)
    ]
    kept = [storages[alias] for alias in settings.STORAGES if alias != "staticfiles"]
    files = [Files(storage) for storage in kept if isinstance(storage, EncryptedStorage)]
    return [*columns, *files, *(import_string(path) for path in _INDEXES)]


__all__ = ["BATCH", "Column", "DecryptionError", "Files", "Rotated", "everything", "register_index"]
