"""Writes whose SQL is put together once for the life of the process: the counterpart of `gap.compiled`.

For the few rows that every call writes while a patient waits (docs/adr/0007). The columns are those of the model and
each value goes through its field, encryption included; signals are not sent and validation is not run, as with Django's
own `update()`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Generic, TypeVar

from django.core.exceptions import ObjectDoesNotExist
from django.db import connection
from django.db.models import BooleanField, CharField, Field, Model, TextField

M = TypeVar("M", bound=Model)


class Update(Generic[M]):
    """`UPDATE` of some fields of one row, from an instance: `Update(Stay, "status", "ended_at").run(stay)`."""

    def __init__(self, model: type[M], *fields: str, unless_changed: Sequence[str] = ()) -> None:
        """`unless_changed` names fields whose value in the database must still be the one that `were` gives."""
        self._model = model
        self._fields = [_field(model, name) for name in fields]
        self._same = [_field(model, name) for name in unless_changed]
        key = model._meta.pk
        places = ", ".join(f'"{field.column}" = %s' for field in self._fields)
        same = "".join(f' AND "{field.column}" = %s' for field in self._same)
        self.returning_key = f'"{key.column}"'
        # Names of our models and places for values: nothing of a request goes in.
        self.sql = f'UPDATE "{model._meta.db_table}" SET {places} WHERE "{key.column}" = %s{same}'  # noqa: S608

    def parameters(self, row: M, were: dict[str, Any] | None = None) -> list[Any]:
        """The values for this row. Raises KeyError when `were` lacks one of `unless_changed`."""
        found = [_to_save(field, getattr(row, field.attname)) for field in self._fields]
        return [*found, row.pk, *(_to_save(field, (were or {})[field.name]) for field in self._same)]

    def run(self, row: M) -> None:
        """Raises the model's DoesNotExist when the row is gone, as nothing was written then."""
        _must_have_written(_execute(self.sql, self.parameters(row)), row)

    def run_if_same(self, row: M, were: dict[str, Any]) -> bool:
        """False, and nothing is written, when the row has changed since `were` was read (or is gone)."""
        return bool(_execute(self.sql, self.parameters(row, were)))


class Insert(Generic[M]):
    """`INSERT` of one new instance, all its fields: `Insert(Rights).run(Rights(stay=stay, …))`."""

    def __init__(self, model: type[M]) -> None:
        self._model = model
        self.fields = [field for field in model._meta.concrete_fields if not field.primary_key]
        self.key = model._meta.pk
        columns = ", ".join(f'"{field.column}"' for field in self.fields)
        self.head = f'INSERT INTO "{model._meta.db_table}" ({columns})'
        self.values = ", ".join(["%s"] * len(self.fields))
        self.tail = f'RETURNING "{self.key.column}"'

    def parameters(self, row: M) -> list[Any]:
        """The values for this row. Those that a field sets on creation (`auto_now_add`) are set on it too."""
        return [_to_save(field, field.pre_save(row, add=True)) for field in self.fields]

    def run(self, row: M) -> M:
        """Write it; it has its key from then on. Raises IntegrityError as `save()` does."""
        written = _execute(f"{self.head} VALUES ({self.values}) {self.tail}", self.parameters(row), fetch=True)
        return _saved(row, written[0])


class UpdateThenInsert:
    """One statement that updates a row and, only if it did, inserts another: a claim and its trace, or neither."""

    def __init__(self, update: Update[Any], insert: Insert[Any]) -> None:
        self._update, self._insert = update, insert
        # Made of the two above.
        updated = f"WITH updated AS ({update.sql} RETURNING {update.returning_key})"
        self._sql = f"{updated} {insert.head} SELECT {insert.values} FROM updated {insert.tail}"  # noqa: S608

    def run(self, row: Model, were: dict[str, Any], trace: Model) -> bool:
        """False, and nothing is written, when the row has changed since `were` was read (or is gone)."""
        parameters = [*self._update.parameters(row, were), *self._insert.parameters(trace)]
        written = _execute(self._sql, parameters, fetch=True)
        if not written:
            return False
        _saved(trace, written[0])
        return True


class UpdateBoth:
    """One statement that updates two rows of two tables."""

    def __init__(self, first: Update[Any], second: Update[Any]) -> None:
        self._first, self._second = first, second
        self._sql = f"WITH updated AS ({first.sql}) {second.sql}"

    def run(self, first: Model, second: Model) -> None:
        """Raises the second model's DoesNotExist when its row is gone."""
        count = _execute(self._sql, [*self._first.parameters(first), *self._second.parameters(second)])
        _must_have_written(count, second)


def _field(model: type[Model], name: str) -> Field[Any, Any]:
    field = model._meta.get_field(name)
    assert isinstance(field, Field)
    return field


#: What Django hands over as it is, after four calls for each value; a subclass of one of these goes the whole way.
_AS_IT_IS: Final[dict[type[Field[Any, Any]], type]] = {CharField: str, TextField: str, BooleanField: bool}


def _to_save(field: Field[Any, Any], value: Any) -> Any:
    if value is None or type(value) is _AS_IT_IS.get(type(field)):
        return value
    return field.get_db_prep_save(value, connection)


def _execute(sql: str, parameters: list[Any], *, fetch: bool = False) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone() if fetch else cursor.rowcount


def _saved(row: Any, key: Any) -> Any:
    row.pk = key
    row._state.adding = False
    row._state.db = connection.alias
    return row


def _must_have_written(count: int, row: Model) -> None:
    if count != 1:
        model: Any = type(row)
        gone: type[ObjectDoesNotExist] = model.DoesNotExist
        raise gone
