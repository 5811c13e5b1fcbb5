"""Money on the screens of a stay: what is left to the patient, the invoices, the acts of external care.

The floors below embed these by address; they ask again when the page says that something moved.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import colleague, needs
from accounts.enums import Action
from admissions.errors import Refused
from admissions.forms import ServiceForm
from admissions.models import Stay
from admissions.querysets import care_date, third_party_payment_refused
from admissions.views.common import ACTED, actor, creation_key, stay_or_404
from admissions.views.stays import stay_context
from billing import services, simulations
from billing.models import TariffItem
from billing.pec import words
from billing.requalified import sentence_of
from billing.rules.split import NotDecided
from billing.simulations import waits_for_more
from billing.stay_money import ShownEstimate, estimate_of, invoices_of, waiting_of
from billing.tariffs import TariffBook
from gap.moments import DayField
from gap.templatetags.gap_format import euros

ZERO = Decimal("0.00")


@needs(Action.SEE_DOSSIER)
@require_safe
def stay_estimate(request: HttpRequest, iep: str) -> HttpResponse:
    """The panel «Reste au patient» of an admission."""
    stay = stay_or_404(request, iep)
    shown = estimate_of(stay)
    context = {"stay": stay, "estimate": shown, "may_hasten": _may_hasten(request, stay, shown)}
    return render(request, "billing/stay_estimate.html", context)


def _may_hasten(request: HttpRequest, stay: Stay, shown: ShownEstimate) -> bool:
    user = colleague(request)
    return shown.provisional and user.may(Action.READ_CARD) and waits_for_more(stay)


@needs(Action.READ_CARD)
@require_POST
def simulate_now(request: HttpRequest, iep: str) -> HttpResponse:
    """A patient waits for the figures: the simulation that gathers changes leaves at once."""
    stay = stay_or_404(request, iep)
    simulations.simulate_now(stay.pk)
    return HttpResponse(status=204, headers={"HX-Trigger": ACTED})


@needs(Action.SEE_DOSSIER)
@require_safe
def request_price(request: HttpRequest, code: str) -> HttpResponse:
    """The price of a demand today, beside its box: «65,00 € la nuit». Empty when no tariff is known."""
    book = TariffBook({code}, timezone.localdate(), timezone.localdate())
    try:
        value = book.value(code, timezone.localdate())
    except NotDecided:
        return HttpResponse("")
    unit = "la nuit" if code == "CHP" else "par jour"
    return HttpResponse(f", {euros(value)} {unit}")


@needs(Action.SEE_DOSSIER)
@require_safe
def stay_invoices(request: HttpRequest, iep: str) -> HttpResponse:
    """The panel «Factures par payeur» of a stay; before the exit, what is expected."""
    stay = stay_or_404(request, iep)
    bill, invoices = invoices_of(stay)
    context: dict[str, Any] = {
        "stay": stay,
        "bill": bill,
        "invoices": invoices,
        "may_open": colleague(request).may(Action.SEE_INVOICES),
        "pec": words.shown(agreement) if (agreement := words.of_stay(stay)) else None,
        "requalified": sentence_of(stay),
        "may_follow": colleague(request).may(Action.FOLLOW_AGREEMENT),
    }
    if bill is None:
        shown = estimate_of(stay)
        context |= {"estimate": shown, "waits": waiting_of(stay), "may_hasten": _may_hasten(request, stay, shown)}
    if agreement:
        # One sentence, once: the requalification's, or why there is no bill, may say it already.
        context["pec_told"] = context["pec"].sentence in f"{context['requalified']} {context.get('waits', '')}"
    return render(request, "billing/stay_invoices.html", context)


@needs(Action.SEE_DOSSIER)
@require_safe
def third_party_notice(request: HttpRequest, iep: str) -> HttpResponse:
    """What a patient takes home when their AMC refuses the third-party payment: why, what it costs, what to do."""
    stay = stay_or_404(request, iep)
    refusal = third_party_payment_refused(stay)
    if refusal is None:
        messages.info(
            request, "Aucun organisme ne refuse le tiers payant de ce séjour : il n’y a pas d’avis à remettre."
        )
        return redirect("admissions:stay", iep)
    context = {
        "stay": stay,
        "patient": stay.patient,
        "establishment": stay.establishment,
        "refusal": refusal,
        "debtor": refusal.coverage.debtor,
        "estimate": estimate_of(stay),
        "now": timezone.now(),
    }
    return render(request, "billing/third_party_notice.html", context)


# ---- acts of external care ----


class ActivityForm(ServiceForm):
    """An act that was done."""

    code = forms.ModelChoiceField(
        label="Acte", queryset=TariffItem.objects.filter(family="ACTE"), to_field_name="code", empty_label=None
    )
    performed_on = DayField(label="Fait le")
    quantity = forms.IntegerField(label="Quantité", min_value=1, max_value=99, initial=1)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["code"].label_from_instance = lambda item: f"{item.code} {item.label}"  # type: ignore[attr-defined]


@needs(Action.ENTER_ACTIVITY)
@require_http_methods(["GET", "HEAD", "POST"])
def stay_activity(request: HttpRequest, iep: str) -> HttpResponse:
    """The page of the stay with the acts open: what was entered, and one more."""
    stay = stay_or_404(request, iep)
    key = creation_key(request)
    status = 200
    if request.method == "POST":
        form = ActivityForm(request.POST)
        if form.is_valid():
            values = form.cleaned_data
            try:
                services.enter_activity(
                    stay.pk,
                    values["code"].code,
                    values["performed_on"],
                    values["quantity"],
                    actor(request),
                    creation_key=key,
                )
            except Refused as refused:
                form.refuse(refused)
            else:
                messages.success(request, f"Acte {values['code'].code} enregistré.")
                return redirect("billing:stay-activity", iep)
        status = 422
    else:
        last = timezone.localdate(stay.ended_at) if stay.ended_at else timezone.localdate()
        form = ActivityForm(initial={"performed_on": max(last, care_date(stay))})
    context = stay_context(request, stay) | {
        "form": form,
        "key": key,
        "activities": list(stay.activities.select_related("item", "created_by")),
    }
    return render(request, "billing/stay_activity.html", context, status=status)
