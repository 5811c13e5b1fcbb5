"""/exchange-files: what left, what came back, and what was done of each record."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Count, QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.enums import Scope
from admissions.api.base import HospitalViewSet
from billing.enums import FileDirection, FileKind, FileStatus, RecordStatus
from billing.models import ExchangeFile, ExchangeRecord
from billing.querysets import files_of, records_of
from gap.api.fields import Amount
from gap.api.filters import DayFilter

TAGS = ["Échanges"]


class FileSummary(serializers.ModelSerializer[ExchangeFile]):
    """A file sent or received. Its content stays in the exchange folder."""

    direction = serializers.ChoiceField(FileDirection.choices, read_only=True)
    kind = serializers.ChoiceField(FileKind.choices, read_only=True)
    status = serializers.ChoiceField(FileStatus.choices, read_only=True)

    class Meta:
        model = ExchangeFile
        fields: tuple[str, ...] = (
            "id", "direction", "kind", "name", "lot_number", "recipient", "status", "invoice_count", "amount",
            "problem", "created_at", "acknowledged_at", "resent_count",
        )  # fmt: skip
        read_only_fields = fields


class RecordBody(serializers.ModelSerializer[ExchangeRecord]):
    """One record of a file, and its fate."""

    status = serializers.ChoiceField(RecordStatus.choices, read_only=True)
    amount = Amount(read_only=True, allow_null=True)

    class Meta:
        model = ExchangeRecord
        fields = (
            "line", "invoice_number", "engagement_number", "amount", "reference", "code", "label", "status", "problem",
        )  # fmt: skip
        read_only_fields = fields


class RecordCount(serializers.Serializer[Any]):
    status = serializers.ChoiceField(RecordStatus.choices)
    count = serializers.IntegerField()


class FileDetail(FileSummary):
    record_counts = serializers.SerializerMethodField(help_text="Enregistrements par sort ; la liste est `…/records`.")

    class Meta(FileSummary.Meta):
        fields = (*FileSummary.Meta.fields, "record_counts")
        read_only_fields = fields

    @extend_schema_field(RecordCount(many=True))
    def get_record_counts(self, file: ExchangeFile) -> list[dict[str, Any]]:
        return list(self.context["records"].order_by("status").values("status").annotate(count=Count("pk")))


class FileFilter(django_filters.FilterSet):
    direction = django_filters.ChoiceFilter(choices=FileDirection.choices, label="Envoyé ou reçu.")
    kind = django_filters.ChoiceFilter(choices=FileKind.choices, label="Nature.")
    status = django_filters.MultipleChoiceFilter(choices=FileStatus.choices, label="État ; plusieurs possibles.")
    lot_number = django_filters.CharFilter(max_length=9, label="N° de lot.")
    created_from = DayFilter("created_at", lookup_expr="date__gte", label="À partir de ce jour.")
    created_to = DayFilter("created_at", lookup_expr="date__lte", label="Jusqu’à ce jour, compris.")

    class Meta:
        model = ExchangeFile
        fields = ("direction", "kind", "status", "lot_number", "created_from", "created_to")


class RecordFilter(django_filters.FilterSet):
    status = django_filters.MultipleChoiceFilter(choices=RecordStatus.choices, label="Sort ; plusieurs possibles.")

    class Meta:
        model = ExchangeRecord
        fields = ("status",)


class _FilesOfClient(HospitalViewSet):
    def files(self) -> QuerySet[ExchangeFile]:
        return files_of(self.client.establishment_id).order_by("-created_at", "-pk")

    def records(self, file: ExchangeFile) -> QuerySet[ExchangeRecord]:
        return records_of(self.client.establishment_id).filter(file=file).order_by("line", "pk")


class ExchangeFileViewSet(_FilesOfClient):
    scopes = {"list": Scope.INVOICES_READ, "retrieve": Scope.INVOICES_READ}
    serializer_class = FileDetail
    filterset_class = FileFilter
    queryset = ExchangeFile.objects.none()

    def get_queryset(self) -> QuerySet[ExchangeFile]:
        return self.files()

    @extend_schema(tags=TAGS, summary="Chercher des fichiers d’échange", responses=FileSummary(many=True))
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(FileSummary(page, many=True).data)

    @extend_schema(tags=TAGS, summary="Lire un fichier d’échange")
    def retrieve(self, request: Request, pk: int) -> Response:
        file = get_object_or_404(self.get_queryset(), pk=pk)
        return Response(FileDetail(file, context={"records": self.records(file)}).data)


class ExchangeRecordViewSet(_FilesOfClient):
    scopes = {"list": Scope.INVOICES_READ}
    serializer_class = RecordBody
    filterset_class = RecordFilter
    queryset = ExchangeRecord.objects.none()

    @extend_schema(tags=TAGS, summary="Enregistrements d’un fichier")
    def list(self, request: Request, pk: int) -> Response:
        found = self.records(get_object_or_404(self.files(), pk=pk))
        page = self.paginate_queryset(self.filter_queryset(found))
        return self.get_paginated_response(RecordBody(page, many=True).data)
