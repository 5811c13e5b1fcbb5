"""Long lists: pages and counts that stay cheap at hospital volume, and files of exactly what is filtered."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from gap.instances import light
from gap.workbook import xlsx

PAGE_SIZE: Final = 50
# A count stops here: « 10 000 et plus » is enough to a person, and costs milliseconds whatever the volume.
COUNTED: Final = 10_000
# A workbook is built in memory; a CSV file is written as it is read, however long.
XLSX_ROWS: Final = 20_000
# What makes a formula of a cell, in one spreadsheet or another; a table is also cut at tabs and line ends.
_FORMULA: Final = ("=", "+", "-", "@", "|", "%", "\u2212", "\t", "\r", "\n")
_UNWRITABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# Quotes and blanks that one of them passes over before it looks.
_PASSED_OVER: Final = "'\"‘’“”`´"
_BLANK: Final = ("Cc", "Cf", "Zs", "Zl", "Zp")


@dataclass(frozen=True, slots=True)
class Total:
    """How many rows, up to COUNTED."""

    count: int
    num_pages: int | None

    @property
    def exact(self) -> bool:
        return self.count <= COUNTED

    def __str__(self) -> str:
        text = f"{min(self.count, COUNTED):,}".replace(",", "\u00a0")
        return text if self.exact else f"plus de {text}"


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of a list, as the `c-pager` component reads it."""

    object_list: list[Any]
    number: int
    paginator: Total
    has_next: bool

    @property
    def has_previous(self) -> bool:
        return self.number > 1

    @property
    def next_page_number(self) -> int:
        return self.number + 1

    @property
    def previous_page_number(self) -> int:
        return self.number - 1


def bounded_count(queryset: QuerySet[Any], limit: int = COUNTED) -> int:
    """Rows of the queryset, counted no further than `limit` + 1."""
    return queryset.order_by().values("pk")[: limit + 1].count()


def page_number(text: str | None) -> int:
    """A page asked in an address. What is not a number from 1 is the first page."""
    return int(text) if text and text.isascii() and text.isdigit() and int(text[:7]) > 0 else 1


def page_of(
    rows: QuerySet[Any],
    number: int,
    *,
    counted: QuerySet[Any] | None = None,
    count: int | None = None,
    size: int = PAGE_SIZE,
) -> ListPage:
    """Two queries: a bounded count of `counted` (the same rows without their adornments), unless `count` is known
    already, and the page.

    A page past the end is the last one: a list that shortened under somebody's eyes is not an error.
    """
    if count is None:
        count = bounded_count(rows if counted is None else counted)
    num_pages = max(1, -(-count // size)) if count <= COUNTED else None
    if num_pages is not None:
        number = min(number, num_pages)
    start = (number - 1) * size
    found = list(light(rows[start : start + size + 1]))
    return ListPage(found[:size], number, Total(count, num_pages), len(found) > size)


def first_page(found: list[Any], count: int, size: int = PAGE_SIZE) -> ListPage:
    """The first page of rows read elsewhere: `found` is one more than the page when there is more."""
    num_pages = max(1, -(-count // size)) if count <= COUNTED else None
    return ListPage(found[:size], 1, Total(count, num_pages), len(found) > size)


# ---- files ----


def neutral(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula. Numbers and dates stay what they are."""
    if isinstance(value, str):
        # A workbook is XML: it has no place for these, and the whole file would be refused for one of them.
        value = _UNWRITABLE.sub("\ufffd", value)
        return f"'{value}" if _may_be_formula(value) else value
    if isinstance(value, datetime):
        return timezone.localtime(value).replace(tzinfo=None) if timezone.is_aware(value) else value
    return "" if value is None else value


def _may_be_formula(text: str) -> bool:
    if not text or text[0].isalnum():
        return False  # nearly every cell: nothing more to look at
    # Full-width and other writings of a sign are the sign.
    for sign in unicodedata.normalize("NFKC", text):
        if sign in _FORMULA:
            return True
        if sign not in _PASSED_OVER and unicodedata.category(sign) not in _BLANK:
            return False
    return False


def _csv_cell(value: Any) -> str:
    """As a French spreadsheet reads it: decimal comma, days first."""
    value = neutral(value)
    if isinstance(value, datetime):
        return f"{value:%d/%m/%Y %H:%M}"
    if isinstance(value, date):
        return f"{value:%d/%m/%Y}"
    if isinstance(value, Decimal):
        return str(value).replace(".", ",")
    return str(value)


class _Line:
    """What csv.writer writes to: hands each line back."""

    def write(self, line: str) -> str:
        return line


def _csv_lines(headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    writer = csv.writer(_Line(), delimiter=";")
    # The mark that makes a spreadsheet read the accents right.
    yield "\ufeff"
    yield writer.writerow([_csv_cell(header) for header in headers])
    for row in rows:
        yield writer.writerow([_csv_cell(value) for value in row])


def csv_text(headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A short table, whole, by the same rules as the files of the lists."""
    return "".join(_csv_lines(headers, rows))


def export(headers: Sequence[str], rows: Iterable[Sequence[Any]], name: str, kind: str) -> HttpResponseBase:
    """The rows as a file, `kind` csv (written as it is read) or xlsx (XLSX_ROWS at most: the caller checks)."""
    filename = f"{name}-{timezone.localtime():%Y-%m-%d-%Hh%M}.{kind}"
    if kind == "csv":
        response: HttpResponseBase = StreamingHttpResponse(
            _csv_lines(headers, rows), content_type="text/csv; charset=utf-8"
        )
    else:
        book = xlsx(name, [neutral(one) for one in headers], ([neutral(value) for value in row] for row in rows))
        response = HttpResponse(book, content_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
    response.headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    response.headers["Cache-Control"] = "no-store"
    return response
