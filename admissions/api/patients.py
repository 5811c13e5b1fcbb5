"""/patients: find, create without a double, correct without overwriting."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any, cast

import django_filters
from django.core.validators import RegexValidator
from django.db.models import QuerySet
from django.urls import reverse
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import journal
from accounts.enums import Scope
from accounts.idempotency import Keyed
from admissions.api.base import HospitalViewSet, conflict_problem, visible_patients
from admissions.candidates import candidates, person_of
from admissions.enums import IdentityStatus, InsOutcome, Sex
from admissions.errors import Conflict
from admissions.events import Actor
from admissions.models import Patient
from admissions.querysets import search_patients
from admissions.rules.matching import Level
from admissions.services import patients
from admissions.services.patients import Traits
from gap.api.fields import Choice, Day, StrictSerializer, Version
from gap.api.filters import DayFilter, NumberFilter
from gap.api.problems import Problem
from gap.identifiers import InvalidIdentifier, compact, parse_nir

_DUPLICATES_SHOWN = 20
_NIR_SHAPE = re.compile(r"[1-8][0-9]{4}(?:[0-9]{2}|2A|2B)[0-9]{6}(?:[0-9]{2})?")

EXAMPLE = {
    "birth_name": "MORVANNEC",
    "first_names": "Hélène Marie",
    "birth_date": "1984-05-17",
    "sex": "F",
    "nir": "284059999000159",
    "phone": "0299000000",
}


class PatientSummary(serializers.ModelSerializer[Patient]):
    """A line of a list: enough to recognise a person, without the NIR."""

    class Meta:
        model = Patient
        fields = (
            "ipp", "birth_name", "used_name", "first_names", "used_first_name", "birth_date", "sex", "identity_status",
        )  # fmt: skip
        read_only_fields = fields


class PatientDetail(serializers.ModelSerializer[Patient]):
    """One patient. The NIR is in the clear: it travels in bodies only."""

    sex = serializers.ChoiceField(Sex.choices, read_only=True)
    identity_status = serializers.ChoiceField(IdentityStatus.choices, read_only=True)
    nir = serializers.CharField(
        read_only=True, allow_null=True, help_text="NIR de l’assuré, 15 caractères, clé comprise."
    )
    ins = serializers.SerializerMethodField(
        help_text="Matricule INS, clé comprise. Donné d’une identité qualifiée seulement ; sinon `null`."
    )
    ins_oid = serializers.SerializerMethodField(help_text="Nature du matricule (OID) ; vide sans matricule.")
    ins_outcome = serializers.ChoiceField(
        InsOutcome.choices, read_only=True, allow_blank=True, help_text="Ce qu’INSi a répondu en dernier."
    )
    created_by = serializers.SerializerMethodField(
        help_text="Qui a créé le dossier : une personne, un programme, ou `système`."
    )

    class Meta:
        model = Patient
        fields = (
            "ipp", "birth_name", "used_name", "first_names", "used_first_name", "birth_date", "sex", "birth_place",
            "nir", "birth_rank", "identity_status", "ins", "ins_oid", "ins_outcome", "ins_answered_at", "document_kind",
            "document_seen_at", "doubtful", "fictitious", "homonym", "phone", "email", "created_at", "created_by",
            "version",
        )  # fmt: skip
        read_only_fields = fields

    def get_ins(self, patient: Patient) -> str | None:
        return patient.ins if patient.identity_status == IdentityStatus.QUALIFIED else None

    def get_ins_oid(self, patient: Patient) -> str:
        return patient.ins_oid if patient.identity_status == IdentityStatus.QUALIFIED else ""

    def get_created_by(self, patient: Patient) -> str:
        return Actor(patient.created_by, patient.client).name or "système"


class Name(serializers.CharField):
    """A name that still fits once in capitals: «ß» then takes two places."""

    def to_internal_value(self, data: Any) -> str:
        name = super().to_internal_value(data)
        if self.max_length and len(name.upper()) > self.max_length:
            self.fail("max_length", max_length=self.max_length)
        return name


class PatientTraits(StrictSerializer):
    """Traits as on the identity document."""

    birth_name = Name(max_length=100, help_text="Nom de naissance.")
    first_names = serializers.CharField(max_length=100, help_text="Prénoms de naissance, dans l’ordre de l’acte.")
    birth_date = Day()
    sex = Choice(Sex.choices)
    used_name = Name(max_length=100, required=False, allow_blank=True)
    used_first_name = serializers.CharField(max_length=60, required=False, allow_blank=True)
    birth_place = serializers.RegexField(
        r"^([0-9]{5}|2[ABab][0-9]{3})\Z",
        required=False,
        allow_blank=True,
        help_text="Code INSEE de la commune, ou 99 et le code du pays.",
        error_messages={"invalid": "Un code INSEE compte cinq caractères (2A ou 2B au début, en Corse)."},
    )
    nir = serializers.CharField(
        max_length=40,
        required=False,
        allow_blank=True,
        allow_null=True,
        help_text="NIR de l’assuré, clé comprise, espaces admis ; vide s’il est inconnu.",
    )
    birth_rank = serializers.IntegerField(min_value=1, max_value=9, required=False)
    phone = serializers.CharField(
        max_length=20,
        required=False,
        allow_blank=True,
        validators=[RegexValidator(r"^[0-9+(). \-]*\Z", "Un téléphone ne contient que des chiffres et des espaces.")],
    )
    email = serializers.EmailField(max_length=254, required=False, allow_blank=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        # An unknown NIR is read as null: it may be sent back so.
        return {name: "" if value is None else value for name, value in attrs.items()}


class PatientCreation(PatientTraits):
    confirm_new = serializers.BooleanField(
        default=False,
        help_text="`true` après avoir regardé les doublons proposés (409) : cette personne est bien nouvelle.",
    )


class PatientCorrection(PatientTraits):
    version = Version()


class PatientSearch(StrictSerializer):
    """A search whose words must not be in an address."""

    q = serializers.CharField(
        max_length=100,
        required=False,
        help_text="Noms et date de naissance dans n’importe quel ordre, IPP, IEP ou NIR.",
    )
    nir = serializers.CharField(max_length=40, required=False, help_text="NIR avec sa clé, espaces admis.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) != 1:
            raise ValidationError("Donnez soit `q`, soit `nir`.")
        return attrs

    def validate_nir(self, value: str) -> str:
        try:
            return parse_nir(value).value
        except InvalidIdentifier as problem:
            raise ValidationError(problem.message_fr) from None


class PatientFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(
        method="search",
        max_length=100,
        label="Noms (même partiels, sans accents) et date de naissance, dans n’importe quel ordre. Pas de NIR : "
        "la recherche par NIR est `POST /patients/search`.",
    )
    ipp = NumberFilter(label="IPP exact.")
    birth_date = DayFilter(label="Date de naissance.")

    class Meta:
        model = Patient
        fields = ("q", "ipp", "birth_date")

    def search(self, found: QuerySet[Patient], _name: str, text: str) -> QuerySet[Patient]:
        if _NIR_SHAPE.search(compact(text)):
            raise Problem(
                400,
                "Un NIR ne voyage pas dans une adresse : cherchez-le par POST /api/v1/patients/search.",
                slug="nir-in-address",
            )
        # A subquery: the search may join stays, and says its own order.
        return found.filter(pk__in=search_patients(text, Patient.objects.all()).order_by().values("pk"))


class DuplicatesProblem(serializers.Serializer[Any]):
    """409 of a creation."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    duplicates = PatientSummary(many=True)


class VersionProblem(serializers.Serializer[Any]):
    """409 of a correction."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    message = serializers.CharField()
    kept = serializers.CharField()
    todo = serializers.CharField()
    current = PatientDetail()


class PatientViewSet(HospitalViewSet):
    scopes = {
        "list": Scope.PATIENTS_READ,
        "retrieve": Scope.PATIENTS_READ,
        "search": Scope.PATIENTS_READ,
        "create": Scope.PATIENTS_WRITE,
        "update": Scope.PATIENTS_WRITE,
        "partial_update": Scope.PATIENTS_WRITE,
    }
    keyed = {"create": Keyed.REQUIRED, "search": Keyed.IGNORED}
    serializer_class = PatientDetail
    filterset_class = PatientFilter
    lookup_field = "ipp"
    queryset = Patient.objects.none()

    def get_queryset(self) -> QuerySet[Patient]:
        return visible_patients(self.client).order_by("birth_name", "first_names", "birth_date", "pk")

    @extend_schema(tags=["Patients"], summary="Chercher des patients", responses=PatientSummary(many=True))
    def list(self, request: Request) -> Response:
        return self._page(self.filter_queryset(self.get_queryset()))

    @extend_schema(
        tags=["Patients"],
        summary="Chercher sans rien écrire dans l’adresse",
        description="La seule recherche par NIR, et la meilleure par nom : ni l’un ni l’autre n’est gardé par un "
        "serveur mandataire.",
        operation_id="patients_search",
        request=PatientSearch,
        parameters=[OpenApiParameter("page", int), OpenApiParameter("page_size", int)],
        responses=PatientSummary(many=True),
        examples=[OpenApiExample("Par NIR", value={"nir": "2 84 05 99 990 001 59"}, request_only=True)],
        filters=False,
    )
    def search(self, request: Request) -> Response:
        asked = self.body(PatientSearch)
        found = search_patients(asked["q"], Patient.objects.all()) if "q" in asked else _with_nir(asked["nir"])
        return self._page(self.get_queryset().filter(pk__in=found.order_by().values("pk")))

    def _page(self, found: QuerySet[Patient]) -> Response:
        page = cast("list[Patient]", self.paginate_queryset(found.defer("nir")))
        journal.listed("patients", patients=[patient.pk for patient in page])
        return self.get_paginated_response(PatientSummary(page, many=True).data)

    @extend_schema(tags=["Patients"], summary="Lire un patient")
    def retrieve(self, request: Request, ipp: str) -> Response:
        return Response(PatientDetail(self.find_patient(ipp)).data)

    @extend_schema(
        tags=["Patients"],
        summary="Créer un patient",
        description="Les doublons probables sont proposés avant d’enregistrer (409, `duplicates`). Après les avoir "
        "regardés, reprenez l’IPP de l’un d’eux, ou recommencez avec `confirm_new` et une clé nouvelle.",
        request=PatientCreation,
        responses={
            201: PatientDetail,
            409: OpenApiResponse(DuplicatesProblem, "Doublons probables : rien n’a été enregistré."),
        },
        examples=[OpenApiExample("Nouvelle patiente", value=EXAMPLE, request_only=True)],
    )
    def create(self, request: Request) -> Response:
        asked = self.body(PatientCreation)
        confirmed = asked.pop("confirm_new")
        traits = Traits(**asked)
        if not confirmed:
            self._propose_duplicates(patients.draft_patient(traits))
        patient = patients.create_patient(traits, self.actor)
        location = reverse("api-patient", args=[patient.ipp])
        return Response(PatientDetail(patient).data, status=201, headers={"Location": location})

    def _propose_duplicates(self, patient: Patient) -> None:
        found = candidates(
            person_of(patient),
            visible_patients(self.client),
            nir_indexes=Patient.indexes_of_nir(patient.nir) if patient.nir else (),
            limit=_DUPLICATES_SHOWN,
        )
        # Twins and people who only share a birth date and a first name are for a person to look at, not for a program.
        alike = [one.patient for one in found if one.likeness.level in (Level.SAME, Level.NEAR)]
        if duplicates := PatientSummary(alike, many=True).data:
            raise Problem(
                409,
                "Cette personne a peut-être déjà un dossier. Rien n’a été enregistré. Reprenez l’IPP de l’un de ces "
                "dossiers, ou confirmez avec `confirm_new` qu’il s’agit de quelqu’un d’autre.",
                slug="duplicates",
                duplicates=duplicates,
            )

    @extend_schema(
        tags=["Patients"],
        summary="Corriger une identité (tous les traits)",
        request=PatientCorrection,
        responses={200: PatientDetail, 409: OpenApiResponse(VersionProblem, "Le dossier a changé depuis sa lecture.")},
        examples=[OpenApiExample("Correction", value={**EXAMPLE, "version": 0}, request_only=True)],
    )
    def update(self, request: Request, ipp: str) -> Response:
        patient = self.find_patient(ipp)
        asked = self.body(PatientCorrection)
        return self._correct(patient, asked.pop("version"), Traits(**asked))

    @extend_schema(
        tags=["Patients"],
        summary="Corriger quelques traits",
        request=PatientCorrection,
        responses={200: PatientDetail, 409: OpenApiResponse(VersionProblem, "Le dossier a changé depuis sa lecture.")},
        examples=[OpenApiExample("Téléphone", value={"phone": "0299000001", "version": 0}, request_only=True)],
    )
    def partial_update(self, request: Request, ipp: str) -> Response:
        patient = self.find_patient(ipp)
        asked = self.body(PatientCorrection, partial=True)
        if "version" not in asked:
            raise ValidationError({"version": ["Ce champ est obligatoire."]})
        version = asked.pop("version")
        present = {trait.name: getattr(patient, trait.name) or "" for trait in fields(Traits)}
        return self._correct(patient, version, Traits(**{**present, **asked}))

    def _correct(self, patient: Patient, version: int, traits: Traits) -> Response:
        try:
            corrected = patients.correct_patient(patient.pk, traits, self.actor, version=version)
        except Conflict as conflict:
            raise conflict_problem(current=PatientDetail(self.find_patient(patient.ipp)).data) from conflict
        return Response(PatientDetail(corrected).data)


def _with_nir(nir: str) -> QuerySet[Patient]:
    return Patient.objects.filter(nir_index__in=Patient.indexes_of_nir(nir))
