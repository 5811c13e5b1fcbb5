"""Reads whose SQL Django writes once for the life of the process.

Writing the SQL of a join takes Django longer than PostgreSQL needs to run it, and a call to a payer does half a dozen
such reads while a patient waits (docs/adr/0007). The query stays a queryset, checked by Django like any other; what is
kept is its text, and how a row becomes model instances.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db import connection
from django.db.models import Expression, Field, Model, QuerySet
from django.db.transaction import TransactionManagementError

from gap.instances import Shape

M = TypeVar("M", bound=Model)


class Given(Expression):
    """The place of a value that each use gives: `Given("stay", BigIntegerField())` in the filter of a `Compiled`."""

    def __init__(self, name: str, output_field: Field[Any, Any]) -> None:
        super().__init__(output_field=output_field)
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        return "%s", [self]


@dataclass(frozen=True, slots=True)
class _Written:
    """The text of a query and the way from its rows to instances. Shared by all threads: nothing in it changes."""

    sql: str
    parameters: tuple[Any, ...]
    for_update: bool
    #: None for a queryset of `values()`, whose columns are `names`.
    shape: Shape | None
    names: list[str]
    converters: list[tuple[int, list[Callable[..., Any]], Any]]


class Compiled(Generic[M]):
    """A queryset read again and again with other values: `Compiled(lambda: Stay.objects.filter(pk=Given(…)))`.

    What makes one row one instance is supported: filters, annotations, select_related, select_for_update, order,
    slices; and `values()`, read by `dicts`.
    """

    def __init__(self, queryset: Callable[[], QuerySet[M]]) -> None:
        self._queryset = queryset
        self._written: _Written | None = None
        self._lock = threading.Lock()

    def first(self, **values: Any) -> M | None:
        """The first row for these values, None without one. Raises KeyError when a value is missing."""
        found = self._read(values, one=True)
        return found[0] if found else None

    def get(self, **values: Any) -> M:
        """The only row for these values. Raises the model's DoesNotExist without one."""
        found = self.first(**values)
        if found is None:
            model: Any = self._queryset().model
            raise model.DoesNotExist
        return found

    def all(self, **values: Any) -> list[M]:
        """Every row for these values."""
        return self._read(values, one=False)

    def dicts(self, **values: Any) -> list[dict[str, Any]]:
        """Every row of a queryset of `values()`, as Django gives them."""
        written, rows = self._rows(values, one=False)
        if written.shape is not None:
            raise TypeError("dicts are read from values()")
        return [dict(zip(written.names, self._cells(written, row), strict=True)) for row in rows]

    def _read(self, values: dict[str, Any], *, one: bool) -> list[M]:
        written, rows = self._rows(values, one=one)
        if written.shape is None:
            raise TypeError("what values() gives is read by dicts")
        return [written.shape.instance(self._cells(written, row)) for row in rows]

    def _rows(self, values: dict[str, Any], *, one: bool) -> tuple[_Written, list[tuple[Any, ...]]]:
        written = self._written or self._write()
        if written.for_update and not connection.in_atomic_block:
            raise TransactionManagementError("a row is locked inside a transaction, or not at all")
        parameters = [values[given.name] if isinstance(given, Given) else given for given in written.parameters]
        with connection.cursor() as cursor:
            cursor.execute(written.sql, parameters)
            rows = [cursor.fetchone()] if one else cursor.fetchall()
        return written, [row for row in rows if row is not None]

    def _write(self) -> _Written:
        with self._lock:
            if self._written is None:
                query = self._queryset().query
                compiler = query.get_compiler(connection=connection)
                sql, parameters = compiler.as_sql()
                self._written = _written(compiler, sql, tuple(parameters), query.select_for_update)
            return self._written

    @staticmethod
    def _cells(written: _Written, row: tuple[Any, ...]) -> list[Any]:
        """The values of a row as Python has them."""
        cells = list(row)
        for place, converters, expression in written.converters:
            for convert in converters:
                cells[place] = convert(cells[place], expression, connection)
        return cells


def _written(compiler: Any, sql: str, parameters: tuple[Any, ...], for_update: bool) -> _Written:
    """Take from Django's compiler what its own iterator takes from it for each query."""
    query = compiler.query
    selected = [expression for expression, _sql, _alias in compiler.select[: compiler.col_count]]
    return _Written(
        sql=sql,
        parameters=parameters,
        for_update=for_update,
        shape=None if query.values_select else Shape(compiler),
        names=list(query.selected or [*query.values_select, *query.annotation_select]),
        converters=[
            (place, list(converters), expression)
            for place, (converters, expression) in compiler.get_converters(selected).items()
        ],
    )
