"""The development certificates: made once, kept, renewed in time."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gap.pki import (
    DIRECTORY_UNIT,
    INSI_UNIT,
    SERVICES_UNIT,
    CertificatePair,
    DevelopmentPki,
    create_development_pki,
    issue_client_certificate,
    issue_expired_client_certificate,
    issue_foreign_client_certificate,
    issue_server_certificate,
    read_certificate,
)


@pytest.fixture
def pki(tmp_path) -> DevelopmentPki:
    create_development_pki(tmp_path / "pki")
    return DevelopmentPki(tmp_path / "pki")


def contents(pki: DevelopmentPki) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in pki.folder.iterdir() if path.is_file()}


def unit(pair: CertificatePair) -> str:
    return read_certificate(pair.certificate).subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)[0].value


def test_a_second_creation_changes_nothing(pki):
    before = contents(pki)
    create_development_pki(pki.folder)
    assert contents(pki) == before
    assert len(before) == 12


def test_keys_are_pkcs8_and_readable_by_their_owner_alone(pki):
    for pair in (pki.authority, pki.server, pki.directory, pki.services, pki.insi, pki.cdri):
        assert stat.S_IMODE(pair.key.stat().st_mode) == 0o600
        assert pair.key.read_text().startswith("-----BEGIN PRIVATE KEY-----")


def test_the_client_certificates_can_be_told_apart_and_only_call(pki):
    assert (unit(pki.directory), unit(pki.services), unit(pki.insi)) == (DIRECTORY_UNIT, SERVICES_UNIT, INSI_UNIT)
    for pair in (pki.directory, pki.services, pki.insi, pki.cdri):
        usage = read_certificate(pair.certificate).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]


def test_the_server_certificate_answers_for_the_loopback(pki):
    names = read_certificate(pki.server.certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(a) for a in names.value.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]


def test_every_certificate_is_of_the_authority(pki):
    authority = read_certificate(pki.ca)
    for pair in (pki.server, pki.directory, pki.services):
        read_certificate(pair.certificate).verify_directly_issued_by(authority)


def test_a_certificate_that_expires_in_under_thirty_days_is_renewed_alone(pki):
    end = datetime.now(UTC) + timedelta(days=29)
    issue_client_certificate(pki, "client-services", SERVICES_UNIT, not_after=end)
    before = contents(pki)
    create_development_pki(pki.folder)
    after = contents(pki)
    assert {name for name in before if before[name] != after[name]} == {
        "client-services.pem",
        "client-services.key.pem",
    }
    assert read_certificate(pki.services.certificate).not_valid_after_utc > end


def test_a_certificate_that_lasts_is_kept(pki):
    issue_client_certificate(pki, "client-services", SERVICES_UNIT, not_after=datetime.now(UTC) + timedelta(days=31))
    before = contents(pki)
    create_development_pki(pki.folder)
    assert contents(pki) == before


@pytest.mark.parametrize("damage", ["missing", "garbage", "another key"])
def test_a_damaged_pair_is_made_again(pki, damage):
    if damage == "missing":
        pki.directory.key.unlink()
    elif damage == "garbage":
        pki.directory.certificate.write_text("?")
    else:
        pki.directory.key.write_bytes(pki.services.key.read_bytes())
    create_development_pki(pki.folder)
    key = serialization.load_pem_private_key(pki.directory.key.read_bytes(), None)
    assert read_certificate(pki.directory.certificate).public_key() == key.public_key()


def test_a_lost_authority_is_replaced_with_all_that_it_signed(pki):
    before = contents(pki)
    pki.authority.key.unlink()
    create_development_pki(pki.folder)
    after = contents(pki)
    assert all(before[name] != after[name] for name in before)
    read_certificate(pki.services.certificate).verify_directly_issued_by(read_certificate(pki.ca))


def test_a_new_server_name_renews_the_server_certificate_alone(pki):
    before = contents(pki)
    create_development_pki(pki.folder, ("localhost", "127.0.0.1", "simulator"))
    after = contents(pki)
    assert {name for name in before if before[name] != after[name]} == {"server.pem", "server.key.pem"}


def test_odd_certificates_for_tests(pki):
    before = contents(pki)
    expired = issue_expired_client_certificate(pki, SERVICES_UNIT)
    assert read_certificate(expired.certificate).not_valid_after_utc < datetime.now(UTC)
    foreign = issue_foreign_client_certificate(pki, DIRECTORY_UNIT)
    assert unit(foreign) == DIRECTORY_UNIT
    with pytest.raises(InvalidSignature):
        read_certificate(foreign.certificate).verify_directly_issued_by(read_certificate(pki.ca))
    server = issue_server_certificate(pki, "elsewhere", ("elsewhere.invalid",))
    assert server.certificate.exists()
    assert all(contents(pki)[name] == before[name] for name in before)
