"""What a payer is sent: the request and its reminders, as a PDF/UA letter and as text to paste in an e-mail.

No more than a request needs: who, which member, which stay, which days, which hospital, what is asked for. No diagnosis, no
price, no NIR.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.utils import timezone

from admissions.enums import StayKind
from billing.enums import AgreementState, Covered
from billing.models import Agreement
from gap.documents import render_pdf
from gap.text import NBSP

_TEMPLATE: Final = Path(__file__).parent / "documents" / "lettre.typ"


def title_of(agreement: Agreement) -> str:
    """A first demand, or which reminder."""
    if agreement.reminders:
        return f"Demande de prise en charge, relance n°{NBSP}{agreement.reminders}"
    return "Demande de prise en charge"


def facts(agreement: Agreement) -> list[tuple[str, str]]:
    """(label, value) of the request, all of it known already."""
    stay, patient = agreement.stay, agreement.stay.patient
    end = stay.ended_at or stay.planned_end_at
    rows = [
        ("Patient", f"{patient.birth_name} {patient.first_name}"),
        ("Né(e) le", f"{patient.birth_date:%d/%m/%Y}"),
        ("N° d’adhérent", agreement.coverage.member_number or "non communiqué"),
        ("N° de dossier", stay.iep),
        ("Établissement", f"{stay.establishment.name}, FINESS {stay.establishment.finess_site}"),
        ("Nature des soins", f"{stay.get_kind_display()}, {stay.get_domain_display()}"),
        ("Entrée", f"{timezone.localtime(stay.start_at):%d/%m/%Y}"),
        ("Sortie" if stay.ended_at else "Sortie prévue", f"{timezone.localtime(end):%d/%m/%Y}" if end else "non fixée"),
        ("Demandé", ", ".join(_wanted(agreement))),
    ]
    if agreement.requested_at and agreement.state == AgreementState.REQUESTED:
        rows.append(("Première demande", f"{timezone.localtime(agreement.requested_at):%d/%m/%Y}"))
    return rows


def text(agreement: Agreement) -> str:
    """Ready for an e-mail."""
    told = "\n".join(f"{label}{NBSP}: {value}" for label, value in facts(agreement))
    return f"{_opening(agreement)}\n\n{told}\n\n{_closing()}\n\n{agreement.stay.establishment.name}\n"


def pdf(agreement: Agreement) -> bytes:
    """The letter, to the payer's address."""
    debtor, hospital = agreement.debtor, agreement.stay.establishment
    data: dict[str, Any] = {
        "title": title_of(agreement),
        "software": f"{settings.SOFTWARE_NAME} {settings.SOFTWARE_VERSION}",
        "hospital": [hospital.name, f"FINESS {hospital.finess_site}"],
        "to": [line for line in (debtor.name, debtor.address, f"{debtor.postcode} {debtor.town}".strip()) if line],
        "day": f"Le {timezone.localdate():%d/%m/%Y}",
        "opening": _opening(agreement),
        "rows": [list(row) for row in facts(agreement)],
        "closing": _closing(),
    }
    return render_pdf(_TEMPLATE, data)


def _wanted(agreement: Agreement) -> list[str]:
    stay = agreement.stay
    wanted = [str(Covered.CO_PAYMENT.label)]
    if stay.kind == StayKind.FULL:
        wanted.append(str(Covered.DAILY_CHARGE.label))
    labels = {str(one.value): str(one.label) for one in Covered}
    wanted += sorted({labels[request.code] for request in stay.requests.all()})
    return wanted


def _opening(agreement: Agreement) -> str:
    if agreement.reminders:
        return (
            "Madame, Monsieur, nous n’avons pas reçu votre réponse à notre demande de prise en charge. Merci de nous "
            "l’adresser."
        )
    return "Madame, Monsieur, nous vous demandons la prise en charge des soins suivants."


def _closing() -> str:
    return (
        "Merci de préciser le n° de prise en charge, les dates d’effet, les taux et plafonds par nature de dépense, et les "
        "jours de carence."
    )
