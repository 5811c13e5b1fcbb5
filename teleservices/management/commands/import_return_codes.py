"""`manage.py import_return_codes FILE`: shows what a list of codes would change, then applies it."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from gap.templatetags.gap_format import counted
from teleservices import catalogue, engine
from teleservices.catalogue import BadCatalogue, Change, Comparison


class Command(BaseCommand):
    help = "Compare une liste de codes retour (CSV) au catalogue en vigueur, montre les différences, puis l’applique."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="colonnes : code, operations, label_fr, et celles de notre fichier")
        parser.add_argument("--since", type=date.fromisoformat, help="jour d’effet, AAAA-MM-JJ (aujourd’hui sinon)")
        parser.add_argument("--source", default="", help="d’où vient la liste (le nom du fichier sinon)")
        parser.add_argument("--dry-run", action="store_true", help="montre, sans rien changer")
        parser.add_argument("--yes", action="store_true", help="applique sans demander")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        since = options["since"] or timezone.localdate()
        try:
            entries = catalogue.read(path.read_bytes(), catalogue.in_force())
        except OSError as problem:
            raise CommandError(f"Le fichier ne se lit pas : {problem.strerror}. Rien n’a changé.") from None
        except BadCatalogue as problem:
            raise CommandError("\n".join([*problem.problems, "Rien n’a changé."])) from None
        comparison = catalogue.compare(entries, catalogue.in_force())
        self.stdout.write("\n".join(_told(comparison)))
        if comparison.empty or options["dry_run"]:
            return
        if not options["yes"] and not self._agreed(since):
            raise CommandError("Rien n’a changé.")
        try:
            catalogue.replace(entries, since=since, source=options["source"] or path.name)
        except BadCatalogue as problem:
            raise CommandError("\n".join([*problem.problems, "Rien n’a changé."])) from None
        self.stdout.write(f"Appliqué au {since:%d/%m/%Y}.")
        if count := engine.reconsider_unknown():
            treated = "traités" if count > 1 else "traité"
            self.stdout.write(f"{count} refus dont le code était inconnu : {treated} selon la nouvelle liste.")

    def _agreed(self, since: date) -> bool:
        if not sys.stdin.isatty():
            raise CommandError("Personne ne peut répondre ici : ajoutez --yes pour appliquer. Rien n’a changé.")
        return input(f"Appliquer au {since:%d/%m/%Y} ? [o/N] ").strip().lower() in ("o", "oui")


def _told(comparison: Comparison) -> list[str]:
    if comparison.empty:
        return ["Aucune différence avec le catalogue en vigueur."]
    lines = [f"+ {change.code}  {change.after.label if change.after else ''}" for change in comparison.added]
    for change in comparison.changed:
        lines += _differences(change)
    lines += [f"- {change.code}  {change.before.label if change.before else ''}" for change in comparison.withdrawn]
    lines.append(
        f"{counted(len(comparison.added), 'nouveau,nouveaux')}, {counted(len(comparison.changed), 'changé')}, "
        f"{counted(len(comparison.withdrawn), 'retiré')}, {counted(comparison.unchanged, 'inchangé')}."
    )
    return lines


def _differences(change: Change) -> list[str]:
    return [f"~ {change.code}", *(f"    {name} : {before} → {after}" for name, before, after in change.differences())]
