"""A kit as a folder: whole or absent, closed to whoever has not the key, told to the journal."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from accounts.enums import JournalKind
from accounts.journal import done, writing
from accounts.journal.unit import Unit, working
from accounts.models import Establishment
from admissions.downtime import papers, picture
from admissions.models import ReservedNumber
from admissions.services import downtime

#: The bytes of a paper to the bytes that are written.
Closed = Callable[[bytes], bytes]
MANIFEST: Final = "manifeste.json"
_PREFIX: Final = "kit-"
_ABANDONED_S: Final = 3600
#: A sheet that is entered while a kit is drawn makes it begin again; not for ever.
_TRIES: Final = 3


class KitRefused(Exception):
    """No kit was made; the one before is still there. The message is for the operator."""


@dataclass(slots=True)
class Made:
    """`folder`: where it stands. `parts`: what the manifest says of each hospital."""

    folder: Path
    parts: list[dict[str, Any]] = field(default_factory=list)


def make(
    folder: Path, establishments: Sequence[Establishment], *, forms: int, keep: int, close: Closed, suffix: str
) -> Made:
    """A kit of these hospitals in `folder`, where `keep` of them stay. `close` encrypts the list, whose name takes `suffix`.

    It is written beside, then renamed: who looks there while the product falls finds a whole one. Raises KitRefused,
    OSError: nothing of it is left then.
    """
    for _ in range(_TRIES):
        now = timezone.now()
        target = folder / f"{_PREFIX}{timezone.localtime(now):%Y-%m-%d-%Hh%Mm%S}"
        if target.exists():
            raise KitRefused(f"{target} existe déjà.")
        beside = folder / f".{target.name}.partial"
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True, mode=0o700)
        made, sheets = Made(target), []
        try:
            for establishment in establishments:
                given = downtime.numbers_to_print(establishment, forms, now)
                made.parts.append(_write(beside, establishment, given, now, close, suffix))
                sheets += given
            told = {"fait_le": now.astimezone(UTC).isoformat(), "logiciel": settings.SOFTWARE_VERSION}
            text = json.dumps(told | {"etablissements": made.parts}, ensure_ascii=False, indent=1)
            (beside / MANIFEST).write_text(text)
            if downtime.note_printed(sheets, now):
                beside.rename(target)
                _forget_old(folder, keep)
                return made
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    raise KitRefused("Des feuilles sont ressaisies en ce moment.")


def _write(
    beside: Path,
    establishment: Establishment,
    sheets: Sequence[ReservedNumber],
    now: datetime,
    close: Closed,
    suffix: str,
) -> dict[str, Any]:
    with working(Unit(action="downtime_kit", establishment_id=establishment.pk)) as unit:
        taken = _picture(establishment, now)
        # No trace, no list.
        done(JournalKind.EXPORT, object_type="admissions_stay", detail={"stays": taken.stays})
        writing.write(unit)
    # Nobody is named but in the list: whoever finds a closed kit can read how to open it, and write on its sheets.
    pages = {
        "1-que-faire.pdf": papers.what_to_do(establishment, now, sheets),
        f"2-presents-et-attendus.pdf{suffix}": close(papers.list_of_patients(establishment, now, taken)),
        "3-feuilles.pdf": papers.blank_sheets(establishment, now, sheets),
    }
    place = beside / establishment.finess_site
    place.mkdir(mode=0o700)
    digests = {}
    for name, content in pages.items():
        (place / name).write_bytes(content)
        digests[name] = hashlib.sha256(content).hexdigest()
    return {
        "finess": establishment.finess_site,
        "presents": taken.here,
        "attendus": taken.to_come,
        "feuilles": [sheet.iep for sheet in sheets],
        "sha256": digests,
    }


def _picture(establishment: Establishment, now: datetime) -> picture.Picture:
    alone = not connection.in_atomic_block
    with transaction.atomic():
        if alone:
            with connection.cursor() as cursor:
                cursor.execute("set transaction isolation level repeatable read, read only")
        return picture.take(establishment, now)


def _forget_old(folder: Path, keep: int) -> None:
    """The newest stay, by their own manifests: a clock put back, or a copied folder, changes no order."""
    kits = [(_made_at(place), place) for place in folder.glob(f"{_PREFIX}*") if (place / MANIFEST).is_file()]
    for _, place in sorted(kits)[:-keep]:
        shutil.rmtree(place)
    # Of a command that was killed: nobody else would ever take it away.
    for place in folder.glob(f".{_PREFIX}*.partial"):
        if time.time() - place.stat().st_mtime > _ABANDONED_S:
            shutil.rmtree(place)


def _made_at(place: Path) -> str:
    try:
        return str(json.loads((place / MANIFEST).read_text())["fait_le"])
    except (ValueError, KeyError, OSError):
        return ""
