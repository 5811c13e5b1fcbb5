"""/stays: the life of a stay, verb by verb."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import django_filters
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.enums import Scope
from accounts.idempotency import Keyed
from admissions.api.base import HospitalViewSet, visible_patients, visible_stays
from admissions.api.stay_bodies import (
    Admission,
    Cancellation,
    Discharge,
    DischargeCorrection,
    EventBody,
    MovementBody,
    MovementCreation,
    Nothing,
    RequestBody,
    RequestCreation,
    RequestEnd,
    Sentence,
    StayCorrection,
    StayCreation,
    StayDetail,
    StayRequalification,
    StaySummary,
    UnitBody,
)
from admissions.enums import Domain, Requalification, StayKind, StayStatus
from admissions.models import AdmissionEvent, Stay, Unit
from admissions.querysets import by_ipp, day_bounds
from admissions.services import requalification, stays
from admissions.services.stays import StayPlan
from gap.api.filters import DayFilter, NumberFilter, StableOrderingFilter

TAGS = ["Séjours"]


class StayFilter(django_filters.FilterSet):
    status = django_filters.MultipleChoiceFilter(choices=StayStatus.choices, label="État ; plusieurs possibles.")
    kind = django_filters.ChoiceFilter(choices=StayKind.choices, label="Type de venue.")
    domain = django_filters.ChoiceFilter(choices=Domain.choices, label="Domaine.")
    unit = django_filters.CharFilter("unit__code", max_length=6, label="Code du service (UF).")
    patient = NumberFilter("patient__ipp", label="IPP.")
    planned_from = DayFilter(method="after", label="Entrée prévue à partir de ce jour.")
    planned_to = DayFilter(method="before", label="Entrée prévue jusqu’à ce jour, compris.")
    ordering = StableOrderingFilter(
        fields=[("planned_start_at", "planned_start_at"), ("updated_at", "updated_at")],
        label="Ordre ; `-` pour le plus récent d’abord. Sinon : entrée prévue, la plus récente d’abord.",
    )

    class Meta:
        model = Stay
        fields = ("status", "kind", "domain", "unit", "patient", "planned_from", "planned_to", "ordering")

    def after(self, found: QuerySet[Stay], _name: str, day: Any) -> QuerySet[Stay]:
        return found.filter(planned_start_at__gte=day_bounds(day)[0])

    def before(self, found: QuerySet[Stay], _name: str, day: Any) -> QuerySet[Stay]:
        return found.filter(planned_start_at__lt=day_bounds(day + timedelta(days=1))[0])


class UnitViewSet(HospitalViewSet):
    scopes = {"list": Scope.STAYS_READ}
    serializer_class = UnitBody
    queryset = Unit.objects.none()

    @extend_schema(tags=TAGS, summary="Services (UF) de l’établissement", filters=False)
    def list(self, request: Request) -> Response:
        units = Unit.objects.filter(establishment=self.client.establishment_id, active=True).order_by("code", "pk")
        return self.get_paginated_response(UnitBody(self.paginate_queryset(units), many=True).data)


class StayViewSet(HospitalViewSet):
    scopes = {
        "list": Scope.STAYS_READ,
        "retrieve": Scope.STAYS_READ,
        "events": Scope.STAYS_READ,
        **dict.fromkeys(
            [
                "create", "partial_update", "admit", "move", "add_request", "end_request", "discharge",
                "correct_discharge", "cancel", "ask_rights_again", "requalify",
            ],
            Scope.STAYS_WRITE,
        ),
    }  # fmt: skip
    keyed = {"create": Keyed.REQUIRED, "move": Keyed.REQUIRED, "add_request": Keyed.REQUIRED}
    conflicting = ("partial_update", "correct_discharge", "requalify")
    serializer_class = StayDetail
    filterset_class = StayFilter
    lookup_field = "iep"
    queryset = Stay.objects.none()

    def get_queryset(self) -> QuerySet[Stay]:
        found = visible_stays(self.client).select_related("patient", "establishment", "unit")
        return found.defer("patient__nir").order_by("-planned_start_at", "-pk")

    def answer(self, stay: Stay, status: int = 200) -> Response:
        """The stay as it is now, read again."""
        fresh = self.get_queryset().prefetch_related("movements__unit", "requests").get(pk=stay.pk)
        headers = {"Location": reverse("api-stay", args=[fresh.iep])} if status == 201 else None
        return Response(StayDetail(fresh).data, status=status, headers=headers)

    @extend_schema(tags=TAGS, summary="Chercher des séjours", responses=StaySummary(many=True))
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(StaySummary(page, many=True).data)

    @extend_schema(
        tags=TAGS,
        summary="Lire un séjour",
        description="Avec ses mouvements, ses demandes, ses couvertures, leurs derniers droits et leur âge, "
        "la dernière estimation, l’engagement en vigueur et ce qu’il y a à faire (`next_action`).",
    )
    def retrieve(self, request: Request, iep: str) -> Response:
        return self.answer(self.find_stay(iep))

    @extend_schema(
        tags=TAGS,
        summary="Pré-admettre",
        request=StayCreation,
        responses={201: StayDetail},
        examples=[
            OpenApiExample(
                "Hospitalisation prévue",
                value={
                    "patient": "100000123",
                    "unit": "3120",
                    "kind": "full",
                    "planned_start_at": "2026-12-01T08:00:00+01:00",
                    "planned_end_at": "2026-12-04T11:00:00+01:00",
                },
                request_only=True,
            )
        ],
    )
    def create(self, request: Request) -> Response:
        asked = self.body(StayCreation)
        patient = by_ipp(asked["patient"], visible_patients(self.client))
        if patient is None:
            raise ValidationError({"patient": ["Aucun patient de cet établissement n’a cet IPP."]})
        plan = StayPlan(
            kind=StayKind(asked["kind"]),
            unit=self.find_unit(asked["unit"]),
            planned_start_at=asked["planned_start_at"],
            planned_end_at=asked.get("planned_end_at"),
            prescription_date=asked.get("prescription_date"),
        )
        return self.answer(stays.preadmit(patient, self.client.establishment, plan, self.actor), 201)

    @extend_schema(
        tags=TAGS,
        summary="Corriger les prévisions",
        description="Service, type et entrée prévue d’une pré-admission ; sortie prévue tant que le patient est là.",
        request=StayCorrection,
        responses={200: StayDetail},
    )
    def partial_update(self, request: Request, iep: str) -> Response:
        stay = self.find_stay(iep)
        asked = self.body(StayCorrection)
        plan = StayPlan(
            kind=StayKind(asked.get("kind", stay.kind)),
            unit=self.find_unit(asked["unit"]) if "unit" in asked else stay.unit,
            planned_start_at=asked.get("planned_start_at", stay.planned_start_at),
            planned_end_at=asked.get("planned_end_at", stay.planned_end_at),
            prescription_date=asked.get("prescription_date", stay.prescription_date),
        )
        return self.answer(stays.change_plan(stay.pk, plan, self.actor, version=asked["version"]))

    @extend_schema(
        tags=TAGS,
        summary="Admettre : le patient est là",
        request=Admission,
        responses=StayDetail,
        examples=[
            OpenApiExample(
                "Entrée",
                value={"started_at": "2026-12-01T08:12:00+01:00", "room": "214", "bed": "P"},
                request_only=True,
            )
        ],
    )
    def admit(self, request: Request, iep: str) -> Response:
        stay = self.find_stay(iep)
        asked = self.body(Admission)
        at = asked.pop("started_at")
        return self.answer(stays.admit(stay.pk, at, self.actor, **asked))

    @extend_schema(
        tags=TAGS,
        summary="Changer de service, de chambre ou de lit",
        request=MovementCreation,
        responses={201: MovementBody},
    )
    def move(self, request: Request, iep: str) -> Response:
        stay = self.find_stay(iep)
        asked = self.body(MovementCreation)
        unit, at = self.find_unit(asked.pop("unit")), asked.pop("started_at")
        movement = stays.move(stay.pk, unit, at, self.actor, **asked)
        return Response(MovementBody(movement).data, status=201)

    @extend_schema(
        tags=TAGS,
        summary="Ajouter une demande du patient",
        request=RequestCreation,
        responses={201: RequestBody},
        examples=[
            OpenApiExample(
                "Chambre particulière",
                value={"code": "CHP", "starts_on": "2026-12-01", "signed_on": "2026-12-01"},
                request_only=True,
            )
        ],
    )
    def add_request(self, request: Request, iep: str) -> Response:
        stay = self.find_stay(iep)
        asked = self.body(RequestCreation)
        added = stays.add_request(
            stay.pk, asked["code"], asked["starts_on"], self.actor, signed_on=asked.get("signed_on")
        )
        return Response(RequestBody(added).data, status=201)

    @extend_schema(tags=TAGS, summary="Finir une demande du patient", request=RequestEnd, responses=RequestBody)
    def end_request(self, request: Request, iep: str, pk: int) -> Response:
        asked_for = get_object_or_404(self.find_stay(iep).requests, pk=pk)
        ended = stays.end_request(asked_for.pk, self.body(RequestEnd)["ends_on"], self.actor)
        return Response(RequestBody(ended).data)

    @extend_schema(
        tags=TAGS,
        summary="Faire sortir",
        request=Discharge,
        responses=StayDetail,
        examples=[
            OpenApiExample(
                "Retour à domicile",
                value={"ended_at": "2026-12-04T10:40:00+01:00", "mode": "home"},
                request_only=True,
            )
        ],
    )
    def discharge(self, request: Request, iep: str) -> Response:
        stay = self.find_stay(iep)
        asked = self.body(Discharge)
        return self.answer(stays.discharge(stay.pk, asked["ended_at"], asked["mode"], self.actor))

    @extend_schema(
        tags=TAGS,
        summary="Corriger une sortie",
        description="Ce qui avait été engagé est annulé puis redemandé, de lui-même.",
        request=DischargeCorrection,
        responses={200: StayDetail},
    )
    def correct_discharge(self, request: Request, iep: str) -> Response:
        stay = self.find_stay(iep)
        asked = self.body(DischargeCorrection)
        corrected = stays.correct_discharge(
            stay.pk, asked["ended_at"], asked["mode"], self.actor, version=asked["version"]
        )
        return self.answer(corrected)

    @extend_schema(
        tags=TAGS,
        summary="Requalifier un séjour",
        description="Le patient est présent ou sorti. La carte déjà lue est relue pour le nouveau contexte ; droits, "
        "engagement ou prise en charge suivent seuls.",
        request=StayRequalification,
        responses={200: StayDetail},
    )
    def requalify(self, request: Request, iep: str) -> Response:
        stay = self.find_stay(iep)
        asked = self.body(StayRequalification)
        unit = self.find_unit(asked["unit"]) if "unit" in asked else stay.unit
        done = requalification.requalify(
            stay.pk,
            StayKind(asked["kind"]),
            unit,
            Requalification(asked["reason"]),
            self.actor,
            version=asked["version"],
        )
        return self.answer(done)

    @extend_schema(tags=TAGS, summary="Annuler un séjour", request=Cancellation, responses=StayDetail)
    def cancel(self, request: Request, iep: str) -> Response:
        stay = self.find_stay(iep)
        return self.answer(stays.cancel(stay.pk, self.body(Cancellation)["reason"], self.actor))

    @extend_schema(
        tags=TAGS,
        summary="Redemander les droits",
        description="Même si la dernière réponse est récente. La réponse viendra dans `coverages` du séjour.",
        request=Nothing,
        responses={202: Sentence},
    )
    def ask_rights_again(self, request: Request, iep: str) -> Response:
        stay = self.find_stay(iep)
        self.body(Nothing)
        stays.ask_rights_again(stay.pk, self.actor)
        return Response({"message": "Les droits sont redemandés."}, status=202)

    @extend_schema(tags=TAGS, summary="Événements d’un séjour", responses=EventBody(many=True), filters=False)
    def events(self, request: Request, iep: str) -> Response:
        stay = self.find_stay(iep)
        found = AdmissionEvent.objects.filter(stay=stay).select_related("created_by", "client")
        page = cast("list[AdmissionEvent]", self.paginate_queryset(found.order_by("-occurred_at", "-pk")))
        return self.get_paginated_response(EventBody(page, many=True).data)
