"""Files at rest: what is kept is unreadable, what is read is what was saved, and nothing altered is ever read."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages

from gap import sealed
from gap.crypto import DecryptionError
from gap.storage import EncryptedStorage

CHUNK = sealed.CHUNK


@pytest.fixture
def cards() -> EncryptedStorage:
    storage = storages["cards"]
    assert isinstance(storage, EncryptedStorage)
    return storage


def bytes_of(storage: EncryptedStorage, name: str) -> bytes:
    return Path(storage.path(name)).read_bytes()


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_what_is_read_is_what_was_saved(cards, size: int) -> None:
    plain = (b"carte " * (size // 6 + 1))[:size]
    name = cards.save("1.png", ContentFile(plain))
    with cards.open(name) as file:
        assert file.read() == plain
        assert file.size == cards.size(name) == size
        if size:
            file.seek(size - 1)
            assert file.read() == plain[-1:]
    kept = bytes_of(cards, name)
    assert kept.startswith(sealed.MAGIC)
    assert b"carte" not in kept


def test_a_file_of_before_is_read_until_the_hospital_says_that_none_is_left(cards, settings) -> None:
    Path(cards.path("")).mkdir(parents=True, exist_ok=True)
    Path(cards.path("old.png")).write_bytes(b"plain image")
    with cards.open("old.png") as file:
        assert file.read() == b"plain image"
    settings.PLAIN_FILES_READABLE = False
    with pytest.raises(DecryptionError):
        cards.open("old.png")


def _cut_at_a_chunk(kept: bytes) -> bytes:
    return kept[: 28 + CHUNK + 16]


def _swap(kept: bytes) -> bytes:
    head, chunk = kept[:28], CHUNK + 16
    return head + kept[28 + chunk : 28 + 2 * chunk] + kept[28 : 28 + chunk] + kept[28 + 2 * chunk :]


def _flip(kept: bytes) -> bytes:
    return kept[:100] + bytes([kept[100] ^ 1]) + kept[101:]


@pytest.mark.parametrize(
    "alter",
    [_cut_at_a_chunk, _swap, _flip, lambda kept: kept[:28], lambda kept: kept[:20], lambda kept: kept + b"more"],
)
def test_a_file_that_was_altered_or_cut_is_never_read(cards, alter) -> None:
    name = cards.save("1.png", ContentFile(b"x" * (2 * CHUNK + 10)))
    Path(cards.path(name)).write_bytes(alter(bytes_of(cards, name)))
    with pytest.raises(DecryptionError):
        with cards.open(name) as file:
            file.read()


def test_the_card_of_a_patient_cannot_be_put_in_the_place_of_another(cards) -> None:
    first, second = cards.save("1.png", ContentFile(b"first")), cards.save("2.png", ContentFile(b"second"))
    Path(cards.path(second)).write_bytes(bytes_of(cards, first))
    with pytest.raises(DecryptionError):
        with cards.open(second) as file:
            file.read()


def test_a_file_whose_key_is_gone_says_so(cards, settings) -> None:
    name = cards.save("1.png", ContentFile(b"x"))
    settings.FIELD_ENCRYPTION_KEY = "another secret"
    with pytest.raises(DecryptionError):
        cards.open(name)


def test_the_folders_of_the_transport_are_left_as_they_are() -> None:
    exchange = storages["exchange"]
    assert isinstance(exchange, EncryptedStorage)
    exchange.save("out/lot.txt", ContentFile(b"000 lot"))
    exchange.save("kept/lot.txt", ContentFile(b"000 lot"))
    assert bytes_of(exchange, "out/lot.txt") == b"000 lot"
    assert b"lot" not in bytes_of(exchange, "kept/lot.txt")
    assert list(exchange.walk()) == ["kept/lot.txt"]


def test_two_files_of_the_same_content_have_nothing_in_common() -> None:
    first, second = io.BytesIO(), io.BytesIO()
    for into in (first, second):
        sealed.seal(io.BytesIO(b"same"), into, "cards/1")
    assert first.getvalue()[12:] != second.getvalue()[12:]
