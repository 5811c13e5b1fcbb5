"""What is read and written of a stay."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from admissions.api.parts import stay_parts
from admissions.enums import (
    AmoPiece,
    CoverageKind,
    CoverageSource,
    DischargeMode,
    Domain,
    EventKind,
    Nature,
    Requalification,
    RequestCode,
    RightsStatus,
    StayKind,
    StayStatus,
)
from admissions.events import Actor
from admissions.models import AdmissionEvent, Coverage, Movement, ParticularRequest, Rights, Stay, Unit
from admissions.querysets import care_date, coverages_on, latest_rights_of_stay
from debtors.enums import DebtorKind, MatchLevel
from debtors.models import Debtor
from gap.api.fields import Choice, Day, Instant, StrictSerializer, Version

IPP = r"^[0-9]{9}\Z"
_NINE_DIGITS: dict[str, Any] = {"invalid": "Neuf chiffres sont attendus."}


# ---- read ----


class UnitBody(serializers.ModelSerializer[Unit]):
    domain = serializers.ChoiceField(Domain.choices, read_only=True)

    class Meta:
        model = Unit
        fields = ("code", "name", "domain")
        read_only_fields = fields


class DebtorName(serializers.ModelSerializer[Debtor]):
    """A debtor, named."""

    kind = serializers.ChoiceField(DebtorKind.choices, read_only=True)

    class Meta:
        model = Debtor
        fields = ("code", "name", "kind", "amc_number")
        read_only_fields = fields


class StaySummary(serializers.ModelSerializer[Stay]):
    """A line of a list. The patient is named by the IPP alone: names take another scope."""

    patient = serializers.CharField(source="patient.ipp", read_only=True, help_text="IPP.")
    establishment = serializers.CharField(
        source="establishment.finess_site", read_only=True, help_text="FINESS géographique."
    )
    unit = UnitBody(read_only=True)
    kind = serializers.ChoiceField(StayKind.choices, read_only=True)
    domain = serializers.ChoiceField(Domain.choices, read_only=True)
    status = serializers.ChoiceField(StayStatus.choices, read_only=True)

    class Meta:
        model = Stay
        fields: tuple[str, ...] = (
            "iep", "patient", "establishment", "kind", "domain", "status", "unit",
            "planned_start_at", "planned_end_at", "started_at", "ended_at", "version",
        )  # fmt: skip
        read_only_fields = fields


class MovementBody(serializers.ModelSerializer[Movement]):
    unit = UnitBody(read_only=True)

    class Meta:
        model = Movement
        fields = ("id", "unit", "room", "bed", "started_at", "ended_at")
        read_only_fields = fields


class RequestBody(serializers.ModelSerializer[ParticularRequest]):
    code = serializers.ChoiceField(RequestCode.choices, read_only=True)

    class Meta:
        model = ParticularRequest
        fields = ("id", "code", "starts_on", "ends_on", "signed_on")
        read_only_fields = fields


class RightsBody(serializers.ModelSerializer[Rights]):
    """The last answer of a payer: open, closed, or undetermined."""

    status = serializers.ChoiceField(
        RightsStatus.choices, read_only=True, help_text="Trois issues : `undetermined` n’est ni ouvert ni fermé."
    )
    age_s = serializers.SerializerMethodField(help_text="Âge de la réponse, en secondes.")

    class Meta:
        model = Rights
        fields = (
            "status", "code", "reason", "contract_label", "rights_from", "rights_until", "responsible",
            "patient_share_possible", "uncovered_families", "care_date", "answered_at", "age_s", "valid_until",
        )  # fmt: skip
        read_only_fields = fields

    def get_age_s(self, rights: Rights) -> int:
        return max(0, int((timezone.now() - rights.answered_at).total_seconds()))


class CoverageBody(serializers.ModelSerializer[Coverage]):
    kind = serializers.ChoiceField(CoverageKind.choices, read_only=True)
    debtor = DebtorName(read_only=True)
    source = serializers.ChoiceField(CoverageSource.choices, read_only=True)  # type: ignore[assignment]
    match_level = serializers.ChoiceField(
        MatchLevel.choices, read_only=True, allow_blank=True, help_text="Règle qui a reconnu la carte ; ou vide."
    )
    member_number = serializers.CharField(read_only=True, allow_null=True)
    nature = serializers.ChoiceField(Nature.choices, read_only=True, help_text="Nature d’assurance (AMO).")
    piece = serializers.ChoiceField(
        AmoPiece.choices, read_only=True, allow_blank=True, help_text="Pièce justificative (AMO)."
    )
    confirmed = serializers.SerializerMethodField(help_text="La caisse (CDRi) a dit la même chose.")

    @extend_schema_field(bool)
    def get_confirmed(self, coverage: Coverage) -> bool:
        return coverage.answer_id is not None

    class Meta:
        model = Coverage
        fields: tuple[str, ...] = (
            "id", "kind", "rank", "debtor", "source", "match_level", "convention", "csr", "member_number", "nature",
            "exemption", "situations", "piece", "confirmed", "valid_from", "valid_until", "active", "version",
        )  # fmt: skip
        read_only_fields = fields


class CoverageOfStay(CoverageBody):
    """A coverage in force on the day of care, and the last answer on it for this stay."""

    rights = serializers.SerializerMethodField(help_text="Dernière réponse ; `null` si rien n’a été répondu.")

    class Meta(CoverageBody.Meta):
        fields = (*CoverageBody.Meta.fields, "rights")
        read_only_fields = fields

    @extend_schema_field(RightsBody(allow_null=True))
    def get_rights(self, coverage: Coverage) -> dict[str, Any] | None:
        rights = self.context["rights"].get(coverage.pk)
        return None if rights is None else RightsBody(rights).data


class ThirdPartyPayment(serializers.Serializer[Any]):
    """Whether an AMC pays its part to the hospital, as far as is known."""

    status = serializers.ChoiceField(
        [
            ("possible", "une complémentaire répond droits ouverts"),
            ("impossible", "toutes refusent : le patient doit être prévenu"),
            ("unknown", "pas encore de réponse qui décide"),
            ("none", "aucune complémentaire"),
        ]
    )
    code = serializers.CharField(help_text="Code retour du refus ; ou vide.", allow_blank=True)
    reason = serializers.CharField(help_text="Motif du refus, en français ; ou vide.", allow_blank=True)
    answered_at = serializers.DateTimeField(allow_null=True)


class StayDetail(StaySummary):
    """A stay with all that is known of it. Upper floors add theirs (`parts`)."""

    discharge_mode = serializers.ChoiceField(DischargeMode.choices, read_only=True, allow_blank=True)
    movements = MovementBody(many=True, read_only=True)
    requests = RequestBody(many=True, read_only=True)
    coverages = serializers.SerializerMethodField(help_text="En vigueur à la date des soins, AMO puis AMC par rang.")
    third_party_payment = serializers.SerializerMethodField(
        help_text="Pour le portail du patient : la complémentaire fera-t-elle l’avance des frais ?"
    )

    class Meta(StaySummary.Meta):
        fields = (
            *StaySummary.Meta.fields,
            "discharge_mode", "prescription_date", "cancel_reason", "created_at", "updated_at",
            "movements", "requests", "coverages", "third_party_payment",
        )  # fmt: skip
        read_only_fields = fields

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), **stay_parts()}

    @extend_schema_field(CoverageOfStay(many=True))
    def get_coverages(self, stay: Stay) -> list[dict[str, Any]]:
        coverages, rights = self._rights_by_stay(stay)
        return list(CoverageOfStay(coverages, many=True, context={"rights": rights}).data)

    @extend_schema_field(ThirdPartyPayment)
    def get_third_party_payment(self, stay: Stay) -> dict[str, Any]:
        coverages, rights = self._rights_by_stay(stay)
        answers = [rights.get(coverage.pk) for coverage in coverages if coverage.kind == CoverageKind.AMC]
        found = {"code": "", "reason": "", "answered_at": None}
        if not answers:
            return ThirdPartyPayment({"status": "none", **found}).data
        if any(answer and answer.status == RightsStatus.OPEN for answer in answers):
            return ThirdPartyPayment({"status": "possible", **found}).data
        refusals = [answer for answer in answers if answer and answer.status == RightsStatus.CLOSED]
        if len(refusals) < len(answers):
            return ThirdPartyPayment({"status": "unknown", **found}).data
        said = {name: getattr(refusals[0], name) for name in found}
        return ThirdPartyPayment({"status": "impossible", **said}).data

    def _rights_by_stay(self, stay: Stay) -> tuple[list[Coverage], dict[int, Rights]]:
        """Read once for the two members that need them."""
        known: dict[int, tuple[list[Coverage], dict[int, Rights]]] = self.__dict__.setdefault("_read", {})
        if stay.pk not in known:
            known[stay.pk] = (list(coverages_on(stay.patient_id, care_date(stay))), latest_rights_of_stay(stay.pk))
        return known[stay.pk]


class EventBody(serializers.ModelSerializer[AdmissionEvent]):
    """Something that happened to a stay. `detail` holds codes only."""

    kind = serializers.ChoiceField(EventKind.choices, read_only=True)
    label = serializers.CharField(source="get_kind_display", read_only=True)  # type: ignore[assignment]
    recorded_at = serializers.DateTimeField(source="created_at", read_only=True)
    by = serializers.SerializerMethodField(help_text="Qui : une personne, un programme, ou `système`.")
    detail = serializers.DictField(read_only=True, help_text="Codes et identifiants, selon l’événement.")

    class Meta:
        model = AdmissionEvent
        fields = ("id", "kind", "label", "occurred_at", "recorded_at", "by", "detail")
        read_only_fields = fields

    def get_by(self, event: AdmissionEvent) -> str:
        return Actor(event.created_by, event.client).name or "système"


# ---- written ----


class StayCreation(StrictSerializer):
    patient = serializers.RegexField(IPP, help_text="IPP.", error_messages=_NINE_DIGITS)
    unit = serializers.CharField(max_length=6, help_text="Code du service (UF).")
    kind = Choice(StayKind.choices)
    planned_start_at = Instant()
    planned_end_at = Instant(required=False, allow_null=True)
    prescription_date = Day(required=False, allow_null=True)


class StayCorrection(StrictSerializer):
    """Members left out stay as they are."""

    unit = serializers.CharField(max_length=6, required=False, help_text="Code du service (UF).")
    kind = Choice(StayKind.choices, required=False)
    planned_start_at = Instant(required=False)
    planned_end_at = Instant(required=False, allow_null=True)
    prescription_date = Day(required=False, allow_null=True)
    version = Version()


class Admission(StrictSerializer):
    started_at = Instant(help_text="Heure réelle d’entrée.")
    room = serializers.CharField(max_length=10, required=False, allow_blank=True)
    bed = serializers.CharField(max_length=10, required=False, allow_blank=True)


class MovementCreation(StrictSerializer):
    unit = serializers.CharField(max_length=6, help_text="Code du service (UF).")
    started_at = Instant()
    room = serializers.CharField(max_length=10, required=False, allow_blank=True)
    bed = serializers.CharField(max_length=10, required=False, allow_blank=True)


class RequestCreation(StrictSerializer):
    code = Choice(RequestCode.choices, help_text="`CHP` : chambre particulière ; `REP` : repas accompagnant.")
    starts_on = Day()
    signed_on = Day(required=False, allow_null=True)


class RequestEnd(StrictSerializer):
    ends_on = Day(help_text="Dernier jour, compris.")


class Discharge(StrictSerializer):
    ended_at = Instant()
    mode = Choice(DischargeMode.choices)


class DischargeCorrection(Discharge):
    version = Version()


class StayRequalification(StrictSerializer):
    """`unit` left out: the same."""

    kind = Choice(StayKind.choices)
    unit = serializers.CharField(max_length=6, required=False, help_text="Code du service (UF).")
    reason = Choice(Requalification.choices)
    version = Version()


class Cancellation(StrictSerializer):
    reason = serializers.CharField(max_length=200, help_text="Pourquoi ; sans nommer personne.")


class Nothing(StrictSerializer):
    """An empty body: the address says it all."""


class Sentence(serializers.Serializer[Any]):
    """What was done, in a sentence."""

    message = serializers.CharField()
