"""On whose behalf this process works now: one request of a person or of a program, one task, one command."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class Seen:
    """One thing to be written at the end of the unit."""

    kind: str
    action: str
    patient_id: int | None = None
    stay_id: int | None = None
    object_type: str = ""
    object_id: int | None = None
    detail: dict[str, Any] = field(default_factory=dict)
    reason: str = ""


@dataclass
class Unit:
    """Who, from where, through what. `seen` is what was read or done so far, written once at the end."""

    action: str = ""
    user_id: int | None = None
    client_id: int | None = None
    establishment_id: int | None = None
    place: str | None = None
    session: str = ""
    reason: str = ""
    request: uuid.UUID = field(default_factory=uuid.uuid4)
    #: A part of a page that is open: it says no more than the page did.
    part: bool = False
    seen: list[Seen] = field(default_factory=list)

    @cached_property
    def told(self) -> str:
        """What the database is told before a change, for its triggers to write it (`accounts.journal.tables`)."""
        said = {
            "action": self.action[:80],
            "user": self.user_id,
            "client": self.client_id,
            "establishment": self.establishment_id,
            "place": self.place,
            "session": self.session,
            "request": str(self.request),
            "reason": self.reason[:300],
        }
        return json.dumps({name: value for name, value in said.items() if value})


_CURRENT: ContextVar[Unit | None] = ContextVar("journal_unit", default=None)


def _of_the_process() -> Unit:
    """No request and no task: a command, or a program that uses the models by itself."""
    words = [Path(sys.argv[0]).name, *sys.argv[1:2]] if sys.argv else ["python"]
    return Unit(action=" ".join(words))


def current() -> Unit:
    """The unit of work of this thread; never None."""
    unit = _CURRENT.get()
    if unit is None:
        unit = _of_the_process()
        _CURRENT.set(unit)
    return unit


@contextmanager
def working(unit: Unit) -> Iterator[Unit]:
    """Everything done inside is this unit's."""
    token = _CURRENT.set(unit)
    try:
        yield unit
    finally:
        _CURRENT.reset(token)


def begin_task(task: Any = None, **_: Any) -> None:
    """Of each task (Celery's signal): what it changes is its own, whatever its thread did before."""
    _CURRENT.set(Unit(action=getattr(task, "name", "") or "tâche"))
