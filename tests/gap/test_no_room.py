"""A disk that takes no more, for real: the kernel refuses to write. Nothing stands by halves, and patients do not wait."""

from __future__ import annotations

import json

import pytest

from billing import lots
from billing.enums import FileKind, FileStatus
from tests.processes import run_together
from tests.worklists import scene

pytestmark = pytest.mark.django_db(transaction=True)

# A file of more than so many bytes is refused by the kernel (EFBIG), whoever writes it.
_NO_ROOM = """
import json, resource
from pathlib import Path
from django.conf import settings
from django.core.files.storage import storages
if os.environ.get("FULL"):
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
def left(alias):
    folder = Path(storages[alias].path(""))
    return sorted(str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file())
"""
_CARD = (
    _NO_ROOM
    + """
from admissions.events import SYSTEM
from admissions.models import Card, Stay
from admissions.services import coverage
from debtors.datamatrix import parse
outcome = coverage.read_card(Stay.objects.get(), parse("3401577154632"), "photo", SYSTEM, image=b"x" * 5000)
card = Card.objects.get()
from gap import incidents
said = ["photo" in outcome.message, incidents.for_people()]
print(json.dumps([card.pk == outcome.card.pk, bool(card.image), left("cards"), *said]))
"""
)
_LOT = (
    _NO_ROOM
    + """
from billing import lots
lots.send_lots()
print(json.dumps([one for one in left("exchange") if one.startswith("out")]))
"""
)


@pytest.fixture
def var(tmp_path) -> dict[str, str]:
    return {"GAP_VAR_DIR": str(tmp_path / "var")}


def test_a_card_is_read_though_its_picture_finds_no_room(var) -> None:
    scene.a_stay()
    [told] = run_together(_CARD, 1, FULL="1", **var)
    read, kept, files, said, banner = json.loads(told.splitlines()[-1])
    assert (read, kept, files, said) == (True, False, [], True)
    assert len(banner) == 1 and "disque des fichiers est plein" in banner[0]


def test_with_room_the_same_card_is_kept_with_its_picture(var) -> None:
    scene.a_stay()
    [told] = run_together(_CARD, 1, **var)
    read, kept, files, said, banner = json.loads(told.splitlines()[-1])
    assert read and kept and len(files) == 1 and not said and not banner


def test_a_lot_waits_for_room_and_leaves_once_there_is_some(settings, var, monkeypatch) -> None:
    lot = scene.a_file(FileKind.DRE_ES, FileStatus.PREPARED)
    kept = lot.file.storage.inner.path(lot.file.name)
    from pathlib import Path

    there = Path(var["GAP_VAR_DIR"]) / "files" / "exchange" / str(lot.file.name)
    there.parent.mkdir(parents=True)
    there.write_bytes(Path(kept).read_bytes())
    [told] = run_together(_LOT, 1, FULL="1", **var)
    lot.refresh_from_db()
    assert (lot.status, json.loads(told.splitlines()[-1])) == (FileStatus.PREPARED, [])
    [told] = run_together(_LOT, 1, **var)
    lot.refresh_from_db()
    assert (lot.status, json.loads(told.splitlines()[-1])) == (FileStatus.WRITTEN, [f"out/{lot.name}"])
    assert lots.deposit_prepared() == 0
