"""What people and programs see and do: noted on the way, written in one statement when the request ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, Final

from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.db import connection
from redis.exceptions import RedisError

from accounts.enums import JournalKind
from accounts.journal.unit import Seen, Unit, current

_COLUMNS: Final = (
    *("kind", "action", "user_id", "client_id", "establishment_id", "place", "session", "request"),
    *("patient_id", "stay_id", "object_type", "object_id", "detail", "reason"),
)
_INSERT: Final = f"insert into accounts_journalentry ({', '.join(_COLUMNS)}) values "  # noqa: S608 (names of ours)
#: How long an open page renews its parts without another entry.
_PARTS_FOR_S: Final = 600
_ROW: Final = f"({', '.join(['%s'] * len(_COLUMNS))})"


class Guarded(PermissionDenied):
    """This dossier is protected, and whoever asks has not said why they open it. `patient_id`: whose it is."""

    def __init__(self, patient_id: int) -> None:
        super().__init__()
        self.patient_id = patient_id


def _nobody(_unit: Unit, _patient_id: int) -> bool:
    return False


#: Who may open a protected dossier now: told by the app that knows patients. Until it speaks, nobody.
_may_open: Callable[[Unit, int], bool] = _nobody


def guard(may_open: Callable[[Unit, int], bool]) -> None:
    """`may_open` says whether a unit may open the protected dossier of this patient."""
    global _may_open
    _may_open = may_open


def read(*, patient_id: int, stay_id: int | None = None, protected: bool) -> None:
    """This dossier was seen in the unit under way. Seen twice in one unit, it is one entry; a stay brings its patient.

    Raises Guarded when it is protected and was not opened: called before anything is done with it.
    """
    unit, kind = current(), JournalKind.READ
    if protected and not _may_open(unit, patient_id):
        raise Guarded(patient_id)
    for seen in unit.seen:
        if seen.kind == kind and seen.patient_id == patient_id and stay_id in (None, seen.stay_id):
            return
    unit.seen = [
        one for one in unit.seen if not (one.kind == kind and one.patient_id == patient_id and one.stay_id is None)
    ]
    unit.seen.append(Seen(kind, unit.action, patient_id=patient_id, stay_id=stay_id))


def done(kind: JournalKind, action: str = "", **told: Any) -> None:
    """Something was done that changes no journaled row: a search, an export, a sign-in. `told`: members of `Seen`."""
    unit = current()
    unit.seen.append(Seen(kind, action or unit.action, **told))


def listed(name: str, *, patients: Iterable[int] = (), stays: Iterable[int] = ()) -> None:
    """A page of a list was shown: which people, or whose stays, stood on it."""
    detail = {key: list(dict.fromkeys(keys)) for key, keys in (("patients", patients), ("stays", stays))}
    if detail := {key: keys for key, keys in detail.items() if keys}:
        done(JournalKind.LISTED, object_type=name[:63], detail=detail)


def _said_already(unit: Unit, seen: Seen) -> bool:
    """Whether this is a part of a dossier that the same session opened a moment ago: a page renews its parts by itself.

    Without a session, or without Redis, nothing is left out.
    """
    if seen.kind != JournalKind.READ or not unit.session:
        return False
    name = f"journal:{unit.session}:{seen.patient_id}:{seen.stay_id}"
    try:
        if unit.part:
            return not cache.add(name, 1, timeout=_PARTS_FOR_S)
        cache.set(name, 1, timeout=_PARTS_FOR_S)
    except RedisError:
        return False
    return False


def write(unit: Unit) -> None:
    """Write what was seen, now, in the transaction under way if there is one. Raises DatabaseError: no trace, no read."""
    fresh = [seen for seen in unit.seen if not _said_already(unit, seen)]
    unit.seen = []
    if not fresh:
        return
    who = (unit.user_id, unit.client_id, unit.establishment_id, unit.place, unit.session, unit.request)
    parameters: list[Any] = []
    for seen in fresh:
        parameters += (str(seen.kind), seen.action[:80], *who)
        parameters += (seen.patient_id, seen.stay_id, seen.object_type, seen.object_id)
        parameters += (json.dumps(seen.detail), seen.reason or unit.reason)
    rows = ", ".join([_ROW] * len(fresh))
    with connection.cursor() as cursor:
        cursor.execute(_INSERT + rows, parameters)
