"""A disk that takes no more: the kernel refuses to write (ENOSPC, EFBIG). Nothing stands by halves, and patients do not wait."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from accounts.enums import Role
from billing import lots
from billing.enums import AgreementState, FileKind, FileStatus
from billing.models import ExchangeFile
from tests.processes import run_together
from tests.worklists import scene
from tests.worklists.scene_pec import an_agreement

pytestmark = pytest.mark.django_db(transaction=True)

_NO_ROOM = """
import json
from pathlib import Path
from django.conf import settings
from django.core.files.storage import storages
from tests.full_disk import fill
if how := os.environ.get("FULL"):
    fill(Path(settings.VAR_DIR), how, int(os.environ.get("ROOM", "0")))
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
_LETTER = (
    _NO_ROOM
    + """
from admissions.errors import Refused
from admissions.events import SYSTEM
from billing.models import Agreement, AgreementLetter
from billing.pec import letters
try:
    letters.attach(Agreement.objects.get().pk, (b"x" * 100, b"y" * 20_000), SYSTEM)
    said = ""
except Refused as refused:
    said = refused.sentence
unread = Agreement.objects.get().unread_since is not None
print(json.dumps([said, AgreementLetter.objects.count(), unread, left("default")]))
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


@pytest.mark.parametrize("how", ["disk", "writes", "length"])
def test_a_card_is_read_though_its_picture_finds_no_room(how, var) -> None:
    """A page of the disk is left: the picture of 5 000 bytes begins to be written. `how`: tests/full_disk.py."""
    scene.a_stay()
    [told] = run_together(_CARD, 1, FULL=how, ROOM="4096", **var)
    read, kept, files, said, banner = json.loads(told.splitlines()[-1])
    assert (read, kept, files, said) == (True, False, [], True)
    assert len(banner) == 1 and "disque des fichiers est plein" in banner[0]


@pytest.mark.parametrize("how", ["disk", "writes", "length"])
def test_of_a_letter_whose_second_page_finds_no_room_nothing_stays(how, var) -> None:
    an_agreement(AgreementState.REQUESTED)
    [told] = run_together(_LETTER, 1, FULL=how, ROOM="4096", **var)
    said, count, unread, files = json.loads(told.splitlines()[-1])
    assert "disque des fichiers est plein" in said and "prévenue" in said
    assert (count, unread, files) == (0, False, [])


def test_with_room_the_same_letter_is_kept(var) -> None:
    an_agreement(AgreementState.REQUESTED)
    [told] = run_together(_LETTER, 1, **var)
    said, count, unread, files = json.loads(told.splitlines()[-1])
    assert (said, count, unread, len(files)) == ("", 1, True, 2)


def test_with_room_the_same_card_is_kept_with_its_picture(var) -> None:
    scene.a_stay()
    [told] = run_together(_CARD, 1, **var)
    read, kept, files, said, banner = json.loads(told.splitlines()[-1])
    assert read and kept and len(files) == 1 and not said and not banner


def test_a_lot_waits_for_room_and_leaves_once_there_is_some(var) -> None:
    lot = scene.a_file(FileKind.DRE_ES, FileStatus.PREPARED)
    kept = lot.file.storage.inner.path(lot.file.name)
    there = Path(var["GAP_VAR_DIR"]) / "files" / "exchange" / str(lot.file.name)
    there.parent.mkdir(parents=True)
    there.write_bytes(Path(kept).read_bytes())
    [told] = run_together(_LOT, 1, FULL="disk", **var)
    lot.refresh_from_db()
    assert (lot.status, json.loads(told.splitlines()[-1])) == (FileStatus.PREPARED, [])
    [told] = run_together(_LOT, 1, **var)
    lot.refresh_from_db()
    assert (lot.status, json.loads(told.splitlines()[-1])) == (FileStatus.WRITTEN, [f"out/{lot.name}"])
    assert lots.deposit_prepared() == 0


_RETURN = (
    _NO_ROOM
    + """
from billing import returns
taken = returns.import_returns()
print(json.dumps([taken, left("exchange")]))
"""
)


def test_a_return_stays_where_the_payer_left_it_until_there_is_room_and_is_taken_once(var) -> None:
    incoming = Path(var["GAP_VAR_DIR"]) / "files" / "exchange" / "in" / "ARL.txt"
    incoming.parent.mkdir(parents=True)
    incoming.write_bytes(b"x" * 200)
    [told] = run_together(_RETURN, 1, FULL="disk", **var)
    assert json.loads(told.splitlines()[-1]) == [0, ["in/ARL.txt"]]
    assert not ExchangeFile.objects.exists()
    [told] = run_together(_RETURN, 1, **var)
    taken, files = json.loads(told.splitlines()[-1])
    assert taken == 1 and ExchangeFile.objects.count() == 1
    assert [one.partition("/")[0] for one in files] == ["received"]


_SCREEN = (
    _NO_ROOM
    + """
import tempfile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from accounts.models import User
settings.ALLOWED_HOSTS = ["testserver"]
# What libraries write beside while they make a file goes there too.
tempfile.tempdir = str(settings.VAR_DIR)
client = Client(raise_request_exception=False)
client.force_login(User.objects.get())
{asks}
here = Path(settings.VAR_DIR)
files = [one.name for one in here.rglob("*") if one.is_file() and one.stat().st_size and one.name != ".taken"]
print(json.dumps([answer.status_code, "disque du serveur est plein" in answer.content.decode(errors="replace"), files]))
"""
)
_EXPORT = _SCREEN.replace("{asks}", 'answer = client.get("/echanges/?format=xlsx")')
_DEPOSIT = _SCREEN.replace(
    "{asks}", 'answer = client.post("/echanges/depot/", {"file": SimpleUploadedFile("retour.txt", b"x" * 5000)})'
)


def test_somebody_who_deposits_a_return_is_told_that_there_is_no_room_and_nothing_of_it_stays(var, person) -> None:
    person(Role.BILLING)
    [told] = run_together(_DEPOSIT, 1, FULL="disk", ROOM="4096", **var)
    status, says_why, files = json.loads(told.splitlines()[-1])
    assert (status, says_why, files) == (503, True, [])
    assert not ExchangeFile.objects.exists()


def test_a_workbook_is_made_without_a_disk_and_nothing_of_it_is_written_there(var, person) -> None:
    """It holds what a list says of people, in clear. « length » refuses whatever writes, libraries in C too."""
    person(Role.BILLING)
    for _ in range(60):
        scene.a_file()
    [told] = run_together(_EXPORT, 1, FULL="length", **var)
    status, refused, files = json.loads(told.splitlines()[-1])
    assert (status, refused, files) == (200, False, [])
