"""Certificates put in force, trust given and taken back, refusals shown: over the wire, without a restart."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.enums import Role
from admissions.enums import RightsStatus, StayKind
from admissions.errors import Refused
from admissions.events import SYSTEM
from admissions.services import stays
from gap.pki import (
    DIRECTORY_UNIT,
    SERVICES_UNIT,
    issue_client_certificate,
    issue_expired_client_certificate,
    issue_server_certificate,
    read_certificate,
)
from teleservices import certificates, client, credentials
from teleservices.clients.errors import ConfigurationError
from teleservices.connection_test import certificates_shown
from teleservices.enums import CallStatus, CertificateState, CertificateUse, TrustProblem
from teleservices.messages import Operation
from teleservices.models import RefusedCertificate, SoftwareCertificate, TeleserviceCall, TrustedAuthority
from teleservices.rules.certificates import identity
from tests.certificates import another_pki, as_pem, as_pkcs12
from tests.chain import settle
from tests.factories import CoverageFactory, DebtorFactory, PatientFactory, UnitFactory
from tests.raw_server import RawServer
from tests.roc_messages import AMC, directory_request, rights_request

pytestmark = pytest.mark.django_db
DIRECTORY, SERVICES = CertificateUse.DIRECTORY, CertificateUse.SERVICES


@pytest.fixture
def pki(simulator, tmp_path):
    """The simulator's own authority, to issue from."""
    return simulator.pki


def imported(use: CertificateUse, pair, **options) -> SoftwareCertificate:
    return certificates.import_certificate(use, as_pem(pair), **options)


def issued(pki, name: str, unit: str = SERVICES_UNIT, **dates):
    return issue_client_certificate(pki, name, unit, **dates)


def ask(simulator):
    return client.current().call(Operation.IDB, simulator.services_url(AMC, "IDB"), rights_request())


def no_files(settings, tmp_path) -> None:
    """Nothing on the server: what is called with can only come from the database."""
    named = settings.TELESERVICES
    absent = {name: str(tmp_path / "absent.pem") for name in named if name.endswith(("_key", "_certificate"))}
    settings.TELESERVICES = named | absent


def test_what_is_put_in_force_is_what_calls_present(pki, simulator, settings, tmp_path) -> None:
    no_files(settings, tmp_path)
    for use, unit in ((DIRECTORY, DIRECTORY_UNIT), (SERVICES, SERVICES_UNIT)):
        certificates.put_in_force(imported(use, issued(pki, f"new-{use}", unit)).pk)
    credentials.forget()
    assert ask(simulator).answer.header.positive
    found = client.current().call(Operation.DIRECTORY, simulator.directory_url, directory_request())
    assert found.answer.found


def test_a_certificate_that_is_only_ready_presents_nothing(pki, simulator, settings, tmp_path) -> None:
    no_files(settings, tmp_path)
    imported(SERVICES, issued(pki, "ready"))
    credentials.forget()
    with pytest.raises(ConfigurationError, match="certificate_file_missing"):
        ask(simulator)


def test_a_rotation_reaches_a_client_that_is_already_connected(pki, simulator, monkeypatch) -> None:
    old = imported(SERVICES, issued(pki, "old"))
    certificates.put_in_force(old.pk)
    credentials.forget()
    running = client.current()
    assert ask(simulator).answer.header.positive
    wrong = imported(SERVICES, issued(pki, "wrong-role", DIRECTORY_UNIT))
    certificates.put_in_force(wrong.pk)
    monkeypatch.setattr(credentials, "BELIEVED_S", 0)
    # The AMC's services do not open to the directory's certificate: it is the new one that was shown.
    with pytest.raises(ConfigurationError):
        ask(simulator)
    certificates.put_in_force(old.pk)
    assert ask(simulator).answer.header.positive
    assert client.current() is running


def test_the_news_is_read_again_after_some_seconds_only(pki, simulator, monkeypatch, django_assert_num_queries) -> None:
    monkeypatch.setattr(credentials, "BELIEVED_S", 60)
    ask(simulator)
    with django_assert_num_queries(0):
        ask(simulator)
    credentials.forget()
    with django_assert_num_queries(2):
        ask(simulator)


def test_a_key_is_encrypted_in_the_database_and_found_nowhere_else(pki) -> None:
    held = imported(SERVICES, pki.services)
    with connection.cursor() as cursor:
        cursor.execute("select private_key from teleservices_softwarecertificate where id = %s", [held.pk])
        stored = bytes(cursor.fetchone()[0])
    assert bytes(held.private_key) not in stored
    assert bytes(SoftwareCertificate.objects.get(pk=held.pk).private_key) == bytes(held.private_key)
    assert "private" not in repr(held)


def test_a_pkcs12_brings_its_chain(pki, simulator) -> None:
    content = as_pkcs12(pki.services, "sésame", pki.ca)
    held = certificates.import_certificate(SERVICES, content, passphrase="sésame")
    assert held.chain.count("BEGIN CERTIFICATE") == 1
    assert held.issuer == "Autorité de développement mini-GAP"


def test_one_certificate_serves_one_use(pki) -> None:
    imported(SERVICES, pki.services)
    for use in CertificateUse:
        with pytest.raises(Refused, match="déjà importé pour services des AMC"):
            imported(use, pki.services)
    assert SoftwareCertificate.objects.count() == 1


def test_an_expired_one_and_one_of_an_unknown_authority_are_refused(pki, tmp_path) -> None:
    with pytest.raises(Refused, match="a expiré le"):
        imported(SERVICES, issue_expired_client_certificate(pki, SERVICES_UNIT))
    other = another_pki(tmp_path / "other")
    with pytest.raises(Refused, match="Aucune autorité reconnue"):
        imported(SERVICES, other.services)
    certificates.trust(other.ca.read_bytes())
    assert imported(SERVICES, other.services).state == CertificateState.READY


def test_one_of_later_is_kept_and_waits_for_its_day(pki) -> None:
    start = datetime.now(UTC) + timedelta(days=20)
    later = imported(SERVICES, issued(pki, "later", not_before=start, not_after=start + timedelta(days=300)))
    with pytest.raises(Refused, match="qu’à partir du"):
        certificates.put_in_force(later.pk)
    later.refresh_from_db()
    assert later.state == CertificateState.READY


def test_the_one_before_is_withdrawn_and_may_come_back(pki, person) -> None:
    user = person(Role.ADMINISTRATOR)
    old, new = imported(SERVICES, issued(pki, "old")), imported(SERVICES, issued(pki, "new"), user=user)
    certificates.put_in_force(old.pk)
    certificates.put_in_force(new.pk, user)
    old.refresh_from_db()
    assert (old.state, old.changed_by) == (CertificateState.WITHDRAWN, user)
    assert old.withdrawn_at is not None
    certificates.put_in_force(old.pk)
    assert certificates.in_force() == {SERVICES: old}


def test_the_one_in_force_is_not_taken_away(pki) -> None:
    held = imported(SERVICES, pki.services)
    certificates.put_in_force(held.pk)
    with pytest.raises(Refused, match="plus aucun appel ne partirait"):
        certificates.withdraw(held.pk)
    assert certificates.in_force() == {SERVICES: held}


def test_the_database_lets_one_certificate_a_use_be_in_force(pki) -> None:
    first, second = imported(SERVICES, issued(pki, "a")), imported(SERVICES, issued(pki, "b"))
    certificates.put_in_force(first.pk)
    with pytest.raises(IntegrityError, match="one_certificate_in_force"), transaction.atomic():
        SoftwareCertificate.objects.filter(pk=second.pk).update(
            state=CertificateState.IN_FORCE, in_force_since=datetime.now(UTC)
        )
    with pytest.raises(IntegrityError, match="a_certificate_in_force_has_its_key"), transaction.atomic():
        SoftwareCertificate.objects.filter(pk=first.pk).update(private_key=None)


@pytest.mark.django_db(transaction=True)
def test_of_two_people_each_puts_one_in_force_and_one_stays(pki, simulator) -> None:
    held = [imported(SERVICES, issued(pki, f"twin-{number}")) for number in range(2)]
    together = threading.Barrier(2)

    def put(pk: int) -> None:
        try:
            together.wait(10)
            certificates.put_in_force(pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=put, args=[one.pk]) for one in held]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    states = sorted(SoftwareCertificate.objects.values_list("state", flat=True))
    assert states == [CertificateState.IN_FORCE, CertificateState.WITHDRAWN]


def test_calls_stopped_by_a_certificate_leave_when_a_good_one_is_put_in_force(pki, simulator, settings) -> None:
    good = imported(SERVICES, issued(pki, "good"))
    expired = issue_expired_client_certificate(pki, SERVICES_UNIT)
    settings.TELESERVICES = settings.TELESERVICES | {
        "services_certificate": str(expired.certificate),
        "services_key": str(expired.key),
    }
    client.forget()
    stay = a_covered_stay()
    settle()
    call = TeleserviceCall.objects.get(stay=stay, operation="IDB")
    assert (call.status, call.cause) == (CallStatus.NEEDS_REFERENT, "client_certificate_refused")
    certificates.put_in_force(good.pk)
    credentials.forget()
    settle()
    assert stay.rights.get().status == RightsStatus.OPEN


def test_the_keys_of_the_expired_are_erased_and_no_other(pki) -> None:
    old, new = imported(SERVICES, issued(pki, "old")), imported(SERVICES, issued(pki, "new"))
    ready = imported(SERVICES, issued(pki, "ready"))
    certificates.put_in_force(old.pk)
    certificates.put_in_force(new.pk)
    assert certificates.erase_expired_keys() == 0
    past = datetime.now(UTC) - timedelta(days=1)
    SoftwareCertificate.objects.exclude(pk=ready.pk).update(not_before=past - timedelta(days=1), not_after=past)
    assert certificates.erase_expired_keys() == 1
    old.refresh_from_db()
    assert old.private_key is None
    with pytest.raises(Refused, match="a expiré le"):
        certificates.put_in_force(old.pk)


def test_a_connection_test_names_the_one_in_force_and_the_file_where_there_is_none(pki) -> None:
    kept = certificates.put_in_force(imported(SERVICES, issued(pki, "shown")).pk)
    directory, services = certificates_shown()
    assert services.serial == kept.serial.upper()
    assert directory.serial == f"{read_certificate(pki.directory.certificate).serial_number:X}"


# ---- trust ----


def a_covered_stay():
    """Planned, its calls not made yet."""
    patient = PatientFactory()
    CoverageFactory(patient=patient, convention="RO", debtor=DebtorFactory(amc_number=AMC))
    unit = UnitFactory()
    plan = stays.StayPlan(kind=StayKind.FULL, unit=unit, planned_start_at=timezone.now())
    return stays.preadmit(patient, unit.establishment, plan, SYSTEM)


def test_the_first_authority_added_keeps_those_of_the_file(pki, simulator, tmp_path) -> None:
    other = another_pki(tmp_path / "other")
    added = certificates.trust(other.ca.read_bytes())
    assert len(added) == 2
    credentials.forget()
    assert ask(simulator).answer.header.positive
    assert certificates.trust(other.ca.read_bytes()) == []


def test_a_server_of_an_unknown_authority_is_refused_and_listed_once(pki, simulator, tmp_path, establishment) -> None:
    other = another_pki(tmp_path / "other")
    with RawServer(lambda connection: None, tls=other) as server:
        address = f"127.0.0.1:{server.port}"
        certificates.trust(pki.ca.read_bytes())
        credentials.forget()
        for _ in range(2):
            with pytest.raises(ConfigurationError) as refused:
                client.current().call(Operation.IDB, server.url, rights_request())
            assert refused.value.presented is not None
            certificates.note_refused(AMC, refused.value.presented)
    row = RefusedCertificate.objects.get()
    assert (row.problem, row.times, row.channel) == (TrustProblem.UNKNOWN_AUTHORITY, 2, AMC)
    assert (row.name, row.server) == ("Simulateur (server)", address)


@pytest.mark.parametrize("problem", [TrustProblem.EXPIRED, TrustProblem.OTHER_NAME, TrustProblem.NOT_YET])
def test_each_reason_of_a_refusal_is_told_apart(pki, simulator, tmp_path, problem) -> None:
    now = datetime.now(UTC)
    own = another_pki(tmp_path / "own")
    dates = {
        TrustProblem.EXPIRED: {"not_before": now - timedelta(days=9), "not_after": now - timedelta(days=1)},
        TrustProblem.NOT_YET: {"not_before": now + timedelta(days=1), "not_after": now + timedelta(days=9)},
    }.get(problem, {})
    names = ("ailleurs.example",) if problem == TrustProblem.OTHER_NAME else ("localhost", "127.0.0.1")
    issue_server_certificate(own, "server", names, **dates)
    certificates.trust(own.ca.read_bytes())
    credentials.forget()
    with RawServer(lambda connection: None, tls=own) as server, pytest.raises(ConfigurationError) as refused:
        client.current().call(Operation.IDB, server.url, rights_request())
    certificates.note_refused(AMC, refused.value.presented)
    assert RefusedCertificate.objects.get().problem == problem


def test_the_engine_lists_what_it_refused_and_trust_sends_the_call_again(pki, simulator, tmp_path, settings) -> None:
    other = another_pki(tmp_path / "other")
    stay = a_covered_stay()
    settle_with_trust_in(other, settings)
    call = TeleserviceCall.objects.get(stay=stay)
    assert (call.status, call.cause) == (CallStatus.NEEDS_REFERENT, "server_certificate_refused")
    assert RefusedCertificate.objects.get().channel == "annuaire"
    certificates.trust(pki.ca.read_bytes())
    credentials.forget()
    settle()
    assert stay.rights.get().status == RightsStatus.OPEN


def settle_with_trust_in(pki, settings) -> None:
    settings.TELESERVICES = settings.TELESERVICES | {"ca_file": str(pki.ca)}
    client.forget()
    settle()


def test_an_authority_that_ours_stand_on_or_the_last_one_stays(pki, tmp_path) -> None:
    certificates.put_in_force(imported(SERVICES, pki.services).pk)
    other = another_pki(tmp_path / "other")
    certificates.trust(other.ca.read_bytes())
    ours = TrustedAuthority.objects.get(fingerprint=identity(read_certificate(pki.ca)).fingerprint)
    with pytest.raises(Refused, match="vient de cette autorité"):
        certificates.distrust(ours.pk)
    (others,) = TrustedAuthority.objects.exclude(pk=ours.pk)
    certificates.distrust(others.pk)
    with pytest.raises(Refused, match="seule autorité"):
        certificates.distrust(ours.pk)
    assert list(TrustedAuthority.objects.filter(withdrawn_at=None)) == [ours]


# ---- without a screen ----


def test_the_commands_do_the_same(pki, simulator, tmp_path, capsys) -> None:
    file = tmp_path / "ours.p12"
    file.write_bytes(as_pkcs12(pki.services, "sésame"))
    secret = tmp_path / "secret"
    secret.write_text("sésame\n")
    call_command("import_certificate", "services", file, "--passphrase-file", str(secret), "--in-force")
    assert "en service" in capsys.readouterr().out
    assert certificates.in_force()[SERVICES].name
    with pytest.raises(CommandError, match="mot de passe"):
        call_command("import_certificate", "services", file)
    with pytest.raises(CommandError, match="Fichier illisible"):
        call_command("import_certificate", "services", tmp_path / "absent.p12")
    call_command("trust_authority", pki.ca)
    call_command("trust_authority", pki.ca)
    said = capsys.readouterr().out
    assert "Reconnue : Autorité de développement mini-GAP" in said
    assert "rien n’a changé" in said
