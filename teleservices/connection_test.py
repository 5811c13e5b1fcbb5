"""The test d'accrochage: one unit call to the directory of AMC, then one IDB, on a dossier that a référent chose.

The calls are ordinary ones, with every guarantee of the ledger. The test differs by three things: it asks whatever is
known already, whatever the perimeter says, and what an AMC outside the perimeter answers changes nothing of the dossier.
Source: programme SIMPHONIE, « Fiche processus de mise en œuvre de ROC », phase 2; the form of the record is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Final
from uuid import UUID, uuid4

from cryptography import x509
from cryptography.x509.oid import NameOID
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import Establishment, User
from admissions.enums import CoverageKind, EventKind, StayStatus
from admissions.errors import Refused
from admissions.events import Actor, record_event
from admissions.models import Coverage, Stay
from admissions.querysets import care_date, coverages_on
from gap.constants import constants
from gap.pki import read_certificate
from teleservices import certificates, connection, credentials, planning, rights
from teleservices.enums import CallStatus, CertificateUse, Circle, Family, HandshakeState
from teleservices.messages import Operation
from teleservices.models import ConnectionTest, PerimeterAmc, SoftwareCertificate, TeleserviceCall
from teleservices.perimeter import TESTED

#: The milestone that a successful test dates: column « Date accrochage technique » of the ANS's table.
MILESTONE: Final = "handshake"
_RUNNING = constants((HandshakeState.RUNNING,))
# Why a test fails beside what stops a call. Said in words by `connection_record`.
DIRECTORY_REFUSED: Final = "directory_refused"
DIRECTORY_UNKNOWN: Final = "directory_unknown"
IDB_ANOMALY: Final = "idb_anomaly"
IDB_UNKNOWN_CODE: Final = "idb_unknown_code"
_UNPROVED: Final = {Family.ANOMALY: IDB_ANOMALY, Family.UNKNOWN_CODE: IDB_UNKNOWN_CODE}


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a test ends. `cause` is empty for a success."""

    state: HandshakeState
    cause: str = ""


def verdict(directory: TeleserviceCall | None, found: bool, idb: TeleserviceCall | None) -> Verdict | None:
    """What the two calls prove; None while they may still prove something. `found`: the directory knows the AMC.

    A positive IDB proves the connection, and so does a negative one by which the AMC speaks of the dossier (rights
    closed, member number, regime) or of its own settings for this hospital: it came through the mutual TLS, in the
    contract, about our question. The programme sets the mirror AMC's settings *after* this test, so that their code is
    expected here. It is not proved by « unavailable » (nothing was processed: the call is made again), by a code that the
    catalogue does not know (the contract gives it no meaning), nor by the family of anomalies: the AMC then says that
    the exchange itself is wrong. Families and counts are the programme's; codes are ours (docs/conformite.md).
    """
    if directory is None:
        return None
    if (stopped := _why_stopped(directory)) is not None:
        return Verdict(HandshakeState.FAILED, stopped)
    if directory.status == CallStatus.REFUSED:
        return Verdict(HandshakeState.FAILED, DIRECTORY_REFUSED)
    if directory.status != CallStatus.SUCCEEDED:
        return None
    if not found:
        return Verdict(HandshakeState.FAILED, DIRECTORY_UNKNOWN)
    if idb is None:
        return None
    if (stopped := _why_stopped(idb)) is not None:
        return Verdict(HandshakeState.FAILED, stopped)
    if idb.status == CallStatus.REFUSED and (cause := _UNPROVED.get(Family(idb.family))):
        return Verdict(HandshakeState.FAILED, cause)
    answered = idb.status in (CallStatus.SUCCEEDED, CallStatus.REFUSED)
    return Verdict(HandshakeState.SUCCEEDED) if answered else None


def _why_stopped(call: TeleserviceCall) -> str | None:
    """The cause of a call that nothing will carry any further by itself."""
    over = call.status in (CallStatus.NEEDS_REFERENT, CallStatus.CANCELLED)
    return call.cause or "stopped" if over else None


def tests_of(establishment_id: int) -> QuerySet[ConnectionTest]:
    """A hospital's tests as a list shows them, the last first."""
    return ConnectionTest.objects.filter(establishment=establishment_id).select_related("debtor", "asked_by")


def with_calls(tests: QuerySet[ConnectionTest]) -> QuerySet[ConnectionTest]:
    """With all that `connection_record` reads of a test."""
    return tests.select_related(
        *("debtor", "asked_by", "stopped_by", "establishment", "stay", "coverage"),
        *("directory_call__debtor", "idb_call__debtor"),
    )


# ---- starting and stopping ----


def start(
    establishment: Establishment, user: User | None, iep: str, *, amc_number: str = "", request_key: UUID | None = None
) -> tuple[ConnectionTest, bool]:
    """Begin a test at once, on the AMC asked, else the mirror, else the first of the dossier. False: it had begun.

    `user` is None for the operator of the machine. The same `request_key` (a form sent twice), or a test of the same
    AMC on the same dossier that still runs, give back that test. Raises Refused.
    """
    key = request_key or uuid4()
    try:
        with transaction.atomic():
            if (known := _known(establishment, key)) is not None:
                return known, False
            return _start(establishment, user, iep, amc_number, key)
    except IntegrityError:
        # The same form, sent twice at the same instant on two dossiers.
        if (known := _known(establishment, key)) is not None:
            return known, False
        raise


def _known(establishment: Establishment, key: UUID) -> ConnectionTest | None:
    return ConnectionTest.objects.filter(establishment=establishment, request_key=key).first()


def _start(
    establishment: Establishment, user: User | None, iep: str, amc_number: str, key: UUID
) -> tuple[ConnectionTest, bool]:
    stay = Stay.objects.select_for_update(of=("self",)).select_related("patient").filter(iep=iep).first()
    if stay is None or stay.establishment_id != establishment.pk:
        raise _refused("Aucun séjour de votre établissement n’a cet IEP.", "Vérifiez les 9 chiffres.")
    # Sent twice at once, the second waited here for the first.
    if (known := _known(establishment, key)) is not None:
        return known, False
    if stay.status in (StayStatus.CANCELLED, StayStatus.CLOSED):
        raise _refused(f"Ce séjour est {stay.get_status_display()}.", "Choisissez un séjour en cours ou à venir.")
    if not stay.patient.nir:
        raise _refused(
            "Le NIR de ce dossier n’est pas connu\u00a0: l’organisme ne pourrait pas répondre.",
            "Choisissez un autre dossier.",
        )
    coverage = _coverage(stay, amc_number)
    running = ConnectionTest.objects.filter(stay=stay, coverage=coverage, state__in=_RUNNING).first()
    if running is not None:
        return running, False
    event = record_event(stay, EventKind.CONNECTION_TESTED, Actor(user), detail={"coverage": coverage.pk})
    call = planning.ask_now(stay, coverage, Operation.DIRECTORY, event, parameters={TESTED: True})
    test = ConnectionTest.objects.create(
        establishment=establishment,
        stay=stay,
        coverage=coverage,
        debtor=coverage.debtor,
        event=event,
        request_key=key,
        asked_at=timezone.now(),
        asked_by=user,
        directory_call=call,
        software=f"{settings.SOFTWARE_NAME} {settings.SOFTWARE_VERSION}",
    )
    return test, True


def _refused(message: str, todo: str, field: str = "iep") -> Refused:
    return Refused(message, kept="Rien n’est parti.", todo=todo, field=field)


def _coverage(stay: Stay, amc_number: str) -> Coverage:
    """Raises Refused when the dossier has none, or not the one asked."""
    found = list(coverages_on(stay.patient_id, care_date(stay), CoverageKind.AMC).order_by("rank", "pk"))
    if not found:
        raise _refused(
            "Ce dossier n’a pas de complémentaire à la date des soins.", "Choisissez un dossier qui en a une."
        )
    if amc_number:
        asked = next((one for one in found if one.debtor.amc_number == amc_number), None)
        if asked is None:
            raise _refused(
                "Ce dossier n’est pas couvert par cet organisme à la date des soins.",
                "Laissez le n° AMC vide, ou choisissez un autre dossier.",
                "amc_number",
            )
        return asked
    mirrors = _mirrors(stay.establishment_id)
    return next((one for one in found if one.debtor_id in mirrors), found[0])


def _mirrors(establishment_id: int) -> set[int]:
    named = PerimeterAmc.objects.filter(establishment=establishment_id, circle=Circle.MIRROR)
    return set(named.values_list("debtor", flat=True))


def stop(test: ConnectionTest, user: User) -> bool:
    """Give a test up; its calls stay as they are, and go on by themselves. False when it had ended."""
    with transaction.atomic():
        found = _locked(test.pk)
        if found is None:
            return False
        found.stopped_by = user
        _end(found, Verdict(HandshakeState.STOPPED))
        return True


# ---- going on ----


def call_ended(call: TeleserviceCall) -> None:
    """Hook of the calls that ended or stopped, stay and call locked: the test that waits for it goes on."""
    if TESTED not in call.parameters:
        return
    waiting = ConnectionTest.objects.filter(stay=call.stay_id, coverage=call.coverage_id, state__in=_RUNNING)
    for test_id in waiting.values_list("pk", flat=True):
        follow(test_id)


def follow(test_id: int) -> None:
    """Take a running test as far as its calls have come. It looks at facts: called twice, or late, it does the same."""
    with transaction.atomic():
        test = _locked(test_id)
        if test is None:
            return
        entry = rights.entry_for(test.stay, test.coverage)
        found = entry is not None and entry.found
        directory = test.directory_call
        if (ended := verdict(directory, found, test.idb_call)) is not None:
            _end(test, ended)
        elif test.idb_call is None and directory is not None and directory.status == CallStatus.SUCCEEDED:
            test.idb_call = planning.ask_now(
                test.stay, test.coverage, Operation.IDB, test.event, parameters={TESTED: True}
            )
            test.save(update_fields=["idb_call"])


def sweep(limit: int = 100) -> int:
    """Tests whose calls ended without telling (a stay cancelled, a coverage replaced). Returns how many still run."""
    running = list(ConnectionTest.objects.filter(state__in=_RUNNING).values_list("pk", flat=True)[:limit])
    for test_id in running:
        follow(test_id)
    return len(running)


def _locked(test_id: int) -> ConnectionTest | None:
    """The test and its stay, locked in the order of every writer; None when it no longer runs."""
    stay_id = ConnectionTest.objects.values_list("stay_id", flat=True).get(pk=test_id)
    Stay.objects.select_for_update().get(pk=stay_id)
    return (
        ConnectionTest.objects.select_for_update(of=("self",))
        .select_related("stay", "coverage__debtor", "event", "directory_call", "idb_call", "establishment", "asked_by")
        .filter(pk=test_id, state__in=_RUNNING)
        .first()
    )


def _end(test: ConnectionTest, ended: Verdict) -> None:
    test.state, test.cause, test.finished_at = ended.state, ended.cause[:60], timezone.now()
    test.certificates = [asdict(shown) for shown in certificates_shown()]
    test.save()
    if ended.state == HandshakeState.SUCCEEDED and dates_the_plan(test):
        connection.reached(test.establishment, MILESTONE, timezone.localdate(test.finished_at), test.asked_by)


def dates_the_plan(test: ConnectionTest) -> bool:
    """The ANS's date is that of a test with the mirror AMC: once one is named, no other AMC gives it."""
    mirrors = _mirrors(test.establishment_id)
    return not mirrors or test.debtor_id in mirrors


# ---- certificates ----


@dataclass(frozen=True, slots=True)
class ShownCertificate:
    """A certificate that we present, or why it cannot be read. `serial` in hexadecimal, `expires_on` an ISO day."""

    use: str
    subject: str = ""
    issuer: str = ""
    serial: str = ""
    expires_on: str = ""
    problem: str = ""

    @property
    def expires(self) -> date | None:
        return date.fromisoformat(self.expires_on) if self.expires_on else None


def certificates_shown() -> Sequence[ShownCertificate]:
    """The hospital's two certificates, as this process would present them: to the directory, to the AMC.

    Those put in force here; where there is none, those of the files that the settings name.
    """
    kept = certificates.in_force()
    return [_shown(use, kept.get(use)) for use in (CertificateUse.DIRECTORY, CertificateUse.SERVICES)]


def _shown(use: CertificateUse, kept: SoftwareCertificate | None) -> ShownCertificate:
    try:
        if kept is not None:
            found = x509.load_pem_x509_certificate(kept.certificate.encode())
        else:
            found = read_certificate(credentials.files_of(use).certificate)
    except OSError:
        return ShownCertificate(use.label, problem="fichier absent ou fermé à la lecture")
    except ValueError:
        return ShownCertificate(use.label, problem="fichier illisible")
    return ShownCertificate(
        use.label,
        subject=_name(found.subject),
        issuer=_name(found.issuer),
        serial=f"{found.serial_number:X}",
        expires_on=timezone.localdate(found.not_valid_after_utc).isoformat(),
    )


def _name(name: x509.Name) -> str:
    common = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    units = name.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
    parts = [str(attribute.value) for attribute in (*common[:1], *units[:1])]
    return ", ".join(parts) or name.rfc4514_string()
