"""Photos of cards on a desk, drawn: turned, in perspective, badly lit, blurred, compressed. Most must be read."""

from __future__ import annotations

import io
import random
from datetime import date

import numpy as np
import pytest
from PIL import Image, ImageFilter

from debtors.datamatrix import CardFields, Convention, encode, parse
from debtors.datamatrix.drawing import render_card_png
from debtors.datamatrix.readers import read_image

SIZE = (1600, 1100)


def card_fields(seed: int) -> CardFields:
    return CardFields(
        valid_from=date(2026, 1, 1),
        valid_until=date(2026, 12, 31),
        amc_number=f"00{77_000_000 + seed:08d}",
        conventions=(Convention("AC", "MCO"), Convention("RO", "SMR")),
        csr=f"{seed:09d}",
        member_number=f"ADH{seed:07d}",
        responsible=True,
    )


def desk_scene(seed: int) -> bytes:
    """JPEG of a desk (1600 × 1100) with one card on it, the same for a given seed."""
    chance, noise = random.Random(seed), np.random.default_rng(seed)
    card = Image.open(io.BytesIO(render_card_png(card_fields(seed), issuer="Mutuelle", holder="Camille TESTARD")))
    width = chance.randint(560, 900)
    card = card.convert("RGBA").resize((width, width * 638 // 1012), Image.Resampling.LANCZOS)
    card = perspective(card, chance).rotate(chance.uniform(0, 360), Image.Resampling.BICUBIC, expand=True)
    grain = noise.normal(0, 10, (SIZE[1], SIZE[0], 1)) + np.array([chance.randint(90, 190) for _ in range(3)])
    desk = Image.fromarray(np.clip(grain, 0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(1.5))
    place = [chance.randint(0, max(0, side - size)) for side, size in zip(SIZE, card.size, strict=True)]
    desk.paste(card, (place[0], place[1]), card)
    light = np.linspace(chance.uniform(0.5, 0.9), chance.uniform(0.9, 1.2), SIZE[0])[None, :, None]
    pixels = np.asarray(desk.filter(ImageFilter.GaussianBlur(chance.uniform(0.3, 1.3)))) * light
    pixels = pixels + noise.normal(0, chance.uniform(2, 9), pixels.shape)
    file = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(file, "JPEG", quality=chance.randint(55, 90))
    return file.getvalue()


def perspective(image: Image.Image, chance: random.Random) -> Image.Image:
    """The image as seen a little from the side."""
    width, height = image.size

    def corner(x: int, y: int) -> tuple[float, float]:
        return x + chance.uniform(-0.04, 0.04) * width, y + chance.uniform(-0.06, 0.06) * height

    corners = [corner(0, 0), corner(0, height), corner(width, height), corner(width, 0)]
    flat = tuple(value for point in corners for value in point)
    return image.transform(image.size, Image.Transform.QUAD, flat, Image.Resampling.BICUBIC)


@pytest.mark.parametrize("seed", range(6))
def test_a_card_photographed_on_a_desk_is_read_exactly(seed: int) -> None:
    result = read_image(desk_scene(seed))
    assert result.decoded, result
    card = parse(result.content)
    assert card.content == encode(card_fields(seed))
    assert card.fields == card_fields(seed)
