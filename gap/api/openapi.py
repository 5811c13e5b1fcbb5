"""How the description of the API is made: what every operation has in common is written once, here.

A view may say `scopes` (scope of each action), `keyed_for(action)` (what a POST does of an idempotency key),
`conflicting` (actions that may answer 409) and `other_faults` (rarer statuses of an action); a view that says nothing
is described without them.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter
from rest_framework import serializers

from gap.api.problems import CONTENT_TYPE, TITLES

_KEY = "Idempotency-Key"
_KEY_SAYS = (
    "Une valeur par demande (un UUID convient), la même à chaque nouvel essai : la demande n’a qu’un effet, et la même "
    "réponse est redonnée pendant 24 heures, avec l’en-tête `Idempotent-Replayed: true`. La même valeur pour une autre "
    "demande est refusée (422)."
)
_PATH_SAYS = {
    "ipp": "IPP : neuf chiffres.",
    "iep": "IEP : neuf chiffres.",
    "number": "N° de facture : neuf chiffres.",
    "message_id": "Identifiant du message, le même à chaque essai (UUID).",
    "code": "Code de la fiche débiteur.",
    "id": "Identifiant.",
}


class Fault(serializers.Serializer[Any]):
    """One fault of a body."""

    field = serializers.CharField(help_text="Champ, avec des points s’il est imbriqué ; vide pour la demande entière.")
    detail = serializers.CharField(help_text="Ce qui ne va pas.")


class ProblemBody(serializers.Serializer[Any]):
    """RFC 9457, and what our refusals add to it."""

    type = serializers.CharField(help_text="Clé stable : `urn:mini-gap:problem:…`.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(required=False, help_text="Une phrase pour une personne.")
    errors = Fault(  # type: ignore[assignment]
        many=True, required=False, help_text="Champs à corriger (400)."
    )
    message = serializers.CharField(required=False, help_text="Ce qui est refusé (422, 409).")
    kept = serializers.CharField(required=False, help_text="Ce qui est gardé.")
    todo = serializers.CharField(required=False, help_text="Ce qu’il faut faire.")
    field = serializers.CharField(required=False, help_text="Champ concerné.")

    class Meta:
        ref_name = "Problem"


class Schema(AutoSchema):
    """Adds to each operation its scope, its key and its errors."""

    def get_override_parameters(self) -> list[Any]:
        parameters = list(super().get_override_parameters())
        for name in [part[1:-1] for part in self.path.split("/") if part.startswith("{")]:
            kind = {"id": int, "message_id": "uuid"}.get(name, str)
            schema: Any = {"type": "string", "format": "uuid"} if kind == "uuid" else kind
            parameters.append(
                OpenApiParameter(name, schema, OpenApiParameter.PATH, description=_PATH_SAYS.get(name, ""))
            )
        keyed = self._keyed()
        if keyed in ("required", "accepted"):
            parameters.append(
                OpenApiParameter(
                    _KEY,
                    {"type": "string", "minLength": 1, "maxLength": 255},
                    OpenApiParameter.HEADER,
                    required=keyed == "required",
                    description=_KEY_SAYS,
                    examples=[OpenApiExample("Clé", value="5f0c1c1e-8a7b-4f0e-9a35-0c3f3f1f2b10")],
                )
            )
        return parameters

    def get_operation(self, *arguments: Any, **options: Any) -> dict[str, Any] | None:
        operation = super().get_operation(*arguments, **options)
        if operation is None:
            return None
        if scope := getattr(self.view, "scopes", {}).get(self._action()):
            said = operation.get("description", "")
            operation["description"] = f"{said}\n\nPortée : `{scope}`.".strip()
        reference = self.resolve_serializer(ProblemBody, "response").ref
        for status in self._faults():
            operation["responses"].setdefault(
                str(status),
                {"description": TITLES[status], "content": {CONTENT_TYPE: {"schema": reference}}},
            )
        if self._keyed() in ("required", "accepted"):
            for status, response in operation["responses"].items():
                if status.startswith("2"):
                    response.setdefault("headers", {})["Idempotent-Replayed"] = {
                        "description": "`true` si cette réponse avait déjà été donnée à cette clé.",
                        "schema": {"type": "string"},
                    }
        return operation

    def _action(self) -> str:
        return str(getattr(self.view, "action", "") or "")

    def _keyed(self) -> str:
        if self.method != "POST" or not hasattr(self.view, "keyed_for"):
            return ""
        return str(self.view.keyed_for(self._action()).value)

    def _faults(self) -> list[int]:
        faults = [400, 401, 403]
        if "{" in self.path:
            faults.append(404)
        if self._action() in getattr(self.view, "conflicting", ()):
            faults.append(409)
        if self.method != "GET":
            faults += [413, 415, 422]
        faults.append(429)
        return sorted([*faults, *getattr(self.view, "other_faults", {}).get(self._action(), ())])
