"""A coverage that no card says: the caisse of a paper, or a complementary body that the patient names."""

from __future__ import annotations

from typing import Any, Final

from django import forms

from admissions.enums import AmoPiece, CoverageSource
from admissions.forms import ServiceForm
from admissions.reference import amo_effects
from gap.identifiers import InvalidIdentifier, parse_nir
from gap.moments import DayField

_PIECES: Final = [
    ("", "aucune, sur parole"),
    *((piece.value, piece.label) for piece in (AmoPiece.RIGHTS, AmoPiece.ATTESTATION, AmoPiece.VITALE)),
]


class DeclareForm(ServiceForm):
    """A coverage without a card. `debtor` is chosen in the grid; `kind`: "amo" or "amc"."""

    focus = False

    debtor = forms.IntegerField(widget=forms.HiddenInput)
    valid_from = DayField(label="Valable du")
    valid_until = DayField(label="Jusqu’au", required=False)
    convention = forms.CharField(label="Convention", max_length=2, required=False)
    member_number = forms.CharField(label="N° d’adhérent", max_length=30, required=False)
    piece = forms.ChoiceField(label="Pièce vue", choices=_PIECES, required=False)
    particular = forms.ChoiceField(label="Exonération", choices=[], required=False)
    insured = forms.CharField(
        label="NIR de l’assuré", max_length=25, required=False, help_text="S’il n’est pas celui du dossier."
    )

    def __init__(self, *args: Any, kind: str, **options: Any) -> None:
        super().__init__(*args, **options)
        for name in ("piece", "particular", "insured") if kind == "amc" else ("convention", "member_number"):
            del self.fields[name]
        if kind == "amo":
            known = {_key(row): row.label for row in amo_effects()}
            self.fields["particular"].choices = [("", "aucune"), *known.items()]  # type: ignore[attr-defined]

    def clean_insured(self) -> str:
        typed = str(self.cleaned_data["insured"])
        try:
            return parse_nir(typed).value if typed.strip() else ""
        except InvalidIdentifier as problem:
            raise forms.ValidationError(str(problem)) from None

    def asked(self) -> dict[str, Any]:
        """The arguments of `declare_coverage` beside its debtor."""
        values = dict(self.cleaned_data)
        days = {name: values[name] for name in ("valid_from", "valid_until")}
        if "piece" not in self.fields:
            return days | {"convention": values["convention"].upper(), "member_number": values["member_number"]}
        said = next((row for row in amo_effects() if _key(row) == values["particular"]), None)
        particular = {
            "piece": values["piece"],
            "insured": values["insured"] or None,
            "nature": said.nature if said else "10",
            "exemption": said.exemption.replace("0", "") if said else "",
            "situations": [said.situation] if said and said.situation else [],
        }
        return days | {"particular": particular, "source": _source(values["piece"])}


def _key(row: Any) -> str:
    return "-".join((row.nature, row.exemption, row.situation))


def _source(piece: str) -> CoverageSource:
    if piece == AmoPiece.VITALE:
        return CoverageSource.CARD
    return CoverageSource.PAPER if piece else CoverageSource.DECLARED
