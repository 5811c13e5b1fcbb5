"""Records of debtors in a file: new ones are created, known ones brought up to date, doubles left to a person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from stdnum import iban

from debtors import duplicates, upkeep
from debtors.enums import ChangeSource, DebtorKind, Doubles, ImportState, RecordFate
from debtors.imports import reading
from debtors.models import Debtor, FileImport, ImportRecord, Operator, label_of
from debtors.nearness import key, near_keys

COLUMNS: Final = {
    "code": ("code débiteur", "code payeur", "code tiers"),
    "nom": ("débiteur", "libellé", "raison sociale"),
    "n amc": ("amc", "numéro amc", "no amc"),
    "opérateur": ("opérateur de tiers payant", "délégataire"),
    "adresse": ("adresse 1", "rue"),
    "code postal": ("cp",),
    "ville": ("commune",),
    "adresse dre": ("adresse des dre",),
    "destinataire dre": ("destinataire des dre",),
    "iban": ("compte bancaire", "rib"),
}
#: Our fields, by the names above.
_FIELDS: Final = {
    "nom": "name",
    "adresse": "address",
    "code postal": "postcode",
    "ville": "town",
    "adresse dre": "dre_address",
    "destinataire dre": "dre_recipient",
    "iban": "iban",
}
_LONGEST: Final = {field.name: field.max_length for field in Debtor._meta.fields} | {"operator": 80}
KEPT_REFUSALS: Final = 2_000
#: Names at least this near, of one number or one town, are a double.
_SAME_NAME: Final = 0.9
#: Records shown beside a double.
MOST_NEAR: Final = 3
_AT_ONCE: Final = 500
_TOLD_EVERY: Final = 1_000


#: Key of a record, how much it looks like a line out of a hundred, why.
Near = tuple[int, int, list[str]]


class _Refused(Exception):
    """Why a line is not taken."""


class _Known:
    """The records that there are, by code, number and words of their names."""

    def __init__(self) -> None:
        self.codes: dict[str, Debtor] = {}
        self._numbers: dict[str, list[Debtor]] = defaultdict(list)
        self._words: dict[str, list[tuple[str, Debtor]]] = defaultdict(list)
        for debtor in Debtor.objects.filter(kind=DebtorKind.AMC).select_related("operator").order_by("pk"):
            self.codes[debtor.code.upper()] = debtor
            if debtor.merged_into_id is None:
                self._numbers[debtor.amc_number].append(debtor)
                for word in (name := key(debtor.name)).split():
                    self._words[word].append((name, debtor))

    def near(self, values: dict[str, str]) -> list[Near]:
        """Records of another code that look like this line, the nearest first: its number and its name, or its name and its
        town."""
        name = key(values["name"])
        found: dict[int, Debtor] = {}
        for debtor in self._numbers.get(values["amc_number"], []):
            if not debtor.multiple_centres or near_keys(key(debtor.name), name) >= _SAME_NAME:
                found[debtor.pk] = debtor
        for word in name.split():
            for other, debtor in self._words[word]:
                here = debtor.town.casefold() == values.get("town", "").casefold()
                if here and debtor.pk not in found and near_keys(other, name) >= _SAME_NAME:
                    found[debtor.pk] = debtor
        said = [values.get(field, "") for field in ("name", "amc_number", "address", "postcode", "dre_address", "iban")]
        line = duplicates.likeness(0, *said)
        ranked = [(pk, *duplicates.score(line, _likeness(debtor))) for pk, debtor in found.items()]
        return sorted(ranked, key=lambda one: (-one[1], one[0]))[:MOST_NEAR]


def _likeness(debtor: Debtor) -> duplicates.Likeness:
    of = (debtor.pk, debtor.name, debtor.amc_number, debtor.address, debtor.postcode, debtor.dre_address)
    return duplicates.likeness(*of, debtor.iban, multiple=debtor.multiple_centres)


def read(row: FileImport, content: bytes, told: Callable[[int], None]) -> None:
    """Compare each line with the records. Changes nothing of them. Raises reading.Unreadable."""
    known = _Known()
    found: dict[str, ImportRecord] = {}
    refusals: list[tuple[int, str]] = []
    count = refused = 0
    for number, line in reading.lines(content, COLUMNS):
        count += 1
        if count % _TOLD_EVERY == 0:
            told(count)
        try:
            record = _compare(row, number, _values(line), known)
            if record.values["code"].upper() in found:
                raise _Refused(f"Ce code est déjà à la ligne {found[record.values['code'].upper()].line}.")
        except _Refused as problem:
            refused += 1
            if len(refusals) < KEPT_REFUSALS:
                refusals.append((number, str(problem)))
        else:
            found[record.values["code"].upper()] = record
    with transaction.atomic():
        row.records.all().delete()
        ImportRecord.objects.bulk_create(found.values(), batch_size=_AT_ONCE)
        row.lines_count, row.refused_count, row.refusals = count, refused, refusals
        row.state = ImportState.READY
        row.save(update_fields=["lines_count", "refused_count", "refusals", "state"])


def _values(line: reading.Line) -> dict[str, str]:
    """What a line says, in our fields; what it leaves empty says nothing. Raises _Refused."""
    if not line.get("nom"):
        raise _Refused("Le nom manque.")
    try:
        number = reading.amc_number(line.get("n amc", ""))
    except ValueError:
        raise _Refused("Le n° AMC n’a pas de 1 à 10 chiffres.") from None
    values = {"code": line.get("code", "") or f"AMC{number}", "amc_number": number}
    values |= {field: line[name] for name, field in _FIELDS.items() if line.get(name)}
    if line.get("opérateur"):
        values["operator"] = line["opérateur"]
    postcode = values.get("postcode", "")
    if postcode and not (postcode.isascii() and postcode.isdigit() and len(postcode) <= 5):
        raise _Refused("Le code postal n’a pas cinq chiffres.")
    if postcode:
        # A spreadsheet takes its first zero for nothing.
        values["postcode"] = postcode.zfill(5)
    if account := values.get("iban"):
        values["iban"] = str(iban.compact(account))
        if not iban.is_valid(values["iban"]):
            raise _Refused("L’IBAN n’est pas valable.")
    for field, text in values.items():
        most = _LONGEST[field]
        if most and len(text) > most:
            raise _Refused(f"« {label_of(field)} » dépasse {most} signes.")
    return values


def _compare(row: FileImport, number: int, values: dict[str, str], known: _Known) -> ImportRecord:
    debtor = known.codes.get(values["code"].upper())
    record = ImportRecord(file_import=row, line=number, values=values, debtor=debtor)
    if debtor is None:
        record.nears = known.near(values)
        record.near_id = record.nears[0][0] if record.nears else None
        record.fate = RecordFate.DOUBLE if record.nears else RecordFate.NEW
        return record
    if debtor.amc_number != values["amc_number"]:
        raise _Refused("Ce code est celui d’un autre n° AMC.")
    record.fate = RecordFate.UPDATE if differing(debtor, values) else RecordFate.SAME
    return record


def differing(debtor: Debtor, values: dict[str, str]) -> dict[str, str]:
    """What a line says otherwise than a record, by field."""
    other = {name: text for name, text in values.items() if name in _FIELDS.values() and getattr(debtor, name) != text}
    if "operator" in values and (debtor.operator is None or debtor.operator.name != values["operator"]):
        other["operator"] = values["operator"]
    return other


# ---- applied ----


def apply(row: FileImport, told: Callable[[int], None]) -> None:
    """Create and bring up to date, some at a time: cut, it goes on where it was. Doubles: as was said of the line, or of the
    file."""
    wanted = [Doubles.UPDATE, Doubles.CREATE] + ([""] if row.doubles != Doubles.LEAVE else [])
    todo = Q(fate__in=[RecordFate.NEW, RecordFate.UPDATE]) | Q(fate=RecordFate.DOUBLE, choice__in=wanted)
    done = row.records.filter(fate__in=[RecordFate.CREATED, RecordFate.UPDATED]).count()
    while due := list(row.records.filter(todo).select_related("debtor", "near").order_by("pk")[:_AT_ONCE]):
        with transaction.atomic():
            for record in due:
                _take(row, record)
        done += len(due)
        told(done)
    row.applied_count, row.state, row.ended_at = done, ImportState.DONE, timezone.now()
    row.save(update_fields=["applied_count", "state", "ended_at"])


def _take(row: FileImport, record: ImportRecord) -> None:
    known = record.debtor or (record.near if (record.choice or row.doubles) == Doubles.UPDATE else None)
    if known is None:
        try:
            with transaction.atomic():
                record.debtor, record.fate = _create(record.values), RecordFate.CREATED
        except IntegrityError:
            # Somebody typed it since: as if it had been there.
            known = Debtor.objects.filter(code=record.values["code"]).first()
            if known is None:
                raise
    if known is not None:
        record.before = _update(known, record.values)
        record.debtor, record.fate = known, RecordFate.UPDATED
    record.save(update_fields=["debtor", "fate", "before"])


def _create(values: dict[str, str]) -> Debtor:
    given: dict[str, Any] = dict(values)
    if "operator" in given:
        given["operator"] = Operator.objects.get_or_create(name=given["operator"])[0]
    return Debtor.objects.create(kind=DebtorKind.AMC, **given)


def _update(debtor: Debtor, values: dict[str, str]) -> dict[str, str]:
    """What a person wrote of the record is proposed, as whatever payers say. Returns what was written over, by field."""
    said = {name: text for name, text in values.items() if name in _FIELDS.values()}
    held = Debtor.objects.select_for_update().get(pk=debtor.pk)
    before = {name: getattr(held, name) for name in said}
    changed = upkeep.refresh(debtor.pk, said, timezone.now(), ChangeSource.IMPORT)
    over = {name: before[name] for name in changed}
    if values.get("operator"):
        operator = Operator.objects.get_or_create(name=values["operator"])[0]
        if Debtor.objects.filter(pk=debtor.pk, operator__isnull=True).update(operator=operator):
            over["operator"] = ""
    return over
