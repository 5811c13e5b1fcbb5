"""Cards: read anywhere, from a scanner, a photo or a PDF; the debtor found, chosen in a short list, or in the grid."""

from __future__ import annotations

from datetime import date

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from accounts.access import colleague, needs
from accounts.enums import Action
from admissions.enums import CoverageKind, StayStatus
from admissions.errors import Refused
from admissions.forms_coverage import DeclareForm
from admissions.models import Card, Coverage, Stay
from admissions.presenters_amo import amo_view, last_answer
from admissions.presenters_coverage import coverages_of_stay, how_found
from admissions.querysets import care_date
from admissions.services import coverage as services
from admissions.services import recycling
from admissions.views.common import acted, actor, draw, own_patients, own_sheets, own_stays, stay_or_404
from debtors.datamatrix import ReadCard, parse, sandbox
from debtors.enums import DebtorKind
from debtors.models import Debtor
from debtors.querysets import search_debtors

GRID_SHOWN = 8


class NotRead(Exception):
    """The file holds no card that can be read. `message` says what, `todo` what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def received(request: HttpRequest, *, keep: bool = False) -> tuple[ReadCard, str, bytes]:
    """What was scanned, dropped or pasted: the card, its reader and, of a file, the picture to keep. Raises NotRead."""
    file = request.FILES.get("file")
    if file is None:
        return parse(request.POST.get("scan", "")), "douchette", b""
    result = sandbox.read_untrusted(file.read(), keep=keep)
    if not result.decoded:
        raise NotRead(result.message_fr)
    return parse(result.content), result.reader, result.image


@needs(Action.READ_CARD)
@require_POST
def stay_scan(request: HttpRequest, iep: str) -> HttpResponse:
    """A card was read on a screen of this stay. A bracelet or a sheet is no card: it opens what it names."""
    stay = stay_or_404(request, iep)
    if door := _numbered(request):
        return HttpResponseClientRedirect(door)
    try:
        read, reader, image = received(request, keep=True)
        if not read.content:
            raise NotRead("Rien n’a été lu.")
        outcome = services.read_card(stay, read, reader, actor(request), image=image)
    except NotRead as problem:
        return draw(request, "admissions/scan.html#notice", {"tone": "wait", "message": problem.message}, status=422)
    except Refused as refused:
        return draw(request, "admissions/scan.html#notice", {"tone": "stop", "message": refused.sentence}, status=422)
    context = {"stay": stay, "outcome": outcome, "card": outcome.card, "coverage": outcome.coverage}
    if outcome.coverage is not None:
        return acted(draw(request, "admissions/scan.html#found", context | {"found_by": how_found(outcome.coverage)}))
    if outcome.choices:
        return acted(draw(request, "admissions/scan.html#choices", context))
    if outcome.level is None and outcome.card.valid_until and outcome.card.valid_until < care_date(stay):
        return acted(draw(request, "admissions/scan.html#notice", {"tone": "stop", "message": outcome.message}))
    if outcome.card.valid_from and outcome.card.valid_from > care_date(stay):
        return acted(draw(request, "admissions/scan.html#notice", {"tone": "stop", "message": outcome.message}))
    problems = read.problems
    context |= {"problems": problems, **_grid(DebtorKind.AMC, outcome.card.amc_number)}
    return acted(draw(request, "admissions/scan.html#grid", context))


@needs(Action.READ_CARD)
@require_safe
def card_grid(request: HttpRequest, iep: str, card_id: int) -> HttpResponse:
    """«Choisir un autre organisme»: the grid, for a card already read."""
    stay = stay_or_404(request, iep)
    card = get_object_or_404(Card, pk=card_id, patient=stay.patient_id)
    return draw(request, "admissions/scan.html#grid", {"stay": stay, "card": card, **_grid(DebtorKind.AMC, "")})


@needs(Action.READ_CARD)
@require_POST
def card_grid_rows(request: HttpRequest, iep: str, card_id: int) -> HttpResponse:
    """The grid as a fragment of a name, a number or a town is typed."""
    stay = stay_or_404(request, iep)
    card = get_object_or_404(Card, pk=card_id, patient=stay.patient_id)
    context = {"stay": stay, "card": card, **_grid(DebtorKind.AMC, request.POST.get("fragment", ""))}
    return draw(request, "admissions/scan.html#rows", context)


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 10 else 0


def _grid(kind: DebtorKind, fragment: str) -> dict[str, object]:
    found = list(search_debtors(fragment, kind)[: GRID_SHOWN + 1])
    if not found and fragment.isdigit():
        # The number of a card that nobody knows yet: the whole list is a better beginning than an empty one.
        fragment, found = "", list(search_debtors("", kind)[: GRID_SHOWN + 1])
    return {"fragment": fragment, "debtors": found[:GRID_SHOWN], "more": len(found) > GRID_SHOWN}


@needs(Action.READ_CARD)
@require_POST
def choose_debtor(request: HttpRequest, iep: str, card_id: int) -> HttpResponse:
    """The agent says who pays for this card. Said twice, it is said once."""
    stay = stay_or_404(request, iep)
    card = get_object_or_404(Card, pk=card_id, patient=stay.patient_id)
    fragment = request.POST.get("fragment", "")
    debtor = Debtor.objects.filter(pk=_number(request.POST.get("debtor"))).first()
    try:
        if debtor is None or not search_debtors(fragment).filter(pk=debtor.pk).exists():
            # Enter came before the answers to what was typed: the marked line is not the one that was meant.
            raise Refused("Cet organisme ne répond pas à ce que vous avez tapé.", todo="Choisissez dans la liste.")
        chosen = services.choose_debtor(stay, card, debtor, actor(request))
    except Refused as refused:
        context = {"stay": stay, "card": card, "refused": refused, **_grid(DebtorKind.AMC, fragment)}
        return draw(request, "admissions/scan.html#grid", context, status=422)
    return acted(draw(request, "admissions/scan.html#chosen", {"stay": stay, "coverage": chosen}))


@needs(Action.SEE_DOSSIER)
@require_safe
def card_picture(request: HttpRequest, iep: str, card_id: int) -> HttpResponse:
    """The picture that was kept of a card. 404 without one, or once it is no longer kept."""
    stay = stay_or_404(request, iep)
    card = get_object_or_404(Card.objects.exclude(image=""), pk=card_id, patient=stay.patient_id)
    try:
        with card.image.open() as file:
            picture = file.read()
    except FileNotFoundError as problem:
        raise Http404 from problem
    return HttpResponse(picture, content_type="image/jpeg", headers={"Content-Disposition": "inline"})


# ---- a scan where no stay is open ----


@needs(Action.SEE_DOSSIER)
@require_POST
def scan(request: HttpRequest) -> HttpResponse:
    """A bracelet (IEP or IPP), a sheet of the downtime kit or a known card opens its dossier; an unknown card says what to
    do."""
    try:
        read, _, _ = received(request)
    except NotRead as problem:
        return draw(request, "admissions/scan.html#notice", {"tone": "wait", "message": problem.message}, status=422)
    if door := _numbered(request):
        return HttpResponseClientRedirect(door)
    return _dossier_of_card(request, read)


def _numbered(request: HttpRequest) -> str:
    """Where the number of a bracelet (IEP or IPP) or of a sheet of the downtime kit leads; empty: it is none of them."""
    number = "".join(request.POST.get("scan", "").split())
    if len(number) != 9 or not number.isdigit():
        return ""
    if stay := own_stays(request).filter(iep=number).first():
        return _door(request, stay)
    if person := own_patients(request).filter(ipp=number).first():
        return reverse("admissions:patient", args=[person.ipp])
    if colleague(request).may(Action.ADMIT) and own_sheets(request).filter(iep=number).exists():
        return reverse("admissions:sheet", args=[number])
    return ""


def _door(request: HttpRequest, stay: Stay) -> str:
    """Where the person at the desk goes on with this stay."""
    waits = stay.status == StayStatus.PREADMITTED and colleague(request).may(Action.ADMIT)
    return reverse("admissions:admission" if waits else "admissions:stay", args=[stay.iep])


def _dossier_of_card(request: HttpRequest, read: ReadCard) -> HttpResponse:
    marks = Card.marks_of(read.content)
    people = list(own_patients(request).filter(cards__fingerprint__in=marks).order_by("pk").distinct()[:5])
    if len(people) != 1:
        message = (
            "Plusieurs patients ont présenté cette carte. Rien n’a changé. Ouvrez le dossier du patient, puis scannez."
            if people
            else "Carte lue, encore inconnue ici. Rien n’a été enregistré. Ouvrez le dossier du patient, puis scannez-la."
        )
        return draw(request, "admissions/scan.html#notice", {"tone": "wait", "message": message, "find": True})
    stays = list(
        own_stays(request).filter(patient=people[0], status__in=[StayStatus.PREADMITTED, StayStatus.ADMITTED])[:2]
    )
    if len(stays) == 1:
        return HttpResponseClientRedirect(_door(request, stays[0]))
    return HttpResponseClientRedirect(reverse("admissions:patient", args=[people[0].ipp]))


@needs(Action.READ_CARD)
@require_POST
def scan_ahead(request: HttpRequest) -> HttpResponse:
    """A card scanned while the stay is still being typed: it waits in the form, and is read with the stay."""
    if _numbered(request):
        # What is typed here is not left for another dossier.
        message = (
            "Ce code est celui d’un bracelet ou d’une feuille de secours, pas d’une carte. Rien n’est joint, votre saisie "
            "reste. Pour l’ouvrir, terminez ou quittez cette saisie, puis scannez-le de nouveau."
        )
        return draw(request, "admissions/scan.html#notice", {"tone": "wait", "message": message}, status=422)
    try:
        read, _, _ = received(request)
    except NotRead as problem:
        return draw(request, "admissions/scan.html#notice", {"tone": "wait", "message": problem.message}, status=422)
    return draw(request, "admissions/scan.html#ahead", {"read": read})


# ---- coverages ----


@needs(Action.SEE_DOSSIER)
@require_safe
def coverage_part(request: HttpRequest, iep: str, part: str) -> HttpResponse:
    """The live parts that show coverages: the sections of the admission and the panel of the stay."""
    stay = stay_or_404(request, iep)
    said = last_answer(stay.patient_id)
    covered = coverages_of_stay(stay, said)
    context = {
        "stay": stay,
        "coverages": covered,
        "rights": amo_view(stay, said),
        "amo": [view for view in covered if view.kind == CoverageKind.AMO],
        "amc": [view for view in covered if view.kind == CoverageKind.AMC],
        "known": recycling.last_known(stay) if part == "coverages" else None,
        "may_act": colleague(request).may(Action.READ_CARD),
        "may_ask": colleague(request).may(Action.ASK_AGAIN),
    }
    return draw(request, f"admissions/parts.html#{part}", context)


@needs(Action.READ_CARD)
@require_POST
def member_number(request: HttpRequest, iep: str, coverage_id: int) -> HttpResponse:
    """The number that was missing: the calls that it stopped start again."""
    stay = stay_or_404(request, iep)
    known = get_object_or_404(Coverage, pk=coverage_id, patient=stay.patient_id)
    typed = request.POST.get("member_number", "")
    try:
        if services.enter_member_number(coverage_id, typed, actor(request)).version == known.version:
            raise Refused(
                "Ce n° est déjà celui du dossier, et l’organisme l’a refusé.",
                kept="Le n° est gardé.",
                todo="Comparez-le à la carte. S’il est juste, demandez au patient une carte à jour.",
                field="member_number",
            )
    except Refused as refused:
        context = {"stay": stay, "coverage_id": coverage_id, "typed": typed, "refused": refused}
        return draw(request, "admissions/parts.html#member_number", context, status=422)
    return acted(HttpResponse())


@needs(Action.READ_CARD)
@require_http_methods(["GET", "HEAD", "POST"])
def declare(request: HttpRequest, iep: str, kind: str) -> HttpResponse:
    """A coverage without a card: the AMO, or an AMC that the patient declares. Opens and answers in place."""
    stay = stay_or_404(request, iep)
    debtor_kind = DebtorKind(kind.upper())
    refused: Refused | None = None
    status = 200
    if request.method == "POST":
        form = DeclareForm(request.POST, kind=kind)
        if form.is_valid():
            fragment = request.POST.get("fragment", "")
            debtor = search_debtors(fragment, debtor_kind).filter(pk=form.cleaned_data["debtor"]).first()
            if debtor is None:
                form.add_error(None, "Cet organisme ne répond pas à ce que vous avez tapé. Choisissez dans la liste.")
            else:
                try:
                    services.declare_coverage(stay, debtor, actor(request), **form.asked())
                except Refused as problem:
                    refused = problem
                    form.refuse(problem)
                else:
                    return acted(HttpResponse())
        status = 422
    else:
        start = care_date(stay).replace(month=1, day=1)
        form = DeclareForm(initial={"valid_from": start, "valid_until": date(start.year, 12, 31)}, kind=kind)
    chosen = Debtor.objects.filter(pk=_number(form["debtor"].value())).first() if form.is_bound else None
    context = {
        "stay": stay,
        "form": form,
        "kind": kind,
        "chosen": chosen,
        "refused": refused,
        **_grid(debtor_kind, request.POST.get("fragment", "")),
    }
    return draw(request, "admissions/parts.html#declare", context, status=status)


@needs(Action.READ_CARD)
@require_POST
def take_over(request: HttpRequest, iep: str) -> HttpResponse:
    """What was known last of the patient covers this stay too, as declared; what follows goes by itself."""
    stay = stay_or_404(request, iep)
    try:
        recycling.take_over(stay.pk, actor(request))
    except Refused as refused:
        if request.htmx:  # type: ignore[attr-defined]
            return draw(request, "admissions/parts.html#refused", {"refused": refused}, status=422)
        messages.warning(request, refused.sentence)
    if request.htmx:  # type: ignore[attr-defined]
        return acted()
    return redirect("admissions:stay", iep)


@needs(Action.READ_CARD)
@require_POST
def declare_rows(request: HttpRequest, iep: str, kind: str) -> HttpResponse:
    stay = stay_or_404(request, iep)
    context = {"stay": stay, "kind": kind, **_grid(DebtorKind(kind.upper()), request.POST.get("fragment", ""))}
    return draw(request, "admissions/parts.html#declare_rows", context)
