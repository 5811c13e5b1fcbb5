"""After an outage: the sheets that come back are copied, each becomes one stay; what remains is counted."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import messages
from django.db.models import Count, Max, Min, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import journal
from accounts.access import colleague, needs, workplace
from accounts.enums import Action
from admissions.candidates import Candidate
from admissions.enums import StayKind, VoidReason
from admissions.errors import Refused
from admissions.forms_reentry import KnownBirthForm, KnownForm, LastSheetForm, SheetEntryForm, SheetIdentityForm
from admissions.models import Patient, ReservedNumber, Stay
from admissions.presenters_candidates import resembling
from admissions.services import downtime, stays
from admissions.services.patients import Traits
from admissions.views.common import actor, draw, own_patients, own_sheets, own_stays
from admissions.views.patients import identity_candidates, nir_warnings
from gap.lists import page_number, page_of

_PAGE: Final = 50
#: An outage of a year ago is of no use to who copies sheets today.
_SETS: Final = 12
_LEFT, _ENTERED, _VOID = "reste", "ressaisies", "annulees"
_STATES: Final = {
    _LEFT: ("à ressaisir", Q(stay=None, void_reason="")),
    _ENTERED: ("ressaisies", Q(stay__isnull=False)),
    _VOID: ("annulées", Q(void_reason=VoidReason.DESTROYED)),
}


@needs(Action.ADMIT)
@require_safe
def reentry(request: HttpRequest) -> HttpResponse:
    """The sets of sheets that an outage took out of the kits, how many remain, and which."""
    return _drawn(request)


def _drawn(
    request: HttpRequest, *, refused: Refused | None = None, form: Any = None, status: int = 200
) -> HttpResponse:
    state = request.GET.get("etat", _LEFT)
    state = state if state in _STATES else _LEFT
    out = own_sheets(request).filter(withdrawn_at__isnull=False)
    found = out.filter(_STATES[state][1]).order_by("iep")
    printed = own_sheets(request).aggregate(Max("printed_at"))["printed_at__max"]
    context = {
        "sets": _sets(out),
        "page": page_of(
            found.select_related("entered_by", "voided_by"), page_number(request.GET.get("page")), size=_PAGE
        ),
        "state": state,
        "states": [(name, label) for name, (label, _) in _STATES.items()],
        "printed": printed,
        "old": printed is None or timezone.now() - printed > downtime.SILENCE,
        "in_kit": own_sheets(request).filter(withdrawn_at=None).count(),
        "may_close": colleague(request).may(Action.CLOSE_DOWNTIME),
        "refused": refused,
        "form": form,
    }
    return draw(request, "admissions/reentry.html", context, status=status)


def _sets(out: QuerySet[ReservedNumber]) -> list[Any]:
    """The last sets: withdrawn at one instant, one set. One query."""
    counted = out.order_by().values("withdrawn_at").annotate(
        first=Min("iep"),
        last=Max("iep"),
        handed=Count("pk", filter=~Q(void_reason=VoidReason.UNISSUED)),
        unissued=Count("pk", filter=Q(void_reason=VoidReason.UNISSUED)),
        entered=Count("stay"),
        destroyed=Count("pk", filter=Q(void_reason=VoidReason.DESTROYED)),
        left=Count("pk", filter=Q(stay=None, void_reason="")),
    )  # fmt: skip
    return list(counted.order_by("-withdrawn_at")[:_SETS])


@needs(Action.ADMIT)
@require_POST
def find(request: HttpRequest) -> HttpResponse:
    """The number of a sheet, typed: the sheet; of a stay: the stay, where its movements and its leaving are entered."""
    number = "".join(request.POST.get("iep", "").split())
    if own_sheets(request).filter(iep=number).exists():
        return redirect("admissions:sheet", number)
    if stay := own_stays(request).filter(iep=number).first():
        messages.info(request, "Ce numéro est celui d’un séjour : saisissez ici ce que dit la feuille.")
        return redirect("admissions:stay", stay.iep)
    refused = Refused(
        "Aucune feuille ni aucun séjour ne porte ce numéro ici.",
        kept="Rien n’a été enregistré.",
        todo="Relisez les neuf chiffres sous le code-barres.",
    )
    return _drawn(request, refused=refused, status=422)


@needs(Action.ADMIT)
@require_POST
def outage(request: HttpRequest) -> HttpResponse:
    """Sheets of the last kit are in people's hands: they leave the kits."""
    downtime.declare_outage(workplace(request))
    messages.success(request, "Ces feuilles ne seront plus imprimées. Le prochain kit en aura d’autres.")
    return redirect("admissions:reentry")


@needs(Action.CLOSE_DOWNTIME)
@require_POST
def close_set(request: HttpRequest, iep: str) -> HttpResponse:
    """The référent says how far into the pile the outage went."""
    of_set = get_object_or_404(own_sheets(request).filter(withdrawn_at__isnull=False), iep=iep)
    form = LastSheetForm(request.POST)
    if not form.is_valid():
        refused = Refused("Ce numéro est trop long.", todo="Un IEP a neuf chiffres.")
        return _drawn(request, refused=refused, status=422)
    try:
        never = downtime.close_set(of_set, form.cleaned_data["last"], actor(request))
    except Refused as problem:
        return _drawn(request, refused=problem, status=422)
    messages.success(request, f"{never} feuille{'s' if never > 1 else ''} jamais distribuée{'s' if never > 1 else ''}.")
    return redirect("admissions:reentry")


# ---- one sheet ----


@needs(Action.ADMIT)
@require_http_methods(["GET", "HEAD", "POST"])
def sheet(request: HttpRequest, iep: str) -> HttpResponse:
    """One sheet, in the order of the paper. Copied already: says so, and shows the stay."""
    found = get_object_or_404(own_sheets(request).select_related("entered_by", "voided_by"), iep=iep)
    if found.stay_id or found.void_reason:
        return _settled(request, found, 409 if request.method == "POST" else 200)
    if request.method != "POST":
        return _sheet(request, found, KnownForm(), SheetIdentityForm(), _entry_form(request))
    known, entry = KnownForm(request.POST), _entry_form(request, request.POST)
    number = known.cleaned_data["ipp"] if known.is_valid() else ""
    number = request.POST.get("choice") or number
    identity: Any = KnownBirthForm(request.POST) if number else SheetIdentityForm(request.POST)
    valid = [form.is_valid() for form in (known, identity, entry)]
    who = _who(request, number, known, identity) if valid[0] and valid[1] else None
    if who is None or not all(valid):
        return _sheet(request, found, known, _whole(request, identity), entry, status=422)
    if isinstance(who, Traits) and not request.POST.get("anyway"):
        candidates = identity_candidates(request, identity)
        if candidates:
            warnings = nir_warnings(identity)
            return _sheet(request, found, known, identity, entry, status=422, candidates=candidates, warnings=warnings)
    try:
        stay = downtime.enter(found.pk, who, _entry(entry), actor(request))
    except downtime.AlreadyEntered:
        found.refresh_from_db()
        return _settled(request, found, 409)
    except Refused as refused:
        (identity if refused.field in identity.fields else entry).refuse(refused)
        return _sheet(request, found, known, _whole(request, identity), entry, status=422)
    messages.success(
        request,
        f"Feuille {found.iep} ressaisie. Ajoutez ici ses mouvements, sa carte et sa sortie, puis scannez la suivante.",
    )
    return redirect("admissions:stay", stay.iep)


def _entry_form(request: HttpRequest, *args: Any) -> SheetEntryForm:
    return SheetEntryForm(*args, establishment=workplace(request))


def _who(request: HttpRequest, number: str, known: KnownForm, identity: Any) -> Patient | Traits | None:
    """The patient of the number, when the birth date is theirs; the traits, without a number. None: a field says why.

    Raises Guarded when the dossier is protected and was not opened.
    """
    if not number:
        traits: Traits = identity.traits()
        return traits
    person = own_patients(request).filter(ipp=number).first()
    if person is not None:
        journal.read(patient_id=person.pk, protected=bool(person.protection))
        if person.birth_date == identity.cleaned_data["birth_date"]:
            return person
    known.refuse(
        Refused(
            "Aucun patient d’ici n’a cet IPP et cette date de naissance.",
            kept="Votre saisie est gardée.",
            todo="Relisez la feuille, ou effacez l’IPP pour chercher par le nom.",
            field="ipp",
        )
    )
    return None


def _whole(request: HttpRequest, identity: Any) -> SheetIdentityForm:
    """All the fields of the identity as they were typed; of a known patient, nothing is missing."""
    if isinstance(identity, SheetIdentityForm):
        return identity
    whole = SheetIdentityForm(request.POST)
    for name in set(whole.fields) - set(identity.fields):
        whole.fields[name].required = False
    return whole


def _entry(form: SheetEntryForm) -> downtime.Entry:
    values = form.cleaned_data
    plan = stays.StayPlan(
        kind=StayKind(values["kind"]),
        unit=values["unit"],
        planned_start_at=values["start_at"],
        planned_end_at=values["planned_end_at"],
        prescription_date=values["prescription_date"],
    )
    return downtime.Entry(plan, room=values["room"], bed=values["bed"])


def _sheet(
    request: HttpRequest,
    found: ReservedNumber,
    known: KnownForm,
    identity: SheetIdentityForm,
    entry: SheetEntryForm,
    *,
    status: int = 200,
    candidates: list[Candidate] | None = None,
    warnings: list[str] | None = None,
) -> HttpResponse:
    people = [resembling(one) for one in candidates or []]
    context = {
        "sheet": found,
        "known": known,
        "form": identity,
        "entry": entry,
        "candidates": people,
        "warnings": warnings or [],
        "bound": known.is_bound,
    }
    return draw(request, "admissions/sheet.html", context, status=status)


def _settled(request: HttpRequest, found: ReservedNumber, status: int) -> HttpResponse:
    """What became of this sheet. The stay's link, for who sees the stay."""
    stay: Stay | None = own_stays(request).filter(pk=found.stay_id).first() if found.stay_id else None
    return draw(request, "admissions/sheet_settled.html", {"sheet": found, "stay": stay}, status=status)


@needs(Action.ADMIT)
@require_POST
def void(request: HttpRequest, iep: str) -> HttpResponse:
    """The sheet was spoilt: its number becomes no stay."""
    found = get_object_or_404(own_sheets(request), iep=iep)
    try:
        downtime.void(found.pk, actor(request))
    except Refused:
        return redirect("admissions:sheet", iep)
    messages.success(request, f"Feuille {iep} annulée. Gardez-la avec les autres.")
    return redirect(reverse("admissions:reentry"))
