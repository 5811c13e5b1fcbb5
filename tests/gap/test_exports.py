"""No cell of a file that we give is taken for a formula by a spreadsheet, in whatever writing; numbers stay numbers."""

from __future__ import annotations

import csv
import io
import unicodedata
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from gap.lists import csv_text, export, neutral

ROOT = Path(__file__).resolve().parents[2]
SIGNS = "=+-@|%\t\r\n＝＋－＠﹢﹣﹦﹫⁺⁻⁼₊₋₌−"
BEFORE = st.text(alphabet=" \u00a0\u202f\u200b\ufeff\u2060\u3000\x00\x01'\"’“”`", max_size=4)
CELLS = st.one_of(
    st.builds(lambda before, sign, rest: before + sign + rest, BEFORE, st.sampled_from(SIGNS), st.text(max_size=20)),
    st.text(max_size=30),
)


def dangerous(text: str) -> bool:
    """As the most generous spreadsheet would read it: folded to ASCII, without what it passes over."""
    folded = unicodedata.normalize("NFKC", text)
    seen = "".join(
        sign for sign in folded if sign in "\t\r\n" or unicodedata.category(sign) not in ("Cc", "Cf", "Zs", "Zl", "Zp")
    ).lstrip("'\"’‘“”`´")
    return seen.startswith(tuple("=+-@|%\t\r\n\u2212"))


def cells_of(headers: tuple[str, ...], row: tuple[Any, ...], kind: str) -> list[Any]:
    response = export(headers, [row], "essai", kind)
    if kind == "xlsx":
        sheet = load_workbook(io.BytesIO(response.content)).active
        return list(list(sheet.iter_rows(max_row=2, max_col=len(row)))[1])
    content = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(content, newline=""), delimiter=";"))[1]


@given(CELLS)
@example("=1+1")
@example(" ＝cmd|' /C calc'!A0")
@example("'=1")
@example("\ufeff@SUM(1)")
@settings(max_examples=400, deadline=None)
def test_no_text_is_a_formula_once_it_is_neutral(text: str) -> None:
    made = neutral(text)
    assert made == text or made == f"'{text}" or "\ufffd" in made
    # The apostrophe is what a spreadsheet reads first: it makes a text of the rest.
    assert made.startswith("'") or not dangerous(made)


@given(st.lists(CELLS, min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_no_cell_of_a_csv_file_is_a_formula_and_no_cell_breaks_out_of_its_own(texts: list[str]) -> None:
    row = cells_of(tuple("c" * len(texts)), tuple(texts), "csv")
    assert len(row) == len(texts)
    assert not [cell for cell in row if dangerous(cell) and not cell.startswith("'")]


@given(CELLS)
@settings(max_examples=30, deadline=None)
def test_no_cell_of_a_workbook_is_a_formula(text: str) -> None:
    (cell,) = cells_of(("c",), (text,), "xlsx")
    assert cell.data_type != "f"
    assert cell.value is None or not dangerous(str(cell.value)) or str(cell.value).startswith("'")


def test_numbers_and_dates_stay_what_they_are() -> None:
    row = (-12, Decimal("-3.50"), date(2026, 5, 4), 0)
    assert cells_of(("a", "b", "c", "d"), row, "csv") == ["-12", "-3,50", "04/05/2026", "0"]
    kinds = [(cell.data_type, cell.value) for cell in cells_of(("a", "b", "c", "d"), row, "xlsx")]
    assert [kind for kind, _ in kinds] == ["n", "n", "d", "n"]
    assert kinds[0][1] == -12 and kinds[1][1] == -3.5


def test_days_and_hours_are_shown_as_one_writes_them_here() -> None:
    day, moment = cells_of(("a", "b"), (date(2026, 5, 4), datetime(2026, 5, 4, 7, 30, tzinfo=UTC)), "xlsx")
    assert (day.value, day.number_format) == (datetime(2026, 5, 4), "dd/mm/yyyy")
    assert (moment.value, moment.number_format) == (datetime(2026, 5, 4, 9, 30), "dd/mm/yyyy hh:mm")


def test_a_text_longer_than_a_cell_of_excel_is_cut_and_not_lost() -> None:
    (long,) = cells_of(("a",), ("x" * 40_000,), "xlsx")
    assert long.value == "x" * 32_767


@pytest.mark.parametrize(
    "text", ["MORVAN", "L’Haÿ", "d’Été", "CH de Valmont", "–", "0099000102", "É-B", "12 rue d’en haut"]
)
def test_an_ordinary_text_is_not_touched(text: str) -> None:
    assert neutral(text) == text


def test_headers_go_through_the_same_door() -> None:
    response = export(("=1+1", "ok"), [], "essai", "csv")
    assert b"".join(response.streaming_content).decode("utf-8-sig").splitlines()[0] == "'=1+1;ok"


def test_a_table_written_beside_the_lists_is_neutral_too() -> None:
    assert csv_text(("a",), [("@x",), (Decimal("-1.5"),)]).splitlines()[1:] == ["'@x", "-1,5"]


def test_no_other_file_of_the_product_writes_a_table() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for app in ("accounts", "debtors", "admissions", "teleservices", "billing", "worklists", "gap")
        for path in (ROOT / app).rglob("*.py")
        if any(
            word in path.read_text(encoding="utf-8")
            for word in ("csv.writer", "DictWriter", "tablib", "openpyxl", "xlsxwriter")
        )
    }
    assert found == {"gap/lists.py", "gap/workbook.py"}
