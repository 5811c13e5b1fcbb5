"""The certificate of a program, as the proxy that ends TLS tells it (RFC 8705, RFC 9440).

The proxy proves that the program holds the key. Its header is believed from the networks of the settings alone; whether
the certificate is worth something is looked at here, not there.
"""

from __future__ import annotations

import base64
import ipaddress
from functools import lru_cache
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import ExtensionPolicy, PolicyBuilder, Store, VerificationError
from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

log = structlog.get_logger(__name__)

#: A chain of certificates is no longer than this in a header.
_LONGEST: Final = 16_384
_PEM: Final = "-----BEGIN CERTIFICATE-----"


def presented(request: HttpRequest) -> x509.Certificate | None:
    """The certificate that came with this request, by a proxy of ours; None when none did, or from anybody else."""
    chosen = settings.CLIENT_CERTIFICATES
    text = request.headers.get(chosen["header"], "").strip()
    if not text or not _from_a_proxy(request.META.get("REMOTE_ADDR", ""), tuple(chosen["proxies"])):
        return None
    try:
        return _read(text)
    except ValueError:
        log.warning("client_certificate_unreadable", header=chosen["header"])
        return None


def digest(certificate: x509.Certificate) -> str:
    """`x5t#S256` (RFC 8705 §3.1): SHA-256 of the DER, base64url, 43 signs."""
    return base64.urlsafe_b64encode(certificate.fingerprint(hashes.SHA256())).rstrip(b"=").decode()


def is_current(certificate: x509.Certificate) -> bool:
    return certificate.not_valid_before_utc <= timezone.now() <= certificate.not_valid_after_utc


def is_trusted(certificate: x509.Certificate) -> bool:
    """Whether an authority of CLIENT_CERTIFICATE_AUTHORITIES vouches for it now, for a client. No authority, no trust."""
    path = settings.CLIENT_CERTIFICATES["authorities"]
    if not path or not _for_clients(certificate):
        return False
    authorities = x509.load_pem_x509_certificates(Path(path).read_bytes())
    roots = [one for one in authorities if one.issuer == one.subject]
    policy = PolicyBuilder().store(Store(roots)).time(timezone.now())
    # The defaults of the web ask for a name of a machine, which the certificate of an organisation has not.
    verifier = policy.extension_policies(
        ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=ExtensionPolicy.permit_all()
    ).build_client_verifier()
    try:
        verifier.verify(certificate, [one for one in authorities if one not in roots])
    except VerificationError:
        return False
    return True


def subject(certificate: x509.Certificate) -> str:
    """Its subject as RFC 4514 writes it."""
    return certificate.subject.rfc4514_string()


def _for_clients(certificate: x509.Certificate) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    except ValueError:
        return False
    return ExtendedKeyUsageOID.CLIENT_AUTH in usage


@lru_cache(maxsize=4)
def _networks(texts: tuple[str, ...]) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(text.strip()) for text in texts)


def _from_a_proxy(address: str, proxies: tuple[str, ...]) -> bool:
    try:
        peer = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(peer in network for network in _networks(proxies) if network.version == peer.version)


def _read(text: str) -> x509.Certificate:
    """RFC 9440 (`:base64:`, one byte sequence) or the PEM in percent signs of nginx and HAProxy. Raises ValueError."""
    if len(text) > _LONGEST:
        raise ValueError("too long")
    if len(text) > 2 and text.startswith(":") and text.endswith(":"):
        return x509.load_der_x509_certificate(base64.b64decode(text[1:-1], validate=True))
    pem = unquote(text)
    if not pem.startswith(_PEM) or pem.count(_PEM) != 1:
        raise ValueError("one certificate is expected")
    return x509.load_pem_x509_certificate(pem.encode("ascii"))
