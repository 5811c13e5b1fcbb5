"""The three papers of a kit, as PDF/UA-1: what to do, who is here, blank sheets."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import zxingcpp
from django.conf import settings
from django.utils import timezone

from accounts.models import Establishment
from admissions.downtime.picture import Group, Picture
from admissions.enums import DischargeMode, StayKind
from admissions.models import ReservedNumber, Unit
from gap.documents import render_pdf
from gap.text import NBSP

_FOLDER: Final = Path(__file__).parent / "documents"
_COLUMNS: Final = (
    *("IEP", "IPP", "Nom de naissance", "Prénoms", "Né(e) le", "Sexe", "Entrée", "Qui paie", "Sortie prévue"),
)
#: Blank sheets of movement and of leaving: one is enough to copy, a few save the copier.
_COPIES: Final = 5


def what_to_do(establishment: Establishment, now: datetime, sheets: Sequence[ReservedNumber]) -> bytes:
    """One page for whoever opens the kit, who may have never seen it."""
    told = _common("Panne du logiciel : que faire".replace(" :", f"{NBSP}:"), establishment, now)
    return render_pdf(_FOLDER / "que_faire.typ", told | {"sheets": _range(sheets)})


def list_of_patients(establishment: Establishment, now: datetime, picture: Picture) -> bytes:
    """Present by service, then expected. A4 landscape, the picture's instant on each page."""
    told = {
        "columns": list(_COLUMNS),
        "present": [_table(group, "Lit") for group in picture.present],
        "expected": [_table(group, "Service") for group in picture.expected],
        "count": f"{_many(picture.here, 'présent')}, {_many(picture.to_come, 'attendu')} aujourd’hui et demain.",
        "masked": _masked(picture.masked),
    }
    return render_pdf(_FOLDER / "presents.typ", _common("Présents et attendus", establishment, now) | told)


def blank_sheets(establishment: Establishment, now: datetime, sheets: Sequence[ReservedNumber]) -> bytes:
    """An admission sheet for each reserved number, with its bar code; then sheets of movement and of leaving."""
    units = Unit.objects.filter(establishment=establishment, active=True).order_by("code")
    told = {
        "sheets": [{"iep": sheet.iep, "bars": bars(sheet.iep)} for sheet in sheets],
        "units": [str(unit) for unit in units[:24]],
        "kinds": [label[:1].upper() + label[1:] for label in StayKind.labels],
        "modes": [label[:1].upper() + label[1:] for label in DischargeMode.labels],
        "copies": _COPIES,
    }
    return render_pdf(_FOLDER / "feuilles.typ", _common("Feuilles d’admission", establishment, now) | told)


def bars(number: str) -> str:
    """`number` in Code 128, as an SVG."""
    drawn = zxingcpp.create_barcode(number, zxingcpp.BarcodeFormat.Code128).to_svg(scale=2, add_quiet_zones=True)
    return str(drawn)


def _common(title: str, establishment: Establishment, now: datetime) -> dict[str, Any]:
    at = timezone.localtime(now)
    return {
        "title": title,
        "hospital": f"{establishment.name}, FINESS {establishment.finess_site}",
        "picture": f"État au {at:%d/%m/%Y} à {at:%H:%M}",
        "software": f"{settings.SOFTWARE_NAME} {settings.SOFTWARE_VERSION}",
    }


def _range(sheets: Sequence[ReservedNumber]) -> str:
    return f"{sheets[0].iep} à {sheets[-1].iep}" if sheets else "aucune"


def _table(group: Group, first: str) -> dict[str, Any]:
    return {"title": group.title, "first": first, "rows": group.rows, "count": _many(len(group.rows), "patient")}


def _many(count: int, word: str) -> str:
    return f"{count}{NBSP}{word}{'s' if count > 1 else ''}"


def _masked(count: int) -> str:
    if not count:
        return ""
    return (
        f"{_many(count, 'ligne')} «{NBSP}Dossier protégé{NBSP}»{NBSP}: le nom n’est imprimé nulle part. Qui soigne ce patient "
        "le connaît et le lit sur son bracelet ; le numéro suffit aux papiers. En cas de besoin, demandez au cadre du service "
        "ou au référent du bureau des entrées, et notez sur cette feuille qui a demandé, quand et pourquoi."
    ).replace(" ;", f"{NBSP};")
