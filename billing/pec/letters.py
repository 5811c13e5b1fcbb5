"""What the payer sent: attached to its prise en charge, looked at while the answer is typed, taken away when it is not ours."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Final

import structlog
from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from admissions.errors import Refused
from admissions.events import Actor
from billing.enums import AgreementAct
from billing.models import Agreement, AgreementLetter, LetterPage
from billing.pec.following import note
from billing.pec.services import held
from debtors.datamatrix.keeping import SUFFIX
from gap import incidents
from gap.faults import no_room

log = structlog.get_logger(__name__)

# The version is not counted up: whoever is typing the answer meanwhile is not contradicted by a page that arrives.
#: Of one prise en charge: beyond, somebody is using it as a drawer.
MOST: Final = 20


def attach(agreement_id: int, pages: Sequence[bytes], actor: Actor) -> AgreementLetter:
    """Keep a letter, page by page, as `debtors.datamatrix.sandbox.draw_untrusted` drew it. The same letter is kept once.

    The payer is silent no more: no reminder, no tacit agreement, until its answer is typed. Raises Refused.
    """
    digest = hashlib.sha256(b"".join(hashlib.sha256(page).digest() for page in pages)).hexdigest()
    written: list[LetterPage] = []
    try:
        with held(agreement_id) as (_, agreement):
            there = agreement.letters.filter(digest=digest).first()
            if there is not None:
                return there
            if agreement.letters.count() >= MOST:
                raise Refused(f"{MOST} courriers sont déjà joints.", todo="Retirez ceux qui ne servent plus.")
            now = timezone.now()
            letter = AgreementLetter.objects.create(
                agreement=agreement, digest=digest, received_at=now, by=actor.user, client=actor.client
            )
            for number, page in enumerate(pages, 1):
                row = LetterPage(letter=letter, number=number)
                row.image.save(f"pec/{letter.pk}-{number}{SUFFIX}", ContentFile(page), save=False)
                written.append(row)
            LetterPage.objects.bulk_create(written)
            agreement.unread_since = agreement.unread_since or now
            agreement.save(update_fields=["unread_since"])
            note(agreement, AgreementAct.ATTACHED, actor, said=_counted(len(pages)))
    except BaseException as problem:
        # What is undone in the database leaves no file behind.
        _delete(written)
        if not isinstance(problem, OSError):
            raise
        log.warning("letter_not_kept", agreement=agreement_id, problem=type(problem).__name__)
        full = no_room(problem)
        if full:
            incidents.report("room", well=False)
        raise Refused(
            "Ce courrier n’a pas pu être gardé\u00a0: "
            + ("le disque des fichiers est plein." if full else "le dossier des fichiers ne répond pas."),
            todo="Gardez l’original"
            + (", l’équipe technique est prévenue." if full else ", et prévenez l’équipe technique."),
        ) from problem
    return letter


def detach(letter_id: int, actor: Actor) -> Agreement:
    """Take a letter away: it is another patient's, or serves no more. Its pages are erased. Raises Refused: it is already.

    Of a closed one too: what is another patient's stays nowhere.
    """
    gone = Refused("Ce courrier est déjà retiré.")
    of = AgreementLetter.objects.filter(pk=letter_id).values_list("agreement_id", flat=True).first()
    if of is None:
        raise gone
    with held(of, even_closed=True) as (_, agreement):
        letter = agreement.letters.filter(pk=letter_id).first()
        if letter is None:
            raise gone
        count = letter.pages.count()
        erase([letter])
        if agreement.unread_since is not None and agreement.closed_at is None:
            agreement.unread_since = _oldest_unread(agreement)
            agreement.save(update_fields=["unread_since"])
        note(agreement, AgreementAct.DETACHED, actor, said=_counted(count))
    return agreement


def _oldest_unread(agreement: Agreement) -> datetime | None:
    """Since when a letter waits that nobody has typed nor said to be no answer."""
    over = agreement.steps.filter(act__in=[AgreementAct.ANSWERED, AgreementAct.READ]).order_by("-at").first()
    waiting = agreement.letters.filter(received_at__gt=over.at if over else agreement.opened_at)
    return waiting.order_by("received_at").values_list("received_at", flat=True).first()


def read(agreement_id: int, actor: Actor) -> Agreement:
    """Somebody read what came: it is no answer (papers are asked for, a receipt). The wait goes on. Raises Refused."""
    with held(agreement_id) as (_, agreement):
        if agreement.unread_since is not None:
            agreement.unread_since = None
            agreement.save(update_fields=["unread_since"])
            note(agreement, AgreementAct.READ, actor, said="Rien à saisir")
    return agreement


def erase(letters: QuerySet[AgreementLetter] | Iterable[AgreementLetter]) -> None:
    """Rows now, files once that stands."""
    pages = list(LetterPage.objects.filter(letter__in=[letter.pk for letter in letters]))
    AgreementLetter.objects.filter(pk__in={page.letter_id for page in pages}).delete()
    transaction.on_commit(partial(_delete, pages))


def _delete(pages: Iterable[LetterPage]) -> None:
    for page in pages:
        page.image.storage.delete(str(page.image.name))


def _counted(pages: int) -> str:
    return f"{pages} page{'s' if pages > 1 else ''}"
