"""Forms of the reception."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.models import Establishment
from admissions.enums import DischargeMode, Requalification, Sex, StayKind
from admissions.errors import Refused
from admissions.models import Patient, Stay, Unit
from admissions.services.identity import documents_on
from admissions.services.patients import Traits
from gap.moments import DayField, MomentField


class ServiceForm(forms.Form):
    """A form in front of a service: what the service refuses is said beside its field, and every typed value stays."""

    use_required_attribute = False
    #: The page opens on the first field.
    focus = True

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.focus_first()

    def focus_first(self) -> None:
        for number, field in enumerate(self.fields.values()):
            field.widget.attrs.pop("data-focus", None)
            if number == 0 and self.focus:
                field.widget.attrs["data-focus"] = True

    def refuse(self, refused: Refused) -> None:
        if refused.field in self.fields:
            # Django formats a message that has params: a percent sign of ours is a percent sign.
            message = refused.message.replace("%", "%%")
            self.add_error(refused.field, ValidationError(message, params={"kept": refused.kept, "next": refused.todo}))
        else:
            self.add_error(None, refused.sentence)


class IdentityForm(ServiceForm):
    """Traits of a person. The strict ones first, in the order of the identity document."""

    STRICT = ("birth_name", "first_names", "birth_date", "sex", "birth_place")

    birth_name = forms.CharField(label="Nom de naissance", max_length=100)
    first_names = forms.CharField(label="Prénoms de naissance", max_length=100)
    birth_date = DayField(label="Date de naissance", past=True)
    sex = forms.ChoiceField(label="Sexe", choices=[("", "")] + Sex.choices)
    birth_place = forms.CharField(
        label="Lieu de naissance (code INSEE)",
        max_length=5,
        required=False,
        help_text="99 et le code du pays hors de France.",
    )
    used_name = forms.CharField(label="Nom utilisé", max_length=100, required=False)
    used_first_name = forms.CharField(label="Prénom utilisé", max_length=60, required=False)
    nir = forms.CharField(label="NIR de l’assuré", max_length=25, required=False)
    birth_rank = forms.IntegerField(label="Rang de naissance", min_value=1, max_value=9, initial=1, required=False)
    phone = forms.CharField(label="Téléphone", max_length=20, required=False)
    email = forms.EmailField(label="Courriel", required=False)

    document = forms.ChoiceField(
        label="Copiée de la pièce", choices=[], required=False, help_text="Valide l’identité si la pièce fait foi."
    )
    reason = forms.CharField(label="Motif de l’ouverture", max_length=200)

    def __init__(self, *args: Any, locked: Patient | None = None, opened: bool = False, **options: Any) -> None:
        """`opened`: the strict traits of a locked identity are asked for all the same, and why."""
        super().__init__(*args, **options)
        self.locked = locked
        if not opened:
            del self.fields["reason"]
        if locked:
            del self.fields["document"]
        else:
            seen = [(kind.code, kind.label) for kind in documents_on(timezone.localdate())]
            self.fields["document"].choices = [("", "aucune"), *seen]  # type: ignore[attr-defined]
        if locked:
            # Locked data is text on the screen, not a disabled field: it is not asked for at all.
            for name in self.STRICT:
                del self.fields[name]
        self.focus_first()
        for name in ("birth_name", "first_names", "used_name", "used_first_name", "nir", "phone", "email"):
            if name in self.fields:
                self.fields[name].widget.attrs["autocomplete"] = "off"

    @property
    def why(self) -> str:
        return " ".join(str(self.cleaned_data.get("reason", "")).split())

    def traits(self) -> Traits:
        values = {name: value for name, value in self.cleaned_data.items() if name not in ("document", "reason")}
        if self.locked:
            values |= {name: getattr(self.locked, name) for name in self.STRICT}
        values["birth_rank"] = values.get("birth_rank") or 1
        return Traits(**values)

    @staticmethod
    def values_of(patient: Patient) -> dict[str, Any]:
        names = (
            *IdentityForm.STRICT, "used_name", "used_first_name", "nir", "birth_rank", "phone", "email",
        )  # fmt: skip
        return {name: getattr(patient, name) for name in names}


class PlanForm(ServiceForm):
    """Where, how and when: a stay to come, or the one that begins now."""

    unit = forms.ModelChoiceField(label="Service", queryset=Unit.objects.none(), empty_label=None)
    kind = forms.ChoiceField(label="Type", choices=StayKind.choices)
    start_at = MomentField(label="Entrée")
    planned_end_at = MomentField(label="Sortie prévue", required=False)
    prescription_date = DayField(label="Prescription du", required=False)

    def __init__(self, *args: Any, establishment: Establishment, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["unit"].queryset = Unit.objects.filter(establishment=establishment, active=True)  # type: ignore[attr-defined]
        self.fields["kind"].choices = [(kind, label.capitalize()) for kind, label in _KINDS]  # type: ignore[attr-defined]
        self.fields["kind"].initial = StayKind.FULL

    def refuse(self, refused: Refused) -> None:
        # The services know two entries, planned and real; the screen has one.
        if refused.field in ("planned_start_at", "started_at"):
            refused.field = "start_at"
        super().refuse(refused)


_KINDS = [
    (StayKind.FULL, "hospitalisation"),
    (StayKind.DAY, "hôpital de jour"),
    (StayKind.EXTERNAL, "consultation, soins externes"),
    (StayKind.EMERGENCY, "urgences"),
    (StayKind.SESSION, "séances"),
]


class AdmissionForm(PlanForm):
    """The stay as it begins: its plan, and the bed."""

    room = forms.CharField(label="Chambre", max_length=10, required=False)
    bed = forms.CharField(label="Lit", max_length=10, required=False)


class MovementForm(ServiceForm):
    unit = forms.ModelChoiceField(label="Service", queryset=Unit.objects.none(), empty_label=None)
    room = forms.CharField(label="Chambre", max_length=10, required=False)
    bed = forms.CharField(label="Lit", max_length=10, required=False)
    started_at = MomentField(label="Depuis")

    def __init__(self, *args: Any, stay: Stay, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["unit"].queryset = Unit.objects.filter(establishment=stay.establishment_id, active=True)  # type: ignore[attr-defined]


class RequalifyForm(ServiceForm):
    """What a stay has turned out to be, and where."""

    kind = forms.ChoiceField(label="Type", choices=[])
    unit = forms.ModelChoiceField(label="Service", queryset=Unit.objects.none(), empty_label=None)
    reason = forms.ChoiceField(
        label="Motif", choices=[(reason, reason.label.capitalize()) for reason in Requalification]
    )

    def __init__(self, *args: Any, stay: Stay, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["kind"].choices = [(kind, label.capitalize()) for kind, label in _KINDS]  # type: ignore[attr-defined]
        self.fields["unit"].queryset = Unit.objects.filter(establishment=stay.establishment_id, active=True)  # type: ignore[attr-defined]


class RoomForm(ServiceForm):
    """A single room begins."""

    starts_on = DayField(label="À partir du")
    signed_on = DayField(label="Demande signée le", required=False)

    def __init__(self, *args: Any, stay: Stay, **options: Any) -> None:
        super().__init__(*args, **options)


class EndRoomForm(ServiceForm):
    """A single room ends."""

    ends_on = DayField(label="Dernière nuit, incluse")

    def __init__(self, *args: Any, stay: Stay, **options: Any) -> None:
        super().__init__(*args, **options)


class DischargeForm(ServiceForm):
    ended_at = MomentField(label="Sortie")
    mode = forms.ChoiceField(
        label="Mode de sortie", choices=[(mode, mode.label.capitalize()) for mode in DischargeMode]
    )

    def __init__(self, *args: Any, stay: Stay, **options: Any) -> None:
        super().__init__(*args, **options)


class BirthForm(ServiceForm):
    """A child, as it is seen in the delivery room."""

    born_at = MomentField(label="Né ou née")
    sex = forms.ChoiceField(label="Sexe", choices=[("", ""), *Sex.choices])
    birth_name = forms.CharField(label="Nom de naissance", max_length=100)
    first_names = forms.CharField(
        label="Prénoms", max_length=100, required=False, help_text="Vides tant qu’ils ne sont pas déclarés."
    )
    rank = forms.IntegerField(label="Rang de naissance", min_value=1, max_value=9, initial=1)

    def __init__(self, *args: Any, stay: Stay, **options: Any) -> None:
        super().__init__(*args, **options)


class UnknownForm(ServiceForm):
    """Somebody who cannot say who they are."""

    sex = forms.ChoiceField(label="Sexe", choices=[("", ""), *Sex.choices])
    age = forms.IntegerField(label="Âge estimé (ans)", min_value=0, max_value=120)
    unit = forms.ModelChoiceField(label="Service", queryset=Unit.objects.none(), empty_label=None)
    kind = forms.ChoiceField(label="Type", choices=[])

    def __init__(self, *args: Any, establishment: Establishment, **options: Any) -> None:
        super().__init__(*args, **options)
        self.focus_first()
        units = Unit.objects.filter(establishment=establishment, active=True)
        self.fields["unit"].queryset = units  # type: ignore[attr-defined]
        # Most of them come by the emergencies.
        self.fields["unit"].initial = units.filter(name__icontains="urgence").first()
        self.fields["kind"].choices = [(kind, label.capitalize()) for kind, label in _KINDS]  # type: ignore[attr-defined]
        self.fields["kind"].initial = StayKind.EMERGENCY


class CancelForm(ServiceForm):
    reason = forms.CharField(label="Motif", max_length=200)

    def __init__(self, *args: Any, stay: Stay, **options: Any) -> None:
        super().__init__(*args, **options)
