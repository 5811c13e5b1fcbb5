"""Printed documents: data stays data, the same bytes for the same data, a file that a screen reader can read."""

from __future__ import annotations

from pathlib import Path

import pypdfium2
import pytest
import typst

from gap.documents import render_pdf

TEMPLATE = """
#let data = json(bytes(sys.inputs.data))
#set document(title: data.title, date: none)
#set text(lang: "fr")
= #data.title
#data.words
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    path = tmp_path / "essai.typ"
    path.write_text(TEMPLATE, encoding="utf-8")
    return path


def text_of(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    return "\n".join(page.get_textpage().get_text_range() for page in document)


def test_data_is_never_taken_for_markup(template) -> None:
    words = '#panic("non") *gras* $x$ "fin" \\ <étiquette>'
    assert words in text_of(render_pdf(template, {"title": "Essai", "words": words}))


def test_the_same_data_make_the_same_bytes_whatever_their_order(template) -> None:
    first = render_pdf(template, {"title": "Essai", "words": "a"})
    assert render_pdf(template, {"words": "a", "title": "Essai"}) == first
    assert render_pdf(template, {"title": "Essai", "words": "b"}) != first


def test_it_says_that_it_is_accessible_and_in_which_language(template) -> None:
    pdf = render_pdf(template, {"title": "Essai", "words": "a"})
    assert b"<pdfuaid:part>1</pdfuaid:part>" in pdf and b"/Lang(fr)" in pdf and b"/StructTreeRoot" in pdf
    assert pypdfium2.PdfDocument(pdf).get_metadata_dict()["Title"] == "Essai"


def test_a_template_without_a_title_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "muet.typ"
    path.write_text("Bonjour", encoding="utf-8")
    with pytest.raises(typst.TypstError):
        render_pdf(path, {})
