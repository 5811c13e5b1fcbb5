"""`manage.py read_card FILE…`: what the readers make of card images, PDF files and scanned texts."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from debtors.datamatrix import parse
from debtors.datamatrix.results import Outcome, ReadingResult
from debtors.datamatrix.sandbox import DEFAULT_DEADLINE_S, read_untrusted


class Command(BaseCommand):
    help = (
        "Lit le datamatrix de cartes (images PNG, JPEG, WEBP, PDF, ou texte d’un lecteur) et écrit une ligne JSON"
        " par fichier. Outil de diagnostic\u00a0: le contenu de la carte, donnée personnelle, est affiché\u00a0;"
        " ne redirigez pas la sortie vers un journal."
    )
    # A diagnosis of the readers must work where nothing else is set up yet.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FICHIER", help="image, PDF ou fichier texte")
        parser.add_argument(
            "--deadline", type=float, default=DEFAULT_DEADLINE_S, help="secondes accordées à chaque fichier"
        )

    def handle(self, *args: Any, files: list[str], deadline: float, **options: Any) -> None:
        for name in files:
            self.stdout.write(json.dumps({"file": name, **_report(Path(name), deadline)}, ensure_ascii=False))


def _report(path: Path, deadline_s: float) -> dict[str, object]:
    """What is known of one file. A file that can't be opened is one more line, not the end of the others."""
    start = time.perf_counter()
    try:
        data = path.read_bytes()
    except OSError:
        return {"decoded": False, "message": "Ce fichier ne peut pas être ouvert."}
    result = read_untrusted(data, deadline_s)
    if result.outcome is Outcome.NOT_AN_IMAGE:
        result = _as_text(data, start) or result
    return {"decoded": result.decoded, **_card(result), **_reading(result)}


def _as_text(data: bytes, start: float) -> ReadingResult | None:
    """A text typed by a scanner and saved; None for any other content."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    card = parse(text)
    if not card.content or not card.content.replace("\x1d", " ").isprintable():
        return None
    milliseconds = round((time.perf_counter() - start) * 1000, 2)
    return ReadingResult(Outcome.DECODED, text, "texte", milliseconds)


def _reading(result: ReadingResult) -> dict[str, object]:
    return {
        "reader": result.reader,
        "milliseconds": result.milliseconds,
        "page": result.page or None,
        "outcome": result.outcome.value,
        "message": " ".join(filter(None, (result.message_fr, result.note_fr))),
    }


def _card(result: ReadingResult) -> dict[str, object]:
    if not result.decoded:
        return {"content": None, "recognised": False, "fields": None, "problems": []}
    card = parse(result.content)
    fields = {
        "valid_from": card.valid_from and card.valid_from.isoformat(),
        "valid_until": card.valid_until and card.valid_until.isoformat(),
        "amc_number": card.amc_number,
        "conventions": [str(convention) for convention in card.conventions],
        "csr": card.csr,
        "member_number": card.member_number,
        "responsible": card.responsible,
    }
    return {
        "content": card.content,
        "recognised": card.recognised,
        "layout": card.layout,
        "fields": fields if card.recognised else None,
        "problems": list(card.problems),
    }
