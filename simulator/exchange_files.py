"""The files that the hospital sends and gets back, read and written from the contract's layouts alone.

The layouts (CSV files of `billing/exchange/layouts`) are the contract, as the WSDL is for the services; this code is
independent of the application's codec, so that each proves the other.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

CONTRACT: Final = Path(__file__).resolve().parent.parent / "billing" / "exchange" / "layouts"
RECORD: Final = 128
NUMERIC: Final = ("N", "date", "amount", "decimal")

Written = str | int | Decimal | date


@dataclass(frozen=True, slots=True)
class Field:
    """A zone of a record: `start` from 0."""

    name: str
    start: int
    length: int
    kind: str
    format: str
    default: str

    def of(self, line: str) -> str:
        return line[self.start : self.start + self.length]

    def text(self, value: Written | None) -> str:
        """Exactly `length` characters. Raises ValueError when the value does not fit."""
        if value is None:
            value = "" if self.default in ("", "blank") else self.default
        if isinstance(value, date):
            value = f"{value:%Y%m%d}" if self.length == 8 else f"{value:%y%m%d}"
        if isinstance(value, Decimal):
            value = int(value.scaleb(2))
        fill = "0" if self.kind in NUMERIC and self.default != "blank" else " "
        written = str(value).rjust(self.length, "0") if fill == "0" else str(value).ljust(self.length)
        if len(written) != self.length or not written.isascii():
            raise ValueError(f"{self.name} does not fit {self.length} characters.")
        return written


def load(name: str) -> dict[str, list[Field]]:
    """Record type → its fields, of one layout of the contract."""
    records: dict[str, list[Field]] = {}
    with (CONTRACT / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(line for line in file if not line.startswith("#")):
            field = Field(
                row["field"], int(row["start"]) - 1, int(row["length"]), row["kind"], row["format"], row["default"]
            )
            records.setdefault(row["record_type"], []).append(field)
    return records


# ---- lots received ----


@dataclass(frozen=True, slots=True)
class LotInvoice:
    """One invoice of a lot. `amount` in euros: what the AMC is asked."""

    number: str
    engagement_number: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Lot:
    """A lot as received. `problems`: code and label of each reason to refuse it as a whole."""

    number: str
    amc_number: str
    finess_legal: str
    test: bool
    invoices: tuple[LotInvoice, ...]
    problems: tuple[tuple[str, str], ...]

    @property
    def amount(self) -> Decimal:
        return sum((invoice.amount for invoice in self.invoices), Decimal("0.00"))


def read_lot(content: bytes) -> Lot | None:
    """Read a DRE-ES lot. None when the header does not even say whom to answer."""
    layout = load("dre_es")
    lines = content.decode("ascii", errors="replace").splitlines()
    head = _zones(layout["000"], lines[0]) if lines else {}
    if not lines or len(lines[0]) != RECORD or head["file_kind"] != "DRE-ES" or not head["lot_number"].isdigit():
        return None
    invoices = tuple(_invoices(layout, lines))
    return Lot(
        number=head["lot_number"],
        amc_number=head["amc_number"],
        finess_legal=head["finess_legal"],
        test=head["test"] == "T",
        invoices=invoices,
        problems=tuple(_problems(layout, content, lines, invoices)),
    )


def _zones(fields: Iterable[Field], line: str) -> dict[str, str]:
    return {field.name: field.of(line).rstrip() for field in fields}


def _invoices(layout: Mapping[str, list[Field]], lines: list[str]) -> Iterable[LotInvoice]:
    """One for each record 2R: it carries the engagement and its amount."""
    for line in lines:
        if len(line) == RECORD and line[0] == "2" and line[38] == "R":
            zones = _zones(layout["2R"], line)
            if zones["engaged_amount"].isdigit():
                amount = Decimal(int(zones["engaged_amount"])).scaleb(-2)
                yield LotInvoice(zones["invoice_number"], zones["engagement_number"], amount)


def _problems(
    layout: Mapping[str, list[Field]], content: bytes, lines: list[str], invoices: tuple[LotInvoice, ...]
) -> Iterable[tuple[str, str]]:
    if any(len(line) != RECORD for line in lines) or not content.endswith(b"\n"):
        yield "LOT-LONG", "Enregistrement qui ne compte pas 128 caracteres"
    if not lines[-1].startswith("999"):
        yield "LOT-COUPE", "Fin de fichier absente"
        return
    end = _zones(layout["999"], lines[-1])
    body = content[: -len(lines[-1]) - 1]
    if end["control"] != f"{zlib.crc32(body):010d}":
        yield "LOT-CTRL", "Somme de controle fausse"
    total = int(sum((invoice.amount for invoice in invoices), Decimal(0)).scaleb(2))
    announced = (end["invoice_count"], end["record_count"], end["total"])
    if announced != (f"{len(invoices):07d}", f"{len(lines) - 3:07d}", f"{total:012d}"):
        yield "LOT-TOTAL", "Comptes annonces differents de ceux lus"


# ---- returns written ----


@dataclass(frozen=True, slots=True)
class Sender:
    """Header of a return: `file_number` 9 digits."""

    file_number: str
    amc_number: str
    finess_legal: str
    created_at: datetime


Row = tuple[str, Mapping[str, Written]]


def write_return(kind: str, sender: Sender, rows: Iterable[Row], total: Decimal = Decimal("0.00")) -> bytes:
    """A whole ARL, 578R or 908R: header, numbered rows, end with count, total and control sum."""
    layout = load(kind.lower())
    head: dict[str, Written] = {
        "file_number": sender.file_number,
        "amc_number": sender.amc_number,
        "finess_legal": sender.finess_legal,
        "created_on": sender.created_at.date(),
        "created_at": f"{sender.created_at:%H%M%S}",
    }
    content = _line(layout["000"], head)
    count = 0
    for count, (record_type, values) in enumerate(rows, start=1):
        content += _line(layout[record_type], {"record_number": count, **values})
    end: dict[str, Written] = {
        "record_count": count,
        "sign": "-" if total < 0 else "+",
        "total": abs(total),
        "control": zlib.crc32(content),
    }
    return content + _line(layout["999"], end)


def _line(fields: Iterable[Field], values: Mapping[str, Written]) -> bytes:
    return "".join(field.text(values.get(field.name)) for field in fields).encode("ascii") + b"\n"
