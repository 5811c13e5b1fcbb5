"""A workbook made in memory alone: nothing of what a list says is written on a disk, where it would be in clear."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from xlsxwriter import Workbook

#: What a cell of Excel holds; the library would leave a longer one empty.
_LONGEST: Final = 32_767
_OPTIONS: Final = {
    # Otherwise each sheet is a temporary file first, which stays when the disk is full.
    "in_memory": True,
    # A text is a text, whatever it looks like.
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "default_date_format": "dd/mm/yyyy",
}


def xlsx(title: str, headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """The bytes of a workbook of one sheet: headers in bold, which stay in sight; columns as wide as what they hold.

    Raises TypeError for a value that is neither text, number, date nor None.
    """
    made = io.BytesIO()
    with Workbook(made, _OPTIONS) as book:
        sheet = book.add_worksheet(title[:31])
        sheet.freeze_panes(1, 0)
        moment = book.add_format({"num_format": "dd/mm/yyyy hh:mm"})
        sheet.add_write_handler(
            datetime, lambda sheet, row, column, value, *_: sheet.write_datetime(row, column, value, moment)
        )
        sheet.write_row(0, 0, headers, book.add_format({"bold": True}))
        for number, row in enumerate(rows, start=1):
            sheet.write_row(number, 0, [one[:_LONGEST] if isinstance(one, str) else one for one in row])
        sheet.autofit()
    return made.getvalue()
