"""Values of our enumerations written in the SQL itself.

A statement that comes back is planned once for all values (docs/adr/0007), and such a plan can use a partial index only
if the SQL says what the index says: `status = 'refused'`, not `status = $1`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from django.db.models import CharField, Value

_WORD = re.compile(r"[A-Za-z0-9_]+")


class Constant(Value):
    """`Constant(CallStatus.REFUSED)` in the condition of a partial index. Raises ValueError for what is not one word."""

    def __init__(self, value: str) -> None:
        if not _WORD.fullmatch(value):
            raise ValueError("a constant of the SQL is one word of an enumeration")
        super().__init__(str(value), output_field=CharField())

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[str | int, ...]]:
        return f"'{self.value}'", ()


def constants(values: Iterable[str]) -> list[Constant]:
    """For `status__in=constants(OPEN)`."""
    return [Constant(value) for value in values]
