"""The screen of certificates: who sees it, who changes it, and what each gesture says."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from accounts.enums import Role
from gap.pki import SERVICES_UNIT, DevelopmentPki, create_development_pki, issue_client_certificate
from teleservices import certificates, credentials
from teleservices.enums import CertificateState, CertificateUse, TrustProblem
from teleservices.models import RefusedCertificate, SoftwareCertificate, TrustedAuthority
from tests.certificates import as_pem, as_pkcs12

pytestmark = pytest.mark.django_db
PAGE = "/certificats/"


@pytest.fixture(scope="module")
def pki(tmp_path_factory) -> DevelopmentPki:
    folder = tmp_path_factory.mktemp("pki")
    create_development_pki(folder)
    return DevelopmentPki(folder)


@pytest.fixture
def client(signed_in, pki, settings):
    settings.TELESERVICES = settings.TELESERVICES | {
        "directory_certificate": str(pki.directory.certificate),
        "services_certificate": str(pki.services.certificate),
        "ca_file": str(pki.ca),
    }
    credentials.forget()
    return signed_in(Role.ADMINISTRATOR)


def upload(content: bytes, name: str = "certificat.pem") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def give(client, content: bytes, **more):
    data = {"use": "services", "file": upload(content), "passphrase": ""} | more
    return client.post("/certificats/importer/", data, follow=True)


def a_refusal(number: int = 1, **fields) -> RefusedCertificate:
    now = timezone.now()
    return RefusedCertificate.objects.create(
        **{
            "server": f"amc{number}.example:443", "channel": "0000401166", "problem": TrustProblem.EXPIRED,
            "first_seen_at": now, "last_seen_at": now, "times": 3, "certificate": "-", "fingerprint": f"{number:064}",
            "name": "amc.example", "subject": "CN=amc.example", "issuer": "AC d’ailleurs", "serial": "1f",
            "not_before": now - timedelta(days=400), "not_after": now - timedelta(days=2),
        }
        | fields
    )  # fmt: skip


def test_a_certificate_is_imported_put_in_force_and_replaced(client, pki) -> None:
    said = give(client, as_pkcs12(pki.services, "sésame"), passphrase="sésame").content.decode()
    assert "est prêt pour services des AMC" in said
    kept = SoftwareCertificate.objects.get()
    assert (kept.state, kept.imported_by is not None) == (CertificateState.READY, True)
    said = client.post(f"/certificats/{kept.pk}/service/", follow=True).content.decode()
    assert "est en service pour services des AMC" in said
    other = issue_client_certificate(pki, "next", SERVICES_UNIT)
    give(client, other.certificate.read_bytes(), key_file=upload(other.key.read_bytes()))
    following = SoftwareCertificate.objects.get(state=CertificateState.READY)
    client.post(f"/certificats/{following.pk}/service/")
    kept.refresh_from_db()
    assert kept.state == CertificateState.WITHDRAWN
    assert "Retiré" in client.get(PAGE).content.decode()


@pytest.mark.parametrize(
    ("passphrase", "said"), [("", "protégé par un mot de passe"), ("faux-secret", "n’ouvre pas ce fichier")]
)
def test_a_file_that_does_not_open_says_so_and_keeps_nothing(client, pki, passphrase, said) -> None:
    response = give(client, as_pkcs12(pki.services, "sésame"), passphrase=passphrase)
    shown = response.content.decode()
    assert response.status_code == 422
    assert said in shown and "Rien n’a été pris" in shown
    assert "faux-secret" not in shown
    assert not SoftwareCertificate.objects.exists()


def test_what_is_no_certificate_is_refused_in_words(client, pki) -> None:
    for content, said in (
        (b"\x89PNG", "ni un PEM, ni un PKCS#12"),
        (pki.services.certificate.read_bytes(), "clé privée de ce certificat manque"),
        (as_pem(pki.server), "n’est pas fait pour s’authentifier"),
        (as_pem(pki.authority), "celui d’une autorité"),
        (b"x" * 300_000, "trop gros"),
        (b"", "vide"),
    ):
        response = give(client, content)
        assert response.status_code == 422
        assert said in response.content.decode()
    assert client.post("/certificats/importer/", {"use": "services"}).status_code == 422


def test_a_ready_one_is_withdrawn_and_a_line_that_is_gone_is_said(client, pki) -> None:
    kept = certificates.import_certificate(CertificateUse.SERVICES, as_pem(pki.services))
    assert "est retiré" in client.post(f"/certificats/{kept.pk}/retirer/", follow=True).content.decode()
    for gesture in ("service", "retirer"):
        said = client.post(f"/certificats/{kept.pk + 99}/{gesture}/", follow=True).content.decode()
        assert "n’existe pas" in said
    said = client.post("/certificats/autorites/99/retirer/", follow=True).content.decode()
    assert "n’est plus reconnue" in said


def test_an_authority_is_added_and_the_last_one_stays(client, pki) -> None:
    send = {"authority-file": upload(pki.ca.read_bytes())}
    said = client.post("/certificats/autorites/", send, follow=True).content.decode()
    assert "Reconnu" in said
    ours = TrustedAuthority.objects.get()
    said = client.post(f"/certificats/autorites/{ours.pk}/retirer/", follow=True).content.decode()
    assert "seule autorité reconnue" in said
    again = {"authority-file": upload(pki.ca.read_bytes())}
    assert "déjà reconnues" in client.post("/certificats/autorites/", again, follow=True).content.decode()
    bad = {"authority-file": upload(pki.services.certificate.read_bytes())}
    response = client.post("/certificats/autorites/", bad)
    assert response.status_code == 422
    assert "n’est pas une autorité" in response.content.decode()


def test_refused_ones_are_listed_by_pages_with_the_reason(client) -> None:
    for number in range(25):
        a_refusal(number)
    shown = client.get(PAGE).content.decode()
    assert shown.count("amc.example") >= 20
    assert "Expiré" in shown and "AC d’ailleurs" in shown
    assert client.get(PAGE + "?page=2").content.decode().count(".example:443") == 5


def test_the_same_queries_for_one_line_and_for_many(client, pki, django_assert_num_queries) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    a_refusal()
    certificates.trust(pki.ca.read_bytes())
    certificates.import_certificate(CertificateUse.SERVICES, as_pem(pki.services))
    client.get(PAGE)
    with CaptureQueriesContext(connection) as few:
        client.get(PAGE)
    for number in range(2, 22):
        a_refusal(number)
        pair = issue_client_certificate(pki, f"n{number}", SERVICES_UNIT)
        certificates.import_certificate(CertificateUse.SERVICES, as_pem(pair))
    with CaptureQueriesContext(connection) as many:
        client.get(PAGE)
    assert len(many) == len(few) <= 12


def test_a_referent_sees_it_and_changes_nothing(client, signed_in, pki) -> None:
    certificates.import_certificate(CertificateUse.SERVICES, as_pem(pki.services))
    referent = signed_in(Role.REFERENT)
    shown = referent.get(PAGE).content.decode()
    assert "Prêt" in shown
    assert "Importer" not in shown
    assert "Mettre en service" not in shown
    assert give(referent, as_pem(pki.directory)).status_code == 403
    assert signed_in(Role.AGENT).get(PAGE).status_code == 403
