"""The prise en charge of a stay outside ROC: read it, ask or remind, type the answer, print the letter."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import needs
from accounts.enums import Action
from admissions.errors import Refused
from admissions.models import Stay
from admissions.views.common import actor, stay_or_404, version_of
from admissions.views.stays import stay_context
from billing.enums import AgreementState
from billing.models import Agreement
from billing.pec import letter, services, words
from billing.pec.forms import AnswerForm
from billing.views_invoices import invoice_or_404


def _agreement(stay: Stay) -> Agreement | None:
    found = words.of_stay(stay)
    if found is not None:
        found.stay = stay
    return found


@needs(Action.FOLLOW_AGREEMENT)
@require_http_methods(["GET", "HEAD", "POST"])
def agreement(request: HttpRequest, iep: str) -> HttpResponse:
    """The page of the stay with its prise en charge open; sent, the payer's answer is kept."""
    stay = stay_or_404(request, iep)
    found = _agreement(stay)
    if found is None:
        messages.info(request, "Ce séjour n’a pas de prise en charge à demander.")
        return redirect("admissions:stay", iep)
    status, version = 200, found.version
    if request.method == "POST":
        form = AnswerForm(request.POST, agreement=found)
        version = version_of(request)
        if form.is_valid():
            try:
                seen = request.POST.get("seen", "")
                given = services.answer(
                    found.pk,
                    form.reply(),
                    actor(request),
                    version=version,
                    seen=int(seen) if seen.isdecimal() and len(seen) < 19 else 0,
                )
            except Refused as refused:
                form.refuse(refused)
            else:
                messages.success(request, "Réponse enregistrée. La facturation suit seule.")
                if given.unread_since:
                    messages.warning(request, "Un autre courrier est arrivé pendant votre saisie : lisez-le.")
                return redirect("billing:stay-agreement", iep)
        status = 422
    else:
        form = AnswerForm(initial=AnswerForm.values_of(found), agreement=found)
    waits = found.closed_at is None and found.state in (AgreementState.TO_ASK, AgreementState.REFUSED)
    late = bool(found.remind_at and found.remind_at <= timezone.now() and found.state == AgreementState.REQUESTED)
    unread = found.unread_since is not None
    context = stay_context(request, stay) | {
        "form": form,
        "version": version,
        "shown": words.shown(found),
        "agreement": found,
        "steps": list(found.steps.select_related("by", "client")),
        "letters": list(found.letters.select_related("by", "client").prefetch_related("pages")),
        "text": letter.text(found),
        "verb": "" if unread or found.closed_at else "Demander" if waits else "Relancer" if late else "",
    }
    return render(request, "billing/stay_agreement.html", context, status=status)


@needs(Action.FOLLOW_AGREEMENT)
@require_POST
def ask(request: HttpRequest, iep: str) -> HttpResponse:
    """The request left, or its reminder: what the state calls for."""
    stay = stay_or_404(request, iep)
    found = _agreement(stay)
    if found is None:
        raise Http404
    try:
        if found.state == AgreementState.REQUESTED:
            services.remind(found.pk, actor(request))
            messages.success(request, "Relance notée. La lettre est prête à imprimer.")
        else:
            services.ask(found.pk, actor(request))
            messages.success(request, "Demande notée. La lettre et le texte du courriel sont prêts.")
    except Refused as refused:
        messages.warning(request, refused.sentence)
    return redirect("billing:stay-agreement", iep)


@needs(Action.FOLLOW_AGREEMENT)
@require_safe
def agreement_letter(request: HttpRequest, iep: str) -> HttpResponse:
    """The letter of the request, or of the last reminder."""
    stay = stay_or_404(request, iep)
    found = _agreement(stay)
    if found is None:
        raise Http404
    answer = HttpResponse(letter.pdf(found), content_type="application/pdf")
    answer["Content-Disposition"] = f'attachment; filename="prise-en-charge-{stay.iep}.pdf"'
    answer["Cache-Control"] = "no-store"
    return answer


@needs(Action.CORRECT_INVOICE)
@require_POST
def invoice_left(request: HttpRequest, number: str) -> HttpResponse:
    """A person posted an invoice outside ROC, or typed it on the payer's portal."""
    found = invoice_or_404(request, number)
    try:
        services.invoice_left(found.pk, actor(request))
    except Refused as refused:
        messages.warning(request, refused.sentence)
    else:
        messages.success(request, f"Facture {number} notée comme envoyée.")
    return redirect("billing:invoice", number)
