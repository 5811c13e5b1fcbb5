"""What a list shows of a person whose dossier is protected: that there is one, and its number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

WORDS: Final = "Dossier protégé"


@dataclass(frozen=True, slots=True)
class Masked:
    """Stands for a `Patient` on a line of a list. No trait of the person is in it: none can be shown by mistake."""

    ipp: str
    birth_name: str = WORDS
    first_names: str = ""
    first_name: str = ""
    used_name: str = ""
    used_first_name: str = ""
    birth_date: None = None
    sex: str = ""

    def get_sex_display(self) -> str:
        return ""


def listed_name(patient: Any) -> str:
    """« NOM Prénom » of a `Patient` as a line or a file of a list shows it."""
    shown = patient.listed
    return f"{shown.birth_name} {shown.first_name}".strip()
