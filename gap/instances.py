"""Model instances from rows as unpickling makes them: the attributes put in place, no `__init__`, no signal.

Django's own way costs more than the query itself when a row is five joined models (docs/adr/0008): a page of fifty lines
is 250 instances. What comes out is the same: deferred fields are read when asked for, relations are cached, `save()`
updates. Not for models that override `from_db` or `__init__` or listen to `post_init`: this house has none (tested).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from django.db import connections
from django.db.models import Model, QuerySet
from django.db.models.base import ModelState
from django.db.models.query import BaseIterable, ModelIterable

M = TypeVar("M", bound=Model)


class Shape:
    """How a row of a query that Django has compiled becomes an instance with its relations and annotations."""

    def __init__(self, compiler: Any) -> None:
        info = compiler.klass_info
        self._alias = compiler.connection.alias
        self._root = _Part(info, compiler.select)
        self._related: list[tuple[int, _Part, Any, Any]] = []
        self._add_related(info, 0, compiler.select)
        self._annotations = tuple((compiler.annotation_col_map or {}).items())

    def _add_related(self, info: dict[str, Any], parent: int, select: Sequence[Any]) -> None:
        """Parents first, so that an instance exists before what hangs from it."""
        for below in info.get("related_klass_infos", []):
            self._related.append((parent, _Part(below, select), below["local_setter"], below["remote_setter"]))
            self._add_related(below, len(self._related), select)

    def instance(self, row: Sequence[Any]) -> Any:
        """`row` holds Python values: the database's converters have been applied."""
        made = [self._root.instance(row, self._alias)]
        for parent, part, set_local, set_remote in self._related:
            above = made[parent]
            found = None if above is None or row[part.key] is None else part.instance(row, self._alias)
            made.append(found)
            if above is not None:
                set_local(above, found)
                if found is not None:
                    set_remote(found, above)
        root = made[0]
        for name, place in self._annotations:
            setattr(root, name, row[place])
        return root


class _Part:
    """One model of a row: its columns stand together."""

    __slots__ = ("columns", "key", "model", "names")

    def __init__(self, info: dict[str, Any], select: Sequence[Any]) -> None:
        places = info["select_fields"]
        fields = [select[place][0].target for place in places]
        self.model: type[Model] = info["model"]
        self.names = tuple(field.attname for field in fields)
        self.columns = slice(places[0], places[-1] + 1)
        self.key = places[self.names.index(self.model._meta.pk.attname)]

    def instance(self, row: Sequence[Any], alias: str) -> Any:
        made = self.model.__new__(self.model)
        state = ModelState()
        state.adding, state.db = False, alias
        attributes = vars(made)
        attributes["_state"] = state
        attributes.update(zip(self.names, row[self.columns], strict=True))
        return made


# Generic for the type checker, not when it runs.
class _LightIterable(BaseIterable):  # type: ignore[type-arg]
    def __iter__(self) -> Iterator[Any]:
        queryset: Any = self.queryset
        compiler = queryset.query.get_compiler(connection=connections[queryset.db])
        results = compiler.execute_sql(chunked_fetch=self.chunked_fetch, chunk_size=self.chunk_size)
        shape = Shape(compiler)
        for row in compiler.results_iter(results):
            yield shape.instance(row)


def light(queryset: QuerySet[M]) -> QuerySet[M]:
    """The same rows, cheaper to make. A queryset of something else than instances, or of a manager that sets the
    instance it comes from on each of them, is given back as it is."""
    undocumented: Any = queryset
    if undocumented._iterable_class is not ModelIterable or undocumented._known_related_objects:
        return queryset
    made: QuerySet[M] = undocumented._chain()
    made._iterable_class = _LightIterable
    return made
