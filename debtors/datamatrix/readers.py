"""Reading a datamatrix in an image or a PDF, in this process.

For a file that comes from outside, use `sandbox.read_untrusted`: image decoders are where hostile files strike.

Order, each step only if the one before found nothing (measures: docs): zxing-cpp on the grey image; zxing-cpp on the
image cleaned by OpenCV (enlarged, thresholded, straightened, turned); pylibdmtx, where its system library exists.
Limits are checked before anything is decoded. A PDF is read up to its 20th page.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from debtors.datamatrix.layout import parse
from debtors.datamatrix.results import Outcome, ReadingResult

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    Grey = NDArray[np.uint8]

MAX_BYTES: Final = 10 * 1024 * 1024
MAX_PIXELS: Final = 40_000_000
MAX_PDF_PAGES: Final = 20
DEFAULT_BUDGET_S: Final = 4.0

#: Beyond this, a reduced image is tried first: codes of a card are large in a large photo.
_LARGE_PIXELS: Final = 8_000_000
DPI: Final = 200
_PDF_PAGE_PIXELS: Final = 16_000_000

ZXING: Final = "zxing-cpp"


class Stop(Exception):
    """The reading, or the drawing, ends here, with this outcome."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class Clock:
    """A budget of seconds."""

    def __init__(self, budget_s: float) -> None:
        self.start = time.perf_counter()
        self._end = self.start + budget_s

    @property
    def remaining_s(self) -> float:
        return self._end - time.perf_counter()

    @property
    def milliseconds(self) -> float:
        return (time.perf_counter() - self.start) * 1000

    def check(self) -> None:
        if self.remaining_s <= 0:
            raise Stop(Outcome.TIMEOUT)


def read_image(data: bytes, *, budget_s: float = DEFAULT_BUDGET_S) -> ReadingResult:
    """Find the card's datamatrix in an image file or a PDF. Never raises on bad content.

    The budget is looked at between steps: one step can outlast it (hence the sandbox for files from outside).
    """
    clock = Clock(budget_s)
    try:
        kind = kind_of(data)
        result = _read_pdf(data, clock) if kind == "PDF" else _read_picture(data, kind, clock)
    except Stop as stop:
        result = ReadingResult(stop.outcome)
    except MemoryError:
        result = ReadingResult(Outcome.CRASHED)
    return replace(result, milliseconds=round(clock.milliseconds, 2))


def kind_of(data: bytes) -> str:
    """PNG, JPEG, WEBP or PDF, told by content. Raises Stop."""
    if len(data) > MAX_BYTES:
        raise Stop(Outcome.FILE_TOO_LARGE)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if b"%PDF-" in data[:1024]:
        return "PDF"
    if data[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftyphevc"):
        raise Stop(Outcome.HEIC)
    raise Stop(Outcome.NOT_AN_IMAGE)


# ---- pictures ----


def _read_picture(data: bytes, kind: str, clock: Clock) -> ReadingResult:
    grey = _grey(data, kind)
    found = _quick(grey, clock) or _thorough(grey, clock)
    return found or ReadingResult(Outcome.OTHER_CODE if _has_other_code(grey) else Outcome.NO_CODE)


def _grey(data: bytes, kind: str) -> Grey:
    """Decode to 8-bit grey, once the size announced by the header is known to be bearable. Raises Stop."""
    import numpy as np
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=[kind]) as image:
            if image.width * image.height > MAX_PIXELS:
                raise Stop(Outcome.TOO_MANY_PIXELS)
            if kind == "JPEG":
                # The luminance plane alone: half the work, and exactly what the readers want.
                image.draft("L", image.size)
            return np.asarray(_flattened(image))
    except Image.DecompressionBombError:
        raise Stop(Outcome.TOO_MANY_PIXELS) from None
    except (OSError, SyntaxError, ValueError, EOFError, OverflowError):
        # The whole family that Pillow raises on files that are cut or forged.
        raise Stop(Outcome.DAMAGED) from None


def _flattened(image: Image.Image) -> Image.Image:
    """Grey on white: what is transparent is paper."""
    from PIL import Image

    if image.mode.startswith("I;16"):
        return image.point(lambda value: value / 256).convert("L")
    if "transparency" in image.info:
        image = image.convert("RGBA")
    if "A" in image.getbands():
        # In grey at once: the same in colour would take eight times the memory.
        paper = Image.new("L", image.size, 255)
        return Image.composite(image.convert("L"), paper, image.getchannel("A"))
    return image.convert("L")


def _quick(grey: Grey, clock: Clock) -> ReadingResult | None:
    """zxing-cpp as it is: reads nearly all cards."""
    if grey.size > _LARGE_PIXELS:
        found = _zxing(grey[::2, ::2], f"{ZXING} (réduite)")
        if found:
            return found
        clock.check()
    return _zxing(grey, ZXING)


def _thorough(grey: Grey, clock: Clock) -> ReadingResult | None:
    """OpenCV's clean-ups then zxing-cpp again; pylibdmtx last. Raises Stop when the budget is spent."""
    from debtors.datamatrix import cleaning

    clock.check()
    for name, cleaned in cleaning.variants(grey):
        found = _zxing(cleaned, f"{ZXING} + {name}")
        if found:
            return found
        clock.check()
    content = cleaning.libdmtx(grey, clock.remaining_s)
    return ReadingResult(Outcome.DECODED, content, "pylibdmtx") if content else None


def _zxing(grey: Grey, reader: str) -> ReadingResult | None:
    """One pass of zxing-cpp over a grey image; None when it finds no datamatrix."""
    import zxingcpp

    barcodes = zxingcpp.read_barcodes(
        _buffer(grey),
        formats=zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.DataMatrix]),
        text_mode=zxingcpp.TextMode.Plain,
    )
    contents = list(dict.fromkeys(filter(None, map(_content, barcodes))))
    if not contents:
        return None
    if len(contents) > 1:
        # A letter carries the post's datamatrix beside the card: only one of them is a card.
        contents = [content for content in contents if parse(content).recognised] or contents
    if len(contents) > 1:
        return ReadingResult(Outcome.SEVERAL_CODES)
    return ReadingResult(Outcome.DECODED, contents[0], reader)


def _buffer(grey: Grey) -> Any:
    import numpy as np

    return np.ascontiguousarray(grey)


def _content(barcode: Any) -> str:
    # Symbols with mixed encodings have no text: their bytes are kept legibly rather than lost.
    return barcode.text or bytes(barcode.bytes).decode("utf-8", errors="backslashreplace")


def _has_other_code(grey: Grey) -> bool:
    import zxingcpp

    return grey.size <= _LARGE_PIXELS and bool(zxingcpp.read_barcodes(_buffer(grey)))


# ---- PDF ----


def open_pdf(data: bytes) -> Any:
    """The document, to be closed. Raises Stop: damaged, or protected by a password."""
    import pypdfium2

    try:
        return pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        protected = getattr(error, "err_code", None) == 4  # FPDF_ERR_PASSWORD
        raise Stop(Outcome.PROTECTED_PDF if protected else Outcome.DAMAGED) from None


def _read_pdf(data: bytes, clock: Clock) -> ReadingResult:
    """The first page that holds a card, among the first 20; the clean-ups only for the first page."""
    import pypdfium2

    document = open_pdf(data)
    try:
        note = ""
        if len(document) > MAX_PDF_PAGES:
            note = f"Seules les {MAX_PDF_PAGES} premières pages (sur {len(document)}) ont été lues."
        first = None
        for number, grey in _pages(document):
            found = _quick(grey, clock)
            if found:
                return replace(found, page=number, note_fr=note)
            first = grey if first is None else first
            clock.check()
        found = _thorough(first, clock) if first is not None else None
        return replace(found, page=1, note_fr=note) if found else ReadingResult(Outcome.NO_CODE, note_fr=note)
    except pypdfium2.PdfiumError:
        raise Stop(Outcome.DAMAGED) from None
    finally:
        document.close()


def _pages(document: Any) -> Iterator[tuple[int, Grey]]:
    """Number (from 1) and grey image of each page, at 200 dots an inch or less for a poster."""
    for index in range(min(len(document), MAX_PDF_PAGES)):
        page = document[index]
        width, height = page.get_size()
        scale = DPI / 72
        area = width * height * scale * scale
        if area > _PDF_PAGE_PIXELS:
            scale *= (_PDF_PAGE_PIXELS / area) ** 0.5
        bitmap = page.render(scale=scale, grayscale=True)
        grey = bitmap.to_numpy().squeeze().copy()
        bitmap.close()
        page.close()
        yield index + 1, grey
