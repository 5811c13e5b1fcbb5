"""Lines of a file that look like a record of another code: what a person says of each; the rest is as they say of the file."""

from __future__ import annotations

from typing import Final, NamedTuple

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import User
from debtors.enums import Doubles, ImportState, RecordFate
from debtors.imports.records import differing
from debtors.imports.runs import ImportRefused
from debtors.models import Debtor, FileImport, ImportRecord, label_of, text_of

#: As the whole file.
AS_FILE: Final = ""


class ChosenBefore(Exception):
    """A colleague chose for this line in between. `message`: for a person."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def of(row: FileImport) -> QuerySet[ImportRecord]:
    """The doubles of a file, in the order of its lines."""
    return row.records.filter(fate=RecordFate.DOUBLE).order_by("line")


@transaction.atomic
def choose(
    row: FileImport, record_id: int, choice: str, user: User, *, version: int, near: int | None = None
) -> ImportRecord:
    """What becomes of one line: a value of Doubles, or AS_FILE. `near`: the record that it brings up to date.

    `version`: the line's, as it was read. Raises ImportRefused (the file is decided already), ChosenBefore.
    """
    held = FileImport.objects.select_for_update(no_key=True).get(pk=row.pk)
    if held.state != ImportState.READY:
        raise ImportRefused(f"Cet import est {held.get_state_display()} : ses doublons ne se choisissent plus.")
    record = of(held).select_for_update(of=("self",)).select_related("chosen_by").get(pk=record_id)
    if record.version != version:
        who = record.chosen_by.short_name if record.chosen_by else "Quelqu’un d’autre"
        said = words(record.choice, held)
        raise ChosenBefore(
            f"{who} a choisi avant vous pour cette ligne\u00a0: «\u00a0{said}\u00a0». Rien n’a été écrasé."
        )
    if choice == Doubles.UPDATE and near in [one[0] for one in record.nears]:
        record.near_id = near
    elif choice == AS_FILE and record.nears:
        record.near_id = record.nears[0][0]
    record.choice, record.chosen_by, record.chosen_at = choice, user, timezone.now()
    record.version += 1
    record.save(update_fields=["choice", "near", "chosen_by", "chosen_at", "version"])
    return record


def words(choice: str, row: FileImport) -> str:
    return Doubles(choice).label if choice else "comme le fichier"


def following(row: FileImport, record: ImportRecord) -> ImportRecord | None:
    """The next line that nobody has chosen for, from the first again at the end."""
    waiting = of(row).filter(chosen_at__isnull=True).exclude(pk=record.pk)
    return waiting.filter(line__gt=record.line).first() or waiting.first()


#: What is compared, in the order of a record's screen.
_COMPARED: Final = (
    "code",
    "name",
    "amc_number",
    "operator",
    "address",
    "postcode",
    "town",
    "dre_address",
    "dre_recipient",
    "iban",
)


class Beside(NamedTuple):
    """A record beside a line: its resemblance, what it holds of each field compared, what the line would write of it."""

    debtor: Debtor
    score: int | None
    reasons: list[str]
    values: list[str]
    changes: set[str]
    #: Labels of what a person holds, and the line would only propose.
    held: list[str]


def beside(record: ImportRecord) -> list[Beside]:
    """The records that a line looks like: score, reasons, and what the line would change of each. One query."""
    scored = {pk: (score, reasons) for pk, score, reasons in record.nears}
    keys = list(scored) or [record.near_id]
    found = Debtor.objects.select_related("operator").in_bulk([pk for pk in keys if pk])
    shown = []
    for pk in keys:
        if pk not in found:
            continue
        debtor, (score, reasons) = found[pk], scored.get(pk, (None, []))
        shown.append(
            Beside(
                debtor,
                score,
                reasons,
                [text_of(debtor, name) for name in _COMPARED],
                set(_written(debtor, record.values)),
                [label_of(name) for name in differing(debtor, record.values) if name in debtor.locked],
            )
        )
    return shown


def _written(debtor: Debtor, values: dict[str, str]) -> list[str]:
    """Fields that the line would write: what a person holds is proposed, an operator is never replaced."""
    other = differing(debtor, values)
    return [name for name in other if name not in debtor.locked and not (name == "operator" and debtor.operator)]


def compared(record: ImportRecord, shown: list[Beside]) -> list[tuple[str, str, list[tuple[str, bool]]]]:
    """A row a field: its label, what the line says, what each record holds and whether it would change."""
    rows = []
    for place, name in enumerate(_COMPARED):
        cells = [(one.values[place], name in one.changes) for one in shown]
        rows.append((label_of(name), str(record.values.get(name, "")), cells))
    return rows
