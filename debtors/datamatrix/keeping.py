"""What is kept of a card's file: a picture of ours, never the file itself.

A photo says where and when it was taken and by which telephone; behind its end, or in a PDF's other pages, there may be
anything: another patient's letter, a script, an archive. The page that shows the card is drawn again, and nothing else stays.
To be called where files from outside are decoded (`worker.py`).
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

from debtors.datamatrix.readers import DPI, MAX_PIXELS, kind_of

if TYPE_CHECKING:
    from PIL import Image

#: The longest side, in points: the small print of a card photographed whole is still read.
LARGEST_SIDE: Final = 2000
SUFFIX: Final = ".jpg"
_QUALITY: Final = 85


def picture_of(data: bytes, page: int = 0) -> bytes:
    """A JPEG of the file where a card was read; `page`: of a PDF, from 1. Raises whatever its decoders raise."""
    from PIL import Image, ImageOps

    kind = kind_of(data)
    if kind == "PDF":
        return _written(_page(data, page))
    with Image.open(io.BytesIO(data), formats=[kind]) as image:
        if image.width * image.height > MAX_PIXELS:
            raise ValueError("Too many pixels.")
        # A JPEG is decoded at about the size wanted: a photo of 12 million points is drawn four times as fast.
        share = LARGEST_SIDE / max(image.size)
        image.draft("RGB", (int(image.width * share), int(image.height * share)))
        return _written(ImageOps.exif_transpose(image))


def _page(data: bytes, number: int) -> Image.Image:
    import pypdfium2

    document = pypdfium2.PdfDocument(data)
    page = document[max(0, number - 1)]
    scale = min(DPI / 72, LARGEST_SIDE / max(1.0, *page.get_size()))
    image: Image.Image = page.render(scale=scale).to_pil()
    return image


def _written(image: Image.Image) -> bytes:
    """Points alone, on white, as a new JPEG."""
    from PIL import Image

    image.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    if image.mode.startswith("I;16"):
        image = image.point(lambda value: value / 256)
    if "A" in image.getbands() or "transparency" in image.info:
        clear = image.convert("RGBA")
        image = Image.new("RGB", clear.size, "white")
        image.paste(clear, mask=clear.getchannel("A"))
    bare = Image.new("RGB", image.size)
    bare.paste(image.convert("RGB"))
    file = io.BytesIO()
    bare.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()
