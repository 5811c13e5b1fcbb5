"""What may be said of a certificate before it is used: read, matched with its key, its purpose, its chain.

Nothing here knows where it is kept. Source: the two software certificates of a hospital come from IGC-Santé (programme
SIMPHONIE, « Fiche processus de mise en œuvre de ROC »); purpose and chain are RFC 5280's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import (
    ClientVerifier,
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
#: Shorter ones are no longer accepted by anybody (RGS, annexe B1).
SMALLEST_RSA_BITS: Final = 2048
SMALLEST_CURVE_BITS: Final = 256
#: A certificate, its key and its chain weigh some kilobytes.
LARGEST_FILE_BYTES: Final = 200_000
_PEM_MARK: Final = b"-----BEGIN "


class Problem(StrEnum):
    """Why a file or a certificate is of no use."""

    TOO_BIG = "too_big"
    NOT_READ = "not_read"
    NO_CERTIFICATE = "no_certificate"
    NO_KEY = "no_key"
    LOCKED = "locked"
    NOT_OPENED = "not_opened"
    TOO_SLOW = "too_slow"
    KEY_KIND = "key_kind"
    KEY_WEAK = "key_weak"
    OTHER_KEY = "other_key"
    IS_AUTHORITY = "is_authority"
    NOT_AUTHORITY = "not_authority"
    NOT_A_CLIENT = "not_a_client"
    EXPIRED = "expired"
    CHAIN = "chain"


class CertificateProblem(ValueError):
    """The certificate cannot be used. `detail`: what may be shown of it, never a key nor a passphrase."""

    def __init__(self, problem: Problem, detail: str = "") -> None:
        super().__init__(problem.value)
        self.problem = problem
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Bundle:
    """A certificate, its private key, and the authorities that came with them, in any order."""

    certificate: x509.Certificate
    key: PrivateKey
    chain: tuple[x509.Certificate, ...]

    @property
    def key_der(self) -> bytes:
        """PKCS#8, in clear: to be encrypted by who keeps it."""
        return self.key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @property
    def chain_pem(self) -> str:
        return "".join(pem(one) for one in self.chain)


@dataclass(frozen=True, slots=True)
class Identity:
    """What a person reads of a certificate: the names that people use, and the whole one of its owner.

    `serial`: hexadecimal, as the authorities print it.
    """

    name: str
    subject: str
    issuer: str
    serial: str
    fingerprint: str
    not_before: datetime
    not_after: datetime


def read_bundle(*files: bytes, passphrase: str = "") -> Bundle:
    """The certificate and the key of a PKCS#12, or of one or two PEM files. Raises CertificateProblem."""
    given = [content for content in files if content]
    if any(len(content) > LARGEST_FILE_BYTES for content in given):
        raise CertificateProblem(Problem.TOO_BIG)
    if not given:
        raise CertificateProblem(Problem.NO_CERTIFICATE)
    secret = passphrase.encode() if passphrase else None
    certificates: list[x509.Certificate] = []
    key: PrivateKey | None = None
    for content in given:
        if _PEM_MARK in content:
            certificates += _pem_certificates(content)
            key = _pem_key(content, secret) or key
        else:
            found, found_key = _pkcs12(content, secret)
            certificates += found
            key = found_key or key
    if not certificates:
        raise CertificateProblem(Problem.NO_CERTIFICATE)
    if key is None:
        raise CertificateProblem(Problem.NO_KEY)
    return _matched(certificates, key)


def kept_bundle(certificate: str, key_der: bytes, chain: str) -> Bundle:
    """One that was read before: PEM, PKCS#8 in clear, PEM of the chain (or nothing)."""
    others = x509.load_pem_x509_certificates(chain.encode()) if chain else []
    key = _usable(serialization.load_der_private_key(key_der, None))
    return Bundle(x509.load_pem_x509_certificate(certificate.encode()), key, tuple(others))


def read_authorities(content: bytes) -> tuple[x509.Certificate, ...]:
    """Every certificate of a PEM or DER file. Raises CertificateProblem: none, or one that signs nothing."""
    if len(content) > LARGEST_FILE_BYTES:
        raise CertificateProblem(Problem.TOO_BIG)
    if _PEM_MARK in content:
        found = _pem_certificates(content)
    else:
        try:
            found = [x509.load_der_x509_certificate(content)]
        except ValueError:
            raise CertificateProblem(Problem.NOT_READ) from None
    if not found:
        raise CertificateProblem(Problem.NO_CERTIFICATE)
    for one in found:
        if not is_authority(one):
            raise CertificateProblem(Problem.NOT_AUTHORITY, common_name(one.subject))
    return tuple(found)


def check_client(bundle: Bundle, authorities: Sequence[x509.Certificate], now: datetime) -> None:
    """Key, purpose, dates and chain of a certificate by which we present ourselves. Raises CertificateProblem.

    One that is not valid yet is checked as of its first instant: it is imported before it is needed.
    """
    certificate = bundle.certificate
    if is_authority(certificate):
        raise CertificateProblem(Problem.IS_AUTHORITY)
    if _bits(bundle.key) < (SMALLEST_RSA_BITS if isinstance(bundle.key, rsa.RSAPrivateKey) else SMALLEST_CURVE_BITS):
        raise CertificateProblem(Problem.KEY_WEAK)
    if not _opens_client_sessions(certificate):
        raise CertificateProblem(Problem.NOT_A_CLIENT)
    if certificate.not_valid_after_utc <= now:
        raise CertificateProblem(Problem.EXPIRED, f"{certificate.not_valid_after_utc:%d/%m/%Y}")
    at = max(now, certificate.not_valid_before_utc)
    try:
        _verifier(authorities, at).verify(certificate, list(bundle.chain))
    except (VerificationError, ValueError):
        raise CertificateProblem(Problem.CHAIN, common_name(certificate.issuer)) from None


def identity(certificate: x509.Certificate) -> Identity:
    return Identity(
        name=common_name(certificate.subject)[:120],
        subject=certificate.subject.rfc4514_string()[:300],
        issuer=common_name(certificate.issuer)[:120],
        serial=f"{certificate.serial_number:x}"[:40],
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def common_name(name: x509.Name) -> str:
    """The name that people use; the whole of it where it has none."""
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else name.rfc4514_string()


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")


# ---- reading ----


def _pem_certificates(content: bytes) -> list[x509.Certificate]:
    if b"BEGIN CERTIFICATE" not in content:
        return []
    try:
        return x509.load_pem_x509_certificates(content)
    except ValueError:
        raise CertificateProblem(Problem.NOT_READ) from None


def _pem_key(content: bytes, secret: bytes | None) -> PrivateKey | None:
    if b"PRIVATE KEY-----" not in content:
        return None
    try:
        try:
            return _usable(serialization.load_pem_private_key(content, secret))
        except TypeError:
            if secret is None:
                raise CertificateProblem(Problem.LOCKED) from None
            # A passphrase was given for a key that has none.
            return _usable(serialization.load_pem_private_key(content, None))
    except CertificateProblem:
        raise
    except (ValueError, TypeError):
        raise CertificateProblem(Problem.NOT_OPENED if secret else Problem.NOT_READ) from None


def _pkcs12(content: bytes, secret: bytes | None) -> tuple[list[x509.Certificate], PrivateKey | None]:
    try:
        store = pkcs12.load_pkcs12(content, secret)
    except ValueError:
        if _is_pkcs12(content):
            problem = Problem.NOT_OPENED if secret else Problem.LOCKED
            raise CertificateProblem(problem) from None
        raise CertificateProblem(Problem.NOT_READ) from None
    held = [one.certificate for one in (store.cert, *store.additional_certs) if one is not None]
    return held, _usable(store.key) if store.key is not None else None


def _is_pkcs12(content: bytes) -> bool:
    """A DER sequence whose first element is the version 3 (RFC 7292, PFX)."""
    return content[:1] == b"\x30" and b"\x02\x01\x03" in content[:8]


def _usable(key: object) -> PrivateKey:
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise CertificateProblem(Problem.KEY_KIND)
    return key


def _matched(certificates: Sequence[x509.Certificate], key: PrivateKey) -> Bundle:
    """The certificate is the one of the key, wherever it stands in the file."""
    ours = [one for one in certificates if one.public_key() == key.public_key()]
    if not ours:
        raise CertificateProblem(Problem.OTHER_KEY)
    others = {one.fingerprint(hashes.SHA256()): one for one in certificates if one != ours[0]}
    return Bundle(ours[0], key, tuple(others.values()))


def _bits(key: PrivateKey) -> int:
    return key.key_size


# ---- purpose and chain ----


def _opens_client_sessions(certificate: x509.Certificate) -> bool:
    """Meant for client authentication, and allowed to sign. An extension that is absent forbids nothing."""
    extensions = certificate.extensions
    try:
        purposes = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        if not {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & set(purposes):
            return False
    except x509.ExtensionNotFound:
        pass
    try:
        return extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature
    except x509.ExtensionNotFound:
        return True


def _signs_certificates(_policy: Policy, _certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("an authority that may not sign")


def _is_ca(_policy: Policy, _certificate: x509.Certificate, constraints: x509.BasicConstraints) -> None:
    if not constraints.ca:
        raise ValueError("not an authority")


def _verifier(authorities: Sequence[x509.Certificate], at: datetime) -> ClientVerifier:
    """RFC 5280 without what the web's own profile adds: a hospital's certificate has no host name."""
    ca = (
        ExtensionPolicy.permit_all()
        .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _is_ca)
        .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _signs_certificates)
    )
    builder = PolicyBuilder().store(Store(list(authorities))).time(at)
    return builder.extension_policies(ee_policy=ExtensionPolicy.permit_all(), ca_policy=ca).build_client_verifier()
