"""What is kept of a card's file: a picture that we drew. Nothing that came with the photo stays with it."""

from __future__ import annotations

import io
import os
import signal
import time
import zipfile
from collections.abc import Callable, Iterator

import numpy as np
import pypdfium2
import pytest
from PIL import ExifTags, Image

from debtors.datamatrix import parse, sandbox
from debtors.datamatrix.keeping import LARGEST_SIDE
from debtors.datamatrix.readers import read_image
from debtors.datamatrix.sandbox import Worker, read_untrusted
from tests.debtors.test_datamatrix_readers import CARD, FIELDS, blank, image, pdf, saved

PLACE = (48.0, 51.0, 24.0)
SCRIPT = b"<html><script>document.location</script></html>"


@pytest.fixture(scope="module", autouse=True)
def ready_worker() -> Iterator[None]:
    sandbox.close()
    assert read_untrusted(CARD, 30).decoded
    yield
    sandbox.close()


def kept(data: bytes) -> bytes:
    result = read_untrusted(data, 20, keep=True)
    assert result.decoded
    return result.image


def archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        zipped.writestr("letter.txt", "for somebody else")
    return file.getvalue()


def photographed() -> bytes:
    """A photo as a telephone writes it: place, device, a small copy of itself, turned by a word of its header."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Telephone of the desk"
    exif[ExifTags.Base.Orientation] = 6
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = PLACE
    return saved(image(), "JPEG", exif=exif, comment=b"a comment", icc_profile=b"x" * 300)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "PDF"])
def test_of_every_kind_of_file_the_kept_picture_still_reads_as_the_card(kind: str) -> None:
    picture = kept(saved(image(), kind))
    assert picture.startswith(b"\xff\xd8\xff")
    assert parse(read_image(picture).content).fields == FIELDS


def test_nothing_is_drawn_unless_it_is_asked() -> None:
    assert read_untrusted(CARD).image == b""
    assert read_untrusted(saved(blank()), keep=True).image == b""


def test_place_device_and_comment_of_a_photo_are_gone_and_it_stands_upright() -> None:
    photo = photographed()
    assert Image.open(io.BytesIO(photo)).getexif().get_ifd(ExifTags.IFD.GPSInfo)
    drawn = Image.open(io.BytesIO(kept(photo)))
    assert not drawn.getexif() and set(drawn.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert drawn.size == image().size[::-1]


@pytest.mark.parametrize(
    "carrier", [CARD, saved(image(), "JPEG"), saved(image(), "WEBP"), saved(image(), "PDF")], ids=("png", "jpeg", "webp", "pdf")
)  # fmt: skip
@pytest.mark.parametrize("hidden", [SCRIPT, archive()], ids=("page", "archive"))
def test_a_second_file_behind_the_first_does_not_stay(carrier: bytes, hidden: bytes) -> None:
    both = carrier + hidden
    if hidden != SCRIPT:
        assert zipfile.ZipFile(io.BytesIO(both)).namelist() == ["letter.txt"]
    picture = kept(both)
    assert hidden not in picture and picture.endswith(b"\xff\xd9")
    assert not zipfile.is_zipfile(io.BytesIO(picture))


def test_of_a_pdf_the_page_of_the_card_alone_stays() -> None:
    letter = Image.new("RGB", (400, 300), "red")
    picture = Image.open(io.BytesIO(kept(pdf(letter, image(), letter)))).convert("RGB")
    colours = picture.resize((60, 40)).getcolors(2400) or []
    assert not [colour for _, (*colour,) in colours if colour[0] > 200 and colour[1] < 60]
    assert parse(read_image(saved(picture)).content).fields == FIELDS


def test_a_large_photo_is_kept_small_enough_and_still_reads() -> None:
    large = image().resize((6000, 3780), Image.Resampling.BICUBIC)
    photo = saved(large, "JPEG", quality=92)
    picture = kept(photo)
    assert max(Image.open(io.BytesIO(picture)).size) == LARGEST_SIDE and len(picture) < len(photo) / 2
    assert parse(read_image(picture).content).fields == FIELDS


@pytest.mark.parametrize(
    "drawn",
    [
        lambda: image().convert("RGBA"),
        lambda: image().convert("P"),
        lambda: image().convert("1"),
        lambda: image().convert("LA"),
        lambda: Image.fromarray(np.asarray(image().convert("L")).astype(np.uint16) * 257),
    ],
    ids=("alpha", "palette", "black and white", "grey and alpha", "sixteen bits"),
)
def test_odd_pictures_are_drawn_like_the_others(drawn: Callable[[], Image.Image]) -> None:
    assert parse(read_image(kept(saved(drawn()))).content).fields == FIELDS


def test_an_empty_pdf_page_beside_the_card_is_no_matter() -> None:
    document = pypdfium2.PdfDocument(pdf(image()))
    document.new_page(300, 300)
    file = io.BytesIO()
    document.save(file)
    assert parse(read_image(kept(file.getvalue())).content).fields == FIELDS


@pytest.mark.parametrize("stopped_by", [signal.SIGSTOP, signal.SIGKILL], ids=("hung", "dead"))
def test_a_card_that_was_read_stays_read_when_its_picture_cannot_be_drawn(stopped_by: signal.Signals) -> None:
    worker = current()
    # Read and stopped before its picture: one that nobody asked for never comes, however much a socket holds.
    read = worker.read(CARD, 20, keep=False)
    assert read.decoded
    os.kill(worker.pid, stopped_by)
    result = sandbox._with_picture(worker, read, time.perf_counter() + 0.3)
    assert result.decoded and not result.image
    assert current().pid != worker.pid and read_untrusted(CARD, 30).decoded


def current() -> Worker:
    assert sandbox._current is not None
    return sandbox._current
