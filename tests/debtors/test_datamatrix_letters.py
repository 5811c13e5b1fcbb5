"""A letter from outside: each of its pages is drawn again by the confined process, and nothing else of it stays."""

from __future__ import annotations

import io
import os
import signal
import threading
from collections.abc import Iterator

import pypdfium2
import pytest
from PIL import ExifTags, Image

from debtors.datamatrix import sandbox
from debtors.datamatrix.keeping import LARGEST_SIDE
from debtors.datamatrix.readers import MAX_PDF_PAGES
from debtors.datamatrix.results import LETTER_MESSAGES_FR, Outcome
from debtors.datamatrix.sandbox import draw_untrusted, read_untrusted
from tests.debtors.test_datamatrix_keeping import SCRIPT, archive, photographed
from tests.debtors.test_datamatrix_readers import CARD, bomb, image, saved


@pytest.fixture(scope="module", autouse=True)
def ready_worker() -> Iterator[None]:
    sandbox.close()
    assert read_untrusted(CARD, 30).decoded
    yield
    sandbox.close()


def pdf_of(pages: int) -> bytes:
    document = pypdfium2.PdfDocument.new()
    for _ in range(pages):
        document.new_page(595, 842)
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def opened(page: bytes) -> Image.Image:
    drawn = Image.open(io.BytesIO(page))
    drawn.load()
    return drawn


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "PDF"])
def test_every_kind_of_file_gives_its_pages_as_pictures_of_ours(kind: str) -> None:
    letter = draw_untrusted(saved(image(), kind), 20)
    assert letter.drawn and not letter.message_fr and letter.total == 1
    assert [opened(page).format for page in letter.pages] == ["JPEG"]


def test_each_page_of_a_pdf_is_drawn_sharp_enough_to_be_read() -> None:
    letter = draw_untrusted(pdf_of(3), 20)
    assert [max(opened(page).size) for page in letter.pages] == [LARGEST_SIDE] * 3


def test_of_a_long_file_the_first_pages_are_drawn_and_the_others_counted() -> None:
    letter = draw_untrusted(pdf_of(MAX_PDF_PAGES + 3), 20)
    assert (len(letter.pages), letter.total) == (MAX_PDF_PAGES, MAX_PDF_PAGES + 3)


@pytest.mark.parametrize("hidden", [SCRIPT, archive()], ids=("page", "archive"))
def test_nothing_that_came_with_the_file_stays(hidden: bytes) -> None:
    [page] = draw_untrusted(photographed() + hidden, 20).pages
    assert hidden not in page and b"Telephone" not in page and not opened(page).getexif()
    assert ExifTags.Base.Make not in opened(page).getexif()


@pytest.mark.parametrize(
    ("data", "outcome"),
    [
        (b"", Outcome.NOT_AN_IMAGE),
        (b"hello", Outcome.NOT_AN_IMAGE),
        (b"%PDF-1.4 and nothing else", Outcome.DAMAGED),
        (b"\xff\xd8\xff and nothing else", Outcome.DAMAGED),
        (b"\0" * (sandbox.MAX_BYTES + 1), Outcome.FILE_TOO_LARGE),
        (bomb(8000, 5001), Outcome.TOO_MANY_PIXELS),
    ],
    ids=["empty", "text", "pdf", "jpeg", "large", "bomb"],
)
def test_what_cannot_be_drawn_is_told_in_a_sentence(data: bytes, outcome: Outcome) -> None:
    letter = draw_untrusted(data, 20)
    assert letter.outcome is outcome and letter.pages == () and letter.message_fr.endswith(".")


def test_no_sentence_about_a_letter_speaks_of_a_card() -> None:
    told = {letter for outcome, letter in LETTER_MESSAGES_FR.items() if "code" not in outcome}
    assert not [sentence for sentence in told if "carte" in sentence or "datamatrix" in sentence]


def test_a_process_killed_while_it_draws_is_told_and_the_next_letter_is_drawn() -> None:
    assert sandbox._current is not None
    os.kill(sandbox._current.pid, signal.SIGSTOP)
    threading.Timer(0.3, os.kill, (sandbox._current.pid, signal.SIGKILL)).start()
    assert draw_untrusted(pdf_of(2), 20).outcome is Outcome.CRASHED
    assert draw_untrusted(pdf_of(2), 30).drawn


def test_a_letter_that_takes_too_long_is_given_up_at_the_deadline() -> None:
    assert sandbox._current is not None
    os.kill(sandbox._current.pid, signal.SIGSTOP)
    assert draw_untrusted(pdf_of(2), 0.5).outcome is Outcome.TIMEOUT
    assert draw_untrusted(pdf_of(1), 30).drawn and read_untrusted(CARD, 30).decoded
