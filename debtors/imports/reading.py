"""A table in a file (CSV or XLSX), line by line, its columns known by their names in any order."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from python_calamine import CalamineError, CalamineWorkbook

from gap.text import unaccented

MOST_LINES: Final = 500_000
#: A workbook is an archive: what it says that it holds, before anything of it is opened.
_MOST_UNPACKED: Final = 300 * 1024 * 1024
_MOST_PARTS: Final = 2_000
_DELIMITERS: Final = ";,\t|"
_XLSX: Final = b"PK\x03\x04"

#: A line as its file has it: the name of a column in our words, and its text.
Line = dict[str, str]


class Unreadable(Exception):
    """Nothing can be read of the file: `message` tells a person why, and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def lines(content: bytes, columns: Mapping[str, Sequence[str]]) -> Iterator[tuple[int, Line]]:
    """Each line with its number in the file (the header is 1 or more), its known columns stripped; empty lines left out.

    `columns`: our names, and those that people give them. Raises Unreadable: no table, no column that is known, too long.
    """
    rows = enumerate(_xlsx(content) if content.startswith(_XLSX) else _csv(content), start=1)
    for _, row in rows:
        if any(_text(cell) for cell in row):
            places = _places(row, columns)
            break
    else:
        raise Unreadable("Ce fichier est vide. Rien n’a été lu.")
    for number, row in rows:
        if number > MOST_LINES:
            raise Unreadable(f"Ce fichier dépasse {MOST_LINES} lignes : coupez-le en plusieurs. Rien n’a été pris.")
        line = {name: _text(row[place]) for name, place in places.items() if place < len(row)}
        if any(line.values()):
            yield number, line


def _places(header: Sequence[Any], columns: Mapping[str, Sequence[str]]) -> dict[str, int]:
    written = [_plain(_text(cell)) for cell in header]
    places = {}
    for name, others in columns.items():
        for other in (name, *others):
            if _plain(other) in written:
                places[name] = written.index(_plain(other))
                break
    if not places:
        raise Unreadable(
            "Aucune colonne n’est reconnue : la première ligne porte les noms des colonnes. Rien n’a été lu."
        )
    return places


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", unaccented(text).lower().replace("n°", "n").replace("nº", "n"))


def _csv(content: bytes) -> Iterator[list[str]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    if "\0" in text:
        raise Unreadable("Ce fichier n’est ni un CSV ni un classeur XLSX. Rien n’a été lu.")
    head = text[:20_000]
    first = head.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    except csv.Error as problem:
        raise Unreadable("Une ligne de ce fichier est trop longue, ou ses guillemets ne se ferment pas.") from problem


def _xlsx(content: bytes) -> Iterator[list[Any]]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            if len(parts) > _MOST_PARTS or sum(part.file_size for part in parts) > _MOST_UNPACKED:
                raise Unreadable("Ce classeur est trop gros une fois ouvert : exportez la feuille en CSV.")
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
        yield from workbook.get_sheet_by_index(0).iter_rows()
    except (CalamineError, zipfile.BadZipFile, IndexError, ValueError) as problem:
        raise Unreadable("Ce classeur ne s’ouvre pas : exportez la feuille en CSV. Rien n’a été lu.") from problem


def _text(cell: Any) -> str:
    """A cell as a person reads it: a number without its decimals, a date as ours."""
    if isinstance(cell, bool):
        return "oui" if cell else "non"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    if isinstance(cell, datetime | date):
        return f"{cell:%d/%m/%Y}"
    return str(cell or "").strip()


# ---- what a text means ----


def day(text: str) -> date | None:
    """A day, « 21/11/2026 » or « 2026-11-21 »; None when there is none. Raises ValueError."""
    if not text:
        return None
    for form in ("%d/%m/%Y", "%Y-%m-%d"):
        try:
            return datetime.strptime(text[:10], form).date()
        except ValueError:
            continue
    raise ValueError(text)


def amount(text: str) -> Decimal:
    """Euros, « 1 234,56 » or « 1234.56 »; nothing is zero. Raises ValueError."""
    plain = re.sub(r"[\s\u00a0\u202f€]", "", text).replace(",", ".")
    if not plain:
        return Decimal("0.00")
    try:
        found = Decimal(plain)
    except InvalidOperation as problem:
        raise ValueError(text) from problem
    if not found.is_finite() or abs(found) >= Decimal("1e9"):
        raise ValueError(text)
    return found.quantize(Decimal("0.01"))


def amc_number(text: str) -> str:
    """Ten digits, as on the wire; cards print eight to ten. Raises ValueError."""
    digits = re.sub(r"[\s\u00a0\u202f.]", "", text)
    if not (digits.isascii() and digits.isdigit() and 0 < len(digits) <= 10):
        raise ValueError(text)
    return digits.zfill(10)
