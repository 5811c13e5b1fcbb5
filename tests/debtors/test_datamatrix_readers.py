"""Images as they come: clean, odd, cut, huge, hostile. What is read is exact; what isn't gets one French sentence."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pypdfium2
import pytest
import segno
from PIL import Image, ImageFilter

from debtors.datamatrix import encode, parse, readers
from debtors.datamatrix.drawing import CARD_SIZE, render_card_png, render_symbol_png
from debtors.datamatrix.readers import MAX_PIXELS, read_image
from debtors.datamatrix.results import MESSAGES_FR, Outcome
from tests.debtors.test_datamatrix_scenes import card_fields

ROOT = Path(__file__).resolve().parents[2]
ARTEFACTS = ROOT.parent / "shared" / "artefacts" / "datamatrix"
FIELDS = card_fields(7)
CONTENT = encode(FIELDS)
CARD = render_card_png(FIELDS, issuer="Mutuelle", holder="Camille TESTARD")


def image(content: bytes = CARD) -> Image.Image:
    return Image.open(io.BytesIO(content)).convert("RGB")


def saved(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def blank(width: int = 400, height: int = 300) -> Image.Image:
    return Image.new("RGB", (width, height), "white")


def pdf(*pages: Image.Image) -> bytes:
    return saved(pages[0], "PDF", save_all=True, append_images=pages[1:], resolution=150)


# ---- what is read ----


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "PDF"])
def test_a_card_is_read_in_every_kind_of_file(kind: str) -> None:
    result = read_image(saved(image(), kind))
    assert result.decoded and parse(result.content).fields == FIELDS
    assert result.message_fr == "" and result.milliseconds > 0


@pytest.mark.parametrize("degrees", [7, 45, 90, 135, 180, 270, 333])
def test_a_card_is_read_whichever_way_it_lies(degrees: int) -> None:
    turned = image().rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor="white")
    assert read_image(saved(turned)).content == CONTENT


def sixteen_bits(picture: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)


def see_through(picture: Image.Image) -> Image.Image:
    """Black ink on nothing: what is not ink is transparent black."""
    ink = picture.convert("L").point(lambda value: 255 - value)
    clear = Image.new("RGBA", picture.size, (0, 0, 0, 0))
    clear.putalpha(ink)
    return clear


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p.convert("L"),
        lambda p: p.convert("1"),
        lambda p: p.convert("P"),
        lambda p: p.convert("RGBA"),
        lambda p: p.convert("LA"),
        sixteen_bits,
        see_through,
    ],
    ids=["grey", "bilevel", "palette", "alpha", "grey_alpha", "sixteen_bits", "transparent"],
)
def test_every_depth_of_png_is_read(change: object) -> None:
    assert read_image(saved(change(image()))).content == CONTENT  # type: ignore[operator]


def test_a_negative_and_a_cmyk_scan_are_read() -> None:
    assert read_image(saved(image().point(lambda value: 255 - value))).content == CONTENT
    assert read_image(saved(image().convert("CMYK"), "JPEG")).content == CONTENT


def test_a_blurred_dark_card_is_read_after_a_clean_up() -> None:
    """The plain reader must fail on it, or the test proves nothing."""
    noise = np.random.default_rng(3).normal(0, 10, (319, 506))
    small = image().convert("L").resize((506, 319), Image.Resampling.LANCZOS).filter(ImageFilter.GaussianBlur(1.5))
    dark = Image.fromarray(np.clip(np.asarray(small) * 0.35 + noise + 30, 0, 255).astype(np.uint8))
    assert readers._zxing(np.asarray(dark), "") is None
    result = read_image(saved(dark))
    assert result.content == CONTENT and result.reader.startswith("zxing-cpp + ")


def test_the_card_is_chosen_among_other_codes() -> None:
    sheet = blank(1600, 1000)
    sheet.paste(image(), (40, 40))
    sheet.paste(image(render_symbol_png("POSTE 0042")), (1300, 700))
    assert read_image(saved(sheet)).content == CONTENT


def test_two_cards_or_two_unknown_codes_are_not_guessed_between() -> None:
    other = encode(dataclasses.replace(FIELDS, member_number="AUTRE"))
    for contents in ((CONTENT, other), ("INCONNU-1", "INCONNU-2")):
        sheet = blank(1000, 600)
        for column, content in enumerate(contents):
            sheet.paste(image(render_symbol_png(content)), (40 + 500 * column, 100))
        result = read_image(saved(sheet))
        assert result.outcome is Outcome.SEVERAL_CODES and not result.content


def test_the_same_card_twice_on_a_sheet_is_one_card() -> None:
    sheet = blank(1000, 600)
    for left in (40, 540):
        sheet.paste(image(render_symbol_png(CONTENT)), (left, 100))
    assert read_image(saved(sheet)).content == CONTENT


def test_an_unknown_layout_is_given_as_it_is() -> None:
    result = read_image(render_symbol_png("XAMC/0042"))
    assert result.decoded and result.content == "XAMC/0042"


# ---- what is not ----


def test_a_file_that_is_no_image_is_refused_by_its_content() -> None:
    for content in (b"", b"hello", b"GIF89a" + b"\0" * 100, b"BM" + b"\0" * 100, b"<svg/>", b"PK\x03\x04"):
        assert read_image(content).outcome is Outcome.NOT_AN_IMAGE
    assert read_image(b"\0\0\0\x18ftypheic" + b"\0" * 50).outcome is Outcome.HEIC


def test_an_image_without_code_says_how_to_frame_it() -> None:
    result = read_image(saved(blank()))
    assert result.outcome is Outcome.NO_CODE and "cadrez" in result.message_fr


def test_another_kind_of_code_is_told_apart() -> None:
    file = io.BytesIO()
    segno.make("https://exemple.invalid").save(file, kind="png", scale=8)
    assert read_image(file.getvalue()).outcome is Outcome.OTHER_CODE


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "PDF"])
def test_a_file_cut_anywhere_is_damaged_or_read_but_never_an_exception(kind: str) -> None:
    content = saved(image(), kind)
    for size in range(12, len(content), max(1, len(content) // 25)):
        result = read_image(content[:size], budget_s=0.2)
        assert not result.decoded or result.content == CONTENT
        assert result.decoded or result.message_fr


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack("!I", len(content)) + kind + content + struct.pack("!I", zlib.crc32(kind + content))


def bomb(width: int, height: int) -> bytes:
    """A small PNG that unfolds into width × height grey points."""
    rows = zlib.compressobj(9)
    packed = b"".join(rows.compress(b"\0" * (width + 1)) for _ in range(height)) + rows.flush()
    header = struct.pack("!IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", packed) + png_chunk(b"IEND", b"")


@pytest.mark.parametrize(("width", "height"), [(8000, 5001), (40_000, 40_000), (2**31 - 1, 2**31 - 1)])
def test_a_decompression_bomb_is_refused_from_its_header(width: int, height: int) -> None:
    # The larger ones only announce their size: their rows would never be read anyway.
    content = bomb(width, height) if width < 10_000 else announcing(width, height)
    start = time.perf_counter()
    assert read_image(content).outcome in (Outcome.TOO_MANY_PIXELS, Outcome.DAMAGED)
    assert time.perf_counter() - start < 0.5


def announcing(width: int, height: int) -> bytes:
    header = struct.pack("!IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(b"\0" * 1000))


def test_a_photo_of_forty_megapixels_is_accepted_and_one_more_row_is_not() -> None:
    assert MAX_PIXELS == 8000 * 5000
    large = Image.new("L", (8000, 5000), 255)
    large.paste(image().convert("L").resize((4048, 2552)), (1500, 900))
    assert read_image(saved(large, "JPEG", quality=70), budget_s=20).content == CONTENT
    assert read_image(saved(Image.new("L", (8000, 5001), 255), "JPEG", quality=10)).outcome is Outcome.TOO_MANY_PIXELS


def test_a_file_over_ten_megabytes_is_refused_before_anything_else() -> None:
    result = read_image(CARD + b"\0" * readers.MAX_BYTES)
    assert result.outcome is Outcome.FILE_TOO_LARGE and result.milliseconds < 50


def test_the_time_budget_is_kept_between_steps() -> None:
    assert read_image(saved(blank(2000, 1500)), budget_s=0).outcome is Outcome.TIMEOUT


# ---- PDF ----


def test_a_card_on_a_later_page_of_a_pdf_is_found() -> None:
    result = read_image(pdf(blank(), blank(), image()))
    assert result.content == CONTENT and result.page == 3


def test_a_pdf_of_two_hundred_pages_is_read_up_to_the_twentieth() -> None:
    found = read_image(pdf(*[blank(80, 60)] * 19, image(), *[blank(80, 60)] * 180), budget_s=20)
    assert found.content == CONTENT and found.page == 20 and "20 premières pages (sur 200)" in found.note_fr
    beyond = read_image(pdf(*[blank(80, 60)] * 20, image(), *[blank(80, 60)] * 179), budget_s=20)
    assert beyond.outcome is Outcome.NO_CODE and "20 premières pages" in beyond.note_fr


def test_a_pdf_as_large_as_a_poster_is_drawn_within_bounds() -> None:
    document = pypdfium2.PdfDocument.new()
    document.new_page(14_400, 14_400)
    file = io.BytesIO()
    document.save(file)
    assert read_image(file.getvalue(), budget_s=20).outcome is Outcome.NO_CODE


def test_a_pdf_without_page_or_content_is_damaged() -> None:
    assert read_image(b"%PDF-1.7\n%%EOF").outcome is Outcome.DAMAGED
    assert read_image(b"%PDF-1.7\n" + b"\0\xff" * 500).outcome is Outcome.DAMAGED


def test_a_pdf_with_a_password_says_so() -> None:
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 100 100] >>",
        b"<< /Filter /Standard /V 1 /R 2 /P -4 /O <" + b"41" * 32 + b"> /U <" + b"42" * 32 + b"> >>",
    ]
    body, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"xref\n0 5\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"trailer\n<< /Size 5 /Root 1 0 R /Encrypt 4 0 R /ID [<00> <00>] >>\nstartxref\n%d\n%%%%EOF\n" % len(body)
    assert read_image(body + table + end).outcome is Outcome.PROTECTED_PDF


# ---- the house ----


def test_every_outcome_has_its_sentence_and_only_success_is_silent() -> None:
    assert set(MESSAGES_FR) == set(Outcome)
    assert [outcome for outcome, sentence in MESSAGES_FR.items() if not sentence] == [Outcome.DECODED, Outcome.DRAWN]


def test_a_result_never_shows_the_card_unasked() -> None:
    assert "ADH" not in repr(read_image(CARD))


def test_cards_are_read_where_the_second_decoder_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """pylibdmtx without its system library fails on import: the others must do without it."""
    monkeypatch.setitem(sys.modules, "pylibdmtx", None)
    assert read_image(saved(blank())).outcome is Outcome.NO_CODE
    assert read_image(CARD).content == CONTENT


def test_parsing_a_scanned_text_loads_no_image_library_nor_django() -> None:
    code = (
        "import sys; from debtors.datamatrix import parse; parse('ATP1'); import debtors.datamatrix.sandbox;"
        "print([name for name in ('cv2', 'numpy', 'PIL', 'zxingcpp', 'pylibdmtx', 'django') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_reference_images_are_all_read_exactly() -> None:
    if not ARTEFACTS.exists():
        pytest.skip("reference images are not on this machine")
    with (ARTEFACTS / "expected.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    wrong = [
        row["file"]
        for row in rows
        if read_image((ARTEFACTS / row["file"]).read_bytes()).content != json.loads(row["expected_text_json"])
    ]
    assert len(rows) == 43 and wrong == []


def test_a_drawn_card_has_the_size_of_a_card_and_prints_every_label() -> None:
    assert image().size == CARD_SIZE
    empty = render_card_png(dataclasses.replace(FIELDS, csr="", member_number="", conventions=()), module_px=6)
    assert parse(read_image(empty).content).recognised
