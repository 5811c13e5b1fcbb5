"""REST of the worklists: what waits for a person, counted, and line by line. Numbers and codes, never a name."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import ClientViewSet
from accounts.enums import Scope
from gap.lists import COUNTED
from worklists import marks
from worklists.enums import Step
from worklists.listing import attribute, counters
from worklists.models import Assignment
from worklists.registry import Worklist, all_worklists

TAGS = ["Listes de travail"]


class WorklistBody(serializers.Serializer[Any]):
    """One list and how many lines it has."""

    slug = serializers.CharField(source="worklist.slug", read_only=True, help_text="Nom stable de la liste.")
    title = serializers.CharField(source="worklist.title", read_only=True)
    step = serializers.ChoiceField(
        Step.choices, source="worklist.step", read_only=True, help_text="Étape de la chaîne."
    )
    count = serializers.IntegerField(
        read_only=True, help_text=f"Lignes, comptées jusqu’à {COUNTED} ; au-delà : {COUNTED + 1}."
    )
    oldest = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="Depuis quand la plus ancienne attend."
    )
    amount = serializers.DecimalField(
        12, 2, read_only=True, allow_null=True, help_text="Somme des lignes, si elles ont un montant."
    )
    happened = serializers.CharField(source="worklist.happened", read_only=True, help_text="Ce qui s’est passé.")
    system = serializers.CharField(source="worklist.system", read_only=True, help_text="Ce que fait le système.")
    you = serializers.CharField(source="worklist.you", read_only=True, help_text="Ce qu’une personne peut faire.")


class ItemBody(serializers.Serializer[Any]):
    """One line of a list."""

    id = serializers.IntegerField(read_only=True)
    since = serializers.DateTimeField(read_only=True, allow_null=True, help_text="Depuis quand la ligne attend.")
    stay = serializers.CharField(read_only=True, allow_null=True, help_text="IEP.")
    invoice = serializers.CharField(read_only=True, allow_null=True, help_text="N° de facture.")
    debtor = serializers.CharField(read_only=True, allow_null=True, help_text="Code de la fiche débiteur.")
    code = serializers.CharField(read_only=True, allow_null=True, help_text="Code retour ou code de rejet.")
    amount = serializers.DecimalField(12, 2, read_only=True, allow_null=True, help_text="Euros en attente.")
    assigned_to = serializers.CharField(read_only=True, allow_null=True, help_text="Qui s’en charge.")


class WorklistViewSet(ClientViewSet):
    scopes = {"list": Scope.WORKLISTS_READ, "items": Scope.WORKLISTS_READ}
    serializer_class = WorklistBody
    query_names = ("step",)

    @extend_schema(
        tags=TAGS,
        summary="Les listes de travail et leurs comptes",
        parameters=[OpenApiParameter("step", str, enum=Step.values, description="Une étape de la chaîne.")],
    )
    def list(self, request: Request) -> Response:
        step = request.query_params.get("step")
        if step is not None and step not in Step.values:
            raise ValidationError(
                {"step": [f"Cette étape n’est pas connue. Valeurs admises : {', '.join(Step.values)}."]}
            )
        wanted = [one for one in all_worklists().values() if step in (None, one.step)]
        page = self.paginate_queryset(wanted)  # type: ignore[arg-type]
        found = counters(page or [], self.client)
        return self.get_paginated_response(WorklistBody(found, many=True).data)

    @extend_schema(tags=TAGS, summary="Les lignes d’une liste, la plus ancienne d’abord", responses=ItemBody(many=True))
    def items(self, request: Request, slug: str) -> Response:
        worklist = all_worklists().get(slug)
        if worklist is None:
            raise NotFound("Cette liste n’existe pas.")
        lines = worklist.kind.adorn(marks.lines_of(worklist, self.client.sight(worklist.action))).order_by(
            worklist.since, "pk"
        )
        page = list(self.paginate_queryset(lines) or [])
        taken = {
            row.object_id: row.assignee.short_name
            for row in Assignment.objects.filter(
                worklist=worklist.slug, object_id__in=[line.pk for line in page]
            ).select_related("assignee")
        }
        bodies = [_body(worklist, line, taken.get(line.pk)) for line in page]
        return self.get_paginated_response(ItemBody(bodies, many=True).data)


def _body(worklist: Worklist, line: Any, assignee: str | None) -> dict[str, Any]:
    kind = worklist.kind
    debtor = attribute(line, kind.debtor) if kind.debtor else None
    return {
        "id": line.pk,
        "since": attribute(line, worklist.since),
        "stay": attribute(line, kind.iep) if kind.iep else None,
        "invoice": getattr(line, "number", None) or getattr(line, "invoice_number", None) or None,
        "debtor": debtor.code if debtor else None,
        "code": getattr(line, "return_code", None) or getattr(line, "rejection_code", None) or None,
        "amount": getattr(line, kind.amount) if kind.amount else None,
        "assigned_to": assignee,
    }
