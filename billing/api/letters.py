"""/agreements/{id}/letters: what the payer sent, joined to its prise en charge by whoever scans the mail."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.enums import Scope
from accounts.idempotency import Keyed
from billing.api.agreements import TAGS, AgreementDetail, AgreementViewSet
from billing.pec import letters
from debtors.datamatrix.results import Letter, Outcome
from debtors.datamatrix.sandbox import MAX_BYTES, draw_untrusted
from gap.api.fields import StrictSerializer
from gap.api.parsers import StrictJsonParser
from gap.api.problems import Problem


class LetterFile(StrictSerializer):
    file = serializers.FileField(help_text="Courrier numérisé : PDF (20 pages au plus) ou photo, 10 Mo au plus.")


class LetterViewSet(AgreementViewSet):
    scopes = {"attach": Scope.INVOICES_WRITE}
    conflicting = ()
    keyed = {"attach": Keyed.ACCEPTED}
    other_faults = {"attach": (503,)}
    # The same demand in JSON is refused for want of its file, after the agreement was found to be this hospital's.
    parser_classes = [StrictJsonParser, MultiPartParser]

    @extend_schema(
        tags=TAGS,
        summary="Joindre un courrier de l’organisme",
        description="Chaque page est redessinée, le fichier n’est pas gardé. Une personne y lit la réponse et la saisit ; "
        "les relances s’arrêtent d’ici là (`unread_since`).",
        request={"multipart/form-data": LetterFile},
        responses={201: AgreementDetail, 200: OpenApiResponse(AgreementDetail, "Déjà joint : rien n’a changé.")},
    )
    def attach(self, request: Request, pk: int) -> Response:
        found = self.find(pk)
        drawn = _drawn(self.body(LetterFile)["file"])
        before = found.letters.count()
        letters.attach(found.pk, drawn.pages, self.actor)
        answer = self.full(found.pk)
        answer.status_code = 200 if found.letters.count() == before else 201
        return answer


def _drawn(file: Any) -> Letter:
    """Raises Problem (413, 422, 503) with what to do. A letter that is cut is refused: nobody would read the rest."""
    if file.size > MAX_BYTES:
        raise Problem(
            413, "Ce fichier dépasse 10 Mo : envoyez le courrier en plusieurs fichiers.", slug="letter-unread"
        )
    letter = draw_untrusted(file.read())
    if letter.drawn and letter.total > len(letter.pages):
        raise Problem(
            422,
            f"Ce courrier a {letter.total} pages, 20 au plus sont gardées : envoyez-le en plusieurs fichiers.",
            slug="letter-unread",
            field="file",
        )
    if not letter.drawn:
        busy = letter.outcome is Outcome.BUSY
        raise Problem(
            503 if busy else 422,
            letter.message_fr,
            slug="letter-unread",
            wait_s=2 if busy else None,
            outcome=str(letter.outcome),
            field="file",
        )
    return letter
