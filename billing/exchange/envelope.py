"""What all exchange files share: where their layouts are, and how a file that was cut or altered is told."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import BinaryIO, Final, cast

from billing.exchange.records import RecordError
from gap.fixedwidth import DecodedRecord, Layout, Value, load_layout
from gap.money import ZERO

RECORD_LENGTH: Final = 128
LAYOUTS: Final = Path(__file__).parent / "layouts"


@cache
def layout(name: str) -> Layout:
    """The layout of `dre_es`, `arl`, `578r` or `908r`."""
    return load_layout(LAYOUTS / f"{name.lower().replace('-', '_')}.csv", length=RECORD_LENGTH)


class Writer:
    """Writes records one after the other and keeps the control sum (CRC-32 of every byte written)."""

    def __init__(self, file: BinaryIO, file_layout: Layout) -> None:
        self._file = file
        self._layout = file_layout
        self.lines = 0
        self.control = 0

    def write(self, record_type: str, values: Mapping[str, Value]) -> None:
        """One record. Raises EncodeError, with the number of the line that could not be written."""
        record = self._layout.encode(record_type, values, line=self.lines + 1)
        self._file.write(record)
        self.lines += 1
        self.control = zlib.crc32(record, self.control)


@dataclass(slots=True)
class Reader:
    """Yields the records between the header (read already) and the end, then knows what is wrong with the whole."""

    file: BinaryIO
    layout: Layout
    first_line: bytes
    reasons: list[str] = field(default_factory=list)
    trailer: DecodedRecord | None = None
    errors: int = 0
    control: int = 0
    details: int = 0
    last_line: int = 1

    def records(self) -> Iterator[DecodedRecord | RecordError]:
        """Detail records without fault, and an error for each other line. Fills `reasons` about the file's shape."""
        self.control = zlib.crc32(self.first_line)
        for record in self.layout.read(self.file, after=1):
            self.last_line = record.line
            if self.trailer is not None:
                self._say("Des lignes suivent l’enregistrement de fin.")
                yield self.error(record.line, "after_end", "ligne en trop, après l’enregistrement de fin.")
            elif record.record_type == "999":
                self.trailer = record
                if record.errors:
                    self._say("L’enregistrement de fin est illisible.")
                    yield self._faulty(record)
            elif record.record_type == "000":
                self._say("Un second en-tête se trouve dans le fichier : deux fichiers ont été mis bout à bout.")
                yield self.error(record.line, "second_header", "en-tête au milieu du fichier.")
            else:
                self.details += 1
                self.control = zlib.crc32(record.raw + b"\n", self.control)
                yield self._faulty(record) if record.errors else record
        if self.trailer is None:
            self._say(f"Le fichier est coupé : il s’arrête à la ligne {self.last_line}, sans enregistrement de fin.")

    def check_end(self, expected: Mapping[str, tuple[Value, str]]) -> None:
        """Compare the trailer's fields with what was read: field → (value read, sentence when it differs)."""
        if self.trailer is None or self.trailer.errors:
            return
        if self.errors:
            # The amounts of unusable lines are not known: the count and the control still prove the file whole.
            expected = {name: check for name, check in expected.items() if name.endswith("_count")}
        for name, (value, sentence) in expected.items():
            if self.trailer.values[name] != value:
                self._say(sentence)
        if self.trailer.values["control"] != self.control:
            self._say("La somme de contrôle ne correspond pas : le contenu a été altéré en route.")

    def error(self, line: int, reason: str, message_fr: str) -> RecordError:
        """Count and return an unusable line."""
        self.errors += 1
        return RecordError(line, reason, message_fr)

    def _faulty(self, record: DecodedRecord) -> RecordError:
        self.errors += 1
        first = record.errors[0]
        return RecordError(record.line, first.reason, str(first), record.errors)

    def _say(self, sentence: str) -> None:
        if sentence not in self.reasons:
            self.reasons.append(sentence)


# ---- typed access to decoded values (the layout guarantees the type) ----


def text(values: Mapping[str, Value], name: str) -> str:
    """A text or digits field; an absent one is empty."""
    return cast(str, values[name] or "")


def number(values: Mapping[str, Value], name: str) -> int:
    """An `int` field."""
    return cast(int, values[name])


def amount(values: Mapping[str, Value], name: str = "amount") -> Decimal:
    """An amount in euros, two places, signed when the record has a sign."""
    euros = cast(Decimal, values[name]) + ZERO
    return -euros if values.get("sign") == "-" else euros


def day(values: Mapping[str, Value], name: str) -> date:
    """A mandatory date."""
    return cast(date, values[name])


def optional_number(values: Mapping[str, Value], name: str) -> str:
    """A number of digits that zeros leave empty."""
    digits = text(values, name)
    return digits if digits.strip("0") else ""


def signed(euros: Decimal, name: str = "amount") -> dict[str, Value]:
    """The two fields, sign and absolute amount, of a signed amount."""
    return {"sign": "-" if euros < 0 else "+", name: abs(euros)}


def instant(values: Mapping[str, Value]) -> datetime | None:
    """The header's instant (local time, naive), or None when its hour doesn't exist."""
    try:
        return datetime.combine(day(values, "created_on"), time.fromisoformat(text(values, "created_at")))
    except ValueError:
        return None


def instant_fields(moment: datetime) -> dict[str, Value]:
    """The two fields of an instant."""
    return {"created_on": moment.date(), "created_at": f"{moment:%H%M%S}"}
