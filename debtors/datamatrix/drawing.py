"""Drawing an attestation card (invented data), for demonstrations and tests."""

from __future__ import annotations

import io
import json
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import typst
import zxingcpp
from PIL import Image

from debtors.datamatrix.layout import CardFields, encode
from gap.text import format_date

#: An ID-1 card at 300 dots an inch.
CARD_SIZE: Final = (1012, 638)
_MARGIN: Final = 40


def render_card_png(fields: CardFields, *, issuer: str = "", holder: str = "", module_px: int = 8) -> bytes:
    """PNG of a card: normalised block with its labels, and its datamatrix of `module_px` points a module."""
    face = {"issuer": issuer, "rows": _block(fields, holder)}
    drawn = typst.compile(_template(), format="png", ppi=72, sys_inputs={"face": json.dumps(face)})
    card = Image.open(io.BytesIO(drawn)).convert("RGB")
    symbol = _symbol(encode(fields), module_px)
    card.paste(symbol, (CARD_SIZE[0] - symbol.width - _MARGIN, CARD_SIZE[1] - symbol.height - _MARGIN))
    return _png(card)


def render_symbol_png(content: str, *, module_px: int = 8) -> bytes:
    """PNG of the symbol alone, with its quiet zone."""
    return _png(_symbol(content, module_px))


def _block(fields: CardFields, holder: str) -> list[tuple[str, str]]:
    """Labels and values of the normalised block, in its order: labels are printed even when the value is empty."""
    start, end = fields.valid_from, fields.valid_until
    period = " au ".join(format_date(day) if day else "…" for day in (start, end)) if start or end else ""
    return [
        ("Bénéficiaire", holder),
        ("Période de validité", period),
        ("N° AMC", fields.amc_number.removeprefix("00")),
        ("Type de convention", ", ".join(map(str, fields.conventions))),
        ("CSR", fields.csr),
        ("N° adhérent", fields.member_number + ("  R" if fields.responsible else "")),
    ]


@cache
def _template() -> bytes:
    # Typst carries its own fonts: accents are drawn on a machine that has no font at all.
    return (Path(__file__).parent / "card.typ").read_bytes()


def _symbol(content: str, module_px: int) -> Image.Image:
    barcode = zxingcpp.create_barcode(content, zxingcpp.BarcodeFormat.DataMatrix, force_square=True)
    return Image.fromarray(np.asarray(barcode.to_image(scale=module_px)))


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
