"""What is kept of a card's file, or of a letter's: pictures of ours, never the file itself.

A photo says where and when it was taken and by which telephone; behind its end, or in a PDF's other pages, there may be
anything: another patient's letter, a script, an archive. The page that shows the card is drawn again, and nothing else stays.
To be called where files from outside are decoded (`worker.py`).
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final

from debtors.datamatrix.readers import DPI, MAX_PDF_PAGES, MAX_PIXELS, Clock, Stop, kind_of, open_pdf
from debtors.datamatrix.results import Letter, Outcome

if TYPE_CHECKING:
    from PIL import Image

#: The longest side, in points: the small print of a card photographed whole is still read.
LARGEST_SIDE: Final = 2000
SUFFIX: Final = ".jpg"
_QUALITY: Final = 85


def picture_of(data: bytes, page: int = 0) -> bytes:
    """A JPEG of the file where a card was read; `page`: of a PDF, from 1. Raises whatever its decoders raise."""
    kind = kind_of(data)
    if kind == "PDF":
        import pypdfium2

        return _written(_page(pypdfium2.PdfDocument(data), max(1, page)))
    return _photo(data, kind)


def letter_of(data: bytes, budget_s: float) -> Letter:
    """Every page of a letter drawn again, up to the 20th. Never raises on bad content.

    The budget is looked at between pages: one page can outlast it (hence the sandbox).
    """
    from PIL import Image

    clock = Clock(budget_s)
    try:
        kind = kind_of(data)
        return _pages(data, clock) if kind == "PDF" else Letter(Outcome.DRAWN, (_photo(data, kind),), 1)
    except Stop as stop:
        return Letter(stop.outcome)
    except Image.DecompressionBombError:
        return Letter(Outcome.TOO_MANY_PIXELS)
    except (OSError, SyntaxError, ValueError, EOFError, OverflowError):
        # The whole family that Pillow raises on files that are cut or forged.
        return Letter(Outcome.DAMAGED)
    except MemoryError:
        return Letter(Outcome.CRASHED)


def _pages(data: bytes, clock: Clock) -> Letter:
    """Raises Stop."""
    import pypdfium2

    document = open_pdf(data)
    try:
        pages = []
        for number in range(1, min(len(document), MAX_PDF_PAGES) + 1):
            pages.append(_written(_page(document, number)))
            clock.check()
        return Letter(Outcome.DRAWN, tuple(pages), len(document)) if pages else Letter(Outcome.DAMAGED)
    except pypdfium2.PdfiumError:
        raise Stop(Outcome.DAMAGED) from None
    finally:
        document.close()


def _photo(data: bytes, kind: str) -> bytes:
    """Raises Stop (too many points) and whatever its decoder raises."""
    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(data), formats=[kind]) as image:
        if image.width * image.height > MAX_PIXELS:
            raise Stop(Outcome.TOO_MANY_PIXELS)
        # A JPEG is decoded at about the size wanted: a photo of 12 million points is drawn four times as fast.
        share = LARGEST_SIDE / max(image.size)
        image.draft("RGB", (int(image.width * share), int(image.height * share)))
        return _written(ImageOps.exif_transpose(image))


def _page(document: Any, number: int) -> Image.Image:
    page = document[number - 1]
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
