"""How the demonstration hospital is connected: its two certificates kept here, and the test d'accrochage that it made."""

from __future__ import annotations

from accounts.enums import Role
from accounts.models import Establishment, User
from admissions.enums import StayStatus
from admissions.models import Stay
from teleservices import certificates, connection_test, credentials, engine
from teleservices.enums import CallStatus, CertificateUse
from teleservices.messages import Operation
from teleservices.models import ConnectionTest, SoftwareCertificate, TeleserviceCall
from teleservices.rules.certificates import identity, read_bundle


def keep_certificates(establishment: Establishment) -> None:
    """Import those of the development folder, as a hospital imports its own; those that replaced them since, too."""
    administrator = _somebody(establishment, Role.ADMINISTRATOR)
    for use in CertificateUse:
        files = credentials.files_of(use)
        given = (files.certificate.read_bytes(), files.key.read_bytes())
        fingerprint = identity(read_bundle(*given).certificate).fingerprint
        if SoftwareCertificate.objects.filter(fingerprint=fingerprint).exists():
            continue
        certificates.trust(files.ca_file.read_bytes(), administrator)
        kept = certificates.import_certificate(use, *given, user=administrator)
        certificates.put_in_force(kept.pk, administrator)


def prove_connection(establishment: Establishment) -> None:
    """One call to the directory and one IDB, on a patient who is to come."""
    asked = TeleserviceCall.objects.filter(
        operation=Operation.IDB, status=CallStatus.SUCCEEDED, stay__status=StayStatus.PREADMITTED
    )
    stay = Stay.objects.filter(establishment=establishment, pk__in=asked.values("stay")).order_by("-pk").first()
    if stay is None:
        return
    test, _ = connection_test.start(establishment, _somebody(establishment, Role.REFERENT), stay.iep)
    for name in ("directory_call_id", "idb_call_id"):
        call_id = ConnectionTest.objects.values_list(name, flat=True).get(pk=test.pk)
        if call_id is not None:
            engine.run(call_id)


def _somebody(establishment: Establishment, role: Role) -> User | None:
    return User.objects.filter(role_assignments__establishment=establishment, role_assignments__role=role).first()
