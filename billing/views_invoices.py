"""Invoices: find them, read one with all that happened to it, and do what only a person can."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from accounts import journal
from accounts.access import colleague, needs
from accounts.enums import Action, Role
from accounts.models import User
from admissions.errors import Refused
from admissions.events import Actor
from admissions.presenters import banner, stay_title
from billing import services, views_words
from billing.enums import InvoiceStatus, Payer, PaymentMeans
from billing.filters import AGES, InvoiceFilter
from billing.forms import CorrectForm, PaymentForm, tell
from billing.models import Invoice
from billing.querysets import family_of, invoices_for, siblings, with_what_is_due
from gap.lists import XLSX_ROWS, bounded_count, export, page_number, page_of
from teleservices.models import TeleserviceCall

_COLUMNS = ("Facture", "Émise le", "Patient", "IEP", "Payeur", "Débiteur", "Montant", "Payé", "Reste dû", "État")
_PAYABLE = (InvoiceStatus.READY, InvoiceStatus.SENT, InvoiceStatus.ACKNOWLEDGED, InvoiceStatus.PARTLY_PAID)


@require_safe
@needs(Action.SEE_INVOICES)
def invoices(request: HttpRequest) -> HttpResponseBase:
    """Invoices as filtered by the address; `format` gives the same ones in a file."""
    asked = InvoiceFilter.read(request.GET)
    found = asked.found(invoices_for(colleague(request)))
    rows = with_what_is_due(found).order_by(*asked.ordering)
    kind = request.GET.get("format")
    if kind in ("csv", "xlsx"):
        if kind == "csv" or bounded_count(found, XLSX_ROWS) <= XLSX_ROWS:
            return export(_COLUMNS, map(_file_line, rows.iterator(chunk_size=500)), "factures", kind)
        messages.warning(
            request, "Un classeur XLSX s’arrête à 20 000 lignes : exportez en CSV, qui les contient toutes, ou filtrez."
        )
        query = request.GET.copy()
        query.pop("format")
        return redirect(f"{request.path}?{query.urlencode()}")
    page = page_of(rows, page_number(request.GET.get("page")), counted=found)
    journal.listed("factures", stays=[invoice.stay_id for invoice in page.object_list])
    for invoice in page.object_list:
        invoice.chip = views_words.chip(invoice)
    query = request.GET.copy()
    query.pop("page", None)
    context = {
        "asked": asked,
        "page": page,
        "sort": asked.sort,
        "payers": Payer.choices,
        "statuses": InvoiceStatus.choices,
        "ages": AGES.items(),
        "query": query.urlencode(),
    }
    return render(request, "billing/invoices.html", context)


def _file_line(invoice: Any) -> list[Any]:
    patient = invoice.stay.patient.listed
    return [
        invoice.number,
        invoice.created_at,
        f"{patient.birth_name} {patient.first_name}".strip(),
        invoice.stay.iep,
        str(invoice.get_payer_display()),
        invoice.debtor.name if invoice.debtor else "",
        invoice.amount,
        invoice.paid_amount,
        invoice.due,
        views_words.chip(invoice)[2],
    ]


@require_safe
@needs(Action.SEE_INVOICES)
def invoice(request: HttpRequest, number: str) -> HttpResponse:
    """One invoice: its track, its lines and where each amount comes from, its chain, its exchanges, its payments."""
    return _page(request, invoice_or_404(request, number))


@needs(Action.CORRECT_INVOICE)
def correct(request: HttpRequest, number: str) -> HttpResponse:
    """«Corriger et renvoyer» (POST): the same claim leaves under a new number."""
    found = invoice_or_404(request, number)
    if request.method != "POST":
        return redirect("billing:invoice", number)
    form = CorrectForm(request.POST)
    if form.is_valid():
        try:
            following = services.correct_and_resend(
                found.pk,
                form.cleaned_data["note"],
                Actor(colleague(request)),
                version=form.cleaned_data["version"],
            )
        except Refused as refusal:
            tell(form, refusal)
        else:
            messages.success(
                request,
                f"La facture {number} repart sous le n° {following.number}, dans le prochain lot de son organisme.",
            )
            return redirect("billing:invoice", following.number)
    return _page(request, invoice_or_404(request, number), status=422, correct_form=form)


@needs(Action.CORRECT_INVOICE)
def recalculate(request: HttpRequest, number: str) -> HttpResponse:
    """«Annuler l’engagement et recalculer» (POST): DEL, CLC and a new invoice follow, each by itself."""
    found = invoice_or_404(request, number)
    if request.method != "POST":
        return redirect("billing:invoice", number)
    try:
        services.cancel_and_recalculate(found.pk, Actor(colleague(request)))
    except Refused as refusal:
        return _page(request, invoice_or_404(request, number), status=422, refused=refusal.sentence)
    messages.success(
        request,
        "L’annulation de l’engagement est demandée. Le nouvel engagement puis la nouvelle facture suivront seuls.",
    )
    return redirect("billing:invoice", number)


@needs(Action.RECORD_PAYMENT)
def pay(request: HttpRequest, number: str) -> HttpResponse:
    """«Constater un paiement» (POST). The same key or the same reference is taken once."""
    found = invoice_or_404(request, number)
    if request.method != "POST":
        return redirect("billing:invoice", number)
    form = PaymentForm(request.POST)
    if problem := _not_theirs(colleague(request), found):
        form.add_error(None, problem)
    if form.is_valid():
        try:
            payment = services.record_payment(
                found.pk,
                form.cleaned_data["amount"],
                PaymentMeans(form.cleaned_data["means"]),
                form.cleaned_data["reference"],
                form.cleaned_data["received_on"],
                Actor(colleague(request)),
                creation_key=form.cleaned_data["creation_key"],
            )
        except Refused as refusal:
            tell(form, refusal)
        else:
            messages.success(request, f"Paiement constaté : {views_words.euros(payment.amount)}, {payment.reference}.")
            return redirect("billing:invoice", number)
    return _page(request, invoice_or_404(request, number), status=422, payment_form=form)


def _not_theirs(user: User, invoice: Invoice) -> str:
    """Why this person does not record a payment of this payer; empty when they do."""
    if invoice.payer == Payer.PATIENT:
        return "" if Role.CASHIER in user.roles else "La part du patient s’encaisse à la régie. Rien n’a été modifié."
    if invoice.payer == Payer.AMO:
        return "" if Role.BILLING in user.roles else "La part AMO se constate à la facturation. Rien n’a été modifié."
    if invoice.agreement_id:
        return "" if Role.BILLING in user.roles else "La part AMC se constate à la facturation. Rien n’a été modifié."
    return "Le paiement d’une complémentaire arrive par fichier (578R) : il ne se constate pas à la main."


def invoice_or_404(request: HttpRequest, number: str) -> Invoice:
    """This invoice, whose stay the journal says was seen. Raises Http404; Guarded when the dossier is protected."""
    related = invoices_for(colleague(request)).select_related(
        "stay__patient", "stay__unit", "debtor", "engagement", "bill", "replaces", "corrected_by"
    )
    found: Invoice = get_object_or_404(related, number=number)
    protected = bool(found.stay.patient.protection)
    journal.read(patient_id=found.stay.patient_id, stay_id=found.stay_id, protected=protected)
    return found


def _page(
    request: HttpRequest,
    found: Invoice,
    *,
    status: int = 200,
    correct_form: CorrectForm | None = None,
    payment_form: PaymentForm | None = None,
    refused: str = "",
) -> HttpResponse:
    user = colleague(request)
    lines: list[Any] = list(found.lines.all())
    for line in lines:
        # What the line leaves to who is not named in it.
        line.rest = line.total - line.amo_share - (line.amount if found.payer != Payer.AMO else 0)
    family: list[Any] = family_of(found)
    for one in family:
        one.chip = views_words.chip(one)
    parts: list[Any] = list(siblings(found))
    for part in parts:
        part.chip = views_words.chip(part)
    rejected = found.status == InvoiceStatus.REJECTED
    may_correct = user.may(Action.CORRECT_INVOICE) and rejected
    may_pay = user.may(Action.RECORD_PAYMENT) and not _not_theirs(user, found) and found.status in _PAYABLE
    context = {
        "invoice": found,
        "banner": banner(found.stay.patient, found.stay),
        "stay_title": stay_title(found.stay),
        "chip": views_words.chip(found),
        "track": views_words.track(found),
        "said": views_words.sentences(found),
        "lines": lines,
        "family": family,
        "replacing": next((one for one in family if one.replaces_id == found.pk), None),
        "parts": parts,
        "records": list(found.exchange_records.select_related("file").order_by("-file__created_at", "-pk")[:20]),
        "payments": list(found.payments.select_related("created_by", "client", "record__file")),
        "calls": list(
            TeleserviceCall.objects.filter(stay=found.stay, operation__in=["CLC", "DEL"]).order_by("planned_at")[:20]
        )
        if found.payer == Payer.AMC
        else [],
        "due": found.amount - found.paid_amount,
        "refused": refused,
        "may_see_exchanges": user.may(Action.SEE_EXCHANGES),
        "may_send": found.agreement_id is not None
        and found.status == InvoiceStatus.READY
        and not found.blocked_reason
        and user.may(Action.CORRECT_INVOICE),
        "may_recalculate": may_correct and found.engagement_id is not None,
        "correct_form": correct_form or (CorrectForm(initial={"version": found.version}) if may_correct else None),
        "payment_form": payment_form or (_new_payment(found) if may_pay else None),
    }
    return render(request, "billing/invoice.html", context, status=status)


def _new_payment(found: Invoice) -> PaymentForm:
    means = PaymentMeans.CARD if found.payer == Payer.PATIENT else PaymentMeans.TRANSFER
    return PaymentForm(initial={"amount": found.amount - found.paid_amount, "means": means, "creation_key": uuid4()})
