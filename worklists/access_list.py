"""The printed list of who saw and changed a person's dossier (RGPD, article 15; HDS: traçabilité des accès)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from django.conf import settings
from django.utils import timezone

from accounts.models import Establishment
from admissions.models import Patient
from gap.documents import render_pdf
from worklists.journal import Line

#: Lines of one document: a dossier of years holds; past this the journal's screen says the rest.
MOST: Final = 5_000
_TEMPLATE: Final = Path(__file__).parent / "documents" / "acces.typ"


def pdf(person: Patient, hospital: Establishment, lines: Sequence[Line], cut: bool) -> bytes:
    """The document. `cut`: there were more lines than it holds."""
    today = timezone.localdate()
    preamble = (
        "Consultations et modifications du dossier administratif, de la plus récente à la plus ancienne. Les listes de"
        " travail où figurait un de ses séjours sont tracées à part et ne sont pas reprises ici."
    )
    if cut:
        preamble += f" Ce document s’arrête aux {MOST} dernières lignes."
    return render_pdf(
        _TEMPLATE,
        {
            "title": "Accès au dossier",
            "subtitle": f"{hospital.name}, FINESS {hospital.finess_site}",
            "software": settings.SOFTWARE_NAME,
            "footer": f"Édité le {today:%d/%m/%Y} par {settings.SOFTWARE_NAME} {settings.SOFTWARE_VERSION}",
            "person": [
                ["Nom de naissance", person.birth_name, "Prénoms", person.first_names],
                ["Né(e) le", f"{person.birth_date:%d/%m/%Y}", "IPP", person.ipp],
            ],
            "preamble": preamble,
            "columns": ["Date et heure", "Qui", "D’où", "Nature", "Quoi"],
            "rows": [[_instant(line), line.who, line.place or "–", line.kind, _said(line)] for line in lines],
            "empty": "Aucun accès n’est enregistré.",
        },
    )


def _instant(line: Line) -> str:
    return f"{timezone.localtime(line.at):%d/%m/%Y %H:%M:%S}"


def _said(line: Line) -> str:
    """What was seen or changed. The values are not repeated: a document that leaves the hospital says what, not what of."""
    said = line.what + (f", séjour {line.iep}" if line.iep else "")
    if line.changes:
        said += f" : {', '.join(name for name, _, _ in line.changes)}"
    return said + (f". Motif : {line.reason}" if line.reason else "")
