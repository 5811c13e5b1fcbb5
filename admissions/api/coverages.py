"""/stays/{iep}/cards and /stays/{iep}/coverages: who pays, and how we know it."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.enums import Scope
from accounts.idempotency import Keyed
from admissions.api.base import HospitalViewSet
from admissions.api.stay_bodies import CoverageBody, DebtorName
from admissions.enums import CoverageKind, CoverageSource
from admissions.models import Card, Coverage
from admissions.services import coverage as services
from admissions.services.coverage import CardOutcome
from debtors.datamatrix import parse
from debtors.datamatrix.results import Outcome
from debtors.datamatrix.sandbox import MAX_BYTES, read_untrusted
from debtors.enums import DebtorKind, MatchLevel
from debtors.models import DatamatrixAssociation, Debtor
from gap.api.fields import Day, StrictSerializer
from gap.api.parsers import StrictJsonParser
from gap.api.problems import Problem

TAGS = ["Cartes et couvertures"]
# What a datamatrix holds at most is 2 335 letters; a scanner may type it twice.
_TEXT_LIMIT = 6000
_READER_LIMIT = int(Card._meta.get_field("reader").max_length or 0)


class CardText(StrictSerializer):
    text = serializers.CharField(
        max_length=_TEXT_LIMIT, trim_whitespace=False, help_text="Ce que le lecteur de codes a tapé, tel quel."
    )


class CardFile(StrictSerializer):
    file = serializers.FileField(help_text="Photo (PNG, JPEG, WEBP) ou PDF de la carte, 10 Mo au plus.")


class CardBody(serializers.ModelSerializer[Card]):
    """What we understood of a card. Its whole content stays in the dossier."""

    conventions = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField()),
        read_only=True,
        help_text="[domaine, E ou S, code] ; vide = tous.",
    )

    class Meta:
        model = Card
        fields = ("id", "recognised", "amc_number", "conventions", "csr", "valid_from", "valid_until", "reader")
        read_only_fields = fields


class ChoiceBody(serializers.ModelSerializer[DatamatrixAssociation]):
    """A debtor that may be the card's."""

    debtor = DebtorName(read_only=True)

    class Meta:
        model = DatamatrixAssociation
        fields = ("debtor", "status", "use_count")
        read_only_fields = fields


class CardOutcomeBody(serializers.Serializer[Any]):
    """What reading a card came to."""

    outcome = serializers.ChoiceField(
        [("covered", "couverture trouvée"), ("choice", "plusieurs débiteurs"), ("grid", "débiteur à chercher")],
        help_text="`covered` : couverture en vigueur ; `choice` : choisissez parmi `choices` ; `grid` : cherchez le "
        "débiteur (GET /debtors) puis donnez-le.",
    )
    message = serializers.CharField()
    unchanged = serializers.BooleanField(help_text="La carte était déjà lue : rien n’a changé.")
    card = CardBody()
    level = serializers.ChoiceField(MatchLevel.choices, allow_null=True, help_text="Règle qui a décidé.")
    coverage = CoverageBody(allow_null=True)
    choices = ChoiceBody(many=True)


class DebtorChoice(StrictSerializer):
    debtor = serializers.CharField(max_length=20, help_text="Code de la fiche débiteur.")


class CoverageCreation(StrictSerializer):
    debtor = serializers.CharField(max_length=20, help_text="Code de la fiche : caisse (AMO) ou complémentaire (AMC).")
    valid_from = Day()
    valid_until = Day(required=False, allow_null=True, help_text="Dernier jour, compris.")
    rank = serializers.IntegerField(min_value=1, max_value=9, required=False, help_text="1 si rien n’est dit.")
    convention = serializers.RegexField(
        r"^[A-Z]{2}\Z",
        required=False,
        allow_blank=True,
        help_text="Type de convention (AMC).",
        error_messages={"invalid": "Deux lettres capitales sont attendues."},
    )
    csr = serializers.RegexField(
        r"^[A-Z0-9]{1,9}\Z",
        required=False,
        allow_blank=True,
        help_text="Critère secondaire de routage (AMC).",
        error_messages={"invalid": "Neuf lettres capitales ou chiffres au plus."},
    )
    member_number = serializers.RegexField(
        r"^[A-Za-z0-9 ]{1,30}\Z",
        required=False,
        allow_blank=True,
        help_text="N° d’adhérent (AMC).",
        error_messages={"invalid": "Un n° d’adhérent ne contient que des lettres et des chiffres, 30 au plus."},
    )


class MemberNumber(StrictSerializer):
    member_number = serializers.CharField(max_length=40, help_text="N° d’adhérent, lu sur la carte.")


class CardViewSet(HospitalViewSet):
    scopes = {"create": Scope.CARDS_WRITE, "choose": Scope.CARDS_WRITE}
    keyed = {"create": Keyed.REQUIRED, "choose": Keyed.REQUIRED}
    other_faults = {"create": (503,)}
    parser_classes = [StrictJsonParser, MultiPartParser]
    serializer_class = CardOutcomeBody
    queryset = Card.objects.none()

    @extend_schema(
        tags=TAGS,
        summary="Envoyer une carte de tiers payant",
        description="Le texte tapé par un lecteur de codes, ou une image. La relire ne change rien. Une image sans "
        "carte lisible est refusée (422, `outcome` dit pourquoi).",
        request={"application/json": CardText, "multipart/form-data": CardFile},
        responses={201: CardOutcomeBody, 200: OpenApiResponse(CardOutcomeBody, "Carte déjà lue : rien n’a changé.")},
        examples=[
            OpenApiExample(
                "Carte reconnue",
                value={
                    "outcome": "covered",
                    "message": "Carte lue : Mutuelle des Estuaires.",
                    "unchanged": False,
                    "card": {
                        "id": 12,
                        "recognised": True,
                        "amc_number": "7000000001",
                        "conventions": [["", "", "AC"]],
                        "csr": "",
                        "valid_from": "2026-01-01",
                        "valid_until": "2026-12-31",
                        "reader": "api",
                    },
                    "level": "convention",
                    "coverage": None,
                    "choices": [],
                },
                response_only=True,
                status_codes=["201"],
            )
        ],
    )
    def create(self, request: Request, iep: str) -> Response:
        stay = self.find_stay(iep)
        image, reader = b"", "api"
        if request.content_type.startswith("application/json"):
            content = self.body(CardText)["text"]
        else:
            content, reader, image = _read_file(self.body(CardFile)["file"])
        outcome = services.read_card(stay, parse(content), reader[:_READER_LIMIT], self.actor, image=image)
        return Response(_outcome(outcome), status=200 if outcome.unchanged else 201)

    @extend_schema(
        tags=TAGS,
        summary="Choisir le débiteur d’une carte",
        description="La table des associations retient ce choix ; un référent le validera.",
        request=DebtorChoice,
        responses={201: CoverageBody},
    )
    def choose(self, request: Request, iep: str, pk: int) -> Response:
        stay = self.find_stay(iep)
        card = get_object_or_404(Card, pk=pk, patient=stay.patient_id)
        debtor = find_debtor(self.body(DebtorChoice)["debtor"])
        covered = services.choose_debtor(stay, card, debtor, self.actor)
        return Response(CoverageBody(covered).data, status=201)


class CoverageViewSet(HospitalViewSet):
    scopes = {"create": Scope.CARDS_WRITE, "partial_update": Scope.CARDS_WRITE}
    keyed = {"create": Keyed.REQUIRED}
    serializer_class = CoverageBody
    queryset = Coverage.objects.none()

    @extend_schema(
        tags=TAGS,
        summary="Déclarer une couverture",
        description="Droits de l’AMO, ou complémentaire sans carte. Remplace ce qu’elle recouvre au même rang.",
        request=CoverageCreation,
        responses={201: CoverageBody},
        examples=[
            OpenApiExample("AMO", value={"debtor": "AMO013510000", "valid_from": "2026-01-01"}, request_only=True),
            OpenApiExample(
                "AMC",
                value={
                    "debtor": "AMC00001",
                    "valid_from": "2026-01-01",
                    "valid_until": "2026-12-31",
                    "convention": "AC",
                    "member_number": "08441927",
                },
                request_only=True,
            ),
        ],
    )
    def create(self, request: Request, iep: str) -> Response:
        stay = self.find_stay(iep)
        asked = self.body(CoverageCreation)
        debtor = find_debtor(asked.pop("debtor"))
        if debtor.kind == DebtorKind.AMO:
            faults = {name: ["Ce champ est celui d’une complémentaire."] for name in _OF_AMC if asked.get(name)}
            if faults:
                raise ValidationError(faults)
        declared = services.declare_coverage(stay, debtor, self.actor, source=CoverageSource.API, **asked)
        return Response(CoverageBody(declared).data, status=201)

    @extend_schema(
        tags=TAGS,
        summary="Corriger le n° d’adhérent",
        description="Les appels que ce numéro arrêtait repartent d’eux-mêmes.",
        request=MemberNumber,
        responses={200: CoverageBody},
    )
    def partial_update(self, request: Request, iep: str, pk: int) -> Response:
        stay = self.find_stay(iep)
        present = get_object_or_404(Coverage, pk=pk, patient=stay.patient_id, kind=CoverageKind.AMC, active=True)
        number = self.body(MemberNumber)["member_number"]
        return Response(CoverageBody(services.enter_member_number(present.pk, number, self.actor)).data)


_OF_AMC = ("convention", "csr", "member_number")


def find_debtor(code: str) -> Debtor:
    """The debtor named in a body. Raises ValidationError."""
    debtor = Debtor.objects.filter(code=code, active=True).first()
    if debtor is None:
        raise ValidationError({"debtor": ["Aucune fiche débiteur en activité n’a ce code."]})
    return debtor


def _read_file(file: Any) -> tuple[str, str, bytes]:
    """Content, reader and picture to keep of a card in a file. Raises Problem (413, 422, 503) with what to do."""
    if file.size > MAX_BYTES:
        raise Problem(413, "Ce fichier dépasse 10 Mo : envoyez seulement la carte.", slug="card-unread")
    result = read_untrusted(file.read(), keep=True)
    if not result.decoded:
        busy = result.outcome is Outcome.BUSY
        raise Problem(
            503 if busy else 422,
            result.message_fr,
            slug="card-unread",
            wait_s=2 if busy else None,
            outcome=str(result.outcome),
            field="file",
        )
    return result.content, result.reader, result.image


def _outcome(outcome: CardOutcome) -> dict[str, Any]:
    said = "covered" if outcome.coverage else "choice" if outcome.choices else "grid"
    return dict(
        CardOutcomeBody(
            {
                "outcome": said,
                "message": outcome.message,
                "unchanged": outcome.unchanged,
                "card": outcome.card,
                "level": outcome.level,
                "coverage": outcome.coverage,
                "choices": outcome.choices,
            }
        ).data
    )
