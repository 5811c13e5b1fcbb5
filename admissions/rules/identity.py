"""Rules of identity: what a set of traits must respect, and which words find it again. Pure functions."""

from __future__ import annotations

import re
from datetime import date

from gap.text import search_tokens

# Letters of French civil status, with the separators that names hold.
_NAME = re.compile(r"^[A-Za-zÀ-ÖØ-öø-ÿŒœŸÆæ][A-Za-zÀ-ÖØ-öø-ÿŒœŸÆæ '’\-]*$")


def name_problem(value: str) -> str:
    """An empty text when the name can stand, else a French sentence."""
    if not value.strip():
        return "Ce nom est vide."
    if not _NAME.match(value.strip()):
        return "Un nom ne contient que des lettres, des espaces, des apostrophes et des traits d’union."
    return ""


def birth_date_problem(birth_date: date, today: date) -> str:
    if birth_date > today:
        return "La date de naissance est dans le futur."
    if today.year - birth_date.year > 130:
        return "La date de naissance remonte à plus de 130 ans."
    return ""


def nir_disagreements(nir: str, sex: str, birth_date: date) -> list[str]:
    """What the NIR (15 characters) says otherwise than the traits. A warning only: the NIR may be the insured's."""
    said = []
    if nir[0] in "12" and sex in "MF" and (nir[0] == "1") != (sex == "M"):
        said.append("le sexe")
    if nir[1:3].isdigit() and int(nir[1:3]) != birth_date.year % 100:
        said.append("l’année de naissance")
    elif nir[3:5].isdigit() and 1 <= int(nir[3:5]) <= 12 and int(nir[3:5]) != birth_date.month:
        said.append("le mois de naissance")
    return said


def name_tokens(*names: str) -> set[str]:
    """Every word under which a person may be looked for: each part, and the parts run together («LEBIHAN»)."""
    tokens: set[str] = set()
    for name in names:
        every = search_tokens(name, keep_particles=True)
        tokens.update(every)
        tokens.update({"".join(every), "".join(search_tokens(name))})
    return {token[:100] for token in tokens if token}


def query_variants(text: str) -> list[tuple[str, ...]]:
    """The ways to read what was typed: without particles («BIHAN»), and with them glued («LEBIHAN»)."""
    plain = search_tokens(text)
    glued = ("".join(search_tokens(text, keep_particles=True)),)
    return [variant for variant in dict.fromkeys((plain, glued)) if variant and all(variant)]
