"""From the photo of a card to its fields, against zxing-cpp alone on the same photos."""

from __future__ import annotations

import io
from itertools import count, islice

import numpy as np
import zxingcpp
from PIL import Image

from bench.measure import Row, against, in_turns
from debtors.datamatrix import parse
from debtors.datamatrix.readers import read_image
from debtors.datamatrix.sandbox import close, read_untrusted, warm
from tests.debtors.test_datamatrix_scenes import card_fields, desk_scene

MOST = 1.3


def rows(rounds: int, scenes: int = 6) -> list[Row]:
    """Every photo once a round or in turn; only those that zxing-cpp alone can read, so that both do the same."""
    readable = ((seed, photo) for seed in count() if bare(photo := desk_scene(seed)))
    photos = dict(islice(readable, scenes))
    seeds = list(photos)
    warm()

    def product(number: int) -> None:
        seed = seeds[number % len(seeds)]
        card = parse(read_image(photos[seed]).content)
        assert card.fields == card_fields(seed)

    def sandboxed(number: int) -> None:
        seed = seeds[number % len(seeds)]
        card = parse(read_untrusted(photos[seed]).content)
        assert card.fields == card_fields(seed)

    try:
        base, ours, apart = in_turns(
            rounds, [lambda number: bare(photos[seeds[number % len(seeds)]]), product, sandboxed], warm_up=len(seeds)
        )
    finally:
        close()
    return [
        against("photo de carte → carte lue", ours, "zxing-cpp nu", base, MOST),
        against("la même, dans le processus à part", apart, "zxing-cpp nu", base, None),
    ]


def bare(photo: bytes) -> str:
    """The fastest that can be written by hand: decode the grey plane alone, read. Empty when nothing is found."""
    image = Image.open(io.BytesIO(photo))
    image.draft("L", image.size)
    found = zxingcpp.read_barcodes(np.asarray(image), formats=zxingcpp.BarcodeFormat.DataMatrix)
    return found[0].text if found else ""
