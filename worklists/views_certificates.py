"""The certificates: our two, those ready to follow, the authorities we trust, and what we refused and why."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from accounts.access import colleague, needs
from accounts.enums import Action
from admissions.errors import Refused
from gap.lists import page_number, page_of
from teleservices import certificates
from teleservices.enums import CertificateState, CertificateUse
from teleservices.models import RefusedCertificate, SoftwareCertificate, TrustedAuthority
from worklists import overview
from worklists.forms_certificates import AuthorityForm, CertificateForm

# A certificate lives for years: these are decades.
_SHOWN = 50
_REFUSED_A_PAGE = 20


@require_safe
@needs(Action.SEE_TECHNICAL)
def screen(request: HttpRequest) -> HttpResponse:
    """What is in force, what comes next, and what was refused."""
    return _page(request)


def _page(
    request: HttpRequest,
    form: CertificateForm | None = None,
    authority_form: AuthorityForm | None = None,
    status: int = 200,
) -> HttpResponse:
    user = colleague(request)
    kept = SoftwareCertificate.objects.defer("private_key", "certificate", "chain").select_related(
        "imported_by", "changed_by"
    )
    trusted = TrustedAuthority.objects.filter(withdrawn_at__isnull=True).defer("certificate")
    context = {
        "watched": overview.certificates(),
        "certificates": kept.order_by("use", "state", "-imported_at")[:_SHOWN],
        "authorities": trusted.select_related("added_by")[:_SHOWN],
        "page": page_of(
            RefusedCertificate.objects.defer("certificate"),
            page_number(request.GET.get("page")),
            size=_REFUSED_A_PAGE,
        ),
        "form": form or CertificateForm(),
        "authority_form": authority_form or AuthorityForm(),
        "may_change": user.may(Action.MANAGE_CERTIFICATES),
        "now": timezone.now(),
    }
    return render(request, "worklists/certificates.html", context, status=status)


@needs(Action.MANAGE_CERTIFICATES)
@require_POST
@sensitive_post_parameters("passphrase")
def import_certificate(request: HttpRequest) -> HttpResponse:
    """Keep a certificate with its key. It serves once it is put in force."""
    form = CertificateForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, form=form, status=422)
    user = colleague(request)
    use = CertificateUse(form.cleaned_data["use"])
    files = (form.content("file"), form.content("key_file"))
    try:
        kept = certificates.import_certificate(use, *files, passphrase=form.cleaned_data["passphrase"], user=user)
    except Refused as refusal:
        form.refuse(refusal)
        return _page(request, form=form, status=422)
    messages.success(request, f"« {kept.name} » est prêt pour {use.label}. Mettez-le en service quand il doit servir.")
    return redirect("worklists:certificates")


@needs(Action.MANAGE_CERTIFICATES)
@require_POST
def put_in_force(request: HttpRequest, pk: int) -> HttpResponse:
    """From now on, we present ourselves by this one."""
    user = colleague(request)
    try:
        chosen = certificates.put_in_force(pk, user)
    except Refused as refusal:
        messages.error(request, refusal.sentence)
    else:
        use = CertificateUse(chosen.use).label
        messages.success(
            request,
            f"« {chosen.name} » est en service pour {use}. Les appels arrêtés faute de certificat repartent seuls.",
        )
    return redirect("worklists:certificates")


@needs(Action.MANAGE_CERTIFICATES)
@require_POST
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """It will not serve."""
    user = colleague(request)
    try:
        withdrawn = certificates.withdraw(pk, user)
    except Refused as refusal:
        messages.error(request, refusal.sentence)
    else:
        messages.success(request, f"« {withdrawn.name} » est {CertificateState.WITHDRAWN.label}.")
    return redirect("worklists:certificates")


@needs(Action.MANAGE_CERTIFICATES)
@require_POST
def trust(request: HttpRequest) -> HttpResponse:
    """Accept what these authorities issue."""
    form = AuthorityForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, authority_form=form, status=422)
    user = colleague(request)
    try:
        added = certificates.trust(form.content("file"), user)
    except Refused as refusal:
        form.refuse(refusal)
        return _page(request, authority_form=form, status=422)
    if added:
        names = ", ".join(f"« {one.name} »" for one in added)
        messages.success(request, f"Reconnu : {names}. Les appels arrêtés par ce refus repartent seuls.")
    else:
        messages.info(request, "Ces autorités étaient déjà reconnues. Rien n’a changé.")
    return redirect("worklists:certificates")


@needs(Action.MANAGE_CERTIFICATES)
@require_POST
def distrust(request: HttpRequest, pk: int) -> HttpResponse:
    """Accept no more what this authority issues."""
    user = colleague(request)
    try:
        gone = certificates.distrust(pk, user)
    except Refused as refusal:
        messages.error(request, refusal.sentence)
    else:
        messages.success(request, f"« {gone.name} » n’est plus reconnue.")
    return redirect("worklists:certificates")
