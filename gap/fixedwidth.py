"""Fixed-width records whose layout is data.

A layout is a CSV file with (at least) the columns `record_type, field, start, length, kind, format, required` and, if
it has constants, `default`; positions count from 1; lines that begin with `#` are comments. Kinds:

- `N` digits, right aligned, zero filled; a value is a string of digits (they are mostly identifiers), or an `int` when
  `format` is `int`;
- `AN` text, left aligned, blank filled, upper case without accents; `format` `libre` keeps the text as it is;
- `date` — `AAMMJJ` for 6 characters, `JJMMAAAA` for 8 unless `format` says `AAAAMMJJ`; zeros mean no date. With
  `format` `naissance` the value read is the six digits (no century in the record, lunar months allowed);
- `amount` unsigned cents, `format` `6+2` = 6 digits of euros and 2 of cents; `decimal` the same with other scales;
- `filler` a constant (`default`, blank if none).

`required`: O = mandatory, anything else is optional. `default`: what is written when no value is given (`blank` =
spaces). Optional empty numeric fields take zeros, empty text takes blanks.

Writing raises `EncodeError` with every fault of the record; reading raises nothing and collects. No message holds a
value: these records carry personal data. A line read without a fault is written again as the very same bytes.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Final

from gap.text import unaccented

Value = str | int | date | Decimal | None

#: Fields whose default tells one record from another on reading.
DISCRIMINATORS: Final = frozenset({"record_type", "complement_type"})
#: Two-digit years: 70–99 are 19xx, 00–69 are 20xx.
FIRST_YEAR: Final = 1970
_PRINTABLE: Final = re.compile(r"[ -~]*")


class Kind(StrEnum):
    """What a field holds."""

    DIGITS = "N"
    TEXT = "AN"
    DATE = "date"
    AMOUNT = "amount"
    DECIMAL = "decimal"
    FILLER = "filler"


class LayoutError(ValueError):
    """A layout file that contradicts itself. For developers and référents, not for agents."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One fault. `line` and `position` count from 1; `reason` is a stable key, `message_fr` a sentence."""

    line: int
    position: int
    field: str
    reason: str
    message_fr: str

    def __str__(self) -> str:
        return f"Ligne {self.line}, position {self.position}, {self.field} : {self.message_fr}"


class EncodeError(ValueError):
    """A record that can't be written. `errors` lists every fault."""

    def __init__(self, errors: Iterable[FieldError]) -> None:
        self.errors = tuple(errors)
        super().__init__(" ; ".join(str(error) for error in self.errors))


class _Refused(Exception):
    def __init__(self, reason: str, message_fr: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.message_fr = message_fr


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field of a record, as the layout file declares it."""

    name: str
    start: int
    length: int
    kind: Kind
    format: str
    required: bool
    default: str
    decimals: int

    def slice(self, line: str) -> str:
        """This field's characters in a line."""
        return line[self.start - 1 : self.start - 1 + self.length]

    @property
    def empty(self) -> str:
        """What is written when the value is missing."""
        if self.default == "blank" or (not self.default and self.kind in (Kind.TEXT, Kind.FILLER)):
            return " " * self.length
        if self.default:
            numeric = self.kind not in (Kind.TEXT, Kind.FILLER)
            return self.default.zfill(self.length) if numeric else self.default.ljust(self.length)
        return "0" * self.length

    # -- writing --

    def encode(self, value: Value) -> str:
        """Exactly `length` ASCII characters. Raises _Refused."""
        if self.kind is Kind.FILLER:
            return self.empty
        if value is None or value == "":
            if self.required and not self.default:
                raise _Refused("missing", "valeur obligatoire absente.")
            # An empty text is a choice (blanks); an absent one takes the default.
            blank = value == "" and self.kind is Kind.TEXT and not self.required
            return " " * self.length if blank else self.empty
        text = getattr(self, f"_write_{self.kind.name.lower()}")(value)
        if len(text) > self.length:
            raise _Refused("too_long", f"valeur trop longue pour {self.length} caractères.")
        return str(text)

    def _write_digits(self, value: Value) -> str:
        if isinstance(value, date):
            return value.strftime("%y%m%d").zfill(self.length)
        text = str(value)
        if isinstance(value, Decimal | bool) or not (text.isascii() and text.isdigit()):
            raise _Refused("not_digits", "des chiffres seulement sont attendus.")
        return text.zfill(self.length)

    def _write_text(self, value: Value) -> str:
        if not isinstance(value, str):
            raise _Refused("not_text", "un texte est attendu.")
        text = value if self.format == "libre" else unaccented(value).upper().rstrip()
        self._check_characters(text)
        if self.required and not text.strip():
            raise _Refused("missing", "valeur obligatoire absente.")
        return text.ljust(self.length)

    def _write_date(self, value: Value) -> str:
        if self.format == "naissance" and isinstance(value, str):
            if len(value) == 6 and value.isascii() and value.isdigit():
                return value
            raise _Refused("not_date", "une date AAMMJJ est attendue.")
        if not isinstance(value, date):
            raise _Refused("not_date", "une date est attendue.")
        if self.length == 6:
            return f"{value.year % 100:02d}{value.month:02d}{value.day:02d}"
        if self.format == "AAAAMMJJ":
            return f"{value.year:04d}{value.month:02d}{value.day:02d}"
        return f"{value.day:02d}{value.month:02d}{value.year:04d}"

    def _write_decimal(self, value: Value) -> str:
        if not isinstance(value, Decimal | int) or isinstance(value, bool):
            raise _Refused("not_number", "un nombre décimal est attendu.")
        number = Decimal(value)
        if not number.is_finite() or number < 0:
            raise _Refused("not_number", "un nombre positif ou nul est attendu.")
        scaled = number.scaleb(self.decimals)
        if scaled != scaled.to_integral_value():
            raise _Refused("too_precise", f"{self.decimals} décimales au plus.")
        return str(int(scaled)).zfill(self.length)

    _write_amount = _write_decimal

    # -- reading --

    def decode(self, text: str) -> Value:
        """Typed value of the `length` characters found in a line. Raises _Refused."""
        if self.kind is Kind.FILLER:
            if text != self.empty:
                raise _Refused("filler", "cette zone devrait être vide.")
            return None
        if self.kind is Kind.TEXT:
            return self._read_text(text)
        if text.isspace():
            if self.required or self.default != "blank":
                raise _Refused("missing", "des chiffres sont attendus, la zone est blanche.")
            return None
        if not (text.isascii() and text.isdigit()):
            raise _Refused("not_digits", "des chiffres seulement sont attendus.")
        if self.kind is Kind.DATE:
            return self._read_date(text)
        if self.kind is Kind.DIGITS:
            return int(text) if self.format == "int" else text
        return Decimal(int(text)).scaleb(-self.decimals)

    def _read_text(self, text: str) -> Value:
        self._check_characters(text)
        value = text.rstrip(" ")
        if not value and self.required:
            raise _Refused("missing", "valeur obligatoire absente.")
        return value

    def _read_date(self, text: str) -> Value:
        if not text.strip("0"):
            if self.required and not self.default:
                raise _Refused("missing", "date obligatoire absente.")
            return None
        if self.format == "naissance":
            return text
        if self.length == 6:
            year = int(text[:2]) + FIRST_YEAR // 100 * 100
            year, month, day = (year if year >= FIRST_YEAR else year + 100), int(text[2:4]), int(text[4:])
        elif self.format == "AAAAMMJJ":
            year, month, day = int(text[:4]), int(text[4:6]), int(text[6:])
        else:
            year, month, day = int(text[4:]), int(text[2:4]), int(text[:2])
        try:
            return date(year, month, day)
        except ValueError:
            raise _Refused("not_date", "cette date n’existe pas.") from None

    def _check_characters(self, text: str) -> None:
        if _PRINTABLE.fullmatch(text) is None:
            raise _Refused("charset", "caractère non admis (lettres sans accent, chiffres et ponctuation).")
        if self.format != "libre" and text != text.upper():
            raise _Refused("charset", "les minuscules ne sont pas admises.")


@dataclass(frozen=True, slots=True)
class RecordSpec:
    """One kind of record: its fields in order, without hole nor overlap, `length` characters in all."""

    record_type: str
    fields: tuple[FieldSpec, ...]
    length: int

    def encode(self, values: Mapping[str, Value], *, line: int = 1) -> bytes:
        """The record's `length` bytes, without line end. Raises EncodeError (all faults, unknown names included)."""
        errors = [
            FieldError(line, 0, name, "unknown_field", "zone inconnue de cet enregistrement.")
            for name in values.keys() - {spec.name for spec in self.fields}
        ]
        parts: list[str] = []
        for spec in self.fields:
            try:
                parts.append(spec.encode(values.get(spec.name)))
            except _Refused as refused:
                errors.append(FieldError(line, spec.start, spec.name, refused.reason, refused.message_fr))
        if errors:
            raise EncodeError(errors)
        record = "".join(parts).encode("ascii")
        if len(record) != self.length:
            raise LayoutError(f"{self.record_type}: {len(record)} bytes written instead of {self.length}.")
        return record

    def decode(self, text: str, *, line: int = 1) -> tuple[dict[str, Value], list[FieldError]]:
        """Values by field name (fillers left out) and faults. `text` has the right length already."""
        values: dict[str, Value] = {}
        errors: list[FieldError] = []
        for spec in self.fields:
            try:
                value = spec.decode(spec.slice(text))
            except _Refused as refused:
                errors.append(FieldError(line, spec.start, spec.name, refused.reason, refused.message_fr))
                continue
            if spec.kind is not Kind.FILLER:
                values[spec.name] = value
        return values, errors

    def discriminates(self, text: str) -> bool:
        """Do the constant fields of this record stand in this line?"""
        return all(spec.slice(text) == spec.empty for spec in self.fields if spec.name in DISCRIMINATORS)


@dataclass(frozen=True, slots=True)
class DecodedRecord:
    """One line read. With `errors`, `values` holds what could be read; an unknown line has an empty `record_type`."""

    line: int
    record_type: str
    values: dict[str, Value] = field(repr=False)
    errors: tuple[FieldError, ...]
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Layout:
    """All the records of a file format, `length` bytes each followed by LF."""

    records: Mapping[str, RecordSpec]
    length: int

    def encode(self, record_type: str, values: Mapping[str, Value], *, line: int = 1) -> bytes:
        """Bytes of one record, line end included. Raises EncodeError; KeyError for an undeclared record type."""
        return self.records[record_type].encode(values, line=line) + b"\n"

    def decode(self, raw: bytes, *, line: int = 1) -> DecodedRecord:
        """Read one line, without its line end."""
        if len(raw) != self.length:
            return self._unread(raw, line, "length", f"{len(raw)} caractères au lieu de {self.length}.")
        try:
            text = raw.decode("ascii")
        except UnicodeDecodeError as error:
            return self._unread(raw, line, "charset", "caractère non admis.", error.start + 1)
        spec = self._spec_of(text)
        if spec is None:
            return self._unread(raw, line, "unknown_record", "type d’enregistrement inconnu.")
        values, errors = spec.decode(text, line=line)
        return DecodedRecord(line, spec.record_type, values, tuple(errors), raw)

    def read(self, file: BinaryIO, *, after: int = 0) -> Iterator[DecodedRecord]:
        """Read a binary file (`after` lines of it read before) in constant memory. No last LF is a fault (`cut`)."""
        line = after
        while raw := file.readline(self.length + 1):
            line += 1
            if raw.endswith(b"\n"):
                yield self.decode(raw[:-1], line=line)
                continue
            size = len(raw)
            while not raw.endswith(b"\n") and (raw := file.readline(self.length + 1)):
                size += len(raw)
            if raw.endswith(b"\n"):
                yield self._unread(b"", line, "length", f"{size - 1} caractères au lieu de {self.length}.")
            else:
                yield self._unread(b"", line, "cut", "le fichier s’arrête au milieu de cette ligne.")

    def _spec_of(self, text: str) -> RecordSpec | None:
        matching = (spec for spec in self.records.values() if spec.discriminates(text))
        # « 3S » also looks like « 3 »: the more constants, the surer.
        return max(matching, key=lambda spec: sum(f.name in DISCRIMINATORS for f in spec.fields), default=None)

    def _unread(self, raw: bytes, line: int, reason: str, message_fr: str, position: int = 1) -> DecodedRecord:
        return DecodedRecord(line, "", {}, (FieldError(line, position, "ligne", reason, message_fr),), raw)


# ---- loading a layout ----


def load_layout(path: Path, *, length: int | None = None) -> Layout:
    """Layout declared by a CSV file; `length` = what each record must measure (by default what the first one measures).

    Raises LayoutError: hole, overlap, wrong length, unknown kind, impossible default.
    """
    with path.open(encoding="utf-8", newline="") as lines:
        return parse_layout(lines, length=length)


def parse_layout(lines: Iterable[str], *, length: int | None = None) -> Layout:
    """Same as `load_layout`, from lines of text."""
    rows: dict[str, list[FieldSpec]] = {}
    for row in csv.DictReader(line for line in lines if not line.startswith("#")):
        rows.setdefault(row["record_type"], []).append(_field_spec(row))
    if not rows:
        raise LayoutError("A layout declares at least one record.")
    records = {name: _record_spec(name, specs, length) for name, specs in rows.items()}
    lengths = {record.length for record in records.values()}
    if len(lengths) != 1:
        raise LayoutError(f"Records of different lengths: {sorted(lengths)}.")
    return Layout(records, lengths.pop())


def _field_spec(row: Mapping[str, str]) -> FieldSpec:
    try:
        kind = Kind(row["kind"])
        scale = row["format"] if kind in (Kind.AMOUNT, Kind.DECIMAL) else "0+0"
        whole, decimals = (int(part) for part in scale.split("+"))
        spec = FieldSpec(
            name=row["field"],
            start=int(row["start"]),
            length=int(row["length"]),
            kind=kind,
            format=row["format"],
            required=row["required"] == "O",
            default=row.get("default") or "",
            decimals=decimals,
        )
    except (KeyError, ValueError) as error:
        raise LayoutError(f"{row.get('record_type')}/{row.get('field')}: {error}") from error
    if scale != "0+0" and whole + decimals != spec.length:
        raise LayoutError(f"{spec.name}: format {spec.format} does not fill {spec.length} characters.")
    if spec.kind is Kind.DATE and spec.length not in (6, 8):
        raise LayoutError(f"{spec.name}: a date has 6 or 8 characters.")
    if len(spec.empty) != spec.length:
        raise LayoutError(f"{spec.name}: default is longer than the field.")
    return spec


def _record_spec(name: str, specs: list[FieldSpec], length: int | None) -> RecordSpec:
    position = 1
    for spec in specs:
        if spec.start != position:
            raise LayoutError(f"{name}/{spec.name}: starts at {spec.start}, expected {position}.")
        position += spec.length
    if length is not None and position - 1 != length:
        raise LayoutError(f"{name}: {position - 1} characters, expected {length}.")
    if len({spec.name for spec in specs}) != len(specs):
        raise LayoutError(f"{name}: two fields have the same name.")
    return RecordSpec(name, tuple(specs), position - 1)
