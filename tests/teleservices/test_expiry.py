"""What will expire is said in time, once a threshold, to who can do something about it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from gap import health, incidents
from gap.pki import SERVICES_UNIT, issue_client_certificate
from teleservices import certificates, expiry
from teleservices.enums import CertificateUse
from teleservices.models import ExpiryWarning, SoftwareCertificate, TrustedAuthority
from teleservices.tasks import watch_certificates
from tests.certificates import as_pem

pytestmark = pytest.mark.django_db


@pytest.fixture
def ours(simulator, settings, mailoutbox):
    """The certificate of the services, in force, and who is written to."""
    settings.ADMINS = [("Exploitation", "exploitation@hopital.example")]
    pair = issue_client_certificate(simulator.pki, "watched", SERVICES_UNIT)
    kept = certificates.import_certificate(CertificateUse.SERVICES, as_pem(pair))
    return certificates.put_in_force(kept.pk)


def ends_in(ours: SoftwareCertificate, days: float) -> None:
    end = timezone.now() + timedelta(days=days)
    SoftwareCertificate.objects.filter(pk=ours.pk).update(not_before=end - timedelta(days=365), not_after=end)


def test_it_is_said_at_60_30_and_7_days_and_once_each(ours, mailoutbox) -> None:
    told = []
    for days in (61, 59.5, 45, 29.5, 20, 6.5, 1):
        ends_in(ours, days)
        told.append((days, expiry.warn(), expiry.warn()))
    assert told == [(61, 0, 0), (59.5, 1, 0), (45, 0, 0), (29.5, 1, 0), (20, 0, 0), (6.5, 1, 0), (1, 0, 0)]
    assert list(ExpiryWarning.objects.order_by("pk").values_list("days", flat=True)) == [60, 30, 7]
    assert len(mailoutbox) == 3
    assert mailoutbox[0].to == ["exploitation@hopital.example"]
    assert "Services des AMC" in mailoutbox[0].subject


def test_one_that_comes_late_is_said_once_for_all_its_thresholds(ours, mailoutbox) -> None:
    ends_in(ours, 3)
    watch_certificates()
    watch_certificates()
    assert ExpiryWarning.objects.get().days == 7
    assert len(mailoutbox) == 1


def test_a_mail_that_cannot_leave_is_tried_again(ours, mailoutbox, monkeypatch) -> None:
    ends_in(ours, 3)

    def down(*_: object) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(expiry, "mail_admins", down)
    assert expiry.warn() == 0
    assert not ExpiryWarning.objects.exists()
    monkeypatch.undo()
    assert expiry.warn() == 1
    assert len(mailoutbox) == 1


def test_nobody_to_write_to_is_no_failure(ours, settings, mailoutbox) -> None:
    settings.ADMINS = []
    ends_in(ours, 3)
    assert expiry.warn() == 1
    assert mailoutbox == []


def test_what_is_watched_is_what_calls_need(ours, simulator, settings, tmp_path) -> None:
    settings.TELESERVICES = settings.TELESERVICES | {"directory_certificate": str(tmp_path / "absent.pem")}
    found = {one.key: one for one in expiry.watched()}
    assert found["services"].fingerprint == ours.fingerprint
    assert found["directory"].expires_at is None
    assert "absent" in found["directory"].problem
    assert found["authority"].label == "Autorité reconnue"
    certificates.trust(simulator.pki.ca.read_bytes())
    assert [one.label for one in expiry.watched() if one.key == "authority"] == [
        "Autorité Autorité de développement mini-GAP"
    ]


def test_the_national_services_are_watched_where_they_are_asked(ours, simulator, settings) -> None:
    settings.INSI, settings.CDRI = settings.INSI | {"url": ""}, {"url": ""}
    assert not {"insi", "cdri"} & {one.key for one in expiry.watched()}
    settings.CDRI = {"url": simulator.cdri_url}
    assert {"insi", "cdri"} & {one.key for one in expiry.watched()} == {"cdri"}


def test_one_that_is_over_is_told_to_everybody_until_another_is_in_force(ours, simulator, settings, tmp_path) -> None:
    settings.VAR_DIR = tmp_path
    ends_in(ours, 1)
    watch_certificates()
    assert incidents.for_people() == [] and health.look().certificates
    ends_in(ours, -0.1)
    watch_certificates()
    assert "un certificat de l’hôpital a expiré" in incidents.for_people()[0]
    seen = health.look()
    assert seen.ready and not seen.certificates
    pair = issue_client_certificate(simulator.pki, "watched", SERVICES_UNIT)
    certificates.put_in_force(certificates.import_certificate(CertificateUse.SERVICES, as_pem(pair)).pk)
    watch_certificates()
    assert incidents.for_people() == []


def test_an_authority_that_is_over_beside_another_stops_nothing(ours, simulator, settings, tmp_path) -> None:
    settings.VAR_DIR = tmp_path
    certificates.trust(simulator.pki.ca.read_bytes())
    one = TrustedAuthority.objects.get()
    past = timezone.now() - timedelta(days=1)
    over = TrustedAuthority(
        name="Ancienne", certificate=one.certificate, fingerprint="0" * 64, not_before=one.not_before
    )
    over.subject, over.serial, over.not_after = one.subject, one.serial, past
    over.save()
    watch_certificates()
    assert incidents.for_people() == []
    TrustedAuthority.objects.update(not_after=past)
    watch_certificates()
    assert len(incidents.for_people()) == 1
