"""The engine of fixed-width records: exact bytes, typed values, every fault named by line, position and field."""

from __future__ import annotations

import csv
import io
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gap.fixedwidth import EncodeError, FieldSpec, Kind, Layout, LayoutError, Value, load_layout, parse_layout

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
HEADER = "record_type,field,start,length,kind,format,required,default\n"
LAYOUT = parse_layout(
    (
        "# a comment line\n"
        + HEADER
        + "1,record_type,1,1,N,N,O,1\n"
        + "1,finess,2,9,N,N,O,\n"
        + "1,gap,11,1,filler,A,F,blank\n"
        + "1,name,12,10,AN,A,O,\n"
        + "1,note,22,6,AN,libre,F,\n"
        + "1,day,28,6,date,N,F,000000\n"
        + "1,long_day,34,8,date,AAAAMMJJ,F,\n"
        + "1,birth,42,6,date,naissance,F,\n"
        + "1,amount,48,8,amount,6+2,O,\n"
        + "1,coefficient,56,5,decimal,1+4,F,10000\n"
        + "1,count,61,3,N,int,F,\n"
        + "1,network,64,4,N,N,F,blank\n"
        + "1S,record_type,1,1,N,N,O,1\n"
        + "1S,filler_2,2,9,filler,A,F,000000000\n"
        + "1S,complement_type,11,1,AN,A,O,S\n"
        + "1S,label,12,56,AN,A,F,\n"
    ).splitlines(keepends=True),
    length=67,
)
VALUES: dict[str, Value] = {
    "finess": "600100713",
    "name": "Élodie",
    "note": "a@b.fr",
    "day": date(2026, 3, 1),
    "long_day": date(1948, 12, 31),
    "birth": "531300",
    "amount": Decimal("12.34"),
    "coefficient": Decimal("1.0325"),
    "count": 7,
}
LINE = b"1600100713 ELODIE    a@b.fr26030119481231531300000012341032500" + b"7    "


def test_a_record_is_written_byte_for_byte() -> None:
    assert LAYOUT.encode("1", VALUES) == LINE + b"\n"


def test_a_record_is_read_back_with_its_types() -> None:
    record = LAYOUT.decode(LINE, line=3)
    assert record.errors == ()
    assert record.record_type == "1"
    assert record.values == {"record_type": "1", "network": None, **VALUES, "name": "ELODIE"}


def test_absent_values_take_their_defaults() -> None:
    line = LAYOUT.encode("1", {"finess": "1", "name": "X", "amount": 0})
    assert line == b"1000000001 X               " + b"000000" + b"0" * 14 + b"00000000" + b"10000" + b"000" + b"    \n"


def test_records_are_told_apart_by_their_constants() -> None:
    line = LAYOUT.encode("1S", {"label": "rien"})
    assert LAYOUT.decode(line[:-1]).record_type == "1S"
    assert LAYOUT.decode(b"2" + LINE[1:]).errors[0].reason == "unknown_record"


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("finess", "60010071X", "not_digits"),
        ("finess", "6001007133", "too_long"),
        ("finess", -1, "not_digits"),
        ("finess", None, "missing"),
        ("finess", "１23", "not_digits"),
        ("name", "ABCDEFGHIJK", "too_long"),
        ("name", 3, "not_text"),
        ("name", "A\nB", "charset"),
        ("name", "漢", "missing"),
        ("day", "2026-03-01", "not_date"),
        ("birth", "5313", "not_date"),
        ("amount", Decimal("1000000.00"), "too_long"),
        ("amount", Decimal("1.005"), "too_precise"),
        ("amount", Decimal("-1"), "not_number"),
        ("amount", Decimal("NaN"), "not_number"),
        ("amount", "77", "not_number"),
        ("coefficient", Decimal("1.03255"), "too_precise"),
        ("nowhere", 1, "unknown_field"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_its_place(name: str, value: Any, reason: str) -> None:
    with pytest.raises(EncodeError) as refusal:
        LAYOUT.encode("1", {**VALUES, name: value}, line=12)
    (error,) = refusal.value.errors
    assert (error.line, error.field, error.reason) == (12, name, reason)
    assert str(value) not in str(refusal.value) or value in (None, 3, 1, -1)


def test_all_faults_of_a_record_are_reported_at_once() -> None:
    with pytest.raises(EncodeError) as refusal:
        LAYOUT.encode("1", {"finess": "X", "amount": Decimal("0.001")})
    assert [(error.field, error.position) for error in refusal.value.errors] == [
        ("finess", 2),
        ("name", 12),
        ("amount", 48),
    ]


@pytest.mark.parametrize(
    ("position", "text", "field", "reason"),
    [
        (2, b"60010071X", "finess", "not_digits"),
        (2, b"         ", "finess", "missing"),
        (11, b"X", "gap", "filler"),
        (12, b"          ", "name", "missing"),
        (12, b"elodie", "name", "charset"),
        (28, b"260231", "day", "not_date"),
        (48, b"  001234", "amount", "not_digits"),
        (61, b"   ", "count", "missing"),
    ],
)
def test_a_bad_zone_is_collected_and_the_rest_is_kept(position: int, text: bytes, field: str, reason: str) -> None:
    raw = LINE[: position - 1] + text + LINE[position - 1 + len(text) :]
    record = LAYOUT.decode(raw, line=9)
    assert [(e.line, e.position, e.field, e.reason) for e in record.errors] == [(9, position, field, reason)]
    assert field not in record.values and len(record.values) >= len(VALUES)


def test_faults_and_reprs_never_hold_the_value() -> None:
    record = LAYOUT.decode(LINE.replace(b"600100713", b"60010071X"))
    assert "60010071X" not in repr(record) and "ELODIE" not in repr(record)


def test_a_non_ascii_byte_is_located() -> None:
    (error,) = LAYOUT.decode(LINE[:13] + b"\xe9" + LINE[14:]).errors
    assert (error.reason, error.position) == ("charset", 14)


def test_a_file_is_read_line_by_line_and_bad_lines_do_not_stop_it() -> None:
    good = LINE + b"\n"
    file = io.BytesIO(good + b"short\n" + good + LINE + b"tail" * 1000 + b"\n" + good + LINE[:20])
    records = list(LAYOUT.read(file))
    assert [r.errors[0].reason if r.errors else "" for r in records] == ["", "length", "", "length", "", "cut"]
    assert [r.line for r in records] == [1, 2, 3, 4, 5, 6]


def test_a_full_last_line_without_its_line_end_is_a_cut_file() -> None:
    assert next(LAYOUT.read(io.BytesIO(LINE))).errors[0].reason == "cut"


def test_reading_is_lazy() -> None:
    class Endless(io.RawIOBase):
        served = 0

        def readline(self, size: int | None = -1, /) -> bytes:
            self.served += 1
            return LINE + b"\n"

    file = Endless()
    stream = LAYOUT.read(file)  # type: ignore[arg-type]
    next(stream), next(stream)
    assert file.served == 2


def two_digit_years(spec: FieldSpec) -> st.SearchStrategy[date]:
    if spec.length == 6:
        return st.dates(date(1970, 1, 1), date(2069, 12, 31))
    return st.dates(date(1, 1, 1), date(9999, 12, 31))


def values_of(spec: FieldSpec) -> st.SearchStrategy[Value]:
    """Any value that this field may hold, as reading gives it."""
    match spec.kind:
        case Kind.FILLER:
            return st.none()
        case Kind.TEXT:
            letters = st.characters(min_codepoint=32, max_codepoint=126)
            text = st.text(letters, max_size=spec.length).map(lambda t: t.rstrip(" "))
            text = text if spec.format == "libre" else text.map(str.upper)
            return text.filter(bool) if spec.required else text
        case Kind.DATE if spec.format == "naissance":
            return st.integers(1, 999999).map(lambda n: f"{n:06d}")
        case Kind.DATE:
            return two_digit_years(spec) if spec.required else st.none() | two_digit_years(spec)
        case Kind.DIGITS if spec.format == "int":
            return st.integers(0, 10**spec.length - 1)
        case Kind.DIGITS:
            return st.integers(0, 10**spec.length - 1).map(lambda n: str(n).zfill(spec.length))
        case _:
            return st.integers(0, 10**spec.length - 1).map(lambda n: Decimal(n).scaleb(-spec.decimals))


def discriminating(layout: Layout, record_type: str) -> dict[str, Value]:
    return {
        spec.name: spec.empty
        for spec in layout.records[record_type].fields
        if spec.name in ("record_type", "complement_type")
    }


def any_values(layout: Layout, record_type: str) -> st.SearchStrategy[dict[str, Value]]:
    constants = discriminating(layout, record_type)
    return st.fixed_dictionaries(
        {
            spec.name: values_of(spec)
            for spec in layout.records[record_type].fields
            if spec.name not in constants and spec.kind is not Kind.FILLER
        }
    )


@given(any_values(LAYOUT, "1"))
def test_any_value_makes_the_round_trip(values: dict[str, Value]) -> None:
    record = LAYOUT.decode(LAYOUT.encode("1", values)[:-1])
    assert record.errors == ()
    assert record.values == {"record_type": "1", **values}


@given(st.text(st.characters(max_codepoint=255), min_size=67, max_size=67), st.integers(0, 60), st.integers(1, 12))
def test_what_reads_without_fault_writes_the_same_bytes_again(noise: str, start: int, size: int) -> None:
    raw = LINE[:start] + noise[:size].encode("latin-1") + LINE[start + size :]
    record = LAYOUT.decode(raw[:67])
    if not record.errors:
        assert LAYOUT.encode(record.record_type, record.values) == raw[:67] + b"\n"


@given(st.binary(max_size=400))
def test_no_bytes_at_all_can_make_the_reader_fail(content: bytes) -> None:
    for record in LAYOUT.read(io.BytesIO(content)):
        assert record.errors


def test_the_reference_b2_layout_loads_and_every_record_makes_the_round_trip() -> None:
    if not SHARED.exists():
        pytest.skip("reference layouts are not on this machine")
    layout = load_layout(SHARED / "b2_layout.csv", length=128)
    assert len(layout.records) == 14

    @given(st.data())
    def round_trip(data: st.DataObject) -> None:
        record_type = data.draw(st.sampled_from(sorted(layout.records)))
        values = data.draw(any_values(layout, record_type))
        line = layout.encode(record_type, values)
        assert len(line) == 129
        record = layout.decode(line[:-1])
        assert record.errors == ()
        assert layout.encode(record.record_type, record.values) == line

    round_trip()


def test_the_reference_atih_layouts_load() -> None:
    if not SHARED.exists():
        pytest.skip("reference layouts are not on this machine")
    for path in [*SHARED.glob("rsf_*.csv"), SHARED / "vidhosp_v015.csv"]:
        assert load_layout(path).length > 100, path.name


def test_the_reference_encodings_are_met() -> None:
    path = SHARED / "vectors" / "b2_encoding.csv"
    if not path.exists():
        pytest.skip("reference vectors are not on this machine")
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            assert encoded(row) == row["expected"], row


def encoded(row: dict[str, str]) -> str:
    kind, size, text = Kind(row["kind"]), row["format"].split()[0], row["value"]
    length = sum(int(part) for part in size.split("+"))
    layout = parse_layout([HEADER, f"X,v,1,{length},{kind},{size if '+' in size else 'N'},F,"], length=length)
    value: Value = text or None
    if text and kind in (Kind.AMOUNT, Kind.DECIMAL):
        value = Decimal(text)
    elif text and (kind is Kind.DATE or text.startswith("accident")):
        value = date.fromisoformat(text.removeprefix("accident "))
    try:
        return layout.encode("X", {"v": value})[:-1].decode()
    except EncodeError:
        return "ERROR"


@pytest.mark.parametrize(
    "rows",
    [
        "1,a,1,2,N,N,O,\n1,b,4,2,N,N,O,\n",  # hole
        "1,a,1,2,N,N,O,\n1,b,2,2,N,N,O,\n",  # overlap
        "1,a,1,2,N,N,O,\n1,a,3,2,N,N,O,\n",  # same name
        "1,a,1,2,Z,N,O,\n",  # unknown kind
        "1,a,1,8,amount,5+2,O,\n",  # scale
        "1,a,1,5,date,N,O,\n",  # width of a date
        "1,a,1,2,N,N,O,123\n",  # default too long
        "1,a,1,2,N,N,O,\n2,a,1,3,N,N,O,\n",  # lengths differ
        "",
    ],
)
def test_a_layout_that_contradicts_itself_is_refused(rows: str) -> None:
    with pytest.raises(LayoutError):
        parse_layout((HEADER + rows).splitlines(keepends=True))


def test_a_layout_of_another_length_than_announced_is_refused() -> None:
    with pytest.raises(LayoutError):
        parse_layout([HEADER, "1,a,1,2,N,N,O,\n"], length=128)
