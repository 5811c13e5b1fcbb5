"""Certificates that will expire: what is watched, and what is said at 60, 30 and 7 days, once each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import structlog
from django.conf import settings
from django.core.mail import mail_admins
from django.db import IntegrityError, transaction
from django.utils import timezone

from gap import incidents
from gap.pki import read_certificate
from teleservices import certificates, credentials
from teleservices.enums import CertificateUse
from teleservices.models import ExpiryWarning, TrustedAuthority
from teleservices.rules.certificates import identity

log = structlog.get_logger(__name__)

#: Days before the end: a renewal takes weeks in a hospital. First said early, then loudly.
THRESHOLDS: Final = (60, 30, 7)
_USES: Final = {CertificateUse.DIRECTORY: "Annuaire AMC", CertificateUse.SERVICES: "Services des AMC"}
# By the name of the setting that says where each is.
_NATIONAL: Final = {CertificateUse.INSI: "Identité nationale (INSi)", CertificateUse.CDRI: "Droits AMO (CDRi)"}


@dataclass(frozen=True, slots=True)
class Watched:
    """One certificate that the calls need. `expires_at` None: it is missing, or cannot be read (`problem` says which)."""

    key: str
    label: str
    expires_at: datetime | None
    fingerprint: str = ""
    problem: str = ""

    @property
    def days_left(self) -> int:
        """Whole days; negative once it has expired, and for one that is missing."""
        return (self.expires_at - timezone.now()).days if self.expires_at else -1

    @property
    def threshold(self) -> int | None:
        """The tightest that is reached."""
        return min((days for days in THRESHOLDS if self.days_left < days), default=None)


def watched() -> list[Watched]:
    """Our certificates and the authorities we trust, the first to expire first. Two queries."""
    return sorted(_watched(), key=lambda one: one.days_left)


def _watched() -> Iterator[Watched]:
    ours = certificates.in_force()
    # A service that is asked nothing needs no certificate.
    uses = _USES | {use: label for use, label in _NATIONAL.items() if getattr(settings, use.name)["url"]}
    for use, label in uses.items():
        if (held := ours.get(use)) is not None:
            yield Watched(use.value, label, held.not_after, held.fingerprint)
        else:
            yield _file(use.value, label, credentials.files_of(use).certificate)
    trusted = list(TrustedAuthority.objects.filter(withdrawn_at__isnull=True).order_by("pk"))
    for authority in trusted:
        yield Watched("authority", f"Autorité {authority.name}", authority.not_after, authority.fingerprint)
    if not trusted:
        yield _file("authority", "Autorité reconnue", credentials.files_of(CertificateUse.SERVICES).ca_file)


def _file(key: str, label: str, path: Path) -> Watched:
    try:
        certificate = read_certificate(path)
    except OSError:
        return Watched(key, label, None, problem="Fichier absent : aucun appel ne peut partir.")
    except ValueError:
        return Watched(key, label, None, problem="Fichier illisible : aucun appel ne peut partir.")
    return Watched(key, label, certificate.not_valid_after_utc, identity(certificate).fingerprint)


def warn() -> int:
    """Tell, once a threshold, what will expire: a line of the log, and a mail to the administrators of the settings.

    Returns how many were told. A mail that cannot leave is tried again at the next turn.
    """
    told = 0
    for one in watched():
        if one.threshold is None or one.expires_at is None:
            continue
        try:
            with transaction.atomic():
                ExpiryWarning.objects.create(
                    fingerprint=one.fingerprint, days=one.threshold, label=one.label[:120], not_after=one.expires_at
                )
                _tell(one)
        except IntegrityError:
            continue  # said already
        except OSError as problem:
            log.error("expiry_mail_not_sent", problem=type(problem).__name__)
            continue
        told += 1
    return told


def report() -> None:
    """Whether calls wait for a certificate that is over: told to everybody who works, and once by mail (`gap.incidents`)."""
    incidents.report("certificate", well=not _over(watched()))


def _over(known: list[Watched]) -> bool:
    """One of ours, or every authority: an old authority beside a new one stops nothing."""
    over = [one.expires_at is not None and one.days_left < 0 for one in known if one.key != "authority"]
    trusted = [one.expires_at is not None and one.days_left < 0 for one in known if one.key == "authority"]
    return any(over) or (bool(trusted) and all(trusted))


def _tell(one: Watched) -> None:
    assert one.expires_at is not None
    log.warning("certificate_expires", certificate=one.label, days_left=one.days_left)
    day = f"{timezone.localtime(one.expires_at):%d/%m/%Y}"
    state = f"expire le {day}" if one.days_left >= 0 else f"a expiré le {day}"
    mail_admins(
        f"Certificat « {one.label} » : {state}",
        f"Le certificat « {one.label} » {state}. Demandez son renouvellement, importez le nouveau dans « Certificats », "
        "puis mettez-le en service : aucun redémarrage n’est nécessaire.",
    )
