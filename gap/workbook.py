"""A workbook made in memory alone: nothing of what a list says is written on a disk, where it would be in clear."""

from __future__ import annotations

import io
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from openpyxl import Workbook
from openpyxl.drawing.spreadsheet_drawing import SpreadsheetDrawing
from openpyxl.worksheet._writer import WorksheetWriter
from openpyxl.writer.excel import ExcelWriter
from tablib import Dataset
from tablib.formats._xlsx import XLSXFormat


class _InMemory(ExcelWriter):
    """openpyxl writes each sheet in a temporary file first, and leaves it there when the disk is full."""

    def write_worksheet(self, ws: Any) -> None:
        # Sheets of ours have cells alone: no chart, no picture.
        ws._drawing = SpreadsheetDrawing()
        content = io.BytesIO()
        writer = WorksheetWriter(ws, content)
        writer.write()
        ws._rels = writer._rels
        self._archive.writestr(ws.path[1:], content.getvalue())
        self.manifest.append(ws)


def xlsx(table: Dataset) -> bytes:
    """The bytes of a workbook of one sheet, as tablib lays it out: bold headers that stay, columns as wide as their content."""
    book = Workbook()
    sheet: Any = book.active
    sheet.title = table.title or ""
    XLSXFormat.dset_sheet(table, sheet)
    XLSXFormat._adapt_column_width(sheet, "adaptive")
    made = io.BytesIO()
    _InMemory(book, ZipFile(made, "w", ZIP_DEFLATED)).save()
    return made.getvalue()
