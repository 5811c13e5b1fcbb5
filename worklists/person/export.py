"""One person's data as a sealed archive: a ZIP (donnees.json, and their files), in the age format under a passphrase.

Nothing is written in clear on any disk: the archive is made in memory, then encrypted.
"""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import pyrage
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction
from django.db.models import FileField, Model, QuerySet
from django.db.models.fields.files import FieldFile
from django.utils import timezone

from accounts.enums import JournalKind
from accounts.journal import current, done, writing
from accounts.sight import Sight
from admissions.models import Patient, Stay
from worklists.person import policy
from worklists.registry import all_worklists

_SAYS: Final = (
    "Tout ce que le logiciel tient sur cette personne, table par table. Les noms des tables et des colonnes sont ceux du "
    "logiciel. La liste des accès au dossier est un document à part."
)


@dataclass(slots=True)
class Gathered:
    """`tables`: rows by table, then by column. `files`: content by name in the archive."""

    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)


def sealed(patient: Patient, passphrase: str) -> tuple[bytes, Gathered]:
    """The encrypted archive, and what is in it. The export is journaled first: no trace, no export. Raises Undecided."""
    held = policy.tables()
    unit = current()
    done(JournalKind.EXPORT, "export_person", patient_id=patient.pk, object_type=Patient._meta.db_table)
    writing.write(unit)
    gathered = gather(patient, held)
    content: bytes = pyrage.passphrase.encrypt(_zipped(gathered), passphrase)
    return content, gathered


def gather(patient: Patient, held: list[policy.Held]) -> Gathered:
    """Read at one instant, whatever is written meanwhile."""
    gathered, alone = Gathered(), not connection.in_atomic_block
    with transaction.atomic():
        if alone:
            with connection.cursor() as cursor:
                cursor.execute("set transaction isolation level repeatable read read only")
        for one in held:
            if rows := [_row(found, one, gathered) for found in _rows(patient, one, held)]:
                gathered.tables[one.model._meta.db_table] = rows
    return gathered


def _rows(patient: Patient, one: policy.Held, held: list[policy.Held]) -> Iterator[Model]:
    if one.by == "line":
        yield from _marks(patient, one, held)
    else:
        yield from _found(patient, one).order_by("pk").iterator()


def _found(patient: Patient, one: policy.Held) -> QuerySet[Any]:
    """`patient:PATH` leads to the patient's key; `iep:PATH` to the number of one of their stays."""
    rows: QuerySet[Any] = one.model._default_manager.all()
    if one.by == "patient":
        return rows.filter(**{one.path: patient.pk})
    if one.by == "iep":
        ieps = Stay.objects.filter(patient=patient).values_list("iep", flat=True)
        return rows.filter(**{f"{one.path}__in": list(ieps)})
    raise policy.Undecided(f"{one.model._meta.db_table}: {one.by}")


def _marks(patient: Patient, one: policy.Held, held: list[policy.Held]) -> Iterator[Model]:
    """`line:PATH`: rows that name a list and, in PATH, a line of it, which is a row of another table."""
    by_model = {other.model: other for other in held if other.by != "line"}
    # Of no use but to be given one: what a list is made of is asked, not its lines.
    sight = Sight(patient.establishment_id or 0)
    for worklist in all_worklists().values():
        lines = by_model.get(worklist.select(sight).model)
        if lines is not None:
            keys = _found(patient, lines).values_list("pk", flat=True)
            marks = one.model._default_manager.filter(worklist=worklist.slug, **{f"{one.path}__in": list(keys)})
            yield from marks.order_by("pk").iterator()


def _row(found: Model, one: policy.Held, gathered: Gathered) -> dict[str, Any]:
    row = {}
    for column in one.given:
        value = column.value_from_object(found)
        if isinstance(column, FileField):
            value = _file(value, one, found, gathered)
        elif isinstance(value, bytes | memoryview):
            value = _text(bytes(value))
        row[str(column.column)] = value
    return row


def _file(value: FieldFile, one: policy.Held, found: Model, gathered: Gathered) -> str | None:
    if not value:
        return None
    suffix = (value.name or "").rpartition(".")[2]
    name = f"fichiers/{one.model._meta.db_table}-{found.pk}.{suffix or 'bin'}"
    with value.open("rb") as file:
        gathered.files[name] = file.read()
    return name


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return "base64:" + base64.b64encode(content).decode()


def _zipped(gathered: Gathered) -> bytes:
    told = {"lisez-moi": _SAYS, "fait_le": timezone.now(), "tables": gathered.tables}
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("donnees.json", json.dumps(told, cls=DjangoJSONEncoder, ensure_ascii=False, indent=1))
        for name, content in gathered.files.items():
            file.writestr(name, content)
    return archive.getvalue()
