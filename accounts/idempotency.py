"""`Idempotency-Key`: a demand sent twice has one effect, and gets the same answer.

The key's row is written in the transaction of the effect, under a unique constraint: a second demand that arrives
meanwhile waits for the first to commit, then gets its answer. What a rule refused (4xx) is kept and told again too; a
fault of ours (5xx) undoes everything, the key included, so that the demand can be sent again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from datetime import timedelta
from enum import Enum
from typing import Any, Final

from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.datastructures import MultiValueDict
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.models import ApiClient, IdempotentReply
from gap.api.problems import CONTENT_TYPE, Problem, told_errors
from gap.crypto import blind_indexes

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotent-Replayed"
KEPT_FOR: Final = timedelta(hours=24)
# The standard in preparation writes the key as a quoted string; most programs send it bare.
_KEY: Final = re.compile(r'"([!#-~ ]{1,255})"|([!#-~]{1,255})')
# Replies out of date that each new key takes away: the table stays small without a night job.
_SWEPT: Final = 50


class Keyed(Enum):
    """What an action does of the header."""

    REQUIRED = "required"
    ACCEPTED = "accepted"
    IGNORED = "ignored"


def once(view: APIView, request: Request, required: bool, act: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    """Answer of `act`, or the answer already given to this key. Raises Problem (400, 422)."""
    key = _key_of(request)
    if key is None:
        if required:
            raise Problem(
                400,
                f"L’en-tête {HEADER} est obligatoire ici : une valeur nouvelle par demande (un UUID convient), "
                "la même à chaque nouvel essai. Rien n’a été enregistré.",
                slug="idempotency-key-missing",
            )
        return act()
    assert isinstance(request.user, ApiClient)
    digests = _digests(request)
    with transaction.atomic():
        reply, is_new = _claim(request.user, key, digests[0])
        if not is_new:
            return _replay(reply, digests)
        try:
            # A savepoint: what a refused demand had begun to write is undone, its key and its answer stay.
            with transaction.atomic():
                response = act()
        except told_errors() as error:
            # A refusal is the answer to this key. Anything else is a fault of ours: it leaves, and undoes the key too.
            response = view.handle_exception(error)
        if response.status_code >= 500:
            transaction.set_rollback(True)
        else:
            _keep(reply, response)
    return response


def _key_of(request: Request) -> str | None:
    header = request.headers.get(HEADER)
    if header is None:
        return None
    found = _KEY.fullmatch(header.strip())
    if found is None:
        raise Problem(
            400,
            f"L’en-tête {HEADER} compte 1 à 255 caractères ASCII imprimables.",
            slug="idempotency-key-malformed",
        )
    return found[1] or found[2]


def _digests(request: Request) -> list[str]:
    """Keyed digests of method, path and content, under each key of the ring, the current one first.

    Keyed, because the body holds personal data, which the table must not betray.
    """
    data = request.data
    content: Any = data
    if isinstance(data, MultiValueDict):
        # The boundaries of a form change at each sending: its parts are compared, not its bytes.
        content = {name: [_part(value) for value in data.getlist(name)] for name in data}
    demand = [request.method, request.get_full_path(), content]
    return blind_indexes(json.dumps(demand, sort_keys=True), "idempotency.request")


def _part(value: Any) -> Any:
    if not isinstance(value, UploadedFile):
        return value
    value.seek(0)
    # The bare digest is an ingredient of the keyed one and is not kept itself.
    content = hashlib.sha256(value.read()).hexdigest()
    value.seek(0)
    return [value.content_type, content]


def _claim(client: ApiClient, key: str, digest: str) -> tuple[IdempotentReply, bool]:
    """The key's row, and whether its effect is still to do. Waits for a transaction that holds the same key."""
    expired = IdempotentReply.objects.filter(created_at__lt=timezone.now() - KEPT_FOR)
    expired.filter(client=client, key=key).delete()
    reply = IdempotentReply(client=client, key=key, request_digest=digest)
    try:
        with transaction.atomic():
            reply.save(force_insert=True)
    except IntegrityError:
        return IdempotentReply.objects.get(client=client, key=key), False
    oldest = expired.select_for_update(skip_locked=True).order_by("created_at").values_list("pk", flat=True)
    IdempotentReply.objects.filter(pk__in=list(oldest[:_SWEPT])).delete()
    return reply, True


def _keep(reply: IdempotentReply, response: HttpResponseBase) -> None:
    data = getattr(response, "data", None)
    reply.status = response.status_code
    reply.body = b"" if data is None else JSONRenderer().render(data)
    reply.location = response.headers.get("Location", "")
    reply.save(update_fields=["status", "body", "location"])


def _replay(reply: IdempotentReply, digests: list[str]) -> HttpResponse:
    if reply.request_digest not in digests:
        raise Problem(
            422,
            f"Cette valeur de {HEADER} a déjà servi à une autre demande. Rien n’a été enregistré ; "
            "envoyez celle-ci avec une valeur nouvelle.",
            slug="idempotency-key-reused",
        )
    status = int(reply.status or 500)
    response = HttpResponse(
        bytes(reply.body or b""), status=status, content_type=CONTENT_TYPE if status >= 400 else "application/json"
    )
    if reply.location:
        response.headers["Location"] = reply.location
    response.headers[REPLAYED] = "true"
    return response
