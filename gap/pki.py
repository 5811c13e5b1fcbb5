"""Development certificates: one authority, one server, the software certificates of the hospital.

The real ones come from IGC-Santé: one authenticates to the directory of AMC, one to the services of an AMC, one to INSi,
one to CDRi. These stand in for them on a laptop, in the demonstration and in the tests. They are never trusted in
production: nothing reads this folder unless a setting names it.

    python -m gap.pki FOLDER
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DIRECTORY_UNIT = "ROC-ANNUAIRE"
SERVICES_UNIT = "ROC-SERVICES"
INSI_UNIT = "INSI"
CDRI_UNIT = "CDRI"
#: The service takes no other common name of a software (INSI-MANU is for a person).
INSI_NAME = "INSI-AUTO"
_CLIENTS = {
    "client-directory": DIRECTORY_UNIT, "client-services": SERVICES_UNIT, "client-insi": INSI_UNIT,
    "client-cdri": CDRI_UNIT,
}  # fmt: skip
ORGANISATION = "Mini-GAP (développement)"
RENEW_BEFORE = timedelta(days=30)
CA_VALIDITY = timedelta(days=5 * 365)
LEAF_VALIDITY = timedelta(days=365)
# Clocks differ: a certificate that starts this instant is refused by a machine that is a little late.
BACKDATE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class CertificatePair:
    """A certificate (PEM) and its private key (PEM, PKCS#8, not encrypted, mode 0600)."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class DevelopmentPki:
    """Where the files of a development PKI are. Building one reads and writes nothing."""

    folder: Path

    @property
    def ca(self) -> Path:
        """Certificate of the authority: what both sides trust, and nothing else."""
        return self.folder / "ca.pem"

    @property
    def authority(self) -> CertificatePair:
        return self.pair("ca")

    @property
    def server(self) -> CertificatePair:
        return self.pair("server")

    @property
    def directory(self) -> CertificatePair:
        """The hospital's certificate for the directory of AMC."""
        return self.pair("client-directory")

    @property
    def services(self) -> CertificatePair:
        """The hospital's certificate for the services of the AMC."""
        return self.pair("client-services")

    @property
    def insi(self) -> CertificatePair:
        """The hospital's certificate for the national identity service."""
        return self.pair("client-insi")

    @property
    def cdri(self) -> CertificatePair:
        """The hospital's certificate for the service of AMO rights."""
        return self.pair("client-cdri")

    def pair(self, name: str) -> CertificatePair:
        return CertificatePair(self.folder / f"{name}.pem", self.folder / f"{name}.key.pem")


def create_development_pki(folder: Path, server_names: tuple[str, ...] = ("localhost", "127.0.0.1")) -> None:
    """Create what is missing in `folder`, renew what expires in under 30 days, leave the rest untouched.

    A new authority makes new certificates for everyone: nothing signed by the old one would be trusted.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    pki = DevelopmentPki(folder)
    if not _is_good(pki.authority, issuer=None):
        _write(pki.authority, *_new_authority("Autorité de développement mini-GAP"))
    issuer = pki.authority
    if not _is_good(pki.server, issuer) or not _answers_for(pki.server, server_names):
        issue_server_certificate(pki, "server", server_names)
    for name, unit in _CLIENTS.items():
        if not _is_good(pki.pair(name), issuer):
            issue_client_certificate(pki, name, unit)


def issue_client_certificate(
    pki: DevelopmentPki,
    name: str,
    unit: str,
    *,
    not_before: datetime | None = None,
    not_after: datetime | None = None,
) -> CertificatePair:
    """Issue `name`.pem and its key for the role `unit` (one of the units above), signed by the folder's CA."""
    subject = _name(INSI_NAME if unit == INSI_UNIT else f"Établissement de démonstration ({name})", unit)
    return _issue(pki, name, subject, ExtendedKeyUsageOID.CLIENT_AUTH, (), not_before, not_after)


def issue_expired_client_certificate(pki: DevelopmentPki, unit: str) -> CertificatePair:
    """For tests: a client certificate that expired yesterday."""
    now = datetime.now(UTC)
    start, end = now - timedelta(days=30), now - timedelta(days=1)
    return issue_client_certificate(pki, f"expired-{unit.lower()}", unit, not_before=start, not_after=end)


def issue_foreign_client_certificate(pki: DevelopmentPki, unit: str) -> CertificatePair:
    """For tests: a client certificate of another authority, that the servers of this PKI do not trust."""
    other = DevelopmentPki(pki.folder / "other-authority")
    create_development_pki(other.folder)
    return issue_client_certificate(other, f"foreign-{unit.lower()}", unit)


def issue_server_certificate(
    pki: DevelopmentPki,
    name: str,
    server_names: tuple[str, ...],
    *,
    not_before: datetime | None = None,
    not_after: datetime | None = None,
) -> CertificatePair:
    """Issue `name`.pem and its key for these host names and IP addresses, signed by the folder's CA."""
    subject = _name(f"Simulateur ({name})", "ROC-SIMULATEUR")
    return _issue(pki, name, subject, ExtendedKeyUsageOID.SERVER_AUTH, server_names, not_before, not_after)


def read_certificate(path: Path) -> x509.Certificate:
    """The first certificate of a PEM file. Raises OSError, or ValueError when it holds none."""
    return x509.load_pem_x509_certificate(path.read_bytes())


def _issue(
    pki: DevelopmentPki,
    name: str,
    subject: x509.Name,
    usage: x509.ObjectIdentifier,
    server_names: tuple[str, ...],
    not_before: datetime | None,
    not_after: datetime | None,
) -> CertificatePair:
    issuer = read_certificate(pki.authority.certificate)
    issuer_key = _read_key(pki.authority.key)
    now = datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _builder(subject, issuer.subject, key, not_before or now - BACKDATE, not_after or now + LEAF_VALIDITY)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if server_names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general_name(n) for n in server_names]), False)
    pair = pki.pair(name)
    _write(pair, key, builder.sign(issuer_key, hashes.SHA256()))
    return pair


def _new_authority(common_name: str) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    now = datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(common_name, "ROC-AUTORITE")
    builder = (
        _builder(name, name, key, now - BACKDATE, now + CA_VALIDITY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)
    )
    return key, builder.sign(key, hashes.SHA256())


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, start: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _key_usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str, unit: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "FR"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANISATION),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _general_name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _is_good(pair: CertificatePair, issuer: CertificatePair | None) -> bool:
    """Present, readable, a matching key, signed by the issuer (itself when None), and not about to expire."""
    try:
        certificate, key = read_certificate(pair.certificate), _read_key(pair.key)
        authority = read_certificate((issuer or pair).certificate)
        certificate.verify_directly_issued_by(authority)
    except (OSError, ValueError, TypeError, InvalidSignature):
        return False
    matches = certificate.public_key() == key.public_key()
    return matches and certificate.not_valid_after_utc - datetime.now(UTC) > RENEW_BEFORE


def _answers_for(pair: CertificatePair, server_names: tuple[str, ...]) -> bool:
    certificate = read_certificate(pair.certificate)
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return {_general_name(name) for name in server_names} <= set(extension.value)


def _read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("an elliptic curve key was expected")
    return key


def _write(pair: CertificatePair, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _replace(pair.key, pem, 0o600)
    _replace(pair.certificate, certificate.public_bytes(serialization.Encoding.PEM), 0o644)


def _replace(path: Path, content: bytes, mode: int) -> None:
    """Write beside, then rename: a reader sees the old file or the new one, and the key is never readable by others."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
    os.replace(temporary, path)


def main() -> None:
    parser = argparse.ArgumentParser(description="Create or renew the development certificates")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--server-name", action="append", help="host name or address of the server (repeatable)")
    arguments = parser.parse_args()
    names = tuple(arguments.server_name or ()) or ("localhost", "127.0.0.1")
    create_development_pki(arguments.folder, names)


if __name__ == "__main__":
    main()
