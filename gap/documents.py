"""Printed documents: a Typst template and data make a PDF, the same bytes for the same data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import typst

#: PDF/UA-1 (ISO 14289-1): tagged, titled, in a language; what a screen reader needs.
STANDARD: Final = "ua-1"


def render_pdf(template: Path, data: Mapping[str, Any]) -> bytes:
    """The PDF of `template` (.typ), which reads `json(bytes(sys.inputs.data))`: data is never taken for markup.

    Fonts are those that Typst carries: the same page on a machine that has none. Bytes are the same for the same data as
    long as the template says `#set document(date: none)`. Raises typst.TypstError when the template is wrong.
    """
    # Typst takes a folder for a root: files beside the template may be read, nothing above.
    made = typst.compile(
        template,
        root=template.parent,
        format="pdf",
        ignore_system_fonts=True,
        pdf_standards=[STANDARD],
        sys_inputs={"data": json.dumps(data, ensure_ascii=False, sort_keys=True)},
    )
    assert isinstance(made, bytes)
    return made
