"""The certificates of a hospital: imported, put in force, watched; whom it trusts, and whom it refused.

Two of our own, one a use: the directory of AMC, the services of the AMC (programme SIMPHONIE, « Fiche processus de mise
en œuvre de ROC »). A change reaches the workers by itself (`credentials`), and what it mends is called again at once.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import structlog
from cryptography import x509
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import User
from admissions.errors import Refused
from admissions.events import wake
from teleservices import credentials, policy
from teleservices.clients.errors import PresentedCertificate
from teleservices.enums import CertificateState, CertificateUse, TrustProblem
from teleservices.models import RefusedCertificate, SoftwareCertificate, TrustedAuthority
from teleservices.opening import open_bundle
from teleservices.rules import certificates as rules
from teleservices.rules.certificates import Bundle, CertificateProblem, Problem

log = structlog.get_logger(__name__)

#: Causes of stopped calls that a certificate of ours mends, and those that a trusted authority mends.
MENDED_BY_OURS: Final = (
    "certificate_file_missing", "certificate_file_unreadable", "certificate_missing", "certificate_key_lost",
    "client_certificate_refused",
)  # fmt: skip
MENDED_BY_TRUST: Final = ("server_certificate_refused", "certificate_file_missing", "certificate_file_unreadable")

_WORDS: Final[dict[Problem, tuple[str, str]]] = {
    Problem.TOO_BIG: ("Ce fichier est trop gros pour un certificat.", "Choisissez le fichier remis par l’IGC-Santé."),
    Problem.NOT_READ: (
        "Ce fichier n’est ni un PEM, ni un PKCS#12 lisible.",
        "Choisissez le fichier remis par l’IGC-Santé, sans le transformer.",
    ),
    Problem.NO_CERTIFICATE: ("Ce fichier ne contient aucun certificat.", "Choisissez un fichier PEM ou PKCS#12."),
    Problem.NO_KEY: (
        "La clé privée de ce certificat manque.",
        "Ajoutez son fichier de clé, ou choisissez le PKCS#12 (.p12, .pfx) qui contient les deux.",
    ),
    Problem.LOCKED: ("Ce fichier est protégé par un mot de passe.", "Saisissez-le, puis recommencez."),
    Problem.NOT_OPENED: ("Le mot de passe n’ouvre pas ce fichier.", "Vérifiez-le, puis recommencez."),
    Problem.TOO_SLOW: (
        "Ouvrir ce fichier demanderait trop de calculs ou de mémoire.",
        "Refaites-le avec les réglages d’usage de votre logiciel (PBKDF2, moins d’un million de tours).",
    ),
    Problem.KEY_KIND: ("Cette sorte de clé ne sert pas à ROC.", "Demandez un certificat à clé RSA ou elliptique."),
    Problem.KEY_WEAK: (
        "La clé de ce certificat est trop courte.",
        "Demandez un certificat à clé RSA de 2 048 bits au moins, ou elliptique de 256 bits au moins.",
    ),
    Problem.OTHER_KEY: (
        "La clé n’est pas celle du certificat.",
        "Choisissez la clé qui a servi à demander ce certificat.",
    ),
    Problem.IS_AUTHORITY: (
        "Ce certificat est celui d’une autorité, pas celui de l’établissement.",
        "Ajoutez-le plutôt aux autorités reconnues.",
    ),
    Problem.NOT_AUTHORITY: (
        "« {detail} » n’est pas une autorité : ce certificat n’en signe aucun autre.",
        "Ajoutez le certificat de l’autorité qui l’a émis.",
    ),
    Problem.NOT_A_CLIENT: (
        "Ce certificat n’est pas fait pour s’authentifier auprès d’un serveur.",
        "Demandez un certificat logiciel d’authentification (usage « client »).",
    ),
    Problem.EXPIRED: ("Ce certificat a expiré le {detail}.", "Importez celui qui le remplace."),
    Problem.CHAIN: (
        "Aucune autorité reconnue n’a émis ce certificat : « {detail} » nous est inconnue.",
        "Ajoutez d’abord cette autorité, ou importez le fichier qui contient toute la chaîne.",
    ),
}
# What OpenSSL says of a certificate that it refuses (X509_V_ERR_…).
_PROBLEMS: Final[dict[int, TrustProblem]] = {
    9: TrustProblem.NOT_YET,
    10: TrustProblem.EXPIRED,
    18: TrustProblem.UNKNOWN_AUTHORITY,
    19: TrustProblem.UNKNOWN_AUTHORITY,
    20: TrustProblem.UNKNOWN_AUTHORITY,
    21: TrustProblem.UNKNOWN_AUTHORITY,
    24: TrustProblem.UNKNOWN_AUTHORITY,
    26: TrustProblem.WRONG_PURPOSE,
    62: TrustProblem.OTHER_NAME,
    64: TrustProblem.OTHER_NAME,
}


def words_of(problem: CertificateProblem, field: str = "") -> Refused:
    """The same, for the person who gave the file."""
    said, todo = _WORDS[problem.problem]
    return Refused(said.format(detail=problem.detail), todo=todo, field=field)


# ---- our own ----


def import_certificate(
    use: CertificateUse, *files: bytes, passphrase: str = "", user: User | None = None
) -> SoftwareCertificate:
    """Keep a certificate with its key, ready to be put in force. `files`: a PKCS#12, or one or two PEM. Raises Refused."""
    try:
        bundle = open_bundle(*files, passphrase=passphrase)
        rules.check_client(bundle, trusted_certificates(), timezone.now())
    except CertificateProblem as problem:
        in_passphrase = problem.problem in (Problem.LOCKED, Problem.NOT_OPENED)
        raise words_of(problem, "passphrase" if in_passphrase else "file") from None
    known = rules.identity(bundle.certificate)
    try:
        with transaction.atomic():
            return SoftwareCertificate.objects.create(
                **_columns(bundle.certificate),
                use=use,
                chain=bundle.chain_pem,
                private_key=bundle.key_der,
                imported_by=user,
            )
    except IntegrityError:
        there = SoftwareCertificate.objects.get(fingerprint=known.fingerprint)
        raise Refused(
            f"Ce certificat est déjà importé pour {CertificateUse(there.use).label} ({there.get_state_display()}).",
            todo="L’annuaire et les services ont chacun le leur.",
            field="file",
        ) from None


@transaction.atomic
def put_in_force(pk: int, user: User | None = None) -> SoftwareCertificate:
    """From now on we present ourselves by this one; the one before it is kept, withdrawn. Raises Refused.

    What stopped for want of a good certificate leaves at once.
    """
    chosen = _locked(pk)
    now = timezone.now()
    if chosen.state == CertificateState.IN_FORCE:
        return chosen  # a second click
    if chosen.not_before > now:
        raise Refused(
            f"Ce certificat n’est valable qu’à partir du {timezone.localtime(chosen.not_before):%d/%m/%Y à %H:%M}.",
            todo="Il est gardé : mettez-le en service ce jour-là.",
        )
    try:
        rules.check_client(_bundle(chosen), trusted_certificates(), now)
    except CertificateProblem as problem:
        raise words_of(problem) from None
    SoftwareCertificate.objects.filter(use=chosen.use, state=CertificateState.IN_FORCE).update(
        state=CertificateState.WITHDRAWN, withdrawn_at=now, changed_by=user
    )
    chosen.state, chosen.in_force_since, chosen.withdrawn_at = CertificateState.IN_FORCE, now, None
    chosen.changed_by = user
    chosen.save()
    transaction.on_commit(_changed)
    _call_again(MENDED_BY_OURS)
    return chosen


@transaction.atomic
def withdraw(pk: int, user: User | None = None) -> SoftwareCertificate:
    """It will not serve. Raises Refused for the one in force: another must take its place first."""
    chosen = _locked(pk)
    if chosen.state == CertificateState.IN_FORCE:
        raise Refused(
            "Ce certificat est en service : sans lui, plus aucun appel ne partirait.",
            todo="Mettez son remplaçant en service.",
        )
    if chosen.state == CertificateState.READY:
        chosen.state, chosen.withdrawn_at, chosen.changed_by = CertificateState.WITHDRAWN, timezone.now(), user
        chosen.save()
    return chosen


def erase_expired_keys() -> int:
    """The key of a certificate that can no longer serve is not kept. Returns how many were erased."""
    gone = SoftwareCertificate.objects.exclude(state=CertificateState.IN_FORCE).filter(private_key__isnull=False)
    return gone.filter(not_after__lt=timezone.now()).update(private_key=None)


def _locked(pk: int) -> SoftwareCertificate:
    """All those of its use are locked in one order: of two people, one waits for the other."""
    use = SoftwareCertificate.objects.filter(pk=pk).values_list("use", flat=True).first()
    rows = {row.pk: row for row in SoftwareCertificate.objects.select_for_update().filter(use=use).order_by("pk")}
    if pk not in rows:
        raise Refused("Ce certificat n’existe pas.", todo="Rechargez la page.")
    return rows[pk]


def _bundle(held: SoftwareCertificate) -> Bundle:
    """What was imported, to be checked again. Raises CertificateProblem when its key was erased."""
    if held.private_key is None:
        raise CertificateProblem(Problem.EXPIRED, f"{timezone.localtime(held.not_after):%d/%m/%Y}")
    return rules.kept_bundle(held.certificate, held.private_key, held.chain)


# ---- whom we trust ----


def trusted_certificates() -> list[x509.Certificate]:
    """The authorities in force: ours when there are some, else those of the file that the settings name."""
    kept = TrustedAuthority.objects.filter(withdrawn_at__isnull=True).values_list("certificate", flat=True)
    if found := [x509.load_pem_x509_certificate(one.encode()) for one in kept]:
        return found
    try:
        return x509.load_pem_x509_certificates(credentials.files_of(CertificateUse.SERVICES).ca_file.read_bytes())
    except (OSError, ValueError):
        return []


@transaction.atomic
def trust(content: bytes, user: User | None = None) -> list[TrustedAuthority]:
    """Accept from now on what these authorities have issued. Returns those that were not accepted before. Raises Refused.

    The first one kept here takes the place of the file that the settings name: it is kept with it.
    """
    try:
        given = rules.read_authorities(content)
    except CertificateProblem as problem:
        raise words_of(problem, "file") from None
    now = datetime.now(UTC)
    if gone := next((one for one in given if one.not_valid_after_utc < now), None):
        raise words_of(CertificateProblem(Problem.EXPIRED, f"{gone.not_valid_after_utc:%d/%m/%Y}"), "file")
    if not TrustedAuthority.objects.filter(withdrawn_at__isnull=True).exists():
        given = (*given, *trusted_certificates())
    added = []
    for one in dict.fromkeys(given):
        columns = _columns(one)
        # Of two people at the same instant, one adds it.
        row, new = TrustedAuthority.objects.get_or_create(
            fingerprint=columns.pop("fingerprint"), withdrawn_at=None, defaults=columns | {"added_by": user}
        )
        if new:
            added.append(row)
    if added:
        transaction.on_commit(_changed)
        _call_again(MENDED_BY_TRUST)
    return added


@transaction.atomic
def distrust(pk: int, user: User | None = None) -> TrustedAuthority:
    """Accept no more what this authority has issued. Raises Refused: the last one, or one that our own stand on."""
    rows = {row.pk: row for row in TrustedAuthority.objects.select_for_update().filter(withdrawn_at__isnull=True)}
    if pk not in rows:
        raise Refused("Cette autorité n’est plus reconnue.", todo="Rechargez la page.")
    others = [x509.load_pem_x509_certificate(row.certificate.encode()) for row in rows.values() if row.pk != pk]
    if not others:
        raise Refused(
            "C’est la seule autorité reconnue : plus aucun appel ne partirait.",
            todo="Ajoutez d’abord une autre autorité.",
        )
    for ours in SoftwareCertificate.objects.filter(state=CertificateState.IN_FORCE):
        try:
            rules.check_client(_bundle(ours), others, timezone.now())
        except CertificateProblem as problem:
            if problem.problem != Problem.CHAIN:
                continue
            raise Refused(
                f"Notre certificat pour {CertificateUse(ours.use).label} vient de cette autorité.",
                todo="Mettez-en d’abord un autre en service.",
            ) from None
    found = rows[pk]
    found.withdrawn_at, found.withdrawn_by = timezone.now(), user
    found.save()
    transaction.on_commit(_changed)
    return found


# ---- whom we refused ----


def note_refused(channel: str, shown: PresentedCertificate) -> None:
    """A server showed a certificate that we do not accept: one row for it, counted."""
    try:
        certificate = x509.load_der_x509_certificate(shown.der)
        columns = _columns(certificate)
    except ValueError:
        log.warning("certificate_unreadable", server=shown.server)
        return
    now = timezone.now()
    problem = _PROBLEMS.get(shown.verify_code, TrustProblem.OTHER)
    row, new = RefusedCertificate.objects.get_or_create(
        server=shown.server,
        fingerprint=columns.pop("fingerprint"),
        problem=problem,
        defaults=columns | {"channel": channel, "first_seen_at": now, "last_seen_at": now},
    )
    if not new:
        RefusedCertificate.objects.filter(pk=row.pk).update(times=F("times") + 1, last_seen_at=now)


# ---- shared ----


def in_force() -> dict[str, SoftwareCertificate]:
    """use → the certificate kept here that is in force; a use that is absent has the file of the settings."""
    found = SoftwareCertificate.objects.filter(state=CertificateState.IN_FORCE).defer("private_key")
    return {row.use: row for row in found}


def _columns(certificate: x509.Certificate) -> dict[str, object]:
    known = rules.identity(certificate)
    return {
        "certificate": rules.pem(certificate),
        "fingerprint": known.fingerprint,
        "name": known.name,
        "subject": known.subject,
        "issuer": known.issuer,
        "serial": known.serial,
        "not_before": known.not_before,
        "not_after": known.not_after,
    }


def _changed() -> None:
    credentials.forget()
    # Whether one is over is told at once, and not within the hour.
    wake("teleservices.tasks.watch_certificates", queue="batch")


def _call_again(causes: tuple[str, ...]) -> None:
    for cause in causes:
        policy.rearm_cause(cause)
