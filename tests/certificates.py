"""Certificate files as hospitals receive them, made by a development authority."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from django.utils import timezone

from gap.pki import CertificatePair, DevelopmentPki, create_development_pki, read_certificate
from teleservices.enums import CertificateState, CertificateUse, TrustProblem
from teleservices.models import RefusedCertificate, SoftwareCertificate, TrustedAuthority


def key_of(pair: CertificatePair):
    return serialization.load_pem_private_key(pair.key.read_bytes(), None)


def as_pem(pair: CertificatePair) -> bytes:
    """Certificate and key in one file."""
    return pair.certificate.read_bytes() + pair.key.read_bytes()


def sealed_key(pair: CertificatePair, passphrase: str) -> bytes:
    return key_of(pair).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase.encode()),
    )


def as_pkcs12(pair: CertificatePair, passphrase: str, *authorities: Path) -> bytes:
    return pkcs12.serialize_key_and_certificates(
        b"mini-gap",
        key_of(pair),
        read_certificate(pair.certificate),
        [read_certificate(path) for path in authorities] or None,
        serialization.BestAvailableEncryption(passphrase.encode()),
    )


def another_pki(folder: Path) -> DevelopmentPki:
    create_development_pki(folder)
    return DevelopmentPki(folder)


def on_the_screen() -> None:
    """One row of each kind, for who looks at the screen: nothing can be called with them."""
    now = timezone.now()

    def read(number: int, name: str, days: int) -> dict[str, Any]:
        return {
            "certificate": "-", "fingerprint": f"{number:064}", "name": name, "issuer": "AC IGC-SANTE ÉLÉMENTAIRE",
            "subject": f"CN={name},O=CH DE VALMONT,C=FR", "serial": f"{0x4C50EEB5A6 + number:x}",
            "not_before": now - timedelta(days=900), "not_after": now + timedelta(days=days),
        }  # fmt: skip

    for number, (use, state, days) in enumerate(
        (
            (CertificateUse.DIRECTORY, CertificateState.IN_FORCE, 400),
            (CertificateUse.SERVICES, CertificateState.IN_FORCE, 20),
            (CertificateUse.SERVICES, CertificateState.READY, 1000),
            (CertificateUse.SERVICES, CertificateState.WITHDRAWN, -3),
        )
    ):
        SoftwareCertificate.objects.create(
            **read(number, f"roc-{use}.ch-valmont.example", days),
            use=use,
            state=state,
            private_key=b"-",
            in_force_since=now if state == CertificateState.IN_FORCE else None,
            withdrawn_at=now if state == CertificateState.WITHDRAWN else None,
        )
    TrustedAuthority.objects.create(**read(11, "AC RACINE IGC-SANTE ÉLÉMENTAIRE", 3000))
    for number, problem in enumerate((TrustProblem.EXPIRED, TrustProblem.UNKNOWN_AUTHORITY)):
        RefusedCertificate.objects.create(
            **read(20 + number, "roc.amc.example", -2),
            server="roc.amc.example:443",
            channel="annuaire" if number else "0000401166",
            problem=problem,
            times=12,
            first_seen_at=now - timedelta(days=2),
            last_seen_at=now,
        )
