"""Protected dossiers: who they are, who opens one and why, and what is thought of it afterwards (« bris de glace »)."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from django.conf import settings
from django.core.mail import mail_admins
from django.db import transaction
from django.utils import timezone

from accounts.enums import JournalKind
from accounts.journal import done
from accounts.journal.unit import Unit
from accounts.models import User
from admissions.enums import EventKind, GlassReason, Protection, StayStatus, Verdict
from admissions.errors import Conflict, Refused
from admissions.events import Actor, record_event, wake
from admissions.models import BrokenGlass, Patient
from gap.locks import hold_for_transaction

_UNDER_WAY = (StayStatus.PREADMITTED, StayStatus.ADMITTED, StayStatus.DISCHARGED)


def may_open(unit: Unit, patient_id: int) -> bool:
    """Whether this unit may open the protected dossier of this patient now (`accounts.journal.guard`): a person who said
    why. Programs have a scope instead (`admissions.api.base.unprotected`).
    """
    return unit.user_id is not None and opened(unit.user_id, patient_id) is not None


def opened(user_id: int, patient_id: int) -> BrokenGlass | None:
    """The opening that still lasts, the one that lasts longest."""
    lasting = BrokenGlass.objects.filter(user=user_id, patient=patient_id, until__gt=timezone.now())
    return lasting.order_by("-until").first()


def break_glass(patient: Patient, user: User, reason: str, words: str) -> BrokenGlass:
    """Open a protected dossier to one person for `settings.GLASS_S`. Raises Refused.

    Asked twice, it is opened once: somebody who clicks twice is not two openings to review.
    """
    words = " ".join(words.split())
    if reason not in GlassReason.values:
        raise Refused("Choisissez le motif de l’ouverture.", kept="Rien n’est ouvert.", field="reason")
    if reason == GlassReason.OTHER and len(words) < 5:
        raise Refused(
            "Dites en quelques mots pourquoi vous ouvrez ce dossier.", kept="Rien n’est ouvert.", field="words"
        )
    if user.establishment is None:
        raise Refused("Votre compte n’a pas d’établissement.", kept="Rien n’est ouvert.")
    with transaction.atomic():
        hold_for_transaction(f"glass:{user.pk}:{patient.pk}")
        if already := opened(user.pk, patient.pk):
            return already
        now = timezone.now()
        broken = BrokenGlass.objects.create(
            user=user,
            patient=patient,
            establishment=user.establishment,
            protection=patient.protection,
            reason=reason,
            words=words[:300],
            at=now,
            until=now + timedelta(seconds=settings.GLASS_S),
        )
        transaction.on_commit(partial(wake, "admissions.tasks.tell_broken_glass", broken.pk))
    said = f"{broken.get_reason_display()}. {words}".strip()
    done(
        JournalKind.GLASS, patient_id=patient.pk, object_type="admissions_brokenglass", object_id=broken.pk, reason=said
    )
    return broken


def protect(patient_id: int, protection: str, actor: Actor, *, version: int) -> Patient:
    """Protect a dossier, or protect it no more. Raises Refused, Conflict.

    A birth kept secret is told to no payer: the calls of its stays that have not left are cancelled by the event.
    """
    if protection not in Protection.values:
        raise Refused("Cette protection n’existe pas.", field="protection")
    with transaction.atomic():
        patient = Patient.objects.select_for_update().get(pk=patient_id)
        if patient.version != version:
            raise Conflict("Ce dossier a été enregistré par quelqu’un d’autre.", todo="Relisez-le, puis recommencez.")
        if patient.protection == protection:
            return patient
        patient.protection = protection
        patient.version += 1
        patient.save(update_fields=["protection", "version"])
        for stay in patient.stays.filter(status__in=_UNDER_WAY):
            record_event(stay, EventKind.PATIENT_CORRECTED, actor)
    return patient


def review(broken_id: int, reviewer: User, verdict: str, remark: str) -> BrokenGlass:
    """Say what is thought of an opening, once. Raises Refused, Conflict; BrokenGlass.DoesNotExist."""
    remark = " ".join(remark.split())
    if verdict not in Verdict.values:
        raise Refused("Choisissez un avis.", field="verdict")
    if verdict == Verdict.FOLLOWED and not remark:
        raise Refused("Dites ce qui reste à suivre.", field="remark")
    with transaction.atomic():
        broken = BrokenGlass.objects.select_for_update(of=("self",)).select_related("user").get(pk=broken_id)
        if broken.user_id == reviewer.pk:
            raise Refused("Personne ne relit ses propres ouvertures.", todo="Demandez à un collègue.")
        if broken.verdict and broken.verdict != Verdict.FOLLOWED:
            raise Conflict("Un collègue a déjà donné son avis sur cette ouverture.", todo="Relisez la liste.")
        broken.verdict, broken.remark = verdict, remark[:300]
        broken.reviewed_by, broken.reviewed_at = reviewer, timezone.now()
        broken.save(update_fields=["verdict", "remark", "reviewed_by", "reviewed_at"])
    return broken


def tell(broken_id: int) -> None:
    """Write to whoever the alerts go to (`ALERT_EMAILS`): when, which role of protection, and no name."""
    broken = BrokenGlass.objects.select_related("establishment").get(pk=broken_id)
    at = timezone.localtime(broken.at)
    mail_admins(
        f"dossier protégé ouvert le {at:%d/%m/%Y à %H:%M}",
        f"Établissement\u00a0: {broken.establishment.name}.\n"
        f"Protection\u00a0: {broken.get_protection_display()}. Motif\u00a0: {broken.get_reason_display()}.\n\n"
        "Qui, et ce qui a été consulté, se lit dans «\u00a0Journal\u00a0», «\u00a0Dossiers protégés ouverts\u00a0».\n",
    )


def to_review(establishment_id: int) -> int:
    """How many openings nobody has looked at."""
    return BrokenGlass.objects.filter(establishment=establishment_id, reviewed_at=None).count()
