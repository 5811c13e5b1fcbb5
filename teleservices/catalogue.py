"""The catalogue of return codes: a list is read, compared with the one in force, and replaces it from a day on.

The official list, when it comes, is a file: nothing here knows a code. Past versions are kept with their dates.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from gap.locks import hold_for_transaction
from teleservices.enums import Disposition, Family
from teleservices.messages import Operation
from teleservices.models import ReturnCode

REQUIRED: Final = ("code", "operations", "label_fr")
_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,19}")
_NAMES: Final = {field.name: str(field.verbose_name) for field in ReturnCode._meta.concrete_fields}
# A file of codes is a few pages: a mistake of file is not read for minutes.
_LONGEST: Final = 1_000_000


class BadCatalogue(ValueError):
    """The file cannot be the catalogue. `problems`: one French sentence each, with its line."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Entry:
    """One code as a list has it. The names are those of `ReturnCode`."""

    code: str
    operations: tuple[str, ...]
    family: str
    automatic: bool
    agent_can_act: bool
    disposition: str
    rearm_on: str
    label: str
    agent_message: str

    @classmethod
    def of(cls, row: ReturnCode) -> Entry:
        values = {field.name: getattr(row, field.name) for field in fields(cls)}
        return cls(**values | {"operations": tuple(row.operations)})


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one code: new (`before` is None), other, or withdrawn (`after` is None)."""

    code: str
    before: Entry | None
    after: Entry | None

    def differences(self) -> list[tuple[str, str, str]]:
        """(what, before, after) of each field that changes, in French."""
        if self.before is None or self.after is None:
            return []
        return [
            (_NAMES[field.name], *said)
            for field in fields(Entry)
            if (said := (_said(field.name, self.before), _said(field.name, self.after)))[0] != said[1]
        ]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A list against the catalogue in force."""

    added: list[Change]
    changed: list[Change]
    withdrawn: list[Change]
    unchanged: int

    @property
    def empty(self) -> bool:
        return not (self.added or self.changed or self.withdrawn)

    @property
    def all(self) -> list[Change]:
        return [*self.added, *self.changed, *self.withdrawn]


def in_force() -> dict[str, Entry]:
    """The last version of each code that was not withdrawn, by code."""
    return {row.code: Entry.of(row) for row in ReturnCode.objects.filter(valid_until__isnull=True)}


def read(content: bytes, known: dict[str, Entry]) -> list[Entry]:
    """The codes of a CSV file (UTF-8 or Windows, commas or semicolons), header first.

    What a column or a cell does not say is what `known` has of the code; of a new code, to be stored and shown to a
    référent. Raises BadCatalogue, with every problem of the file.
    """
    if len(content) > _LONGEST:
        raise BadCatalogue(["Le fichier dépasse 1 Mo : ce n’est pas une liste de codes."])
    text = _decoded(content)
    first = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text), delimiter=";" if first.count(";") > first.count(",") else ",")
    columns = [(name or "").strip() for name in reader.fieldnames or []]
    reader.fieldnames = columns
    if missing := [name for name in REQUIRED if name not in columns]:
        raise BadCatalogue([f"La première ligne doit nommer les colonnes ; il manque : {', '.join(missing)}."])
    problems: list[str] = []
    found: dict[str, Entry] = {}
    for row in reader:
        cells = {name: (cell or "").strip() for name, cell in row.items() if isinstance(cell, str | None) and name}
        if not any(cells.values()):
            continue
        entry = _entry(cells, known, f"Ligne {reader.line_num}", problems)
        if entry and entry.code in found:
            problems.append(f"Ligne {reader.line_num} : le code {entry.code} est déjà donné plus haut.")
        elif entry:
            found[entry.code] = entry
    if not found and not problems:
        problems.append("Le fichier ne contient aucun code.")
    if problems:
        raise BadCatalogue(problems)
    return list(found.values())


def compare(entries: Iterable[Entry], known: dict[str, Entry]) -> Comparison:
    listed = {entry.code: entry for entry in entries}
    return Comparison(
        added=[Change(code, None, entry) for code, entry in listed.items() if code not in known],
        changed=[
            Change(code, known[code], new) for code, new in listed.items() if code in known and known[code] != new
        ],
        withdrawn=[Change(code, entry, None) for code, entry in known.items() if code not in listed],
        unchanged=sum(known.get(code) == entry for code, entry in listed.items()),
    )


@transaction.atomic
def replace(entries: list[Entry], *, since: date, source: str) -> Comparison:
    """Make the list the catalogue from that day on. Returns what it changed, against the catalogue of this instant.

    Raises BadCatalogue when the day is past, or a code already has a version that begins later.
    """
    if since < timezone.localdate():
        raise BadCatalogue(["La date d’effet est passée : ce qui a déjà été traité ne change plus."])
    hold_for_transaction("return_codes", wait=True)
    comparison = compare(entries, in_force())
    rows = {row.code: row for row in ReturnCode.objects.select_for_update().filter(valid_until__isnull=True)}
    if later := [change.code for change in comparison.all if (row := rows.get(change.code)) and row.valid_from > since]:
        raise BadCatalogue(
            [
                f"Une version plus tardive est déjà prévue pour : {', '.join(sorted(later))}. Choisissez sa date, ou après."
            ]
        )
    for change in comparison.all:
        row = rows.get(change.code)
        if row and row.valid_from == since and change.after:
            # It begins the same day: nothing was treated by it yet that this one would not have.
            _fill(row, change.after, source).save()
            continue
        if row:
            row.valid_until = max(since - timedelta(days=1), row.valid_from)
            row.save(update_fields=["valid_until"])
        if change.after:
            _fill(ReturnCode(code=change.code, valid_from=since), change.after, source).save()
    return comparison


def _fill(row: ReturnCode, entry: Entry, source: str) -> ReturnCode:
    for field in fields(Entry):
        setattr(row, field.name, getattr(entry, field.name))
    row.operations = list(entry.operations)
    row.source = source[:200]
    return row


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        # A spreadsheet of Windows.
        return content.decode("cp1252", errors="replace")


def _entry(cells: dict[str, str], known: dict[str, Entry], where: str, problems: list[str]) -> Entry | None:
    """The entry of one line, None when something is wrong, then told in `problems`."""
    wrong: list[str] = []
    code, label = cells["code"], cells["label_fr"]
    if not _CODE.fullmatch(code):
        wrong.append("le code doit avoir de 1 à 20 lettres ou chiffres")
    before = known.get(code)
    operations = tuple(part.strip().upper() for part in cells["operations"].split("|") if part.strip())
    if not operations or not set(operations) <= set(Operation):
        wrong.append(f"les opérations sont parmi {'|'.join(Operation)}")
    if not label or len(label) > 200:
        wrong.append("le libellé doit avoir de 1 à 200 caractères")
    message = cells.get("agent_message_fr") or (before.agent_message if before else label)
    if len(message) > 300:
        wrong.append("ce que lit l’agent a 300 caractères au plus")
    rearm_on = cells.get("rearm_on") or (before.rearm_on if before else "")
    if len(rearm_on) > 40:
        wrong.append("« réarmé par » a 40 caractères au plus")
    entry = Entry(
        code=code,
        operations=operations,
        family=_one_of(cells, "family", Family.values, before.family if before else Family.UNKNOWN_CODE, wrong),
        automatic=_one_of(cells, "treatment", ("automatic", "manual"), _word(before, "automatic"), wrong)
        == "automatic",
        agent_can_act=_one_of(cells, "agent_can_act", ("yes", "no"), _word(before, "agent_can_act"), wrong) == "yes",
        disposition=_one_of(
            cells, "disposition", Disposition.values, before.disposition if before else Disposition.STORE, wrong
        ),
        rearm_on=rearm_on,
        label=label,
        agent_message=message,
    )
    problems.extend(f"{where} : {problem}." for problem in wrong)
    return None if wrong else entry


def _word(before: Entry | None, field: str) -> str:
    """What a list would have said of a code that we know."""
    yes, no = {"automatic": ("automatic", "manual"), "agent_can_act": ("yes", "no")}[field]
    return yes if before and getattr(before, field) else no


def _one_of(cells: dict[str, str], name: str, values: Iterable[str], default: str, wrong: list[str]) -> str:
    value = cells.get(name) or default
    if value not in values:
        wrong.append(f"« {value[:40]} » n’est pas une valeur de {name} ({', '.join(values)})")
    return str(value)


def _said(name: str, entry: Entry) -> str:
    value: Any = getattr(entry, name)
    if isinstance(value, bool):
        return "oui" if value else "non"
    if name == "family":
        return str(Family(value).label)
    if name == "disposition":
        return str(Disposition(value).label)
    return "|".join(value) if isinstance(value, tuple) else str(value or "–")
