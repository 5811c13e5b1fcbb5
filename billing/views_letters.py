"""The letters of a prise en charge: attached, read beside the answer, taken away."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST, require_safe

from accounts.access import needs
from accounts.enums import Action
from admissions.errors import Refused
from admissions.views.common import actor, stay_or_404
from billing.models import AgreementLetter, LetterPage
from billing.pec import letters, words
from debtors.datamatrix import sandbox
from gap.text import NBSP


@needs(Action.FOLLOW_AGREEMENT)
@require_POST
def attach(request: HttpRequest, iep: str) -> HttpResponse:
    """A letter of the payer (PDF or photo): its pages are drawn again, and shown beside the answer to type."""
    stay = stay_or_404(request, iep)
    found = words.of_stay(stay)
    if found is None:
        raise Http404
    file = request.FILES.get("letter")
    if file is None:
        messages.warning(request, "Aucun fichier n’est venu. Rien n’a été joint. Choisissez un PDF ou une photo.")
        return _back(iep)
    drawn = sandbox.draw_untrusted(file.read())
    if not drawn.drawn:
        messages.warning(request, f"{drawn.message_fr} Rien n’a été joint.")
        return _back(iep)

    def keep() -> str:
        letters.attach(found.pk, drawn.pages, actor(request))
        if drawn.total > len(drawn.pages):
            return (
                f"Les {len(drawn.pages)} premières pages sont jointes, sur {drawn.total}{NBSP}: joignez le reste dans un "
                "second fichier."
            )
        return "Courrier joint. Saisissez la réponse qu’il donne."

    return _do(request, iep, keep)


@needs(Action.FOLLOW_AGREEMENT)
@require_POST
def letter_read(request: HttpRequest, iep: str) -> HttpResponse:
    """What came is no answer: the wait goes on."""
    stay = stay_or_404(request, iep)
    found = words.of_stay(stay)
    if found is None:
        raise Http404

    def note() -> str:
        letters.read(found.pk, actor(request))
        return "Courrier lu. La prise en charge attend toujours sa réponse."

    return _do(request, iep, note)


@needs(Action.FOLLOW_AGREEMENT)
@require_POST
def letter_detach(request: HttpRequest, iep: str, pk: int) -> HttpResponse:
    """Joined by mistake: erased, and the history says so."""
    stay = stay_or_404(request, iep)
    letter = AgreementLetter.objects.filter(pk=pk, agreement__stay=stay).first()
    if letter is None:
        messages.info(request, "Ce courrier est déjà retiré.")
        return _back(iep)

    def take_away() -> str:
        letters.detach(letter.pk, actor(request))
        return "Courrier retiré, ses pages sont effacées."

    return _do(request, iep, take_away)


@needs(Action.FOLLOW_AGREEMENT)
@require_safe
def letter_page(request: HttpRequest, iep: str, pk: int, page: int) -> HttpResponse:
    """One page, as a picture. 404 once it is taken away, or no longer kept."""
    stay = stay_or_404(request, iep)
    kept = get_object_or_404(LetterPage, letter=pk, number=page, letter__agreement__stay=stay)
    try:
        with kept.image.open() as file:
            picture = file.read()
    except FileNotFoundError as problem:
        raise Http404 from problem
    return HttpResponse(picture, content_type="image/jpeg", headers={"Content-Disposition": "inline"})


def _do(request: HttpRequest, iep: str, deed: Callable[[], str]) -> HttpResponse:
    try:
        messages.success(request, deed())
    except Refused as refused:
        messages.warning(request, refused.sentence)
    return _back(iep)


def _back(iep: str) -> HttpResponse:
    return redirect("billing:stay-agreement", iep)
