"""Certificate files: read whatever their form, matched with their key, checked for purpose, dates and chain."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from gap.pki import (
    SERVICES_UNIT,
    issue_client_certificate,
    issue_expired_client_certificate,
    issue_foreign_client_certificate,
    read_certificate,
)
from teleservices.rules.certificates import (
    Bundle,
    CertificateProblem,
    Problem,
    check_client,
    identity,
    read_authorities,
    read_bundle,
)
from tests.certificates import another_pki, as_pem, as_pkcs12, sealed_key


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    return another_pki(tmp_path_factory.mktemp("pki"))


def problem_of(*files: bytes, passphrase: str = "") -> Problem:
    with pytest.raises(CertificateProblem) as refused:
        read_bundle(*files, passphrase=passphrase)
    return refused.value.problem


def refusal_of(bundle: Bundle, authorities) -> CertificateProblem:
    with pytest.raises(CertificateProblem) as refused:
        check_client(bundle, authorities, datetime.now(UTC))
    return refused.value


def trusted(pki):
    return [read_certificate(pki.ca)]


def self_made(key, **dates: datetime) -> Bundle:
    """Signed by itself, with no extension at all."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Sans autorité")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return Bundle(certificate, key, ())


def test_pem_is_read_in_any_order_in_one_file_or_two(pki) -> None:
    pair, ca = pki.services, pki.ca.read_bytes()
    certificate, key = pair.certificate.read_bytes(), pair.key.read_bytes()
    expected = read_certificate(pair.certificate)
    for files in ((certificate + key,), (key + ca + certificate,), (certificate, key), (key, ca + certificate)):
        found = read_bundle(*files)
        assert found.certificate == expected
        assert found.key.public_key() == expected.public_key()
    assert [identity(one).name for one in read_bundle(ca + certificate, key).chain] == [
        "Autorité de développement mini-GAP"
    ]


def test_a_pkcs12_and_a_sealed_key_open_with_their_passphrase(pki) -> None:
    pair = pki.services
    expected = read_certificate(pair.certificate)
    assert read_bundle(as_pkcs12(pair, "sésame", pki.ca), passphrase="sésame").certificate == expected
    assert read_bundle(pair.certificate.read_bytes(), sealed_key(pair, "s"), passphrase="s").certificate == expected
    # One that is not needed does no harm.
    assert read_bundle(as_pem(pair), passphrase="inutile").certificate == expected


def test_what_cannot_be_opened_says_why(pki) -> None:
    pair = pki.services
    certificate, key = pair.certificate.read_bytes(), pair.key.read_bytes()
    assert problem_of() is Problem.NO_CERTIFICATE
    assert problem_of(certificate) is Problem.NO_KEY
    assert problem_of(key) is Problem.NO_CERTIFICATE
    assert problem_of(certificate, pki.directory.key.read_bytes()) is Problem.OTHER_KEY
    assert problem_of(as_pkcs12(pair, "sésame")) is Problem.LOCKED
    assert problem_of(as_pkcs12(pair, "sésame"), passphrase="autre") is Problem.NOT_OPENED
    assert problem_of(certificate, sealed_key(pair, "sésame")) is Problem.LOCKED
    assert problem_of(certificate, sealed_key(pair, "sésame"), passphrase="autre") is Problem.NOT_OPENED
    assert problem_of(b"\x89PNG\r\n") is Problem.NOT_READ
    assert problem_of(certificate[:200] + b"\n-----END CERTIFICATE-----\n" + key) is Problem.NOT_READ
    assert problem_of(certificate, key[:60] + b"\n-----END PRIVATE KEY-----\n") is Problem.NOT_READ
    assert problem_of(b"-" * 300_000) is Problem.TOO_BIG


def test_a_key_that_tls_would_not_take_is_refused(pki) -> None:
    other = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    assert problem_of(pki.services.certificate.read_bytes(), other) is Problem.KEY_KIND


@pytest.mark.parametrize(
    "key", [rsa.generate_private_key(65537, 1024), ec.generate_private_key(ec.SECP192R1())], ids=["rsa", "curve"]
)
def test_a_short_key_is_refused(pki, key) -> None:
    assert refusal_of(self_made(key), trusted(pki)).problem is Problem.KEY_WEAK


def test_ours_is_good_for_the_authority_that_issued_it(pki) -> None:
    bundle = read_bundle(as_pem(pki.services))
    check_client(bundle, trusted(pki), datetime.now(UTC))
    refused = refusal_of(bundle, [])
    assert (refused.problem, refused.detail) == (Problem.CHAIN, "Autorité de développement mini-GAP")


def test_each_certificate_that_cannot_serve_says_why(pki) -> None:
    def refused(pair) -> Problem:
        return refusal_of(read_bundle(as_pem(pair)), trusted(pki)).problem

    assert refused(issue_expired_client_certificate(pki, SERVICES_UNIT)) is Problem.EXPIRED
    assert refused(issue_foreign_client_certificate(pki, SERVICES_UNIT)) is Problem.CHAIN
    assert refused(pki.server) is Problem.NOT_A_CLIENT
    assert refused(pki.authority) is Problem.IS_AUTHORITY


def test_a_certificate_of_later_is_checked_as_of_its_first_day(pki) -> None:
    start = datetime.now(UTC) + timedelta(days=20)
    later = issue_client_certificate(
        pki, "later", SERVICES_UNIT, not_before=start, not_after=start + timedelta(days=300)
    )
    check_client(read_bundle(as_pem(later)), trusted(pki), datetime.now(UTC))


def test_a_client_that_signs_others_is_no_link_of_a_chain(pki, tmp_path) -> None:
    """Whoever holds a certificate of ours must not make others with it."""
    from gap import pki as made

    folder = tmp_path / "forged"
    forger = made.DevelopmentPki(folder)
    folder.mkdir()
    # The forger's authority is the hospital's own certificate.
    forger.authority.certificate.write_bytes(pki.services.certificate.read_bytes())
    forger.authority.key.write_bytes(pki.services.key.read_bytes())
    forged = issue_client_certificate(forger, "forged", SERVICES_UNIT)
    bundle = read_bundle(as_pem(forged), pki.services.certificate.read_bytes())
    assert bundle.chain != ()
    assert refusal_of(bundle, trusted(pki)).problem is Problem.CHAIN


def test_authorities_are_read_in_both_forms_and_others_refused(pki) -> None:
    ca = read_certificate(pki.ca)
    assert read_authorities(pki.ca.read_bytes()) == (ca,)
    assert read_authorities(ca.public_bytes(serialization.Encoding.DER)) == (ca,)
    for content, problem in (
        (pki.services.certificate.read_bytes(), Problem.NOT_AUTHORITY),
        (pki.ca.read_bytes() + pki.services.certificate.read_bytes(), Problem.NOT_AUTHORITY),
        (pki.services.key.read_bytes(), Problem.NO_CERTIFICATE),
        (b"rien", Problem.NOT_READ),
        (b"-" * 300_000, Problem.TOO_BIG),
    ):
        with pytest.raises(CertificateProblem) as refused:
            read_authorities(content)
        assert refused.value.problem is problem


def test_a_problem_never_shows_the_passphrase_nor_the_key(pki) -> None:
    with pytest.raises(CertificateProblem) as refused:
        read_bundle(as_pkcs12(pki.services, "sésame"), passphrase="mot-de-passe-faux")
    assert "mot-de-passe-faux" not in repr(refused.value) + str(refused.value.__cause__)
